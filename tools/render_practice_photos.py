"""Render the practice photos: a glazed toy fox, seen as a person would photograph it.

Run from the repository root: ``python tools/render_practice_photos.py [--only NAME] [--draft]``.
Needs NumPy, Pillow and pillow-heif. The same versions write the same bytes.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw, ImageFilter
from toy_fox import CENTRE, RADIUS, Floats, measure_fox, paint_fox

OUT: Final = Path(__file__).resolve().parent.parent / "resources" / "practice-photos"
CHUNK: Final = 16_384
BAKED: Final = 3.6  # half the side of the floor square whose shadows are computed on a grid
GRID: Final = 480
TRACED: Final = 0.62  # traced pixels per pixel of the side; glaze is smooth, edges are sampled more
ROTATED: Final = 6  # EXIF: the camera was turned a quarter to the right
NOISE: Final = np.random.default_rng(7).random((512, 512)).astype(np.float32)


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """One photograph: file name, size in pixels, camera, place and light."""

    name: str
    size: tuple[int, int]
    turn: float  # degrees around the fox; 0 looks it in the face
    rise: float  # degrees above the floor
    distance: float
    place: str
    light: tuple[float, float, float]  # turn and rise of the sun or lamp in degrees, strength
    warmth: float = 0.0  # -1 blue evening to +1 candle light
    field: float = 30.0  # vertical field of view in degrees
    aim: tuple[float, float, float] = (0.08, 0.92, 0.0)
    caption: str = ""
    roll: float = 0.0


VIEWS: Final = (
    View("fox_01.jpg", (1200, 1500), 18, 14, 5.2, "table", (-50, 38, 1.0), 0.35,
         caption="TOK fox on a wooden table, morning light"),
    View("fox_02.jpg", (1500, 1000), -32, 10, 6.4, "window", (60, 30, 0.9), 0.05,
         aim=(0.55, 0.95, 0.0), caption="TOK fox beside a bright window"),
    View("fox_03.png", (1024, 1024), 0, 12, 5.4, "studio", (-40, 55, 0.9), 0.0,
         caption="TOK fox from the front, plain grey background"),
    View("IMG_2041.HEIC", (1152, 1536), 40, 26, 5.6, "grass", (70, 48, 1.15), 0.15),
    View("IMG_2042.HEIC", (1536, 1152), -70, 8, 6.0, "grass", (-20, 35, 1.1), 0.3,
         aim=(-0.3, 0.9, 0.0)),
    View("fox_shelf.webp", (1000, 1333), -24, 5, 5.6, "shelf", (40, 60, 0.8), 0.55, field=31,
         caption="TOK fox on a shelf in front of old books, lamp light"),
    View("from_above.jpg", (1300, 1300), 28, 58, 5.4, "linen", (-75, 40, 1.0), 0.1,
         caption="TOK fox seen from above on a linen cloth"),
    View("side.jpg", (1600, 1200), 88, 9, 5.6, "table", (20, 42, 1.0), 0.2, aim=(0.1, 0.9, -0.1),
         caption="TOK fox from the side on a wooden table"),
    View("back.png", (1000, 1250), 158, 20, 5.5, "studio", (120, 50, 0.9), 0.1,
         caption="TOK fox from behind, its tail curled to the left"),
    View("close_up.jpg", (1400, 1750), 24, 8, 3.7, "window", (-55, 34, 1.0), 0.2, field=22,
         aim=(0.0, 1.28, 0.1), caption="close-up of the face of TOK fox"),
    View("evening.jpg", (1500, 1000), -14, 8, 6.2, "evening", (-95, 18, 1.0), 0.9,
         aim=(-0.5, 0.9, 0.0)),
    View("stone_wall.webp", (1400, 1050), 52, 12, 6.0, "stone", (10, 35, 1.05), 0.05,
         aim=(0.4, 0.9, 0.0)),
    View("DSC00317.jpg", (1200, 1600), -44, 16, 5.5, "linen", (30, 52, 1.0), -0.15),
    View("DSC00318.jpg", (1067, 1600), 8, 2, 5.8, "stone", (-65, 28, 1.0), 0.45, field=33),
    View("snapshot.jpg", (1280, 1280), -58, 22, 5.2, "shelf", (-30, 62, 0.85), 0.4, roll=-4.0),
    View("blue_hour.jpg", (1350, 1080), 35, 7, 5.6, "window", (110, 24, 0.75), -0.6,
         aim=(-0.35, 0.93, 0.0), caption="TOK fox on a windowsill in the blue hour"),
)  # fmt: skip


def noise(u: Floats, v: Floats) -> Floats:
    """Sample the repeating value noise between its lattice points, 0 to 1."""
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = u - left, v - top
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    x0, x1, y0, y1 = left & 511, (left + 1) & 511, top & 511, (top + 1) & 511
    upper = NOISE[y0, x0] * (1 - a) + NOISE[y0, x1] * a
    lower = NOISE[y1, x0] * (1 - a) + NOISE[y1, x1] * a
    return upper * (1 - b) + lower * b


def cloud(u: Floats, v: Floats, octaves: int = 4) -> Floats:
    """Add octaves of noise, 0 to 1."""
    parts = [noise(u * 2**k + 17 * k, v * 2**k + 31 * k) / 2 ** (k + 1) for k in range(octaves)]
    return np.sum(parts, axis=0) / (1 - 0.5**octaves)


def wood(x: Floats, z: Floats) -> Floats:
    """Colour of a floor of oiled oak boards at floor points."""
    board = np.floor(z / 1.15)
    grain = cloud(x * 0.9 + board * 37.7, z * 9.0 + 3 * noise(x * 0.5, z * 0.8))
    rings = 0.5 + 0.5 * np.sin(38 * (grain + 0.12 * z))
    tone = 0.72 + 0.4 * grain - 0.13 * rings + 0.10 * (noise(board * 7.3, board * 3.1) - 0.5)
    gap = 1 - 0.75 * np.exp(-(((z / 1.15 - board - 0.5) ** 2 - 0.25) ** 2) / 0.00002)
    return _tint(tone * gap, (0.40, 0.215, 0.10))


def walnut(x: Floats, z: Floats) -> Floats:
    """Colour of a dark shelf at floor points."""
    grain = cloud(x * 1.3, z * 16.0 + 2 * noise(x * 0.7, z))
    return _tint(0.6 + 0.8 * grain, (0.16, 0.075, 0.035))


def linen(x: Floats, z: Floats) -> Floats:
    """Colour of woven cloth at floor points."""
    weave = 0.5 + 0.25 * (np.sin(x * 130 + 2 * noise(z * 9, x)) + np.sin(z * 130))
    return _tint(0.80 + 0.16 * weave + 0.2 * (cloud(x, z) - 0.5), (0.62, 0.56, 0.47))


def lawn(x: Floats, z: Floats) -> Floats:
    """Colour of short grass at floor points."""
    blades = cloud(x * 26 + 5 * noise(x * 3, z * 3), z * 8, 3)
    patch = cloud(x * 1.1, z * 1.1)
    green = _tint(0.35 + 1.25 * blades**1.5, (0.12, 0.24, 0.028))
    return green + _tint(np.clip(patch - 0.45, 0, 1) * blades, (0.32, 0.24, 0.03))


def stone(x: Floats, z: Floats) -> Floats:
    """Colour of a weathered slab at floor points."""
    rough = cloud(x * 3, z * 3, 6)
    lichen = np.clip(cloud(x * 1.7 + 9, z * 1.7, 5) - 0.56, 0, 0.2) * 4
    return _tint(0.55 + 0.75 * rough, (0.36, 0.34, 0.31)) + _tint(lichen, (0.12, 0.11, 0.0))


def paper(x: Floats, z: Floats) -> Floats:
    """Colour of a seamless studio roll at floor points."""
    return _tint(0.97 + 0.05 * cloud(x * 4, z * 4), (0.47, 0.475, 0.49))


def sill(x: Floats, z: Floats) -> Floats:
    """Colour of a painted windowsill at floor points."""
    return _tint(0.93 + 0.1 * cloud(x * 0.7, z * 11), (0.70, 0.68, 0.64))


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A floor, where it ends behind the fox, the light of the room, and what is far behind."""

    floor: Callable[[Floats, Floats], Floats]
    edge: tuple[float, float]  # from where to where the floor melts into the background
    ambient: tuple[float, float, float]
    behind: str
    shine: float


PLACES: Final = {
    "table": Place(wood, (5.5, 9.0), (0.40, 0.38, 0.36), "room", 0.30),
    "window": Place(sill, (2.6, 4.2), (0.52, 0.56, 0.62), "garden", 0.35),
    "studio": Place(paper, (3.5, 9.0), (0.55, 0.55, 0.56), "paper", 0.06),
    "grass": Place(lawn, (5.0, 13.0), (0.38, 0.46, 0.50), "trees", 0.0),
    "shelf": Place(walnut, (1.7, 2.3), (0.30, 0.26, 0.22), "books", 0.30),
    "linen": Place(linen, (5.0, 8.0), (0.50, 0.49, 0.48), "room", 0.0),
    "evening": Place(walnut, (5.0, 8.0), (0.13, 0.11, 0.14), "lights", 0.45),
    "stone": Place(stone, (3.6, 7.5), (0.42, 0.46, 0.52), "trees", 0.03),
}


def look_behind(kind: str, rays: Floats, view: View) -> Floats:
    """Return what lies out of focus behind the fox in the given directions, linear RGB."""
    turn = np.radians(view.turn)
    side = rays[:, 0] * np.cos(turn) - rays[:, 2] * np.sin(turn)
    ahead = np.maximum(-rays[:, 0] * np.sin(turn) - rays[:, 2] * np.cos(turn), 0.05)
    u, v = side / ahead, rays[:, 1] / ahead
    if kind == "paper":
        return _tint(0.92 - 0.35 * np.clip(v, -0.3, 0.6) - 0.25 * u**2, (0.47, 0.475, 0.49))
    if kind == "room":
        colour = _tint(0.9 + 0.25 * u - 0.2 * v, (0.42, 0.40, 0.36))
        frame = _box(u, v, (0.34, 0.16), (0.17, 0.24), 0.07)
        colour += _tint(1.1 * frame, (1.0, 0.95, 0.85))
        colour *= 1 - 0.55 * _box(u, v, (-0.42, -0.05), (0.2, 0.26), 0.06)[:, None]
        return colour + _tint(0.35 * _box(u, v, (-0.36, 0.27), (0.08, 0.06), 0.05), (0.9, 0.5, 0.2))
    if kind == "books":
        return _paint_books(u, v)
    if kind == "garden":
        green = cloud(u * 7 + 40, v * 7 + 9, 2)
        colour = _tint(0.55 + 1.0 * green, (0.50, 0.66, 0.40))
        sky = 1 / (1 + np.exp(-(v - 0.10 + 0.25 * (green - 0.5)) * 22))
        colour += sky[:, None] * (np.array([1.25, 1.35, 1.5], np.float32) - colour)
        for bar in (-0.55, 0.12, 0.79):
            wide = _box(u, v, (bar, 0.0), (0.035, 3.0), 0.03)[:, None]
            colour += wide * (np.array([0.46, 0.46, 0.47], np.float32) - colour)
        return colour
    if kind == "trees":
        leaves = cloud(u * 5 + 3, v * 5 + 71, 3)
        colour = _tint(0.25 + 1.5 * np.clip(leaves - 0.25, 0, 1), (0.24, 0.36, 0.12))
        colour += _tint(np.clip(v + 0.08, 0, 0.5) * 0.8, (0.8, 0.9, 0.75))
        return colour + _discs(u, v, 46, (0.75, 0.80, 0.38), 0.34, 21)
    night = _tint(0.6 + 0.5 * cloud(u * 2, v * 2, 2), (0.055, 0.045, 0.07))
    return night + _discs(u, v, 38, (1.5, 0.72, 0.24), 0.9, 5)


def _paint_books(u: Floats, v: Floats) -> Floats:
    rng = np.random.default_rng(11)
    palette = np.array(
        [(0.30, 0.05, 0.04), (0.05, 0.14, 0.16), (0.40, 0.30, 0.15), (0.07, 0.10, 0.05),
         (0.33, 0.16, 0.06), (0.10, 0.09, 0.17)], np.float32)  # fmt: skip
    colour = np.full((len(u), 3), 0.025, np.float32)
    left = -1.1
    while left < 1.1:
        width, tall = rng.uniform(0.05, 0.115), rng.uniform(0.28, 0.46)
        cover = palette[rng.integers(len(palette))] * rng.uniform(0.7, 1.3)
        spine = _box(u, v, (left + width / 2, tall / 2 - 0.3), (width / 2, tall / 2 + 0.05), 0.016)
        round_ = 1 - 0.55 * ((u - left - width / 2) / (width / 2)) ** 2
        band = _box(u, v, (left + width / 2, tall - 0.42), (width / 2, 0.012), 0.014)
        shown = cover * np.clip(round_, 0.3, 1)[:, None] + _tint(0.35 * band, (0.6, 0.42, 0.14))
        colour += spine[:, None] * (shown - colour)
        left += width + 0.004
    return colour


def _discs(
    u: Floats, v: Floats, count: int, tone: tuple[float, float, float], strength: float, seed: int
) -> Floats:
    rng = np.random.default_rng(seed)
    total = np.zeros((len(u), 3), np.float32)
    for _ in range(count):
        x, y, radius = rng.uniform(-0.9, 0.9), rng.uniform(-0.05, 0.55), rng.uniform(0.018, 0.055)
        away = np.hypot(u - x, v - y)
        disc = np.clip((radius - away) / 0.008, 0, 1) * (0.6 + 0.4 * np.clip(away / radius, 0, 1))
        tint = np.array(tone, np.float32) * rng.uniform(0.6, 1.3, 3).astype(np.float32)
        total += disc[:, None] * tint * strength * rng.uniform(0.25, 1.0)
    return total


def _box(
    u: Floats, v: Floats, centre: tuple[float, float], half: tuple[float, float], soft: float
) -> Floats:
    inside = np.minimum(half[0] - np.abs(u - centre[0]), half[1] - np.abs(v - centre[1]))
    part = np.clip(inside / soft + 0.5, 0, 1)
    return part * part * (3 - 2 * part)


def _tint(tone: Floats, colour: tuple[float, float, float]) -> Floats:
    return np.asarray(tone, np.float32)[:, None] * np.array(colour, np.float32)


def mirror_room(rays: Floats, place: Place) -> Floats:
    """Return what the glaze reflects: floor, ceiling and two bright windows."""
    up = np.clip(rays[:, 1] * 0.5 + 0.5, 0, 1)
    colour = np.array(place.ambient, np.float32) * (0.35 + 0.9 * up)[:, None]
    for turn, rise, wide, tall, power in (
        (-0.75, 0.62, 0.30, 0.36, 5.5),
        (1.9, 0.5, 0.2, 0.4, 2.5),
    ):
        azimuth = np.arctan2(rays[:, 0], rays[:, 2]) - turn
        azimuth = (azimuth + np.pi) % (2 * np.pi) - np.pi
        height = np.arcsin(np.clip(rays[:, 1], -1, 1)) - rise
        pane = _box(azimuth, height, (0, 0), (wide, tall), 0.05)
        pane *= 1 - _box(azimuth, height, (0, 0), (0.02, 9.0), 0.03)
        pane *= 1 - _box(azimuth, height, (0, 0), (9.0, 0.02), 0.03)
        colour += (pane * power * sum(place.ambient))[:, None] * np.array([0.9, 0.95, 1.0])
    return colour.astype(np.float32)


def march(origins: Floats, rays: Floats, limit: float = 14.0) -> Floats:
    """Return the distance to the fox along each ray, infinity where it is missed."""
    far = np.full(len(rays), np.inf, np.float32)
    offset = origins - CENTRE
    middle = np.einsum("ij,ij->i", offset, rays)
    inside = middle**2 - np.einsum("ij,ij->i", offset, offset) + RADIUS**2
    alive = np.flatnonzero((inside > 0) & (np.sqrt(np.maximum(inside, 0)) - middle > 0))
    along = np.maximum(-middle[alive] - np.sqrt(inside[alive]), 0.0)
    end = -middle[alive] + np.sqrt(inside[alive])
    for _ in range(70):
        if not len(alive):
            break
        step = measure_fox(origins[alive] + along[:, None] * rays[alive])
        along = along + 0.9 * step
        done = step < 0.0008
        far[alive[done]] = along[done]
        going = ~done & (along < np.minimum(end, limit))
        alive, along, end = alive[going], along[going], end[going]
    return far


def cast_shadow(points: Floats, towards: Floats, softness: float = 7.0) -> Floats:
    """Return how much of a broad light reaches each point, 0 to 1."""
    reach = np.ones(len(points), np.float32)
    offset = points - CENTRE
    middle = offset @ towards
    near = np.einsum("ij,ij->i", offset, offset) - middle**2 < (RADIUS + 0.4) ** 2
    alive = np.flatnonzero(near & (np.einsum("ij,ij->i", offset, offset) < 40))
    along = np.full(len(alive), 0.03, np.float32)
    for _ in range(22):
        if not len(alive):
            break
        gap = measure_fox(points[alive] + along[:, None] * towards)
        reach[alive] = np.minimum(reach[alive], 0.5 + 0.5 * softness * gap / along)
        along = along + np.clip(gap, 0.04, 0.40)
        going = (reach[alive] > 0.01) & (along < 4.5)
        alive, along = alive[going], along[going]
    reach = np.clip(reach, 0, 1)
    return reach * reach * (3 - 2 * reach)


def find_normals(points: Floats) -> Floats:
    """Return the surface normals by differences at the corners of a tetrahedron."""
    total = np.zeros_like(points)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        way = np.array(corner, np.float32)
        total += measure_fox(points + 0.0016 * way)[:, None] * way
    return total / np.linalg.norm(total, axis=1, keepdims=True)


def occlude(points: Floats, normals: Floats, *, floor: bool) -> Floats:
    """Return how open the surroundings of each point are, 0 to 1."""
    closed = np.zeros(len(points), np.float32)
    for reach, weight in ((0.05, 0.9), (0.13, 0.75), (0.28, 0.55), (0.55, 0.35)):
        probe = points + reach * normals
        gap = measure_fox(probe)
        if not floor:
            gap = np.minimum(gap, probe[:, 1])
        closed += weight * np.clip(reach - gap, 0, reach) / reach
    return np.clip(1 - 0.62 * closed, 0.04, 1)


def light_of(view: View) -> tuple[Floats, Floats]:
    """Return direction to and colour of the view's main light."""
    turn, rise = np.radians(view.turn + view.light[0]), np.radians(view.light[1])
    towards = np.array(
        [np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)], np.float32
    )
    warm = view.warmth
    colour = np.array([1 + 0.32 * warm, 0.96 + 0.02 * warm, 0.9 - 0.42 * warm], np.float32)
    return towards, colour * view.light[2] * 2.3


def shade(origin: Floats, rays: Floats, view: View) -> Floats:
    """Return the linear RGB light that arrives along each ray."""
    place = PLACES[view.place]
    origins = np.broadcast_to(origin, rays.shape)
    fox = march(origins, rays)
    down = np.where(rays[:, 1] < -1e-4, -origin[1] / np.minimum(rays[:, 1], -1e-4), np.inf)
    colour = look_behind(place.behind, rays, view)
    if view.warmth < 0:
        colour *= np.array([1 + 0.6 * view.warmth, 1 + 0.4 * view.warmth, 1.0], np.float32)
    on_floor = np.flatnonzero((down < fox) & (down < 60))
    if len(on_floor):
        colour[on_floor] = shade_floor(
            origin, rays[on_floor], down[on_floor], view, colour[on_floor]
        )
    on_fox = np.flatnonzero(fox <= np.minimum(down, 1e3))
    if len(on_fox):
        points = origins[on_fox] + fox[on_fox, None] * rays[on_fox]
        colour[on_fox] = shade_fox(points, rays[on_fox], view)
    return colour


@lru_cache(maxsize=1)
def bake_floor(view: View) -> tuple[Floats, Floats]:
    """Compute shadow and openness once on a grid of the floor around the fox."""
    z, x = np.mgrid[-BAKED : BAKED : GRID * 1j, -BAKED : BAKED : GRID * 1j].astype(np.float32)
    points = np.stack([x.ravel(), np.full(x.size, 0.002, np.float32), z.ravel()], axis=1)
    up = np.zeros_like(points)
    up[:, 1] = 1.0
    towards, _ = light_of(view)
    parts = [slice(begin, begin + CHUNK) for begin in range(0, len(points), CHUNK)]
    shadow = np.concatenate([cast_shadow(points[part], towards) for part in parts])
    open_ = np.concatenate([occlude(points[part], up[part], floor=True) for part in parts])
    return shadow.reshape(GRID, GRID), open_.reshape(GRID, GRID)


def read_floor(view: View, points: Floats) -> tuple[Floats, Floats]:
    """Interpolate the baked shadow and openness at floor points within the grid."""
    spot = (points[:, [0, 2]] / BAKED + 1) * ((GRID - 1) / 2)
    corner = np.clip(spot.astype(int), 0, GRID - 2)
    a, b = (spot - corner).T
    left, top = corner.T
    shadow, open_ = (
        (baked[top, left] * (1 - a) + baked[top, left + 1] * a) * (1 - b)
        + (baked[top + 1, left] * (1 - a) + baked[top + 1, left + 1] * a) * b
        for baked in bake_floor(view)
    )
    return shadow, open_


def shade_floor(origin: Floats, rays: Floats, down: Floats, view: View, behind: Floats) -> Floats:
    """Light the floor, let it melt into what lies behind, and mirror the fox a little."""
    place = PLACES[view.place]
    towards, sun = light_of(view)
    points = origin + down[:, None] * rays
    points[:, 1] = 0.0
    up = np.zeros_like(points)
    up[:, 1] = 1.0
    colour = place.floor(points[:, 0], points[:, 2])
    near = np.hypot(points[:, 0], points[:, 2]) < BAKED
    shadow, open_ = np.ones(len(points), np.float32), np.ones(len(points), np.float32)
    shadow[near], open_[near] = read_floor(view, points[near])
    ambient = np.array(place.ambient, np.float32)
    colour *= open_[:, None] * ambient * 1.05 + (shadow * towards[1])[:, None] * sun
    if place.shine:
        mirrored = rays * np.array([1, -1, 1], np.float32)
        glow = mirror_room(mirrored, place) * 0.35
        met = np.flatnonzero(near)
        hit = march(points[met] + 0.01 * up[met], mirrored[met])
        seen = met[np.isfinite(hit)]
        spots = points[seen] + hit[np.isfinite(hit), None] * mirrored[seen]
        glow[seen] = 0.5 * paint_fox(spots) * (ambient + 0.4 * sun)
        fresnel = 0.03 + 0.6 * (1 - np.abs(rays[:, 1])) ** 5
        colour += (place.shine * fresnel)[:, None] * (glow - colour)
    depth = -(
        points[:, 0] * np.sin(np.radians(view.turn)) + points[:, 2] * np.cos(np.radians(view.turn))
    )
    melt = np.clip((depth - place.edge[0]) / (place.edge[1] - place.edge[0]), 0, 1)
    melt = (melt * melt * (3 - 2 * melt))[:, None]
    return (colour * (1 - melt) + behind * melt).astype(np.float32)


def shade_fox(points: Floats, rays: Floats, view: View) -> Floats:
    """Light glazed points: sun, sky, light from the floor, and a mirrored room."""
    place = PLACES[view.place]
    towards, sun = light_of(view)
    ambient = np.array(place.ambient, np.float32)
    normals = find_normals(points)
    albedo = paint_fox(points) * (0.94 + 0.12 * cloud(points[:, 0] * 9, points[:, 1] * 9))[:, None]
    open_ = occlude(points, normals, floor=False)
    shadow = cast_shadow(points + 0.012 * normals, towards, 9.0)
    facing = np.clip(normals @ towards, 0, 1) * shadow
    sky = (0.5 + 0.5 * normals[:, 1])[:, None]
    floor = place.floor(points[:, 0] * 0.2, points[:, 2] * 0.2).mean(axis=0)
    light = open_[:, None] * (ambient * (0.35 + 0.85 * sky) + floor * sun * 0.28 * (1 - sky))
    light += facing[:, None] * sun
    cosine = np.einsum("ij,ij->i", rays, normals)
    bounce = rays - 2 * cosine[:, None] * normals
    fresnel = 0.045 + 0.75 * np.clip(1 + cosine, 0, 1) ** 5
    gleam = np.clip(bounce @ towards, 0, 1) ** 420 * shadow * 9
    mirror = mirror_room(bounce, place) * (0.3 + 0.7 * open_)[:, None] + gleam[:, None] * sun
    return (albedo * light + fresnel[:, None] * mirror).astype(np.float32)


def camera(view: View) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the camera's place and its right, up and forward axes."""
    turn, rise = np.radians(view.turn), np.radians(view.rise)
    away = np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)])
    right = np.array([np.cos(turn), 0, -np.sin(turn)])
    aim = right * view.aim[0] + np.array([0, view.aim[1], view.aim[2]])
    origin = aim + away * view.distance
    up = np.cross(away, right)
    roll = np.radians(view.roll)
    right, up = (
        right * np.cos(roll) + up * np.sin(roll),
        up * np.cos(roll) - right * np.sin(roll),
    )
    return tuple(a.astype(np.float32) for a in (origin, right, up, -away))  # type: ignore[return-value]  # four of them


def expose(view: View, width: int, height: int) -> Floats:
    """Trace the view once per pixel, and four more times where neighbours differ."""
    origin, right, up, ahead = camera(view)
    tan = np.tan(np.radians(view.field) / 2) * max(1.0, height / width * 0.85)
    rows, columns = np.divmod(np.arange(width * height), width)

    def trace(index: NDArrayInt, dx: float, dy: float) -> Floats:
        result = np.empty((len(index), 3), np.float32)
        for begin in range(0, len(index), CHUNK):
            part = index[begin : begin + CHUNK]
            x = (2 * (columns[part] + dx) / width - 1) * tan * width / height
            y = (1 - 2 * (rows[part] + dy) / height) * tan
            rays = ahead + x[:, None] * right + y[:, None] * up
            rays /= np.linalg.norm(rays, axis=1, keepdims=True)
            result[begin : begin + CHUNK] = shade(origin, rays.astype(np.float32), view)
        return result

    picture = trace(np.arange(width * height), 0.5, 0.5)
    tone = np.clip(picture, 0, 1).reshape(height, width, 3) ** 0.45
    edge = np.zeros((height, width), bool)
    edge[:, 1:] |= np.abs(np.diff(tone, axis=1)).max(axis=2) > 0.10
    edge[1:] |= np.abs(np.diff(tone, axis=0)).max(axis=2) > 0.10
    edge[:, :-1] |= edge[:, 1:]
    edge[:-1] |= edge[1:]
    again = np.flatnonzero(edge)
    spots = ((0.15, 0.4), (0.6, 0.15), (0.85, 0.6), (0.4, 0.85))
    total = np.sum([np.minimum(trace(again, *spot), 4.0) for spot in spots], axis=0)
    picture[again] = total / len(spots)
    return picture.reshape(height, width, 3)


NDArrayInt = np.ndarray[tuple[int], np.dtype[np.intp]]


def develop(linear: Floats, view: View, size: tuple[int, int]) -> Image.Image:
    """Turn light into a photograph: bloom, film curve, falloff to the corners, grain."""
    height, width, _ = linear.shape
    bright = Image.fromarray((np.clip(linear.min(axis=2) - 1.0, 0, 1) * 255).astype(np.uint8))
    glow = np.asarray(bright.filter(ImageFilter.GaussianBlur(width / 70)), np.float32) / 255
    light = (linear + 0.35 * glow[:, :, None]) * 0.70
    curve = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    curve = np.clip(curve, 0, 1) ** (1 / 2.2) * (1 - 0.09 * (x**2 + y**2))[:, :, None]
    image = Image.fromarray((np.clip(curve, 0, 1) * 255 + 0.5).astype(np.uint8))
    image = image.resize(size, Image.Resampling.LANCZOS)
    image = image.filter(ImageFilter.UnsharpMask(radius=1.6, percent=70, threshold=1))
    grain = np.random.default_rng(sum(view.name.encode())).normal(0, 1.6, (*size[::-1], 1))
    grainy = np.clip(np.asarray(image, np.float32) + grain, 0, 255)
    image = Image.fromarray((grainy + 0.5).clip(0, 255).astype(np.uint8))
    return add_grass(image, view) if view.place == "grass" else image


def add_grass(image: Image.Image, view: View) -> Image.Image:
    """Lay blurred blades over the lower edge, as a lens near the ground sees them."""
    rng = np.random.default_rng(sum(view.name.encode()))
    width, height = image.size
    for count, tall, blur in ((150, 0.10, 2.5), (70, 0.19, 9.0)):
        layer = Image.new("RGBA", image.size, (70, 105, 30, 0))
        pen = ImageDraw.Draw(layer)
        for _ in range(count):
            x, lean, rise = rng.uniform(0, width), rng.normal(0, 0.05), rng.uniform(0.4, 1.0) * tall
            half = width * rng.uniform(0.002, 0.0045) * (1 + blur / 8)
            tip = (x + lean * height, height * (1 - rise))
            green = (int(rng.uniform(55, 125)), int(rng.uniform(95, 160)), int(rng.uniform(20, 50)))
            pen.polygon([(x - half, height), (x + half, height), tip], fill=(*green, 235))
        image = Image.alpha_composite(
            image.convert("RGBA"), layer.filter(ImageFilter.GaussianBlur(blur * width / 1500))
        ).convert("RGB")
    return image


def save(image: Image.Image, view: View, folder: Path) -> None:
    """Write the photo in its format, two of them with what phones put into EXIF."""
    target = folder / view.name
    exif = Image.Exif()
    if view.name == "DSC00317.jpg":
        exif[0x0112] = ROTATED
        exif[0x0110] = "Practice camera"
        image = image.transpose(Image.Transpose.ROTATE_90)
    if view.name == "evening.jpg":
        exif[0x0110] = "Practice phone"
        exif.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 0.0), 3: "E", 4: (7.0, 30.0, 0.0)})
    match target.suffix.lower():
        case ".jpg":
            image.save(target, quality=90, subsampling=0, exif=exif)
        case ".webp":
            image.save(target, quality=88, method=6)
        case ".heic":
            image.save(target, format="HEIF", quality=62)
        case _:
            few = image.filter(ImageFilter.GaussianBlur(0.4))
            few.save(target, optimize=True)
    if view.caption:
        target.with_suffix(".txt").write_text(view.caption + "\n", encoding="utf-8")


def render(view: View, scale: float, folder: Path) -> str:
    """Render one view into the folder and tell how long it took."""
    began = time.monotonic()
    width, height = (max(16, round(side * scale)) for side in view.size)
    traced = expose(view, round(width * TRACED), round(height * TRACED))
    save(develop(traced, view, (width, height)), view, folder)
    return f"{view.name:16} {width} x {height}  {time.monotonic() - began:.1f} s"


def main() -> None:
    """Render all views, or those whose name contains ``--only``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a file name")
    parser.add_argument("--draft", action="store_true", help="a quarter of the size")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    pillow_heif.register_heif_opener()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [view for view in VIEWS if options.only in view.name]
    with ProcessPoolExecutor(max_workers=2) as pool:
        waiting = [
            pool.submit(render, view, 0.25 if options.draft else 1.0, options.out)
            for view in chosen
        ]
        for done in waiting:
            print(done.result())


if __name__ == "__main__":
    main()
