"""What a process that reads strangers' files may use: memory, processor time, idle time.

Windows and macOS do not hold all of these; there the clock of the asking process does.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

if sys.platform != "win32":
    import resource

MEMORY_BYTES: Final = 2_000_000_000
CPU_S: Final = 20
_NICENESS: Final = 10


def hold_memory(most: int = MEMORY_BYTES) -> None:
    """Let this process have at most so much address space, and leave no core file."""
    if sys.platform != "win32":
        for kind, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, most)):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (limit, limit))


def stay_behind() -> None:
    """Leave the processor to whoever wants it more, above all to the window."""
    if sys.platform != "win32":  # there the asking process says so as it starts this one
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)


def allow_cpu(seconds: int = CPU_S) -> None:
    """Let the system end this process after so much more processor time."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        until = math.ceil(used.ru_utime + used.ru_stime) + seconds
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (until, most))


@contextlib.contextmanager
def leave_after(seconds: float) -> Iterator[None]:
    """End this process when the block inside takes longer."""
    if sys.platform == "win32":
        yield
        return
    signal.signal(signal.SIGALRM, _leave)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
