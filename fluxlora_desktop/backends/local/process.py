"""Programs that outlive the app: started apart from it, found again, and ended for good.

Whether a trainer lives is told by the lock that it holds, never by its id alone: the system lets go
of the lock when the process dies, however it dies. Its id and start time are in `process.json`, so
that an id which the system gave to another program is never taken for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.local.lock import is_held
from fluxlora_desktop.trainer.process import start_time

LOCK, PROCESS, LOG = "lock", "process.json", "log.txt"
_MAX_JSON = 10_000


@dataclass(frozen=True, slots=True)
class Program:
    """A program to start: its command, all of its environment, and the folder that it runs in."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A program that lives: its id, and its start time as the system tells it."""

    pid: int
    started: str


class _Apart(subprocess.Popen[bytes]):
    """A child that is meant to live on when its handle goes."""

    def __del__(self) -> None:
        """Take its end where it has one, and say nothing where it has none."""
        self.poll()


@dataclass(slots=True)
class Starter:
    """Starts programs apart from the app and remembers those of this session."""

    _children: dict[Path, _Apart] = field(default_factory=dict)

    def start(self, program: Program, out: Path) -> int:
        """Start a program whose words go to `out`/log.txt; return its process id.

        It goes on when the app ends. Raises `OSError`.
        """
        out.mkdir(parents=True, exist_ok=True)
        with (out / LOG).open("ab") as log:
            child = _Apart(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=program.folder,
                env=dict(program.environment),
                close_fds=True,
                **_apart(),
            )
        self._children[out] = child
        return child.pid

    def code(self, out: Path) -> int | None:
        """Return how a program of this session ended, None where it lives or is not of it."""
        child = self._children.get(out)
        return None if child is None else child.poll()

    def lives(self, out: Path) -> bool:
        """Tell whether a program runs for a folder: it holds the lock, or is about to take it."""
        child = self._children.get(out)
        return (child is not None and child.poll() is None) or is_locked(out)

    def forget(self, out: Path) -> None:
        """Forget how a program of this session ended."""
        child = self._children.get(out)
        if child is not None and child.poll() is not None:
            del self._children[out]

    def end(self, out: Path) -> bool:
        """End the program of a folder at once; False where none can be named for sure."""
        child = self._children.get(out)
        if child is not None and child.poll() is None:
            _end(child.pid)
            with suppress(subprocess.TimeoutExpired):
                child.wait(10)
            return True
        found = find(out)
        if found is None:
            return False
        _end(found.pid)
        return True


def is_locked(out: Path) -> bool:
    """Tell whether a program holds the lock of a folder."""
    return is_held(out / LOCK)


def find(out: Path) -> Running | None:
    """Return the program that holds the lock of a folder, or None where it cannot be told."""
    if not is_locked(out):
        return None
    try:
        with (out / PROCESS).open("rb") as file:
            said = json.loads(file.read(_MAX_JSON))
        pid, started = int(said["pid"]), str(said["started"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    if pid <= 1 or pid == os.getpid() or start_time(pid) != started:
        return None
    return Running(pid, started)


def _end(pid: int) -> None:
    """Kill a program and all that it started; it leads a group of its own."""
    if sys.platform == "win32":
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)  # TerminateProcess there
        return
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
        return
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags}
    return {"start_new_session": True}
