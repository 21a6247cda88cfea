"""What a set of photos looks like: palette, small pictures, and where the subject is in them.

A real LoRA knows its subject by its weights. The practice trainer writes down what it saw instead,
so that the practice painter shows the subject only when the weights file really reached it.
"""

import base64
import binascii
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

Colour = tuple[int, int, int]

MOST_VIEWS = 6
_VIEW_EDGE = 96
_LOOK_EDGE = 112
_COLOURS = 64
_MUCH_WORSE = 0.2
_LARGEST_PHOTO = 80_000_000
_QUIET: tuple[Colour, ...] = (
    (196, 164, 132),
    (120, 110, 104),
    (226, 218, 206),
    (84, 96, 112),
    (52, 48, 46),
)


@dataclass(frozen=True, slots=True)
class View:
    """One photo of the subject, cropped to it: a JPEG, and a PNG that is white where it is."""

    picture: bytes
    matte: bytes


@dataclass(frozen=True, slots=True)
class Subject:
    """What a LoRA knows: the base that it fits, its trigger word, and what it was shown."""

    base: str
    trigger_word: str
    palette: tuple[Colour, ...] = _QUIET
    views: tuple[View, ...] = ()
    captions: int = 0
    keys: tuple[str, ...] = field(default=(), repr=False)
    """The names of the tensors, as a service lists them when they do not fit its base."""


@dataclass(frozen=True, slots=True)
class _Look:
    photo: Image.Image
    matte: Image.Image
    clear: float
    """How well the subject stands out and agrees with the other photos, 0 to about 2."""


@dataclass(frozen=True, slots=True)
class _Count:
    colours: Image.Image
    inside: list[float]
    edge: list[float]


def see(
    photos: Iterable[bytes], *, base: str, trigger_word: str, captions: Mapping[str, str]
) -> Subject:
    """Look at photos and keep the clearest views of what they have in common."""
    looks = sorted(_look(photos), key=lambda look: -look.clear)
    best = [look for look in looks if look.clear > looks[0].clear - _MUCH_WORSE][:MOST_VIEWS]
    return Subject(
        base=base,
        trigger_word=trigger_word,
        palette=_palette(best) if best else _QUIET,
        views=tuple(_view(look) for look in best),
        captions=sum(bool(text.strip()) for text in captions.values()),
    )


def subject_note(subject: Subject) -> str:
    """Return the JSON that the practice trainer leaves in the metadata of its weights."""
    return json.dumps(
        {
            "palette": [list(colour) for colour in subject.palette],
            "thumbnails": [_text(view.picture) for view in subject.views],
            "mattes": [_text(view.matte) for view in subject.views],
            "trigger_word": subject.trigger_word,
            "captions": subject.captions,
        }
    )


def parse_subject_note(note: str, *, base: str, keys: tuple[str, ...], trigger: str) -> Subject:
    """Read such a note; anything unusable in it counts as not seen, as weights of others do."""
    try:
        told: dict[str, Any] = json.loads(note)
        palette = tuple((int(r), int(g), int(b)) for r, g, b in told["palette"])
        views = tuple(
            View(base64.b64decode(picture), base64.b64decode(matte))
            for picture, matte in zip(told["thumbnails"], told["mattes"], strict=True)
        )
        word, captions = str(told["trigger_word"]), int(told["captions"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return Subject(base, trigger, keys=keys)
    return Subject(base, word, palette or _QUIET, views[:MOST_VIEWS], captions, keys)


def _look(photos: Iterable[bytes]) -> list[_Look]:
    """Tell the subject from what is around: its colours are common, and rare at the edges."""
    whole = [picture for photo in photos if (picture := _decode(photo)) is not None]
    if not whole:
        return []
    small = [ImageOps.contain(picture, (_LOOK_EDGE, _LOOK_EDGE)) for picture in whole]
    counts = [_count(picture) for picture in _in_common_colours(small)]
    at_edges = [sum(c.edge[n] for c in counts) / len(counts) for n in range(_COLOURS)]
    inside = [count.inside for count in counts]
    for _ in range(2):
        often = [
            sum(min(1.0, 60 * shares[n]) for shares in inside) / len(inside)
            for n in range(_COLOURS)
        ]
        looks = [
            _judge(picture, count, often, at_edges)
            for picture, count in zip(whole, counts, strict=True)
        ]
        inside = [
            _shares(count.colours.histogram(look.matte.resize(count.colours.size).point(_half)))
            for look, count in zip(looks, counts, strict=True)
        ]
    usual = [sum(shares[n] for shares in inside) / len(inside) for n in range(_COLOURS)]
    return [
        replace(look, clear=look.clear + sum(map(min, shares, usual)))
        for look, shares in zip(looks, inside, strict=True)
    ]


def _decode(photo: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(photo)) as opened:
            if opened.width * opened.height > _LARGEST_PHOTO:
                return None
            opened.draft("RGB", (2 * _LOOK_EDGE, 2 * _LOOK_EDGE))
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    upright.thumbnail((2 * _LOOK_EDGE, 2 * _LOOK_EDGE), Image.Resampling.LANCZOS)
    return upright


def _in_common_colours(pictures: list[Image.Image]) -> list[Image.Image]:
    """Return the pictures in one palette, so that their colours can be counted together."""
    sheet = Image.new("RGB", (_LOOK_EDGE, _LOOK_EDGE * len(pictures)))
    for place, picture in enumerate(pictures):
        sheet.paste(picture.resize((_LOOK_EDGE, _LOOK_EDGE)), (0, place * _LOOK_EDGE))
    palette = sheet.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)
    return [
        picture.filter(ImageFilter.GaussianBlur(0.7)).quantize(
            palette=palette, dither=Image.Dither.NONE
        )
        for picture in pictures
    ]


def _count(colours: Image.Image) -> _Count:
    ring = Image.new("L", colours.size, 255)
    width, height = colours.width // 10, colours.height // 12
    ImageDraw.Draw(ring).rectangle(
        (width, height, colours.width - width, colours.height - height), fill=0
    )
    inside = colours.histogram(_oval(colours.size).point(lambda v: 255 if v > 120 else 0))
    return _Count(colours, _shares(inside), _shares(colours.histogram(ring)))


def _shares(histogram: list[int]) -> list[float]:
    total = max(1, sum(histogram[:_COLOURS]))
    return [hits / total for hits in histogram[:_COLOURS]]


def _judge(picture: Image.Image, count: _Count, often: list[float], edges: list[float]) -> _Look:
    likely = [
        round(255 * often[n] / (often[n] + 90 * count.edge[n] + 8 * edges[n] + 0.02))
        for n in range(_COLOURS)
    ]
    colours = count.colours
    chance = Image.frombytes("L", colours.size, colours.tobytes()).point(
        [*likely, *[0] * (256 - _COLOURS)]
    )
    chance = chance.filter(ImageFilter.GaussianBlur(1.2))
    solid = chance.point(lambda v: 255 if v > 110 else 0)
    solid = solid.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(5))
    solid = _one_piece(solid)
    matte = solid.filter(ImageFilter.GaussianBlur(0.9))
    covered = _mean(matte)
    if not 0.03 < covered < 0.6:
        return _Look(picture, _oval(picture.size), 0.0)
    left, top, right, bottom = matte.point(_half).getbbox() or (0, 0, *matte.size)
    touching = sum([left <= 1, top <= 1, right >= matte.width - 1, bottom >= matte.height - 1])
    clear = _outline_on_edges(picture.resize(matte.size), solid) - 0.3 * touching
    clear -= max(0.0, 0.1 - covered) * 12
    return _Look(picture, matte.resize(picture.size, Image.Resampling.BICUBIC), clear)


def _outline_on_edges(picture: Image.Image, solid: Image.Image) -> float:
    """Return how much of an outline lies where the photo changes: 0 nothing, about 1 all of it."""
    around = ImageChops.difference(
        solid.filter(ImageFilter.MaxFilter(5)), solid.filter(ImageFilter.MinFilter(5))
    )
    change = picture.convert("L").filter(ImageFilter.FIND_EDGES).filter(ImageFilter.MaxFilter(5))
    return ImageStat.Stat(change.point(lambda v: min(255, 3 * v)), mask=around).mean[0] / 255


def _one_piece(solid: Image.Image) -> Image.Image:
    """Keep the piece nearest the middle and fill its holes."""
    middle = ImageChops.multiply(solid.filter(ImageFilter.BoxBlur(6)), _oval(solid.size))
    bytes_of, best = middle.tobytes(), max(middle.tobytes())
    if not best:
        return solid
    place = bytes_of.index(best)
    start = (place % solid.width, place // solid.width)
    if solid.getpixel(start) != 255:
        return solid
    ImageDraw.floodfill(solid, start, 200)
    piece = ImageOps.expand(solid.point(lambda v: 255 if v == 200 else 0), 1, fill=0)
    ImageDraw.floodfill(piece, (0, 0), 100)
    return ImageOps.crop(piece.point(lambda v: 0 if v == 100 else 255), 1)


def _view(look: _Look) -> View:
    """Crop to the subject with a margin and shrink, so that the metadata stay small."""
    seen = look.matte.point(_half).getbbox()
    left, top, right, bottom = seen or (0, 0, *look.matte.size)
    margin = max(right - left, bottom - top) // 16
    box = (left - margin, top - margin, right + margin, bottom + margin)
    picture = ImageOps.contain(look.photo.crop(box), (_VIEW_EDGE, _VIEW_EDGE))
    matte = look.matte.crop(box).resize(picture.size, Image.Resampling.LANCZOS)
    jpeg, png = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG", quality=90)
    matte.save(png, "PNG", optimize=True)
    return View(jpeg.getvalue(), png.getvalue())


def _palette(looks: list[_Look]) -> tuple[Colour, ...]:
    """Return five colours of the subject itself, the commonest first."""
    pixels = bytearray()
    for look in looks:
        inside = look.matte.tobytes()
        rgb = look.photo.tobytes()
        for place in range(0, len(inside), 7):
            if inside[place] > 160:
                pixels += rgb[3 * place : 3 * place + 3]
    if len(pixels) < 3 * 5:
        return _QUIET
    strip = Image.frombytes("RGB", (len(pixels) // 3, 1), bytes(pixels))
    five = strip.quantize(5, method=Image.Quantize.MAXCOVERAGE)
    table = five.getpalette() or []
    counted = sorted(enumerate(five.histogram()[:5]), key=lambda pair: -pair[1])
    found = [(table[3 * n], table[3 * n + 1], table[3 * n + 2]) for n, hits in counted if hits]
    return tuple([*found, *_QUIET][:5])


def _half(value: int) -> int:
    return 255 if value > 110 else 0


def _oval(size: tuple[int, int]) -> Image.Image:
    """Return a soft oval that is white in the middle and dark at the edges."""
    return ImageChops.invert(Image.radial_gradient("L").resize(size)).point(
        lambda v: min(255, int(v * 1.9))
    )


def _mean(picture: Image.Image) -> float:
    counts = picture.histogram()
    return sum(value * hits for value, hits in enumerate(counts)) / (255 * sum(counts))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
