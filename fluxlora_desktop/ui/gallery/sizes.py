"""Shapes of pictures as sizes in pixels that a model takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fluxlora_desktop.domain.pictures import SizeRule

AREA = 1024 * 1024
"""Pixels of a picture: FLUX was trained around one megapixel, and prices are for one."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape by name: width to height."""

    title: str
    across: int
    down: int

    def __str__(self) -> str:
        return f"{self.across}:{self.down}"


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"


SHAPES = (
    Shape("Square", 1, 1),
    Shape("Landscape", 3, 2),
    Shape("Portrait", 2, 3),
    Shape("Landscape", 4, 3),
    Shape("Portrait", 3, 4),
    Shape("Wide", 16, 9),
    Shape("Tall", 9, 16),
)


def size_of(shape: Shape, rule: SizeRule) -> Size:
    """Return the shape's size near one megapixel, inside the model's limits."""
    ratio = shape.across / shape.down
    scale = math.sqrt(AREA / ratio)
    scale *= min(1.0, rule.high / max(scale, scale * ratio))
    return Size(fit_side(round(scale * ratio), rule), fit_side(round(scale), rule))


def fit_side(side: int, rule: SizeRule) -> int:
    """Return the nearest side in pixels that the model takes."""
    low = -(-rule.low // rule.multiple)
    high = rule.high // rule.multiple
    return max(low, min(high, round(side / rule.multiple))) * rule.multiple
