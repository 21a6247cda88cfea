"""Paint places: sky, light, far shapes and ground, softly, with nothing but Pillow."""

import math
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from fluxlora_desktop.practice.moods import Mood, lighter, mixed, turned
from fluxlora_desktop.practice.subject import Colour

Size = tuple[int, int]
Point = tuple[float, float]
_Painter = Callable[[Image.Image, Mood, random.Random], None]


def paint_place(size: Size, mood: Mood, chance: random.Random) -> Image.Image:
    """Return the place that a mood tells, without its subject, in a few hundred pixels."""
    width, height = size
    horizon = round(height * mood.horizon)
    canvas = fade(size, [(0.0, mood.sky), (mood.horizon, mood.glow), (1.0, mood.glow)])
    if mood.place not in ("room", "studio"):
        _sky(canvas, mood, chance)
    _BEHIND.get(mood.place, _hills)(canvas, mood, chance)
    ground = fade((width, height - horizon), [(0.0, mood.far), (1.0, mood.near)])
    edge = Image.new("L", size, 0)
    ImageDraw.Draw(edge).rectangle((0, horizon, width, height), fill=255)
    under = Image.new("RGB", size)
    under.paste(ground, (0, horizon))
    soft = 8 if mood.place == "studio" else 1.2
    canvas.paste(under, mask=edge.filter(ImageFilter.GaussianBlur(soft)))
    _streaks(canvas, mood, chance)
    _BEFORE.get(mood.place, _nothing)(canvas, mood, chance)
    return canvas


def fade(size: Size, stops: list[tuple[float, Colour]]) -> Image.Image:
    """Return colours that pass into one another from the top to the bottom."""
    column = Image.new("RGB", (1, 128))
    for y in range(128):
        at = y / 127
        upper = max((stop for stop in stops if stop[0] <= at), default=stops[0])
        lower = min((stop for stop in stops if stop[0] >= at), default=stops[-1])
        span = lower[0] - upper[0]
        share = (at - upper[0]) / span if span else 0.0
        column.putpixel((0, y), mixed(upper[1], lower[1], share * share * (3 - 2 * share)))
    return column.resize(size, Image.Resampling.BICUBIC)


def shine(
    canvas: Image.Image, centre: Point, radius: float, colour: Colour, power: float = 1.0
) -> None:
    """Add light around a point, strongest in the middle."""
    edge = max(2, round(radius * 2))
    disc = ImageChops.invert(Image.radial_gradient("L")).resize((edge, edge))
    disc = disc.point(lambda v: int(max(0, v - 66) * 255 / 189 * power))
    place = (round(centre[0] - radius), round(centre[1] - radius))
    light = Image.new("RGB", (edge, edge), colour)
    box = (*place, place[0] + edge, place[1] + edge)
    canvas.paste(ImageChops.screen(canvas.crop(box), light), place, disc)


def _sky(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    at = (width * chance.uniform(0.15, 0.85), height * mood.horizon * chance.uniform(0.3, 0.75))
    draw = ImageDraw.Draw(canvas)
    if mood.light == "night":
        for _ in range(70):
            x, y = chance.uniform(0, width), chance.uniform(0, height * mood.horizon)
            _dot(draw, (x, y), chance.choice((0.5, 0.5, 1.0)), lighter(mood.glow, 0.6))
    power = {"night": 0.7, "mist": 0.45}.get(mood.light, 0.9)
    shine(canvas, at, height * 0.42, mood.sun, power * 0.7)
    shine(canvas, at, height * 0.1, mood.sun, power)
    _dot(ImageDraw.Draw(canvas), at, height * 0.028, lighter(mood.sun, 0.5))
    clouds = Image.new("L", (width // 4, height // 4), 0)
    puffs = ImageDraw.Draw(clouds)
    for _ in range(chance.randint(2, 4)):
        x, y = chance.uniform(0, width / 4), chance.uniform(0.1, 0.8) * height * mood.horizon / 4
        for _ in range(7):
            wide, high = chance.uniform(6, 18), chance.uniform(1.5, 4)
            dx, dy = chance.gauss(0, 13), chance.gauss(0, 2.2)
            puffs.ellipse((x + dx - wide, y + dy - high, x + dx + wide, y + dy + high), fill=150)
    clouds = clouds.filter(ImageFilter.GaussianBlur(2.2)).resize(canvas.size)
    canvas.paste(mixed(lighter(mood.glow, 0.45), mood.sun, 0.3), mask=clouds)


def _hills(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    peaks = 0.34 if mood.place == "mountains" else 0.12
    for layer in range(3):
        share = (layer + 1) / 3.4
        colour = mixed(mood.glow, mixed(mood.near, mood.sky, 0.35), share)
        base = mood.horizon + 0.03
        high = peaks * (1.15 - 0.3 * layer) * chance.uniform(0.8, 1.2)
        _ridge(canvas, base, high, colour, chance, rough=mood.place == "mountains")


def _ridge(
    canvas: Image.Image,
    base: float,
    high: float,
    colour: Colour,
    chance: random.Random,
    *,
    rough: bool,
) -> None:
    width, height = canvas.size
    waves = [(chance.uniform(1.2, 3.2) * n, chance.uniform(0, 7), 1 / n) for n in (1, 2, 4, 9)]
    waves = waves if rough else waves[:2]
    points: list[Point] = [(0, height)]
    for step in range(61):
        x = step / 60
        wave = sum(math.sin(x * f * math.pi + phase) * part for f, phase, part in waves)
        y = base - high * (0.5 + 0.42 * wave)
        points.append((x * width, min(y, base) * height))
    ImageDraw.Draw(canvas).polygon([*points, (width, height)], fill=colour)


def _trees(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    for layer in range(3):
        colour = mixed(mood.glow, lighter(mood.near, -0.2), 0.3 + 0.27 * layer)
        draw = ImageDraw.Draw(canvas)
        for _ in range(16 - 3 * layer):
            x = chance.uniform(0, 1) * width
            foot = (mood.horizon + 0.02 + 0.015 * layer) * height
            tall = height * chance.uniform(0.2, 0.34) * (1 + 0.3 * layer)
            shade = turned(colour, chance.uniform(-0.02, 0.02))
            _fir(draw, (x, foot), tall, shade)
        if layer < 2:
            canvas.paste(canvas.filter(ImageFilter.GaussianBlur(2.5 - layer)))
    shine(canvas, (width * chance.uniform(0.3, 0.7), height * 0.2), height * 0.5, mood.sun, 0.4)


def _fir(draw: ImageDraw.ImageDraw, foot: Point, tall: float, colour: Colour) -> None:
    x, y = foot
    draw.rectangle((x - tall * 0.025, y - tall * 0.3, x + tall * 0.025, y), fill=colour)
    for tier in range(4):
        top = y - tall * (1 - 0.2 * tier)
        low = y - tall * (0.62 - 0.17 * tier)
        wide = tall * (0.1 + 0.05 * tier)
        draw.polygon([(x, top), (x - wide, low), (x + wide, low)], fill=colour)


def _sea(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    horizon = mood.horizon * height
    far = horizon - height * 0.12
    water = mixed(turned(mood.sky, -0.03), mood.glow, 0.35)
    _ridge(canvas, mood.horizon - 0.115, 0.08, mixed(mood.glow, water, 0.55), chance, rough=False)
    sea = fade((width, round(height * 0.2)), [(0.0, lighter(water, 0.12)), (1.0, water)])
    canvas.paste(sea, (0, round(far)))
    draw = ImageDraw.Draw(canvas)
    for _ in range(120):
        x, y = chance.uniform(0, width), far + height * 0.19 * chance.random() ** 1.5
        long = (y - far) * 0.25 + 3
        draw.line((x - long, y, x + long, y), fill=lighter(water, chance.uniform(-0.1, 0.5)))
    canvas.paste(canvas.filter(ImageFilter.GaussianBlur(0.8)))


def _surf(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    foam = Image.new("L", canvas.size, 0)
    draw = ImageDraw.Draw(foam)
    for line in range(3):
        y0 = height * (mood.horizon + 0.015 + 0.035 * line)
        phase = chance.uniform(0, 6)
        points = [
            (x, y0 + math.sin(x / width * 7 + phase) * height * 0.008)
            for x in range(0, width + 8, 8)
        ]
        draw.line(points, fill=190 - 40 * line, width=2 + line)
    canvas.paste(lighter(mood.sun, 0.4), mask=foam.filter(ImageFilter.GaussianBlur(1.2)))


def _skyline(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    foot = (mood.horizon + 0.02) * height
    windows = lighter((255, 206, 120), 0.1) if mood.light != "day" else lighter(mood.glow, 0.5)
    for layer in range(3):
        colour = mixed(mood.glow, lighter(mood.near, -0.1), 0.3 + 0.25 * layer)
        draw = ImageDraw.Draw(canvas)
        x = -chance.uniform(0, width * 0.1)
        while x < width:
            wide = width * chance.uniform(0.05, 0.12)
            top = foot - height * chance.uniform(0.12, 0.42 - 0.07 * layer)
            draw.rectangle((x, top, x + wide, foot + height * 0.03), fill=colour)
            for row in range(round(top) + 5, round(foot), 8):
                for column in range(round(x) + 4, round(x + wide) - 4, 7):
                    if chance.random() < 0.34:
                        lit = mixed(colour, windows, 0.3 + 0.22 * layer)
                        draw.rectangle((column, row, column + 2, row + 3), fill=lit)
            x += wide + chance.uniform(0, width * 0.02)
        canvas.paste(canvas.filter(ImageFilter.GaussianBlur(1.6 - 0.6 * layer)))


def _wall(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    shelf = height * (mood.horizon - 0.07)
    x = -chance.uniform(0, 12)
    while x < width:
        wide = width * chance.uniform(0.03, 0.06)
        hue = turned(mixed(mood.accent, mood.sky, 0.35), chance.choice((0, 0, 0.08, 0.45, 0.55)))
        colour = lighter(hue, chance.uniform(-0.35, 0.15))
        top = shelf - height * chance.uniform(0.26, 0.4)
        draw.rectangle((x, top, x + wide - 1, shelf), fill=colour)
        draw.rectangle((x, top + 9, x + wide - 1, top + 12), fill=lighter(colour, 0.35))
        x += wide
    draw.rectangle((0, shelf, width, shelf + height * 0.03), fill=lighter(mood.near, -0.25))
    canvas.paste(canvas.filter(ImageFilter.GaussianBlur(height / 110)))
    side = chance.choice((0.14, 0.86))
    shine(canvas, (width * side, height * 0.16), height * 0.6, mood.sun, 0.75)
    _bokeh(canvas, mood, chance)


def _backdrop(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    shine(canvas, (width * chance.uniform(0.35, 0.65), height * 0.4), height * 0.65, mood.sun, 0.6)


def _planets(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    for _ in range(3):
        at = (chance.uniform(0, width), chance.uniform(0, height * 0.5))
        shine(canvas, at, height * 0.4, turned(mood.accent, chance.uniform(-0.2, 0.2)), 0.45)
    at = (width * chance.uniform(0.2, 0.8), height * chance.uniform(0.15, 0.3))
    _dot(ImageDraw.Draw(canvas), at, height * 0.1, mixed(mood.accent, mood.glow, 0.5))
    shine(canvas, (at[0] - height * 0.03, at[1] - height * 0.03), height * 0.1, mood.sun, 0.7)


def _streaks(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    """Let the ground run towards the horizon: short strokes that grow as they come near."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    horizon = mood.horizon * height
    calm = 0.05 if mood.place in ("studio", "snow", "room") else 0.14
    for _ in range(420):
        depth = chance.random() ** 0.8
        y = horizon + 3 + depth * (height - horizon)
        x, long = chance.uniform(-20, width), 4 + 46 * depth * chance.random()
        tone = lighter(mixed(mood.far, mood.near, depth), chance.uniform(-calm, calm))
        draw.line((x, y, x + long, y + chance.uniform(-1, 1)), fill=tone, width=1 + int(3 * depth))


def _flowers(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    horizon = mood.horizon * height
    for _ in range(240):
        depth = chance.random()
        x, y = chance.uniform(0, width), horizon + depth * (height - horizon) + 6
        tall = 3 + 20 * depth
        shade = lighter(mood.near, chance.uniform(-0.2, 0.25))
        draw.line((x, y, x + chance.gauss(0, 3 * depth), y - tall), fill=shade, width=1)
        if chance.random() < 0.35:
            petal = mixed(chance.choice((mood.accent, mood.sun, (250, 250, 244))), mood.glow, 0.15)
            _dot(draw, (x, y - tall), 0.8 + 2.2 * depth, petal)


def _bokeh(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    width, height = canvas.size
    for _ in range(9):
        at = (chance.uniform(0, width), chance.uniform(0, height * mood.horizon))
        colour = mixed(mood.sun, mood.accent, chance.uniform(0, 0.7))
        shine(canvas, at, height * chance.uniform(0.02, 0.06), colour, 0.5)


def _dot(draw: ImageDraw.ImageDraw, at: Point, radius: float, colour: Colour) -> None:
    draw.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), fill=colour)


def _nothing(canvas: Image.Image, mood: Mood, chance: random.Random) -> None:
    """Leave the ground as it is."""


_BEHIND: dict[str, _Painter] = {
    "beach": _sea,
    "forest": _trees,
    "city": _skyline,
    "room": _wall,
    "studio": _backdrop,
    "space": _planets,
}
_BEFORE: dict[str, _Painter] = {
    "beach": _surf,
    "meadow": _flowers,
    "forest": _flowers,
    "city": _bokeh,
}
