"""One training from beginning to end: who holds the folder, what is told, how it ended."""

from __future__ import annotations

import gc
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from . import exits, process
from .events import EventLog
from .exits import DiskFull, TrainerError
from .families import family_of
from .families.base import Family
from .files import write_json
from .job import Job, read_job

RESULT_VERSION = 1


class Wishes:
    """What may end a training early: a `stop` file, a signal, the job's deadline."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stop"
        self._signalled = False
        self.deadline = 0.0

    def stop(self) -> None:
        """Ask it to stop, as a signal does."""
        self._signalled = True

    def ending(self) -> TrainerError | None:
        """Return why it should end now, None while it should not."""
        if self._signalled or self._file.exists():
            return exits.Stopped("Stopped as asked.", "Start it again to go on.")
        if self.deadline and time.time() >= self.deadline:
            return exits.Deadline("The time for this training is over.", "Start it again to go on.")
        return None

    def check(self) -> None:
        """Raise when it should end now."""
        ending = self.ending()
        if ending is not None:
            raise ending

    def fulfilled(self) -> None:
        """Take the `stop` file away, so that the next start goes on."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def train(
    folder: Path,
    *,
    families: Callable[[str], Family] = family_of,
    plans: Any = None,
    stream: TextIO | None = None,
) -> int:
    """Train the job of a folder, or go on with it, and return the exit code.

    Everything else that prints goes to stderr: stdout holds the events alone.
    """
    folder = folder.resolve()
    out = folder / "out"
    stream = sys.stdout if stream is None else stream
    if not (folder / "job.json").is_file():
        sys.stderr.write(f"{folder} holds no job.json.\n")
        return exits.BAD_INPUT
    with redirect_stdout(sys.stderr):
        try:
            lock = process.claim(out)
        except TrainerError as error:
            sys.stderr.write(f"{error.says} {error.mend}\n")
            return error.code
        except OSError as error:
            sys.stderr.write(f"{out} cannot be written: {error}\n")
            return exits.DISK_FULL if exits.is_disk_full(error) else exits.BAD_INPUT
        try:
            return _Run(folder, families, plans, stream).to_the_end()
        finally:
            process.release(lock)


class _Run:
    """A training that holds its folder's lock."""

    def __init__(
        self,
        folder: Path,
        families: Callable[[str], Family],
        plans: Any,
        stream: TextIO,
    ) -> None:
        self._folder = folder
        self._out = folder / "out"
        self._families = families
        self._plans = plans
        self._wishes = Wishes(folder)
        self._events: EventLog | None = None
        self._stream = stream
        self._loop: Any = None
        self._started = time.monotonic()

    def to_the_end(self) -> int:
        """Run it, tell how it ended in events and `result.json`, return the exit code."""
        ended: TrainerError | None = None
        (self._out / "result.json").unlink(missing_ok=True)
        try:
            self._events = EventLog(self._out / "events.jsonl", self._stream)
            with process.on_terminate(self._wishes.stop):
                self._train(read_job(self._folder))
        except TrainerError as error:
            ended = error
        except Exception as error:  # noqa: BLE001 - this is where everything unexpected ends
            traceback.print_exc()
            ended = _explained(error)
        if isinstance(ended, exits.Stopped):
            self._wishes.fulfilled()
        return self._end(ended)

    def _train(self, job: Job) -> None:
        self._wishes.deadline = job.deadline
        try:
            from .loop import Loop

            family = self._families(job.base)
        except ImportError as error:
            raise exits.BadInput(
                f"The engine's libraries cannot train {job.base}: {error}.", "Update the engine."
            ) from error
        gc.freeze()  # what the libraries brought stays: no need to look through it each time
        assert self._events is not None
        self._loop = Loop(self._folder, job, family, self._wishes, self._events, plans=self._plans)
        self._loop.run()

    def _end(self, ended: TrainerError | None) -> int:
        code = exits.DONE if ended is None else ended.code
        facts = self._loop.facts() if self._loop is not None else {}
        result = {
            "v": RESULT_VERSION,
            "status": "done" if ended is None else ended.status,
            "code": code,
            "reason": "" if ended is None else ended.says,
            "sha256": facts.get("sha256", ""),
            "steps": facts.get("steps", 0),
            "seconds": round(facts.get("seconds", time.monotonic() - self._started), 1),
            "precision": facts.get("precision", ""),
            "peak_memory_bytes": facts.get("peak_memory_bytes", 0),
        }
        if ended is not None:
            sys.stderr.write(f"{ended.says} {ended.mend}\n")
        # What ended it may be the very disk that these are written to.
        with suppress(OSError, DiskFull):
            if ended is not None and self._events is not None:
                self._events.tell("error", code=code, says=ended.says, mend=ended.mend)
        with suppress(OSError, DiskFull):
            write_json(self._out / "result.json", result)
        return code


def _explained(error: Exception) -> TrainerError:
    """Return what an error that nobody expected is told as."""
    if exits.is_disk_full(error):
        return DiskFull(f"The disk is full: {error}.", "Free some space and go on.")
    if exits.is_out_of_memory(error):
        return exits.OutOfMemory(
            "The memory is not enough.", "Close other programs, or train at a service."
        )
    words = f"{type(error).__name__}: {error}"[:500]
    return TrainerError(f"The trainer failed: {words}", "Try again; out/log.txt says more.")
