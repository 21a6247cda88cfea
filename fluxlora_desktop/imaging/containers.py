"""The words in a picture's file: PNG's text chunks, and EXIF in JPEG, WebP and PNG.

Chunks are walked here and not by Pillow, which refuses a whole picture for one chunk that grows too
large and leaves out those behind the pixels. Nothing is unpacked beyond a limit. Sources: PNG 3rd
edition, 11.3.3 (https://www.w3.org/TR/png-3/), JFIF 1.02, RFC 9649 for WebP, EXIF 2.32.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
_LARGEST: Final = 8_000_000
"""Bytes of one chunk; ComfyUI's largest graphs have less than a tenth of it."""
_LARGEST_SUM: Final = 24_000_000
_MOST_CHUNKS: Final = 100_000
_EXIF_FOLDER: Final = 0x8769
_USER_COMMENT: Final = 0x9286
_MAKER_NOTE: Final = 0x927C
_WORDY_TAGS: Final = {0x010E: "description", 0x010F: "make", 0x0110: "model", 0x0131: "software"}
_EXIF_HEAD: Final = b"Exif\0\0"
_UNICODE: Final = b"UNICODE\0"
_ASCII: Final = b"ASCII\0\0\0"


@dataclass(frozen=True, slots=True)
class Texts:
    """What a file holds in words: PNG's by keyword, EXIF's UserComment, MakerNote and others."""

    chunks: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    note: bytes = b""
    tags: dict[str, str] = field(default_factory=dict)


def read_texts(path: Path) -> Texts:
    """Return the words in a file; what is damaged or too large is left out.

    Raises `OSError`.
    """
    with path.open("rb") as stream:
        start = stream.read(16)
        if start.startswith(_PNG):
            stream.seek(len(_PNG))
            return _of_png(stream)
        if start.startswith(_JPEG):
            stream.seek(len(_JPEG))
            return _of_exif(next(_jpeg_exif(stream), b""))
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            stream.seek(12)
            return _of_exif(next(_webp_exif(stream), b""))
    return Texts()


def _of_png(stream: BinaryIO) -> Texts:
    chunks: dict[str, str] = {}
    exif, left = b"", _LARGEST_SUM
    for kind, data in _png_chunks(stream):
        if kind == b"eXIf":
            exif = exif or data
            continue
        keyword, text = _png_text(kind, data, min(left, _LARGEST))
        if keyword not in chunks and text:
            chunks[keyword] = text
            left -= len(text)
    found = _of_exif(exif)
    return Texts(chunks, found.comment, found.note, found.tags)


def _png_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of words, in their order; others are passed over unread."""
    read = 0
    for _ in range(_MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        size, kind = struct.unpack(">I4s", head)
        wanted = kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") and size <= _LARGEST
        if wanted and read + size <= _LARGEST_SUM:
            data = stream.read(size)
            read += size
            if len(data) < size:
                return
            yield kind, data
            stream.seek(4, 1)
        else:
            stream.seek(size + 4, 1)


def _png_text(kind: bytes, data: bytes, most: int) -> tuple[str, str]:
    """Return keyword and text of a chunk, unpacked to at most so many bytes; "" for a bad one."""
    keyword, _, body = data.partition(b"\0")
    name = keyword[:79].decode("latin-1")
    if kind == b"tEXt":
        return name, body.decode("latin-1")
    if kind == b"zTXt":
        return name, unpack(body[1:], most).decode("latin-1")
    packed, rest = body[:1] == b"\1", body[2:]
    _language, _, rest = rest.partition(b"\0")
    _translated, _, words = rest.partition(b"\0")
    return name, (unpack(words, most) if packed else words).decode("utf-8", "replace")


def unpack(data: bytes, most: int = _LARGEST) -> bytes:
    """Return what was deflated, or nothing where that is too large or damaged."""
    try:
        reader = zlib.decompressobj()
        found = reader.decompress(data, most)
    except zlib.error:
        return b""
    return found if reader.eof else b""


def _jpeg_exif(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the EXIF data of the segments before the pixels."""
    for _ in range(_MOST_CHUNKS):
        mark = stream.read(2)
        while mark == b"\xff\xff":
            mark = b"\xff" + stream.read(1)
        if len(mark) < 2 or mark[0] != 0xFF or mark[1] in (0xD9, 0xDA):
            return
        length = stream.read(2)
        if len(length) < 2 or (size := int.from_bytes(length)) < 2:
            return
        if mark[1] != 0xE1:
            stream.seek(size - 2, 1)
            continue
        data = stream.read(size - 2)
        if data.startswith(_EXIF_HEAD):
            yield data


def _webp_exif(stream: BinaryIO) -> Iterator[bytes]:
    for _ in range(_MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8:
            return
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"EXIF" and size <= _LARGEST:
            yield stream.read(size)
            return
        stream.seek(size + size % 2, 1)


def _of_exif(data: bytes) -> Texts:
    """Return EXIF's words; Pillow reads the folders, and refuses in many ways what is damaged."""
    if not data:
        return Texts()
    try:
        exif = Image.Exif()
        exif.load(data if data.startswith(_EXIF_HEAD) else _EXIF_HEAD + data)
        folder = exif.get_ifd(_EXIF_FOLDER)
        found, note = folder.get(_USER_COMMENT, b""), folder.get(_MAKER_NOTE, b"")
        tags = {name: exif.get(tag, "") for tag, name in _WORDY_TAGS.items()}
    except Exception:  # noqa: BLE001  whatever a stranger's EXIF is, the pixels may be good
        return Texts()
    return Texts(
        comment=_comment(found),
        note=note if isinstance(note, bytes) else b"",
        tags={name: words for name, words in tags.items() if isinstance(words, str) and words},
    )


def _comment(found: object) -> str:
    """Return a UserComment in words: its first 8 bytes name its letters (EXIF 2.32, 4.6.5)."""
    if isinstance(found, str):
        return found.removeprefix("ASCII\0\0\0").removeprefix("UNICODE\0").strip("\0")
    if not isinstance(found, bytes):
        return ""
    if found.startswith(_UNICODE):
        return _utf16(found.removeprefix(_UNICODE))
    body = found.removeprefix(_ASCII).removeprefix(bytes(8))
    return body.decode("utf-8", "replace").strip("\0")


def _utf16(body: bytes) -> str:
    """Decode in whichever order of bytes reads like writing.

    EXIF leaves the order open: A1111 writes the high byte first whatever the folder's order is,
    SwarmUI's library the low one.
    """
    if body[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return body.decode("utf-16", "replace")
    orders = (body.decode(order, "replace") for order in ("utf-16-be", "utf-16-le"))
    return max(orders, key=_like_writing)


def _like_writing(text: str) -> int:
    """Count letters of English, which settings are written in, against control characters."""
    start = text[:20_000]
    plain = sum(" " <= letter <= "~" for letter in start)
    return plain - sum(letter < " " and letter not in "\n\t\r" for letter in start)
