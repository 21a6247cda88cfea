"""What happens, told as JSON lines on stdout and in `out/events.jsonl`.

Standard library only. Every line has a number; it goes on over resumes, so that who reads a file or
a stream again can leave out what it knows.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from .exits import DiskFull, is_disk_full

VERSION = 1
_TAIL = 65536


class EventLog:
    """Numbers the events and writes each to the file and to a stream.

    A stream whose reader has gone is given up without a word: training goes on when the app is
    closed. A file that cannot grow ends the training (`DiskFull`).
    """

    def __init__(self, path: Path, stream: TextIO | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._stream: TextIO | None = sys.stdout if stream is None else stream
        self._seq = last_number(path)
        _end_torn_line(path)

    def tell(self, event: str, **values: object) -> None:
        """Write one event."""
        self._seq += 1
        line = {"v": VERSION, "seq": self._seq, "ts": round(time.time(), 3), "event": event}
        text = json.dumps(line | values, ensure_ascii=False, default=str) + "\n"
        self._show(text)
        try:
            with self._path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            if is_disk_full(error):
                raise disk_full(self._path) from error
            raise

    def _show(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            _silence(self._stream)
            self._stream = None


def _silence(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere: flushing it at the end would fail the program."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def disk_full(path: Path) -> DiskFull:
    """Return the error that says that this file could not grow."""
    return DiskFull(
        f"The disk is full: {path.name} could not be written.",
        "Free some space and go on; everything up to the last checkpoint is kept.",
    )


def last_number(path: Path) -> int:
    """Return the highest number among the last events of a file, 0 where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return 0
    return max((_number(line) for line in lines), default=0)


def _number(line: bytes) -> int:
    try:
        seq = json.loads(line)["seq"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    return seq if type(seq) is int else 0


def _end_torn_line(path: Path) -> None:
    """End a line that a kill or a full disk has cut off, so that the next begins on its own."""
    try:
        with path.open("rb+") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
    except FileNotFoundError:
        return
