"""The glazed toy fox of the practice photos as a signed distance field (units: about 10 cm).

The fox sits at the origin and looks along +z; y points up and the floor is y = 0.
Distances follow the usual closed forms for ellipsoids, capsules, round cones and tori.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CENTRE: Final = np.array([0.08, 0.98, 0.0], np.float32)
RADIUS: Final = 1.32

ORANGE: Final = np.array([0.70, 0.165, 0.03], np.float32)
CREAM: Final = np.array([0.86, 0.78, 0.66], np.float32)
BROWN: Final = np.array([0.075, 0.035, 0.025], np.float32)
TEAL: Final = np.array([0.02, 0.30, 0.33], np.float32)
BLACK: Final = np.array([0.012, 0.011, 0.012], np.float32)

_TAIL: Final = (
    ((0.10, 0.20, -0.36), 0.13),
    ((0.46, 0.23, -0.36), 0.18),
    ((0.70, 0.24, -0.06), 0.22),
    ((0.66, 0.21, 0.28), 0.18),
    ((0.44, 0.15, 0.50), 0.07),
)


def measure_fox(points: Floats) -> Floats:
    """Return the distance of each point, shape (n, 3), to the fox's surface, shape (n,)."""
    glazed = _skin(points)
    return np.minimum(np.minimum(glazed, _scarf(points)), _beads(points))


def paint_fox(points: Floats) -> Floats:
    """Return the linear RGB glaze, shape (n, 3), at points on the fox's surface."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    belly = _step(0.30, 0.22, np.hypot(x, (y - 0.50) * 0.55)) * _step(0.20, 0.30, z)
    cheeks = _step(0.02, -0.05, y - 1.23 - 0.35 * x + 0.10 * z) * _step(0.08, 0.20, z)
    cheeks *= _step(0.92, 1.0, y)
    tip = _step(0.20, 0.34, z) * _step(0.60, 0.44, y) * _step(0.34, 0.42, points[:, 0])
    paws = _step(0.20, 0.14, y) * _step(0.18, 0.28, z) * _step(0.36, 0.30, x)
    ears = _step(1.72, 1.80, y)
    inner = _step(0.07, 0.045, np.abs(x - 0.20 - 0.32 * (y - 1.5))) * _step(0.05, 0.09, z)
    inner *= _step(1.60, 1.66, y) * _step(1.80, 1.74, y)
    colour = np.broadcast_to(ORANGE, points.shape).copy()
    for weight, glaze in (
        (belly, CREAM),
        (cheeks, CREAM),
        (tip, CREAM),
        (inner, CREAM * 0.9),
        (ears, BROWN),
        (paws, BROWN),
    ):
        colour += weight[:, None] * (glaze - colour)
    skin = _skin(points)
    scarf, beads = _scarf(points), _beads(points)
    stripe = 0.5 + 0.5 * np.tanh(9.0 * np.sin(13.0 * np.arctan2(points[:, 0], z)))
    wool = TEAL + (0.22 * stripe * (y > 0.88))[:, None] * (CREAM - TEAL)
    colour[scarf < skin] = wool[scarf < skin]
    colour[beads < np.minimum(skin, scarf)] = BLACK
    return colour.astype(np.float32)


def _skin(points: Floats) -> Floats:
    folded = points.copy()
    folded[:, 0] = np.abs(folded[:, 0])
    body = _ellipsoid(folded, (0.0, 0.52, -0.02), (0.43, 0.56, 0.40))
    body = _blend(body, _ellipsoid(folded, (0.33, 0.25, 0.02), (0.20, 0.26, 0.33)), 0.10)
    body = _blend(body, _cone(folded, (0.15, 0.62, 0.27), (0.16, 0.09, 0.38), 0.12, 0.115), 0.06)
    body = _blend(body, _ellipsoid(folded, (0.16, 0.07, 0.46), (0.115, 0.085, 0.15)), 0.04)
    head = _ellipsoid(folded, (0.0, 1.33, 0.06), (0.44, 0.37, 0.39))
    head = _blend(head, _cone(folded, (0.22, 1.24, 0.10), (0.42, 1.17, 0.04), 0.20, 0.10), 0.12)
    head = _blend(head, _cone(folded, (0.0, 1.22, 0.32), (0.0, 1.17, 0.62), 0.19, 0.085), 0.10)
    flat = folded * np.array([1.0, 1.0, 1.7], np.float32)
    ears = _cone(flat, (0.25, 1.56, 0.05), (0.37, 1.93, 0.02), 0.175, 0.05) / 1.35
    head = _blend(head, ears, 0.05)
    whole = _blend(body, head, 0.09)
    return _blend(whole, _tail(points), 0.05)


def _tail(points: Floats) -> Floats:
    nearest = np.full(len(points), 1e3, np.float32)
    for (start, thick), (end, thin) in itertools.pairwise(_TAIL):
        nearest = _blend(nearest, _cone(points, start, end, thick, thin), 0.05)
    return nearest


def _scarf(points: Floats) -> Floats:
    x, y, z = points[:, 0], points[:, 1] - 0.985 + 0.10 * points[:, 2], points[:, 2] - 0.02
    ring = np.hypot(np.hypot(x, z) - 0.315, y * 0.75) - 0.085
    end = _cone(points, (-0.13, 0.95, 0.36), (-0.24, 0.62, 0.42), 0.075, 0.095)
    knot = _ellipsoid(points, (-0.11, 0.95, 0.385), (0.10, 0.09, 0.08))
    return _blend(_blend(ring, end, 0.03), knot, 0.02)


def _beads(points: Floats) -> Floats:
    folded = points.copy()
    folded[:, 0] = np.abs(folded[:, 0])
    eyes = _ellipsoid(folded, (0.175, 1.385, 0.405), (0.052, 0.062, 0.045))
    return np.minimum(eyes, _ellipsoid(folded, (0.0, 1.205, 0.695), (0.075, 0.055, 0.05)))


def _ellipsoid(points: Floats, centre: tuple[float, ...], radii: tuple[float, ...]) -> Floats:
    offset = points - np.array(centre, np.float32)
    scaled = offset / np.array(radii, np.float32)
    near = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    scaled /= np.array(radii, np.float32)
    slope = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    return near * (near - 1.0) / np.maximum(slope, 1e-6)


def _cone(
    points: Floats, start: tuple[float, ...], end: tuple[float, ...], thick: float, thin: float
) -> Floats:
    axis = np.array(end, np.float32) - np.array(start, np.float32)
    offset = points - np.array(start, np.float32)
    along = np.clip(offset @ axis / float(axis @ axis), 0.0, 1.0)
    offset -= along[:, None] * axis
    return np.sqrt(np.einsum("ij,ij->i", offset, offset)) - (thick + along * (thin - thick))


def _blend(first: Floats, second: Floats, width: float) -> Floats:
    overlap = np.maximum(width - np.abs(first - second), 0.0) / width
    return np.minimum(first, second) - overlap * overlap * (width * 0.25)


def _step(low: float, high: float, value: Floats) -> Floats:
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)
