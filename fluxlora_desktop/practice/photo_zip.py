"""The zip of photos that a trainer is given."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_TRAINED = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_LARGEST_MEMBER = 80_000_000
_MOST_READ = 40


class NotAZip(Exception):
    """What was to be the photos is no zip."""


@dataclass(frozen=True, slots=True)
class PhotoZip:
    """Where the zip lies."""

    path: Path


@dataclass(frozen=True, slots=True)
class PhotoList:
    """What a trainer finds in a zip."""

    entries: int
    names: tuple[str, ...]
    captioned: tuple[str, ...]
    members: tuple[str, ...] = field(default=(), repr=False)


def list_photos(zip_file: PhotoZip) -> PhotoList:
    """List the photos as replicate/flux-fine-tuner 3dd14e3 does; raises `NotAZip`."""
    try:
        with zipfile.ZipFile(zip_file.path) as opened:
            members = [
                name
                for name in opened.namelist()
                if not name.startswith(("__MACOSX/", "._")) and not name.endswith("/")
            ]
    except (zipfile.BadZipFile, OSError) as error:
        raise NotAZip from error
    texts = {name for name in members if name.endswith(".txt")}
    photos = [name for name in members if PurePosixPath(name).suffix.lower() in _TRAINED]
    return PhotoList(
        entries=len(members),
        names=tuple(PurePosixPath(name).name for name in photos),
        captioned=tuple(PurePosixPath(name).name for name in photos if _text_of(name) in texts),
        members=tuple(photos),
    )


def read_photos(zip_file: PhotoZip) -> list[bytes]:
    """Return the bytes of the first photos, those of a sane size."""
    listed = list_photos(zip_file)
    with zipfile.ZipFile(zip_file.path) as opened:
        return [
            opened.read(name)
            for name in listed.members[:_MOST_READ]
            if opened.getinfo(name).file_size <= _LARGEST_MEMBER
        ]


def read_captions(zip_file: PhotoZip) -> dict[str, str]:
    """Return the captions by the stem of their photo."""
    listed = list_photos(zip_file)
    with zipfile.ZipFile(zip_file.path) as opened:
        inside = set(opened.namelist())
        return {
            PurePosixPath(name).stem: opened.read(_text_of(name)).decode("utf-8", "replace")
            for name in listed.members
            if _text_of(name) in inside
        }


def _text_of(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(".txt"))
