"""Paint what a prompt asks for, and put into it what the LoRAs know.

The same prompt, seed, size and LoRAs give the same picture. Without a LoRA there is a place and no
one in it: the subject can only come out of a weights file.
"""

import hashlib
import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import Z_RLE

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from fluxlora_desktop.practice.moods import Mood, lighter, mixed, mood_of, tinted
from fluxlora_desktop.practice.scenery import paint_place
from fluxlora_desktop.practice.subject import Subject, View

_CANVAS_AREA = 448 * 448
_UNCALLED = 0.4
"""What is left of a LoRA's strength when the prompt lacks its trigger word."""
_OVERCOOKED = 1.15
_LEAST_TONE, _MOST_TONE = -9, 10
_CLAMPED = [max(0, min(255, value)) for value in range(_LEAST_TONE, 256 + _MOST_TONE)]


@dataclass(frozen=True, slots=True)
class PaintLora:
    """A LoRA in use: 0 shows nothing of its subject, about 1 all, above 1.3 too much."""

    subject: Subject
    scale: float

    def strength(self, prompt: str) -> float:
        """Return the scale as it works: much less when the prompt lacks the trigger word."""
        word = self.subject.trigger_word.casefold()
        called = bool(word) and word in prompt.casefold()
        return max(0.0, self.scale) * (1.0 if called else _UNCALLED)


def paint(
    prompt: str, *, seed: int, width: int, height: int, loras: Sequence[PaintLora] = ()
) -> bytes:
    """Return a PNG of `width` x `height` pixels."""
    chance = random.Random(hashlib.sha256(f"{seed}\n{prompt}".encode()).digest())
    shrink = min(1.0, math.sqrt(_CANVAS_AREA / (width * height)))
    size = (max(64, round(width * shrink)), max(64, round(height * shrink)))
    mood = mood_of(prompt, chance)
    strengths = [lora.strength(prompt) for lora in loras]
    for lora, strength in zip(loras, strengths, strict=True):
        mood = tinted(mood, lora.subject.palette, min(0.75, 0.26 * strength))
    canvas = paint_place(size, mood, chance)
    _brush(canvas, Image.new("L", size, 255), chance, strokes=1100, width=6)
    for place, (lora, strength) in enumerate(zip(loras, strengths, strict=True)):
        if strength > 0 and lora.subject.views:
            _put(canvas, lora.subject.views, mood, strength, _spot(place, len(loras)), chance)
    _overcook(canvas, max(strengths, default=0.0))
    finished = _varnish(canvas).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    finished.save(out, "PNG", compress_level=1, compress_type=Z_RLE)
    return out.getvalue()


def as_jpeg(png: bytes) -> bytes:
    """Return a painted picture as a JPEG."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.save(out, "JPEG", quality=92)
    return out.getvalue()


def _spot(place: int, count: int) -> float:
    return 0.5 if count == 1 else 0.3 + 0.4 * place / (count - 1)


def _put(
    canvas: Image.Image,
    views: tuple[View, ...],
    mood: Mood,
    strength: float,
    spot: float,
    chance: random.Random,
) -> None:
    """Set one view of the subject on the ground, in the light of the place."""
    view = views[chance.randrange(len(views))]
    picture = Image.open(io.BytesIO(view.picture)).convert("RGB")
    matte = Image.open(io.BytesIO(view.matte)).convert("L")
    seen = matte.point(lambda v: 255 if v > 127 else 0).getbbox()
    picture, matte = picture.crop(seen), matte.crop(seen)
    if chance.random() < 0.5:
        picture, matte = ImageOps.mirror(picture), ImageOps.mirror(matte)
    tall = 0.46 + 0.13 * min(strength, 1.2)
    room = (round(canvas.width * (0.8 if spot == 0.5 else 0.42)), round(canvas.height * tall))
    picture = ImageOps.contain(picture, room, Image.Resampling.BICUBIC)
    picture = picture.filter(ImageFilter.UnsharpMask(radius=3, percent=90, threshold=2))
    matte = _firm(matte.resize(picture.size, Image.Resampling.BICUBIC))
    foot = round(canvas.height * chance.uniform(0.86, 0.92))
    left = round(canvas.width * (spot + chance.uniform(-0.04, 0.04)) - picture.width / 2)
    top = foot - picture.height
    shown = _shown(strength)
    _shadow(canvas, (left, foot), picture.width, mood, shown)
    _brush(picture, matte, chance, strokes=800, width=2)
    lit = _in_light(picture, mood, strength)
    canvas.paste(lit, (left, top), matte.point(lambda v: int(v * shown)))


def _shown(strength: float) -> float:
    """Return how much of the subject covers the place: 0.4 a ghost, 0.8 most, 1 all."""
    return math.pow(min(1.0, strength / 1.02), 1.6)


def _firm(matte: Image.Image) -> Image.Image:
    return matte.filter(ImageFilter.GaussianBlur(1.5)).point(
        lambda v: max(0, min(255, (v - 136) * 3))
    )


def _shadow(
    canvas: Image.Image, foot: tuple[int, int], wide: int, mood: Mood, shown: float
) -> None:
    pool = Image.new("L", canvas.size, 0)
    left, bottom = foot
    high = wide * 0.09
    ImageDraw.Draw(pool).ellipse(
        (left + wide * 0.04, bottom - high * 1.7, left + wide * 1.02, bottom + high * 0.5),
        fill=int(190 * shown),
    )
    pool = pool.filter(ImageFilter.GaussianBlur(high * 0.45))
    canvas.paste(lighter(mixed(mood.near, mood.sky, 0.2), -0.62), mask=pool)


def _in_light(picture: Image.Image, mood: Mood, strength: float) -> Image.Image:
    """Give a subject the place's light, the more the weaker the LoRA is."""
    weight = {"night": 0.34, "sunset": 0.18, "mist": 0.12, "indoor": 0.1}.get(mood.light, 0.05)
    weight = min(0.8, weight + 0.5 * max(0.0, 0.9 - strength))
    tone = mixed(mood.glow, mood.sun, 0.3 if mood.light == "night" else 0.6)
    bathed = ImageChops.multiply(picture, Image.new("RGB", picture.size, tone))
    return Image.blend(picture, bathed, weight)


def _brush(
    picture: Image.Image, matte: Image.Image, chance: random.Random, *, strokes: int, width: int
) -> None:
    """Go over a picture with short strokes in its own colours, which turns it into paint."""
    painted = picture.copy()
    draw = ImageDraw.Draw(painted)
    pixels, inside = picture.tobytes(), matte.tobytes()
    across, down = picture.size
    lean = chance.uniform(-0.15, 0.15)
    for _ in range(strokes):
        x, y = int(chance.random() * across), int(chance.random() * down)
        at = y * across + x
        if inside[at] < 128:
            continue
        tone = chance.randrange(_LEAST_TONE, _MOST_TONE)
        r, g, b = (_CLAMPED[part + tone - _LEAST_TONE] for part in pixels[3 * at : 3 * at + 3])
        angle = lean + math.sin(x / 61) * 0.35 + math.cos(y / 47) * 0.2
        long = width * (1.2 + 2.2 * chance.random())
        dx, dy = math.cos(angle) * long, math.sin(angle) * long
        draw.line((x - dx, y - dy, x + dx, y + dy), (r, g, b), width)
    picture.paste(Image.blend(picture, painted.filter(ImageFilter.SMOOTH), 0.62))


def _overcook(canvas: Image.Image, strength: float) -> None:
    """Burn colours and contrast when a LoRA is used beyond what it was trained for."""
    too_much = min(1.0, max(0.0, strength - _OVERCOOKED) / 0.5)
    if too_much <= 0:
        return
    burnt = ImageEnhance.Color(canvas).enhance(1 + 1.5 * too_much)
    burnt = ImageEnhance.Contrast(burnt).enhance(1 + 0.55 * too_much)
    edges = burnt.filter(ImageFilter.UnsharpMask(radius=4, percent=round(220 * too_much)))
    canvas.paste(ImageOps.posterize(edges, 5 if too_much < 0.8 else 4))


def _varnish(canvas: Image.Image) -> Image.Image:
    """Darken the corners a little and warm the whole, as a finished painting looks."""
    shade = Image.radial_gradient("L").resize(canvas.size).point(lambda v: max(0, v - 120) // 2)
    canvas.paste((18, 14, 20), mask=shade)
    return ImageEnhance.Contrast(canvas).enhance(1.06)
