"""The library's files: where they lie, and how they get there whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import uuid4

from fluxlora_desktop.domain.edits import PLAIN, Edits
from fluxlora_desktop.domain.errors import DiskFull, StorageError, UnreadablePhoto
from fluxlora_desktop.store.errors import translate_storage_errors

LARGEST_PHOTO = 200_000_000
_PROBE = ".room.part"
_CHUNK = 1 << 20
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])")


class LibraryFiles:
    """Fills the port `Files`."""

    def __init__(self, *, root: Path) -> None:
        self.root = root

    def original(self, sha256: str) -> Path:
        """Return where a photo's own bytes lie."""
        return self.root / "photos" / _safe(sha256)

    def working(self, sha256: str, edits: Edits = PLAIN) -> Path:
        """Return where a photo's working copy lies, edited."""
        return self._in("photos", "working", _copy_name(sha256, edits))

    def photo_thumb(self, sha256: str, edits: Edits = PLAIN) -> Path:
        """Return where a photo's thumbnail lies, edited."""
        return self._in("thumbs", "photos", _copy_name(sha256, edits))

    def first_thumb(self) -> Path:
        """Return a new place for the thumbnail of a photo that is on its way in.

        What is left there when a process ends is removed at the next start, as its name says.
        """
        return self._in("thumbs", "arriving", f"{uuid4().hex}.part.jpg")

    def lora(self, lora_id: str) -> Path:
        """Return where a Lora's weights lie."""
        return self._in("loras", _safe(lora_id), "lora.safetensors")

    def run_folder(self, run_id: str) -> Path:
        """Return the folder for what a run makes on its way; it exists."""
        folder = self._in("runs", _safe(run_id))
        with translate_storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def picture(self, picture_id: str, at: datetime, suffix: str = ".png") -> Path:
        """Return where a picture's file lies, by year and month in UTC."""
        when = at.astimezone(UTC)
        name = f"{_safe(picture_id)}{suffix}"
        return self._in("pictures", f"{when:%Y}", f"{when:%m}", name)

    def picture_thumb(self, picture_id: str) -> Path:
        """Return where a picture's thumbnail lies."""
        return self._in("thumbs", "pictures", f"{_safe(picture_id)}.jpg")

    def wildcards(self) -> Path:
        """Return the folder of the wildcards' text files; it exists."""
        folder = self._in("wildcards")
        with translate_storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _in(self, *parts: str) -> Path:
        """Return a path; whoever writes makes the folder, since screens ask for paths too."""
        return self.root.joinpath(*parts)

    def resolve(self, relative: str) -> Path:
        """Return the path of a name from the database; raise `StorageError` when it escapes."""
        name = PurePosixPath(relative)
        odd = "\\" in relative or ":" in relative or "\0" in relative
        if not relative or odd or name.is_absolute() or ".." in name.parts:
            raise StorageError(self.root, f"{relative!r} is not a name in the library")
        path = self.root.joinpath(*name.parts)
        leads = _leads_elsewhere(self.root, name.parts)
        if leads and not path.resolve().is_relative_to(self.root.resolve()):
            raise StorageError(path, f"{relative!r} leads out of the library")
        return path

    def relative(self, path: Path) -> str:
        """Return the name that the database keeps for a path, with forward slashes."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError as error:
            raise StorageError(path, "it does not lie in the library") from error

    def adopt(self, source: Path) -> tuple[str, int]:
        """Copy a photo's bytes in under their hash; return SHA-256 and size.

        Links are followed. Raises `UnreadablePhoto` for what is no file, empty, or over 200 MB.
        """
        with _opened(source) as stream:
            return self._adopt(stream, source)

    def adopt_picture(self, source: Path) -> tuple[Path, str]:
        """Copy a picture's bytes in for `place`; return where they lie until then, and SHA-256.

        The copy has the time of the source. What is left there when a process ends is removed at
        the next start. Raises like `adopt`.
        """
        folder = self._in("pictures")
        with _opened(source) as stream, translate_storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            part, digest, size = _copy_in(stream, folder, LARGEST_PHOTO)
            try:
                _refuse_size(source, size)
                changed = os.fstat(stream.fileno()).st_mtime_ns
                os.utime(part, ns=(changed, changed))
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        return part, digest

    def adopt_bytes(self, data: bytes) -> tuple[str, int]:
        """The same for bytes, such as a pasted picture."""
        return self._adopt(io.BytesIO(data), Path("pasted picture"))

    def _adopt(self, stream: BinaryIO, source: Path) -> tuple[str, int]:
        folder = self._in("photos")
        with translate_storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            part, digest, size = _copy_in(stream, folder, LARGEST_PHOTO)
            try:
                _refuse_size(source, size)
                target = self.original(digest)
                if not target.is_file() or target.stat().st_size != size:
                    _replace(part, target)
            finally:
                part.unlink(missing_ok=True)
        return digest, size

    def place(self, source: Path, target: Path) -> None:
        """Move a file of the library to its final place, synced, in one step."""
        self._inside(target)
        with translate_storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            sync_file(source)
            _replace(source, target)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file from anywhere to its place in the library, synced, in one step."""
        self._inside(target)
        with translate_storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as stream:
                part, _, _ = _copy_in(stream, target.parent, None)
            try:
                _replace(part, target)
            finally:
                part.unlink(missing_ok=True)

    def write(self, target: Path, data: bytes) -> None:
        """Write a small file of the library, synced, in one step."""
        self._inside(target)
        with translate_storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part, _, _ = _copy_in(io.BytesIO(data), target.parent, None)
            try:
                _replace(part, target)
            finally:
                part.unlink(missing_ok=True)

    def _inside(self, target: Path) -> None:
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise StorageError(target, "it does not lie in the library")

    def free_bytes(self) -> int:
        """Return the room left on the disk."""
        with translate_storage_errors(self.root):
            return shutil.disk_usage(self.root).free

    def require_room(self, needed: int) -> None:
        """Raise `DiskFull` or `AccessDenied` unless a file can be written and room is left."""
        probe = self.root / _PROBE
        with translate_storage_errors(self.root):
            free = shutil.disk_usage(self.root).free
            if free < needed:
                raise DiskFull(self.root, needed=needed, free=free)
            try:
                probe.write_bytes(bytes(4096))
            finally:
                probe.unlink(missing_ok=True)


def leftovers(root: Path) -> tuple[str, ...]:
    """Return the names of files that were being written when a process ended.

    What a run is still fetching is not among them: it goes on from there.
    """
    folders = (root / name for name in ("photos", "thumbs", "loras", "pictures", "backups"))
    found = [path for folder in folders if folder.is_dir() for path in folder.rglob("*.part*")]
    found += [path for path in root.glob("*.part") if path.is_file()]
    return tuple(sorted(path.relative_to(root).as_posix() for path in found))


def remove_leftovers(root: Path) -> None:
    """Remove them; only for the process that holds the library."""
    with translate_storage_errors(root):
        for name in leftovers(root):
            (root / name).unlink(missing_ok=True)


@contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    """Open somebody's file to read, unless it is none or too large."""
    with translate_storage_errors(source):
        about = source.stat()
    if not stat.S_ISREG(about.st_mode):
        raise UnreadablePhoto(source, "it is not a file")
    if about.st_size > LARGEST_PHOTO:
        raise UnreadablePhoto(source, "it is larger than 200 MB")
    with translate_storage_errors(source):
        stream = source.open("rb")
    with stream:
        yield stream


def _refuse_size(source: Path, size: int) -> None:
    if size == 0:
        raise UnreadablePhoto(source, "it is empty")
    if size > LARGEST_PHOTO:
        raise UnreadablePhoto(source, "it is larger than 200 MB")


def _copy_name(sha256: str, edits: Edits) -> str:
    return f"{_safe(sha256)}.jpg" if edits.plain else f"{_safe(sha256)}-{edits.key}.jpg"


def _leads_elsewhere(folder: Path, parts: Iterable[str]) -> bool:
    """Tell whether a link, or what cannot be looked at, lies on a way down from a folder.

    Following every step of both paths, as `Path.resolve` does, takes ten times as long, and a
    gallery asks for each thumbnail that comes into sight.
    """
    step = str(folder)
    for part in parts:
        step = os.path.join(step, part)  # noqa: PTH118 - a path object for each step takes longer
        try:
            about = os.lstat(step)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        attributes = getattr(about, "st_file_attributes", 0)  # Windows: a junction is no link
        if stat.S_ISLNK(about.st_mode) or attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
            return True
    return False


def _safe(name: str) -> str:
    if not _SAFE.fullmatch(name) or _RESERVED.fullmatch(name):
        raise StorageError(Path(), f"{name[:80]!r} cannot be the name of a file")
    return name


def _copy_in(stream: BinaryIO, folder: Path, limit: int | None) -> tuple[Path, str, int]:
    """Write a stream to a synced temporary file in `folder`; stop one chunk after `limit`."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    part, digest, size = Path(name), hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as file:
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if limit is not None and size > limit:
                    break
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part, digest.hexdigest(), size


def _replace(part: Path, target: Path) -> None:
    os.replace(part, target)  # noqa: PTH105  # the same call, named for what it does
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_folder_posix(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _leave(_folder: Path) -> None:
    """Windows cannot sync a folder; NTFS journals the rename."""


sync_folder: Callable[[Path], None] = _leave if sys.platform == "win32" else _sync_folder_posix
