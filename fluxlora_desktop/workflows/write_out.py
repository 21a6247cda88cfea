"""Files that the app writes outside of its library, where a person wants them."""

from __future__ import annotations

import os
from pathlib import Path

from fluxlora_desktop.workflows.tools import storage_trouble


def write_out(target: Path, data: bytes) -> None:
    """Write a neighbour, sync it, and rename it over the target.

    Raises `StorageError` and its kin; what was there stays then.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        try:
            with part.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise storage_trouble(target, error) from error
