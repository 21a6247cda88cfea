"""What a person changes about a photo without touching it: turn, mirror, straighten, crop.

The steps are applied in that order to the upright original, so the same edits always give the same
pixels. Shares are of the picture that a step begins with, from 0 to 1.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

STEEPEST = 15.0
"""Degrees that a photo can be straightened by, either way."""

SMALLEST_CROP = 0.05
"""The smallest share of a side that can be kept."""

_DECIMALS = 4


class Backdrop(StrEnum):
    """What transparent parts are laid on."""

    WHITE = "white"
    GREY = "grey"
    BLACK = "black"


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, as shares of its width and height from 0 to 1.

    Raises `ValueError` where it is no part of a picture.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"{self} is no part of a picture")

    @property
    def width(self) -> float:
        """Return the share of the width."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the share of the height."""
        return self.bottom - self.top

    def within(self, inner: Box) -> Box:
        """Return the part that `inner` is of this part, in shares of the whole."""
        return Box(
            self.left + inner.left * self.width,
            self.top + inner.top * self.height,
            min(self.left + inner.right * self.width, 1.0),
            min(self.top + inner.bottom * self.height, 1.0),
        )

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in a picture of this size, at least one pixel."""
        left, top = round(self.left * width), round(self.top * height)
        left, top = min(left, width - 1), min(top, height - 1)
        return (
            *(left, top),
            max(round(self.right * width), left + 1),
            max(round(self.bottom * height), top + 1),
        )


WHOLE = Box()


@dataclass(frozen=True, slots=True)
class Edits:
    """The changes to one photo.

    `turns` are quarter turns clockwise, `flip` mirrors left and right after them, `straighten` are
    degrees clockwise, of which the largest upright part of the same shape is kept, and `crop` is
    what is kept of that.
    """

    turns: int = 0
    flip: bool = False
    straighten: float = 0.0
    crop: Box = WHOLE
    backdrop: Backdrop = Backdrop.WHITE

    def __post_init__(self) -> None:
        side = min(self.crop.width, self.crop.height)
        small = side < SMALLEST_CROP - 10**-_DECIMALS
        if self.turns not in range(4) or not abs(self.straighten) <= STEEPEST or small:
            raise ValueError(f"{self} cannot be done")

    @property
    def plain(self) -> bool:
        """Tell whether nothing is changed."""
        return self == PLAIN

    @property
    def key(self) -> str:
        """Return a short name of these edits, "" for none: part of the names of files."""
        if self.plain:
            return ""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Return what differs from no edits, as plain values."""
        box = self.crop
        sides = (box.left, box.top, box.right, box.bottom)
        found: dict[str, Any] = {
            "turns": self.turns,
            "flip": self.flip,
            "straighten": round(float(self.straighten), _DECIMALS),
            "crop": [round(float(side), _DECIMALS) for side in sides],
            "backdrop": self.backdrop.value,
        }
        plain = {"turns": 0, "flip": False, "straighten": 0.0, "crop": [0.0, 0.0, 1.0, 1.0]}
        return {
            name: value
            for name, value in found.items()
            if value != (plain | {"backdrop": Backdrop.WHITE.value})[name]
        }

    def turned(self, quarters: int) -> Edits:
        """Return these edits with the picture turned further, its crop turned with it."""
        turned = self
        for _ in range(quarters % 4):
            box = turned.crop
            crop = Box(1 - box.bottom, box.left, 1 - box.top, box.right)
            step = -1 if turned.flip else 1
            turned = replace(turned, turns=(turned.turns + step) % 4, crop=crop)
        return turned

    def flipped(self) -> Edits:
        """Return these edits mirrored, the crop and the lean with it."""
        box = self.crop
        crop = Box(1 - box.right, box.top, 1 - box.left, box.bottom)
        return replace(self, flip=not self.flip, straighten=-self.straighten, crop=crop)


PLAIN = Edits()


def edits_from(found: Mapping[str, Any]) -> Edits:
    """Return the edits that `Edits.as_json` described; raises `ValueError` for anything else."""
    try:
        left, top, right, bottom = map(float, found.get("crop", (0, 0, 1, 1)))
        return Edits(
            turns=int(found.get("turns", 0)),
            flip=bool(found.get("flip", False)),
            straighten=float(found.get("straighten", 0.0)),
            crop=Box(left, top, right, bottom),
            backdrop=Backdrop(found.get("backdrop", Backdrop.WHITE.value)),
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{found!r} are no edits") from error


def turned_size(width: int, height: int, turns: int) -> tuple[int, int]:
    """Return the size after quarter turns."""
    return (height, width) if turns % 2 else (width, height)


def straight_size(width: int, height: int, degrees: float) -> tuple[int, int]:
    """Return the size of the largest upright part of the same shape inside a leaning picture.

    A picture of width w and height h that leans by a holds its own shape at a scale of
    1 / (cos a + sin a * max(w / h, h / w)): plain geometry of the corner that touches first.
    """
    angle = math.radians(abs(degrees))
    longer = max(width / height, height / width)
    scale = 1 / (math.cos(angle) + math.sin(angle) * longer)
    return max(math.floor(width * scale), 1), max(math.floor(height * scale), 1)


def edited_size(edits: Edits, width: int, height: int) -> tuple[int, int]:
    """Return the size in pixels after the edits."""
    width, height = turned_size(width, height, edits.turns)
    if edits.straighten:
        width, height = straight_size(width, height, edits.straighten)
    left, top, right, bottom = edits.crop.pixels(width, height)
    return right - left, bottom - top


def crop_to_shape(width: int, height: int, shape: float) -> Box:
    """Return the largest centred part of a picture with this shape, width over height."""
    if width / height > shape:
        share = min(max(shape * height / width, SMALLEST_CROP), 1.0)
        return Box(left=(1 - share) / 2, right=(1 + share) / 2)
    share = min(max(width / shape / height, SMALLEST_CROP), 1.0)
    return Box(top=(1 - share) / 2, bottom=(1 + share) / 2)
