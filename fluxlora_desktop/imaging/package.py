"""Build the archive that a training service gets: nothing in it but pixels and captions.

What the trainers take was read in their code: a flat zip, `<stem>.jpg` with `<stem>.txt` beside
it, one line in UTF-8. A photo without words gets no text file: the trainer then writes its own.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image

from fluxlora_desktop.domain.datasets import Archive, PackItem
from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.imaging.decode import open_photo, rebuild
from fluxlora_desktop.imaging.files import storage_error, write_file

LONGEST_SIDE: Final = 1536
QUALITY: Final = 95
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_PLAIN_FILE: Final = 0o100644 << 16
_BLOCK: Final = 1 << 20
_HARMLESS: Final = {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def build_archive(items: Sequence[PackItem], stem: str, target: Path, ctx: JobContext) -> Archive:
    """Write the zip at `target`; the same photos, captions and stem give the same bytes.

    `stem` is a format with the photo's place from 0, such as `img_{:03d}`. Reports `Transferred`
    in bytes of working copies. Raises `UnreadablePhoto`, `StorageError`, `JobCancelled`.
    """
    members: list[tuple[str, str]] = []
    total = sum(_size(item.working_copy) for item in items)

    def add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, _EPOCH)
        info.create_system = _UNIX
        info.external_attr = _PLAIN_FILE
        archive.writestr(info, data)
        members.append((name, hashlib.sha256(data).hexdigest()))

    def fill(stream: BinaryIO) -> None:
        done = 0
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for place, item in enumerate(items):
                ctx.check()
                name = stem.format(place)
                add(archive, f"{name}.jpg", encode_photo(item.working_copy))
                if caption := " ".join(item.caption.split()):
                    add(archive, f"{name}.txt", caption.encode())
                done += _size(item.working_copy)
                ctx.report(Transferred("package", done, total))
        ctx.check()

    write_file(target, fill)
    return Archive(target, _size(target), _hash_file(target), tuple(members))


def encode_photo(
    path: Path, *, side: int = LONGEST_SIDE, quality: int = QUALITY, subsampling: int = 0
) -> bytes:
    """Return the photo as a JPEG of at most `side` pixels, rebuilt from its pixels."""
    image = open_photo(path).image
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    rebuild(image).save(buffer, "JPEG", quality=quality, subsampling=subsampling, optimize=True)
    with Image.open(buffer, formats=("JPEG",)) as again:
        if leaked := set(again.info) - _HARMLESS:
            raise UnreadablePhoto(path, f"metadata would have stayed in it: {sorted(leaked)}")
    return buffer.getvalue()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise storage_error(path, error) from error


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
