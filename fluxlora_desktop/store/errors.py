"""The one place where the disk's errors become the app's."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from fluxlora_desktop.domain.errors import (
    AccessDenied,
    CorruptFile,
    DiskFull,
    LibraryBusy,
    StorageError,
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_WINDOWS_FULL = frozenset({39, 112})  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


@contextmanager
def translate_storage_errors(path: Path) -> Iterator[None]:
    """Raise `StorageError` or its kin for `path` in place of what the system or SQLite raised.

    A broken constraint passes through: it is a bug, or its caller knows what it means.
    """
    try:
        yield
    except OSError as error:
        raise _from_system(path, error) from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.IntegrityError):
            raise
        raise _from_sqlite(path, str(error.orig)) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise _from_sqlite(path, str(error)) from error


def _from_system(path: Path, error: OSError) -> StorageError:
    detail = f"{error.strerror or error}: {path}"
    if error.errno in _FULL or getattr(error, "winerror", None) in _WINDOWS_FULL:
        return DiskFull(path, free=_free(path))
    if error.errno in _DENIED:
        return AccessDenied(path, detail)
    return StorageError(path, detail)


def _from_sqlite(path: Path, words: str) -> StorageError:
    if "disk is full" in words:
        return DiskFull(path, free=_free(path))
    if "readonly" in words or "unable to open" in words:
        return AccessDenied(path, words)
    if "malformed" in words or "not a database" in words:
        return CorruptFile(path, words)
    if "locked" in words:
        return LibraryBusy(path, words)
    return StorageError(path, words)


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path if path.is_dir() else path.parent).free
    except OSError:
        return 0
