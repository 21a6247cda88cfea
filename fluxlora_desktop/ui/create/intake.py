"""What was dropped or pasted: files, folders, or pictures without a file.

Nothing is fetched from the network. Browsers offer a picture in one or several of these ways: as a
file that they wrote for the drag, as image data, inside the page's text as a `data:` address, on
Windows as a file that exists in the clipboard's memory alone; or by its web address and no more,
which is told to the person, since a drop must not end in nothing.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData
from PySide6.QtGui import QImage, QImageWriter

from fluxlora_desktop.domain.errors import OnlyAddress
from fluxlora_desktop.ui.desks.draft import DraftDesk

PHOTO_MIME = "application/x-fluxlora-photos"
"""Photos of the grid on their way to another place in it."""

_PICTURE_TYPES = (
    "image/gif",  # Qt writes none: it is the picture's own file, with all its frames
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/avif",
    "image/heic",
    "image/heif",
    "image/tiff",
    "image/bmp",
)
_FILTER = "Photos (*.jpg *.jpeg *.png *.webp *.heic *.heif *.avif *.tif *.tiff *.bmp *.gif)"
_WEB = ("http://", "https://", "blob:", "ftp://")
_DATA = "data:image/"
_LONGEST_PAGE = 64_000_000
_LONGEST_NAME = 120

_NAMES = 'application/x-qt-windows-mime;value="FileGroupDescriptorW"'
_CONTENTS = 'application/x-qt-windows-mime;value="FileContents"'
"""How Qt calls the formats in which Windows offers files that lie on no disk."""
_NAMES_HEAD = struct.Struct("<I")
_NAME_ROW = struct.Struct("<72x520s")
"""FILEGROUPDESCRIPTORW of shlobj_core.h: a count, then FILEDESCRIPTORW rows of 592 bytes that end
with the name, 260 characters of UTF-16."""
_MOST_VIRTUAL = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without a file on this computer: its bytes, and what it is called."""

    data: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Offered:
    """What a drop or the clipboard holds; `addresses` are the pictures of which it says no more."""

    paths: tuple[Path, ...] = ()
    pictures: tuple[Picture, ...] = ()
    addresses: tuple[str, ...] = ()


def offers_photos(mime: QMimeData) -> bool:
    """Tell whether something is offered that is taken in, or of which it is said why it is not.

    Photos on their way in the grid are not, and plain words are not.
    """
    kinds = set(mime.formats())
    if PHOTO_MIME in kinds:
        return False
    if mime.hasImage() or _NAMES in kinds or kinds.intersection(_PICTURE_TYPES):
        return True
    return any(url.isLocalFile() for url in mime.urls()) or bool(_addresses(mime))


def take_in(mime: QMimeData, desk: DraftDesk, *, called: str = "pasted picture") -> bool:
    """Hand what is offered to the draft; False where there is nothing of which it could be said.

    What is only an address is told through the desk. `called` is a picture without a name.
    """
    offered = offered_by(mime, called)
    if offered.paths:
        desk.add_files(offered.paths)
    for picture in offered.pictures:
        desk.add_picture(picture.data, picture.name)
    if offered.addresses:
        some = bool(offered.paths or offered.pictures)
        desk.failed.emit(OnlyAddress(len(offered.addresses), others=some))
    return offered != Offered()


def offered_by(mime: QMimeData, called: str = "pasted picture") -> Offered:
    """Return what is offered, each picture once: its file before its data before its address."""
    addresses = _addresses(mime)
    there = [address for address in addresses if address.lower().startswith(_WEB)]
    paths = tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    if paths:
        listed = {url.toString() for url in mime.urls()}
        return Offered(paths, addresses=tuple(one for one in there if one in listed))
    virtual = tuple(_virtual_files(mime))
    if virtual:
        return Offered(pictures=virtual)
    data, suffix = _picture(mime)
    if data:
        name = (_name_in(there[0]) if there else "") or called
        return Offered(pictures=(Picture(data, f"{name}{suffix}"),), addresses=tuple(there[1:]))
    inside = {address: _written_out(address) for address in addresses}
    pictures = (Picture(data, f"{called}{suffix}") for data, suffix in inside.values() if data)
    rest = tuple(address for address, (data, _suffix) in inside.items() if not data)
    return Offered(pictures=tuple(pictures), addresses=rest)


def _addresses(mime: QMimeData) -> tuple[str, ...]:
    """Return the addresses of pictures, each once: those of the page's text before the links."""
    listed = [url.toString() for url in mime.urls() if not url.isLocalFile()]
    if not mime.hasUrls() and mime.hasText() and len(mime.text().split()) == 1:
        listed.append(mime.text().strip())
    page = mime.html() if mime.hasHtml() else ""
    shown = _sources(page) if len(page) <= _LONGEST_PAGE else []
    known = (*_WEB, _DATA)
    # A picture that is a link offers the link's address beside its own.
    return tuple(dict.fromkeys(one for one in shown or listed if one.lower().startswith(known)))


class _Sources(HTMLParser):
    """Collects where the pictures of a page lie."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the address of a picture."""
        source = dict(attrs).get("src") if tag == "img" else None
        if source:
            self.found.append(source.strip())


def _sources(page: str) -> list[str]:
    reader = _Sources()
    reader.feed(page)
    reader.close()
    return reader.found


def _written_out(address: str) -> tuple[bytes, str]:
    """Return the picture that is written out in a `data:` address (RFC 2397), and its suffix."""
    if not address.lower().startswith(_DATA):
        return b"", ""
    head, _, body = address.partition(",")
    kind, *marks = head.removeprefix(head[:5]).lower().split(";")
    raw = unquote_to_bytes(body)
    if "base64" in marks:
        try:
            raw = base64.b64decode(raw)
        except binascii.Error:
            return b"", ""
    return raw, f".{kind.removeprefix('image/')}"


def _name_in(address: str) -> str:
    """Return what a picture at a web address is called, without its ending, or ""."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return ""
    return PurePosixPath(unquote_to_bytes(path).decode(errors="replace")).stem[:_LONGEST_NAME]


def _virtual_files(mime: QMimeData) -> Iterator[Picture]:
    """Return files that lie in no folder, as Windows browsers and mail programs offer them."""
    if not mime.hasFormat(_NAMES):
        return
    rows = bytes(mime.data(_NAMES).data())
    count = _NAMES_HEAD.unpack_from(rows)[0] if len(rows) >= _NAMES_HEAD.size else 0
    for place in range(min(count, _MOST_VIRTUAL)):
        at = _NAMES_HEAD.size + place * _NAME_ROW.size
        if at + _NAME_ROW.size > len(rows):
            return
        name = _NAME_ROW.unpack_from(rows, at)[0].decode("utf-16-le", errors="replace")
        kind = f"{_CONTENTS};index={place}"
        data = mime.data(kind if mime.hasFormat(kind) or place else _CONTENTS)
        if not data.isEmpty():
            yield Picture(bytes(data.data()), Path(name.partition("\0")[0]).name or "picture")


def _picture(mime: QMimeData) -> tuple[bytes, str]:
    """Return the picture's own bytes where they are offered, else it as PNG."""
    for kind in _PICTURE_TYPES:
        data = mime.data(kind) if mime.hasFormat(kind) else QByteArray()
        if not data.isEmpty():
            return bytes(data.data()), f".{kind.removeprefix('image/')}"
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
