"""Programs that the engine starts: their environment, their output line by line, their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from fluxlora_desktop.backends.local.leash import Leash
from fluxlora_desktop.domain.engine import NO_TOKEN
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.work import JobContext

_LOOK_S = 0.1
_END_S = 5.0
_LONGEST_LINE = 4000
_AT_ONCE = 1 << 20
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX")
_SEEN = "CUDA_VISIBLE_DEVICES"
_FOREIGN_CACHES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
"""They count before HF_HOME, so base models would land beside what the app shows and removes."""


def child_environment(
    environ: Mapping[str, str], *, models: Path | None = None, token: Secret = NO_TOKEN
) -> dict[str, str]:
    """Return the environment of a program of the engine.

    `environ` is the app's without tokens. The hub's token goes in as HF_TOKEN; base models go to
    `models`, or where the person keeps them. What belongs to another Python, or to the packaged
    app's own libraries, goes out.
    """
    made = without_bundled(environ)
    foreign = {*_FOREIGN, *(_FOREIGN_CACHES if models else ())}
    made = {name: value for name, value in made.items() if name not in foreign}
    made |= {"HF_HOME": str(models)} if models else {}
    made |= {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }
    return made | ({"HF_TOKEN": token.reveal()} if token and token.sendable else {})


def on_gpu(environment: Mapping[str, str], gpu: int) -> dict[str, str]:
    """Return the environment in which a program sees one GPU alone.

    `gpu` is its number as the engine's probe told it, by the same environment: in CUDA's own order,
    and among those that a person lets programs see.
    """
    seen = [name.strip() for name in environment.get(_SEEN, "").split(",") if name.strip()]
    return {**environment, _SEEN: seen[gpu] if gpu < len(seen) else str(gpu)}


def without_bundled(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the app's variables without the way to the packaged app's own libraries.

    PyInstaller puts its folder first and keeps what was there before; so this is done once.
    """
    made = dict(environ)
    if getattr(sys, "frozen", False):
        before = made.pop("LD_LIBRARY_PATH_ORIG", "")
        made.pop("LD_LIBRARY_PATH", None)
        made |= {"LD_LIBRARY_PATH": before} if before else {}
    return made


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    ctx: JobContext,
    on_line: Callable[[str], object],
    keep: int = -1,
    leashed: bool = False,
) -> int:
    """Run a program to its end with its output in a log, and return its exit code.

    `on_line` gets each line as it comes. Cancelling the job ends the program and all that it
    started. `keep` is a handle that the child inherits, so that it holds a lock. A `leashed` one
    has an input that ends with the app, and ends by itself then. Raises `OSError`.
    """
    with log.open("ab") as output, log.open("rb") as reading:
        reading.seek(0, os.SEEK_END)
        child = subprocess.Popen(  # noqa: S603 - programs found by full path, arguments as a list
            [str(part) for part in command],
            stdin=subprocess.PIPE if leashed else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            **_apart(keep),
        )
        leash = Leash(child) if leashed else None
        try:
            lines = _Lines(reading)
            while (code := child.poll()) is None:
                for line in lines.new():
                    on_line(line)
                ctx.pause(_LOOK_S)
            for line in lines.new(last=True):
                on_line(line)
            return code
        finally:
            if child.stdin is not None:
                child.stdin.close()
            if leash is not None:
                leash.end()
            else:
                end(child)


def ask(command: Sequence[str | Path], *, env: Mapping[str, str], seconds: float) -> str | None:
    """Run a small program and return what it printed; None when it failed or took too long."""
    try:
        ended = subprocess.run(  # noqa: S603 - programs found by full path, arguments as a list
            [str(part) for part in command],
            check=False,
            timeout=seconds,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            **_unseen(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.decode("utf-8", "replace") if ended.returncode == 0 else None


def end(child: subprocess.Popen[bytes]) -> None:
    """End a program and everything that it started; silent when it is over."""
    if child.poll() is not None:
        return
    if sys.platform == "win32":
        taskkill = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
        ask([taskkill, "/PID", str(child.pid), "/T", "/F"], env=os.environ, seconds=_END_S)
    else:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, how)
            with suppress(subprocess.TimeoutExpired):
                child.wait(_END_S)
                break
    child.wait()


def _apart(keep: int) -> dict[str, Any]:
    """Return what puts a child into a group of its own, without a window of its own."""
    if sys.platform == "win32":
        return _unseen()
    return {"start_new_session": True, "pass_fds": () if keep < 0 else (keep,)}


def _unseen() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


class _Lines:
    """The new lines of a growing file; a carriage return ends a line as well."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""

    def new(self, *, last: bool = False) -> Iterator[str]:
        """Yield the lines that were finished since the last call; with `last` the rest too."""
        while read := self._file.read(_AT_ONCE):
            *whole, self._rest = (self._rest + read).replace(b"\r", b"\n").split(b"\n")
            self._rest = self._rest[-_LONGEST_LINE:]
            yield from (part[:_LONGEST_LINE].decode("utf-8", "replace") for part in whole if part)
        if last and self._rest:
            yield self._rest.decode("utf-8", "replace")
