"""What was dropped or pasted: files, folders, or a picture without a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData
from PySide6.QtGui import QImage, QImageWriter

from fluxlora_desktop.ui.desks.draft import DraftDesk

PHOTO_MIME = "application/x-fluxlora-photos"
"""Photos of the grid on their way to another place in it."""

_PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp")
_FILTER = "Photos (*.jpg *.jpeg *.png *.webp *.heic *.heif *.avif *.tif *.tiff *.bmp)"


def offers_photos(mime: QMimeData) -> bool:
    """Tell whether something to take in is offered; photos on their way in the grid are not."""
    return bool(local_files(mime)) or mime.hasImage()


def local_files(mime: QMimeData) -> tuple[Path, ...]:
    """Return the files and folders of this computer that are offered."""
    return tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())


def take_in(mime: QMimeData, desk: DraftDesk) -> bool:
    """Hand what is offered to the draft: files first, else the picture; False for neither."""
    paths = local_files(mime)
    if paths:
        desk.add_files(paths)
        return True
    data, suffix = _picture(mime)
    if data:
        desk.add_picture(data, f"pasted picture{suffix}")
    return bool(data)


def _picture(mime: QMimeData) -> tuple[bytes, str]:
    """Return the picture's own bytes where they are offered, else it as PNG."""
    for kind in _PICTURE_TYPES:
        if mime.hasFormat(kind):
            return bytes(mime.data(kind).data()), f".{kind.removeprefix('image/')}"
    image = mime.imageData() if mime.hasImage() else None
    if not isinstance(image, QImage) or image.isNull():
        return b"", ""
    held = QByteArray()
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(buffer, b"png")
    writer.setCompression(1)
    writer.write(image)
    return bytes(held.data()), ".png"


def photo_filter() -> str:
    """Return the file dialog's filter for photos."""
    return _FILTER
