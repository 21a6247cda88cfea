"""Write files so that a name never stands for half of its bytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fluxlora_desktop.domain.errors import AccessDenied, DiskFull, StorageError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def write_file(target: Path, fill: Callable[[BinaryIO], None], *, lasting: bool = True) -> None:
    """Let `fill` write a neighbour `.part`, sync it, and rename it over the target.

    What is not `lasting` is not synced. Nothing is left behind when `fill` raises. Raises
    `StorageError` and its kin for the disk.
    """
    part = target.with_name(target.name + ".part")
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                fill(stream)
                stream.flush()
                if lasting:
                    os.fsync(stream.fileno())
            part.replace(target)
            if lasting:
                _sync_folder(target.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(target, error) from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Translate what the system said about a path."""
    if error.errno in _NO_ROOM:
        return DiskFull(path)
    if isinstance(error, PermissionError):
        return AccessDenied(path, str(error.strerror))
    return StorageError(path, str(error))


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
