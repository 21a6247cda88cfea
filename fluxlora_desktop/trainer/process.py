"""One trainer for a folder: its lock, and which process it is.

Standard library only. The lock is let go by the system when the process dies, however it dies; the
start time keeps an id that was given to another process from being taken for this one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .exits import BadInput
from .files import write_json

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def is_taken(handle: int) -> bool:
        """Tell whether somebody holds the lock of an open file; its handle is closed after this."""
        with suppress(OSError):  # another one who looks has it for a moment
            take_lock(handle, patience_s=2 * _AGAIN_S)
            return False
        return True
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_taken(handle: int) -> bool:
        """Tell whether somebody holds the lock of an open file; its handle is closed after this."""
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


_PATIENCE_S, _AGAIN_S = 1.0, 0.02


def take_lock(handle: int, patience_s: float = _PATIENCE_S) -> None:
    """Lock an open file until its handle is closed; `OSError` where somebody has it.

    Whoever only looks whether it is held has it for a moment too, hence the patience.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            return _lock(handle)
        except OSError:
            if time.monotonic() >= until:
                raise
        threading.Event().wait(_AGAIN_S)


def claim(out: Path) -> int:
    """Take the folder's lock, say in `process.json` who holds it, and return the lock's handle.

    Raises `BadInput` when another trainer holds it. The lock lasts as long as the process.
    """
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        take_lock(handle)
    except OSError as error:
        os.close(handle)
        raise BadInput(
            "Another trainer is at work on this job.", "Wait for it or stop it."
        ) from error
    who: dict[str, object] = {
        "pid": os.getpid(),
        "started": start_time(os.getpid()),
        "boot": boot(),
    }
    write_json(out / "process.json", who)
    return handle


def release(handle: int) -> None:
    """Let the folder's lock go, for who stays alive after a training."""
    os.close(handle)


def start_time(pid: int) -> str:
    """Return when a process started as the system tells it, "" where there is none.

    Linux: ticks since the boot, field 22 of /proc/PID/stat (proc(5)). macOS: what `ps` prints.
    Windows: the creation time in units of 100 ns (GetProcessTimes).
    """
    if sys.platform == "win32":
        return _windows_start_time(pid)
    if sys.platform == "darwin":
        command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        done = subprocess.run(command, capture_output=True, check=False, env={"LC_ALL": "C"})  # noqa: S603
        return done.stdout.decode(errors="replace").strip()
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = stat.rpartition(b")")[2].split()  # the name before it may hold spaces
    return fields[19].decode() if len(fields) > 19 and fields[0] != b"Z" else ""


def boot() -> str:
    """Return what tells this run of the system from the next, "" where it does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@contextmanager
def on_terminate(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when the system or a person asks the process to end while this lasts."""
    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGINT", "SIGBREAK")]
    before = {n: signal.signal(n, lambda *_: stop()) for n in numbers if n is not None}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if sys.platform == "win32":
    _QUERY_LIMITED = 0x1000

    def _windows_start_time(pid: int) -> str:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(_QUERY_LIMITED, False, pid)
        if not handle:
            return ""
        try:
            times = [wintypes.FILETIME() for _ in range(4)]
            if not kernel.GetProcessTimes(
                wintypes.HANDLE(handle), *(ctypes.byref(time) for time in times)
            ):
                return ""
            created = times[0]
            return str((created.dwHighDateTime << 32) | created.dwLowDateTime)
        finally:
            kernel.CloseHandle(wintypes.HANDLE(handle))
