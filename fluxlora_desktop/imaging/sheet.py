"""One labelled picture of a table of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from fluxlora_desktop.domain.errors import InputError, UnreadablePhoto
from fluxlora_desktop.domain.sheets import Sheet, SheetCell
from fluxlora_desktop.imaging.decode import open_photo
from fluxlora_desktop.imaging.files import write_file

MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 12_000
"""WebP ends at 16,383 px."""
_LARGEST_CELL: Final = 768
_LEAST_CELL: Final = 96
_PAPER, _INK, _MUTED, _EMPTY = "#FFFFFF", "#21201C", "#63635E", "#F1F0EF"
_LONGEST_TEXT: Final = 600
_MOST_LINES: Final = 4
_QUALITY: Final = 92
_EXIF_DESCRIPTION, _EXIF_FOLDER, _USER_COMMENT = 0x010E, 0x8769, 0x9286
# By their names Pillow finds these where the system keeps its fonts; the last resort is its own.
_FONTS: Final = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "segoeui.ttf"),
    *("Arial.ttf", "Helvetica.ttc", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "NotoSansArabic-Regular.ttf"),
)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def write_sheet(sheet: Sheet, target: Path) -> None:
    """Draw a sheet and write it by its suffix; what is in the file is `facts`, readable as JSON.

    A cell's longer side is at most 768 px, and less where the whole would pass 40 megapixels.
    Raises `InputError` for another suffix, `StorageError` and its kin.
    """
    suffix = target.suffix.lower()
    if suffix not in {".png", ".jpg", ".jpeg", ".webp"}:
        raise InputError("file", "Save it as PNG, JPEG or WebP")
    image = draw_sheet(sheet)
    write_file(target, lambda stream: _encode(image, sheet, stream, suffix))


def draw_sheet(sheet: Sheet) -> Image.Image:
    """Return the drawn sheet."""
    across, down = cell_size(sheet)
    size = max(13, round(min(across, down) / 15))
    gap, edge = max(4, size // 2), size * 2
    label, head = _fonts(size), _fonts(round(size * 1.6))
    left = 0
    if any(sheet.rows):
        left = min(round(across * 0.9), max(_width(text, label) for text in sheet.rows)) + gap * 2
    whole = edge * 2 + left + len(sheet.columns) * (across + gap) - gap
    title = _lines(sheet.title, head, whole - 2 * edge, 2)
    note = _lines(sheet.note, label, whole - 2 * edge, 2)
    columns = [_lines(text, label, across, _MOST_LINES) for text in sheet.columns]
    step, top = round(size * 1.35), edge
    heads = max((len(lines) for lines in columns), default=0) * step
    body = top + len(title) * round(step * 1.6) + len(note) * step + size + heads + gap
    high = body + len(sheet.rows) * (down + gap) - gap + edge
    image = Image.new("RGB", (whole, high), _PAPER)
    draw = ImageDraw.Draw(image)
    top = _write(draw, (edge, top), title, head, _INK, round(step * 1.6))
    top = _write(draw, (edge, top), note, label, _MUTED, step) + size
    for place, lines in enumerate(columns):
        x = edge + left + place * (across + gap)
        _write(draw, (x, top + heads - len(lines) * step), lines, label, _INK, step)
    for number, cell in enumerate(sheet.cells):
        row, column = divmod(number, len(sheet.columns))
        x, y = edge + left + column * (across + gap), body + row * (down + gap)
        _put(image, draw, cell, (x, y, across, down), label)
        if not column and left:
            lines = _lines(sheet.rows[row], label, left - 2 * gap, max(1, down // step))
            middle = y + max(0, (down - len(lines) * step) // 2)
            _write(draw, (edge, middle), lines, label, _INK, step)
    return image


def cell_size(sheet: Sheet) -> tuple[int, int]:
    """Return the width and height of each cell in pixels, as large as the whole allows."""
    ratio = max(0.1, min(10.0, sheet.width / max(1, sheet.height)))
    long = min(_LARGEST_CELL, max(sheet.width, sheet.height))
    across = long * min(1.0, ratio)
    down = long * min(1.0, 1 / ratio)
    columns, rows = len(sheet.columns) + 1, len(sheet.rows) + 1  # and the labels
    share = min(
        1.0,
        LONGEST_SIDE / (across * columns * 1.05),
        LONGEST_SIDE / (down * rows * 1.05),
        math.sqrt(MOST_PIXELS / (across * columns * down * rows * 1.1)),
    )
    return max(_LEAST_CELL, round(across * share)), max(_LEAST_CELL, round(down * share))


def _put(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    cell: SheetCell,
    place: tuple[int, int, int, int],
    font: _Faces,
) -> None:
    x, y, across, down = place
    picture, words = None, cell.words
    if cell.path is not None:
        try:
            picture = open_photo(cell.path).image.convert("RGB")
        except UnreadablePhoto:
            words = "Its file cannot be read"
    if picture is None:
        draw.rectangle((x, y, x + across - 1, y + down - 1), fill=_EMPTY)
        step = round(font.size * 1.35)
        lines = _lines(words, font, across - 2 * font.size, 3)
        _write(draw, (x + font.size, y + font.size), lines, font, _MUTED, step)
        return
    picture.thumbnail((across, down), Image.Resampling.LANCZOS)
    image.paste(picture, (x + (across - picture.width) // 2, y + (down - picture.height) // 2))


class _Faces:
    """The same size of every font that is there, so that each text finds one that has its signs."""

    def __init__(self, size: int, faces: Sequence[Font]) -> None:
        self.size, self._faces = size, faces

    def of(self, text: str) -> Font:
        """Return the first font that knows every sign of a text, else the first one."""
        signs = frozenset(text) - {" ", "\n"}
        if all(sign < "\u0080" for sign in signs):
            return self._faces[0]
        fits = (face for face in self._faces if all(_knows(face, sign) for sign in signs))
        return next(fits, self._faces[0])


@lru_cache(maxsize=32)
def _fonts(size: int) -> _Faces:
    faces: list[Font] = []
    for name in _FONTS:
        try:
            faces.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    faces.append(ImageFont.load_default(size))
    return _Faces(size, faces)


def _knows(font: Font, sign: str) -> bool:
    """Tell whether a font has a sign: one that it lacks looks like one that nobody has."""
    return bytes(font.getmask(sign)) != bytes(font.getmask("\U0010fffe"))


def _width(text: str, font: _Faces) -> int:
    shown = text[:_LONGEST_TEXT]
    return math.ceil(font.of(shown).getlength(shown.replace("\n", " ")))


def _lines(text: str, font: _Faces, width: int, most: int) -> list[str]:
    """Break a text into at most `most` lines of a width in pixels; the last one ends in dots."""
    face = font.of(text[:_LONGEST_TEXT])
    lines: list[str] = []
    current = ""
    for word in text[:_LONGEST_TEXT].split():
        longer = f"{current} {word}".strip()
        if current and face.getlength(longer) > width:
            lines.append(current)
            longer = word
        current = longer
    lines = [*lines, current] if current else lines
    cut = len(lines) > most or len(text) > _LONGEST_TEXT
    lines = lines[:most]
    return [
        _fitted(line, face, width, dots=cut and place == len(lines) - 1)
        for place, line in enumerate(lines)
    ]


def _fitted(line: str, face: Font, width: int, *, dots: bool) -> str:
    if not dots and face.getlength(line) <= width:
        return line
    while line and face.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line.rstrip()}…"


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    lines: Sequence[str],
    font: _Faces,
    ink: str,
    step: int,
) -> int:
    x, y = at
    for line in lines:
        draw.text((x, y), line, fill=ink, font=font.of(line))
        y += step
    return y


def _encode(image: Image.Image, sheet: Sheet, stream: BinaryIO, suffix: str) -> None:
    if suffix == ".png":
        chunks = PngInfo()
        chunks.add_itxt("Title", sheet.title)
        chunks.add_itxt("fluxlora_grid", sheet.facts)
        image.save(stream, "PNG", pnginfo=chunks)
        return
    exif = Image.Exif()
    exif[_EXIF_DESCRIPTION] = sheet.title.encode("ascii", "replace").decode()
    comment = b"UNICODE\0" + sheet.facts.encode("utf-16-be", "replace")
    exif.get_ifd(_EXIF_FOLDER)[_USER_COMMENT] = comment
    kind = "WEBP" if suffix == ".webp" else "JPEG"
    image.save(stream, kind, quality=_QUALITY, exif=exif.tobytes())
