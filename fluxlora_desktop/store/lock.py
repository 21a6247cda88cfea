"""One process holds a library; the kernel lets go when the process dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fluxlora_desktop.domain.errors import LibraryBusy
from fluxlora_desktop.store.errors import translate_storage_errors

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    _look = _take
else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _look(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)


class LibraryLock:
    """The held lock; raises `LibraryBusy` when another process, or this one, holds it."""

    def __init__(self, path: Path) -> None:
        with translate_storage_errors(path):
            # Windows children must not inherit the handle; Python's os.open sees to that.
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(self._handle)
        except OSError as error:
            os.close(self._handle)
            raise LibraryBusy(path, "another window or process has this library open") from error

    @property
    def held(self) -> bool:
        """Tell whether the lock was not let go yet."""
        return self._handle >= 0

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def is_held(path: Path) -> bool:
    """Tell whether a process, this one included, holds the lock now; nothing is written."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        _look(handle)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
