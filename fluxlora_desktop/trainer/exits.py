"""How the trainer ends: exit codes, the errors behind them, and their words."""

from __future__ import annotations

import errno

DONE = 0
CRASHED = 1
STOPPED = 3
BAD_INPUT = 10
OUT_OF_MEMORY = 11
GATED = 12
DISK_FULL = 13
DEADLINE = 20

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC")


class TrainerError(Exception):
    """Expected trouble: what did not work, and what would mend it."""

    code = CRASHED
    status = "failed"

    def __init__(self, says: str, mend: str = "") -> None:
        super().__init__(says)
        self.says = says
        self.mend = mend


class BadInput(TrainerError):
    """The job, its photos or its base are not what they must be."""

    code = BAD_INPUT


class OutOfMemory(TrainerError):
    """Not even the smallest plan fits."""

    code = OUT_OF_MEMORY


class Gated(TrainerError):
    """The hub does not hand out the base to this account."""

    code = GATED


class DiskFull(TrainerError):
    """Nothing more can be written."""

    code = DISK_FULL


class Stopped(TrainerError):
    """Someone asked it to stop."""

    code = STOPPED
    status = "stopped"


class Deadline(TrainerError):
    """The job's time is over."""

    code = DEADLINE
    status = "deadline"


def is_disk_full(error: BaseException) -> bool:
    """Say whether an error means that the disk, a quota or a file's size limit is reached."""
    return isinstance(error, OSError) and error.errno in _FULL


def is_out_of_memory(error: BaseException | None) -> bool:
    """Say whether an error of torch, a driver or Python means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
