"""The system's trash, with a way back."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QFile, QStandardPaths

from fluxlora_desktop.domain.errors import AccessDenied, StorageError


def move_to_trash(path: Path) -> Path | None:
    """Move a file or folder to the trash and return where it lies there.

    None: there is no trash for it, or the system refused; the file stays.
    """
    if not path.exists() and not path.is_symlink():
        return None
    _make_room()
    file = QFile(str(path))
    if not file.moveToTrash():
        return None
    return Path(file.fileName())


def restore(trashed: Path, original: Path) -> None:
    """Bring a file back from the trash; raises `StorageError` when its old place is taken."""
    if original.exists() or original.is_symlink():
        raise StorageError(original, "another file has taken its place")
    try:
        original.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(trashed, original)
        _note_of(trashed).unlink(missing_ok=True)
    except PermissionError as error:
        raise AccessDenied(original) from error
    except OSError as error:
        raise StorageError(original, error.strerror or "cannot be restored") from error


def _make_room() -> None:
    """Make the folder that freedesktop.org's trash lies in; Qt 6.11 makes the last level only."""
    if sys.platform in ("win32", "darwin"):
        return
    location = QStandardPaths.StandardLocation.GenericDataLocation
    with suppress(OSError):
        Path(QStandardPaths.writableLocation(location)).mkdir(parents=True, exist_ok=True)


def _note_of(trashed: Path) -> Path:
    """Return the .trashinfo file that freedesktop.org's trash keeps for each entry."""
    return trashed.parent.parent / "info" / f"{trashed.name}.trashinfo"
