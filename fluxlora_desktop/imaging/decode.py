"""Turn files of unknown origin into upright sRGB pixels, or say why not.

Limits are checked before pixels are decoded. Over large collections of damaged files Pillow 13
refuses with twelve exception types; all of them become `UnreadablePhoto` here.
"""

from __future__ import annotations

import io
import math
import stat
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fluxlora_desktop.domain.edits import Backdrop
from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.imaging.colour import to_rgb

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF")
MOST_BYTES: Final = 200_000_000
MOST_PIXELS: Final = 100_000_000
LONGEST_SIDE: Final = 30_000

_REFUSALS: Final = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    RuntimeError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    struct.error,
    zlib.error,
    MemoryError,
)
_JPEG: Final = b"\xff\xd8\xff"
_ON_ITS_SIDE: Final = range(5, 9)
"""The EXIF orientations that exchange width and height."""
_NAMED_FORMATS: Final = (
    (b"%PDF", "PDF documents are not photos"),
    (b"%!PS", "PostScript files are not photos"),
    (b"\xc5\xd0\xd3\xc6", "PostScript files are not photos"),
    (b"8BPS", "Photoshop files cannot be read; export a JPEG or PNG"),
    (b"<svg", "SVG drawings are not photos"),
    (b"<?xml", "XML files are not photos"),
    (b"\xd7\xcd\xc6\x9a", "WMF drawings are not photos"),
    (b"SIMPLE  =", "FITS files cannot be read; export a JPEG or PNG"),
    (b"PK\x03\x04", "archives are not photos; unpack it first"),
)

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


@dataclass(frozen=True, slots=True)
class Decoded:
    """Upright sRGB pixels without any metadata, the true format, and what had to be changed.

    `size` is that of the file, upright; the pixels may be fewer where fewer were asked for.
    """

    image: Image.Image
    format: str
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a photo is decoded for.

    Transparent parts are laid on `backdrop`. `scale` takes the upright size of a file and returns
    the least share of it, up to 1, that is needed: JPEG decoders leave out most of the work there.
    """

    backdrop: Backdrop = Backdrop.WHITE
    scale: Callable[[int, int], float] = lambda _width, _height: 1.0


_WHOLE: Final = Wanted()


def open_photo(path: Path, wanted: Wanted = _WHOLE) -> Decoded:
    """Decode a file by its content, whatever its suffix; raises `UnreadablePhoto`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadablePhoto(path, "it is not a file")
        _refuse_bytes(path, status.st_size)
        with path.open("rb") as stream:
            return _decode(stream, path, wanted)
    except OSError as error:
        raise UnreadablePhoto(path, _say(error)) from error


def glimpse(path: Path, side: int) -> Image.Image | None:
    """Return a JPEG at roughly `side` px, upright, or None for every other format.

    The decoder shrinks while it decodes, which takes a fifth of the time; colours are the file's
    own. Raises `UnreadablePhoto`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadablePhoto(path, "it is not a file")
        _refuse_bytes(path, status.st_size)
        with path.open("rb") as stream:
            if stream.read(3) != _JPEG:
                return None
            stream.seek(0)
            return _glimpse(stream, path, side)
    except OSError as error:
        raise UnreadablePhoto(path, _say(error)) from error


def _glimpse(stream: BinaryIO, path: Path, side: int) -> Image.Image:
    try:
        with Image.open(stream, formats=("JPEG",)) as opened:
            _refuse_size(path, opened.size)
            share = min(1.0, side / max(opened.size))
            opened.draft("RGB", _at_least(opened.size, share))
            opened.load()
            _turn_upright(opened)
            return rebuild(opened.convert("RGB"))
    except UnreadablePhoto:
        raise
    except _REFUSALS as error:
        raise UnreadablePhoto(path, _say(error)) from error


def open_bytes(data: bytes, name: Path | str = "picture") -> Decoded:
    """Decode bytes by their content; `name` stands in the error. Raises `UnreadablePhoto`."""
    _refuse_bytes(Path(name), len(data))
    return _decode(io.BytesIO(data), Path(name))


def rebuild(image: Image.Image) -> Image.Image:
    """Copy the pixels alone: EXIF, GPS, comments and profiles stay behind."""
    fresh = Image.new(image.mode, image.size)
    fresh.paste(image)
    return fresh


def _refuse_bytes(path: Path, size: int) -> None:
    if size == 0:
        raise UnreadablePhoto(path, "it is empty")
    if size > MOST_BYTES:
        raise UnreadablePhoto(path, f"it is larger than {MOST_BYTES // 1_000_000} MB")


def _decode(stream: BinaryIO, path: Path, wanted: Wanted = _WHOLE) -> Decoded:
    start = stream.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")
    stream.seek(0)
    for magic, reason in _NAMED_FORMATS:
        if start.startswith(magic):
            raise UnreadablePhoto(path, reason)
    try:
        coloured = _load(stream, path, wanted)
        return replace(coloured, image=rebuild(coloured.image))
    except UnreadablePhoto:
        raise
    except _REFUSALS as error:
        raise UnreadablePhoto(path, _say(error)) from error


def _load(stream: BinaryIO, path: Path, wanted: Wanted) -> Decoded:
    """Return upright sRGB pixels that may still hold metadata.

    Apart from `_decode`, so that the picture as it was opened is gone when the pixels are copied.
    """
    with Image.open(stream, formats=FORMATS) as opened:
        _refuse_size(path, opened.size)
        name = "JPEG" if opened.format == "MPO" else opened.format or ""
        notes, (width, height) = _note_frames(opened), opened.size
        share = max(wanted.scale(width, height), wanted.scale(height, width))
        opened.draft(None, _at_least(opened.size, share))
        opened.load()
        turned, damaged = _turn_upright(opened)
        rgb, changed = to_rgb(_turn_bright(opened), wanted.backdrop)
        size = (height, width) if turned else (width, height)
        return Decoded(rgb, name, size, notes + damaged + changed)


def _at_least(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Return the size below which a decoder shall not go."""
    return math.ceil(size[0] * share), math.ceil(size[1] * share)


def _turn_upright(image: Image.Image) -> tuple[bool, tuple[str, ...]]:
    """Turn as EXIF says; tell whether width and height changed places, and what was damaged.

    Where the EXIF data are damaged the pixels are still good.
    """
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation) in _ON_ITS_SIDE
        ImageOps.exif_transpose(image, in_place=True)
    except _REFUSALS:
        return False, ("Its EXIF data are damaged, so it may lie on its side.",)
    return turned, ()


def _turn_bright(image: Image.Image) -> Image.Image:
    """Return 16-bit grey of a TIFF whose zero is white the other way round.

    Pillow does so for 8 bits alone. Tag 262 is the PhotometricInterpretation of TIFF 6.0, page 37.
    """
    if image.mode == "I;16" and getattr(image, "tag_v2", {}).get(262) == 0:
        return image.point(lambda value: value * -1 + 65535)
    return image


def _refuse_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise UnreadablePhoto(path, f"it has more than {MOST_PIXELS // 1_000_000} megapixels")
    if max(size) > LONGEST_SIDE:
        raise UnreadablePhoto(path, f"one side is longer than {LONGEST_SIDE} pixels")


def _note_frames(image: Image.Image) -> tuple[str, ...]:
    # A JPEG of several is left out: a phone keeps the brightness of its one picture in the second.
    if image.format not in {"JPEG", "MPO"} and getattr(image, "is_animated", False):
        return ("Only the first of its pictures is used.",)
    return ()


def _say(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is no longer there"
    if isinstance(error, PermissionError):
        return "the system does not let the app read it"
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture in a format that the app reads"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"it has more than {MOST_PIXELS // 1_000_000} megapixels"
    return "the file is damaged or cut off"
