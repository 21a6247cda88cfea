"""Files that are there whole or not at all: temporary, synced, renamed.

Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from .events import disk_full
from .exits import is_disk_full

MODE = 0o644


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file that others may read; raises `DiskFull` with the old one left as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".tmp")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(MODE)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if is_disk_full(error):
            raise disk_full(path) from error
        raise
    _sync_folder(path.parent)


def write_json(path: Path, table: dict[str, object]) -> None:
    """Write a table as JSON."""
    write_whole(path, json.dumps(table, ensure_ascii=False, indent=1).encode())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
