"""Small files of a job folder: written whole or not at all, read without trust."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fluxlora_desktop.domain.errors import AccessDenied, DiskFull, StorageError

_LARGEST = 2_000_000
_BLOCK = 1 << 20


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Raise what the system says about a file as the app's own error."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(path) from error
        kind = AccessDenied if isinstance(error, PermissionError) else StorageError
        raise kind(path, error.strerror or "") from error


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a value as JSON: a temporary file, synced, renamed."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file: a temporary one, synced, renamed."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a small JSON file, None where there is none that can be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        value = json.loads(data) if len(data) <= _LARGEST else None
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def hash_file(path: Path, each: Callable[[int], None] | None = None) -> str:
    """Return a file's SHA-256; `each` is told how many bytes were read so far."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if each is not None:
                each(done)
    return digest.hexdigest()


def size_of(folder: Path) -> int:
    """Return how many bytes lie in a folder; 0 where there is none."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        except OSError:
            continue
    return total


def remove_folder(folder: Path) -> None:
    """Delete a folder with all that is in it; silent when it is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def _sync_folder_posix(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _leave(_folder: Path) -> None:
    """Windows cannot sync a folder; NTFS journals the rename."""


sync_folder: Callable[[Path], None] = _leave if sys.platform == "win32" else _sync_folder_posix
