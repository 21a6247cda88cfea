"""A small archive of real photos, as the trainers want it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from PIL import Image

from fluxlora_desktop.domain.datasets import Archive

_PHOTOS = 6
_PADDING = 1_000_000


def make_archive(folder: Path) -> Archive:
    """Write photos with captions, and enough noise for an upload that takes several chunks."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(_PHOTOS):
            photo = io.BytesIO()
            Image.new("RGB", (64, 64), (200, 60 + 20 * number, 40)).save(photo, "JPEG")
            padding = hashlib.shake_128(bytes([number])).digest(_PADDING // _PHOTOS)
            archive.writestr(f"img_{number:03d}.jpg", photo.getvalue() + padding)
            archive.writestr(f"img_{number:03d}.txt", f"a photo of TOK, view {number}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Archive(path, path.stat().st_size, digest)
