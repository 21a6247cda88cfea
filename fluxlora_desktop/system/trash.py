"""The system's trash, with a way back.

Where files lie in it: the freedesktop.org Trash specification 1.0
(https://specifications.freedesktop.org/trash-spec/) on Linux, whose .trashinfo notes say where each
entry came from; elsewhere only Qt's answer says it. Windows keeps `$R…` beside a note `$I…`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QFile, QStandardPaths

from fluxlora_desktop.domain.errors import AccessDenied, StorageError

_LARGEST_NOTE = 65_536
_FOLDERS = frozenset({".trash", ".trashes", "$recycle.bin"})
"""Where macOS and Windows keep what was thrown away."""


def move_to_trash(path: Path) -> Path | None:
    """Move a file or folder to the trash and return where it lies there.

    None: there is no trash for it, or the system refused, and the file stays; or the system did
    not say where it went.
    """
    if not path.exists() and not path.is_symlink():
        return None
    _make_room()
    file = QFile(str(path))
    if not file.moveToTrash() or not file.fileName():
        return None
    return Path(file.fileName())


def find_in_trash(original: Path, remembered: Path | None) -> Path | None:
    """Return where a file lies in the trash that was at `original`, None when it is gone.

    `remembered` is what `move_to_trash` said, maybe long ago: it counts only while it still is
    that file, since names in a trash are given anew.
    """
    if not _has_notes():
        inside = remembered is not None and _FOLDERS & {p.lower() for p in remembered.parts}
        return remembered if inside and remembered and remembered.is_file() else None
    if remembered is not None and remembered.is_file() and _came_from(remembered, original):
        return remembered
    found = (
        trash / "files" / note.name.removesuffix(".trashinfo")
        for trash in _trashes_of(original)
        for note in _notes_about(trash, original)
    )
    return next((path for path in found if path.is_file() and _came_from(path, original)), None)


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


def erase(trashed: Path) -> None:
    """Delete a file of the trash for good, with the note about it."""
    try:
        trashed.unlink(missing_ok=True)
        _note_of(trashed).unlink(missing_ok=True)
    except PermissionError as error:
        raise AccessDenied(trashed) from error
    except OSError as error:
        raise StorageError(trashed, error.strerror or "cannot be deleted") from error


def _has_notes() -> bool:
    return sys.platform not in ("win32", "darwin")


def _make_room() -> None:
    """Make the folder that freedesktop.org's trash lies in; Qt 6.11 makes the last level only."""
    if _has_notes():
        with suppress(OSError):
            _data_folder().mkdir(parents=True, exist_ok=True)


def _data_folder() -> Path:
    location = QStandardPaths.StandardLocation.GenericDataLocation
    return Path(QStandardPaths.writableLocation(location))


def _note_of(trashed: Path) -> Path:
    """Return the file that the trash keeps about an entry."""
    if sys.platform == "win32":
        return trashed.with_name(trashed.name.replace("$R", "$I", 1))
    return trashed.parent.parent / "info" / f"{trashed.name}.trashinfo"


def _trashes_of(original: Path) -> Iterator[Path]:
    """Yield the folders that a file of this place may have gone to: the home's, its disk's."""
    yield _data_folder() / "Trash"
    top = _top_of(original)
    user = os.getuid()
    yield top / ".Trash" / str(user)
    yield top / f".Trash-{user}"


def _top_of(path: Path) -> Path:
    """Return the folder in which the disk of a path begins."""
    return next(folder for folder in path.parents if os.path.ismount(folder))


def _notes_about(trash: Path, original: Path) -> list[Path]:
    """Return the notes that may be about a file: entries keep its name, with a number added."""
    with suppress(OSError):
        return [note for note in (trash / "info").iterdir() if note.name.startswith(original.stem)]
    return []


def _came_from(trashed: Path, original: Path) -> bool:
    """Tell whether the note about an entry says that it was at `original`."""
    try:
        with _note_of(trashed).open("rb") as note:
            lines = note.read(_LARGEST_NOTE).splitlines()
    except OSError:
        return False
    said = next((line[5:] for line in lines if line.startswith(b"Path=")), b"")
    place = Path(os.fsdecode(unquote_to_bytes(said.strip())))
    if not place.is_absolute():  # "relative to the directory in which the trash resides"
        place = _top_of(trashed) / place
    return bool(said) and os.path.realpath(place) == os.path.realpath(original)
