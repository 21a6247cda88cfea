"""What a trainer really sees of a photo: the size it scales to and the part that it keeps.

The rules are those of ai-toolkit as Replicate's trainer pins it (commit bedb8197,
`toolkit/buckets.py` and `setup_buckets` in `toolkit/dataloader_mixins.py`): 42 shapes around 1024 x
1024, scaled to each resolution and rounded down to multiples of 64; of these the one that loses the
fewest pixels; then a centred crop. A photo with fewer pixels than the resolution is not enlarged to
it but gets smaller buckets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fluxlora_desktop.domain.edits import Box

_STEP = 64
"""ai-toolkit's `bucket_tolerance`: every side is a multiple of it."""

_LANDSCAPE = (
    *((2048, 512), (1984, 512), (1920, 512), (1856, 512), (1792, 576), (1728, 576)),
    *((1664, 576), (1600, 640), (1536, 640), (1472, 704), (1408, 704), (1344, 704)),
    *((1344, 768), (1280, 768), (1216, 832), (1152, 832), (1152, 896), (1088, 896)),
    *((1088, 960), (1024, 960)),
)
_PORTRAIT = (
    *((960, 1024), (960, 1088), (896, 1088), (896, 1152), (832, 1152), (832, 1216)),
    *((768, 1280), (768, 1344), (704, 1408), (704, 1472), (640, 1536), (640, 1600)),
    *((576, 1664), (576, 1728), (576, 1792), (512, 1856), (512, 1920), (512, 1984)),
    (512, 2048),
)
SHAPES: tuple[tuple[int, int], ...] = (
    (1024, 1024),
    *_LANDSCAPE,
    *_PORTRAIT,
    *((8192, 128), (128, 8192)),
)
"""The shapes at 1024, in the order in which the trainer looks: the first of equals is taken."""

PACKED_SIDES = (2048, 1536)
"""The longest side of the working copy, then of the photo in the archive, in pixels."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a photo at one resolution.

    `width` and `height` are those of the bucket in pixels, `kept` the part of the photo that is in
    it, `loss` the share of the photo's pixels that is cut away, and `enlarged` how many times the
    photo's sides are stretched (1.0 or less: it is large enough).
    """

    resolution: int
    width: int
    height: int
    kept: Box
    loss: float
    enlarged: float

    @property
    def title(self) -> str:
        """Return its size in words."""
        return f"{self.width} x {self.height}"


@lru_cache(maxsize=4096)
def packed_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of a photo in the training archive, which holds no side over 1536 px."""
    for longest in PACKED_SIDES:
        width, height = _within(width, height, longest)
    return width, height


def _within(width: int, height: int, longest: int) -> tuple[int, int]:
    """Shrink a size as Pillow's `thumbnail` does: the other side is the whole number nearest."""
    if max(width, height) <= longest:
        return width, height
    shape = width / height
    if shape > 1:
        return longest, _nearest(longest / shape, lambda side: abs(shape - longest / side))
    return _nearest(longest * shape, lambda side: abs(shape - side / longest)), longest


def _nearest(wish: float, off: object) -> int:
    assert callable(off)
    low, high = math.floor(wish), math.ceil(wish)
    return max(min((low, high), key=lambda side: off(side) if side else math.inf), 1)


@lru_cache(maxsize=4096)
def bucket_for(width: int, height: int, resolution: int) -> Bucket:
    """Return what the trainer keeps of a photo of this size, in pixels, at one resolution."""
    wide, high = _shape_for(width, height, min(resolution, math.isqrt(width * height)))
    scale = max(wide / width, high / height)
    scaled_width, scaled_height = math.ceil(width * scale), math.ceil(height * scale)
    left, top = int((scaled_width - wide) / 2), int((scaled_height - high) / 2)
    kept = Box(
        left / scaled_width,
        top / scaled_height,
        (left + wide) / scaled_width,
        (top + high) / scaled_height,
    )
    return Bucket(resolution, wide, high, kept, 1 - kept.width * kept.height, scale)


def _shape_for(width: int, height: int, resolution: int) -> tuple[int, int]:
    shapes = [_scaled(shape, resolution) for shape in SHAPES]
    if (width, height) in shapes:
        return width, height
    return min(
        (shape for shape in shapes if min(shape) > 0),
        key=lambda shape: _removed(width, height, shape),
        default=(_STEP, _STEP),
    )


def _scaled(shape: tuple[int, int], resolution: int) -> tuple[int, int]:
    wide, high = (int(side * (resolution / 1024)) for side in shape)
    return wide - wide % _STEP, high - high % _STEP


def _removed(width: int, height: int, shape: tuple[int, int]) -> int:
    """Return the pixels that are cut away, as the trainer counts them."""
    wide, high = shape
    scale = max(wide / width, high / height)
    scaled_width, scaled_height = int(width * scale), int(height * scale)
    return (scaled_width - wide) * scaled_height + (scaled_height - high) * scaled_width


def resolutions_of(text: str) -> tuple[int, ...]:
    """Return the resolutions that a trainer's parameter lists, or 1024 where it lists none."""
    found = tuple(int(part) for part in text.split(",") if part.strip().isdigit())
    return tuple(side for side in found if _STEP <= side <= 4096) or (1024,)


def buckets_for(width: int, height: int, resolutions: Sequence[int]) -> tuple[Bucket, ...]:
    """Return what is kept of an original of this size, packed first, at each resolution."""
    packed = packed_size(width, height)
    return tuple(bucket_for(*packed, resolution) for resolution in resolutions)


def histogram(buckets: Iterable[Bucket]) -> tuple[tuple[str, int], ...]:
    """Return how many photos fall into each bucket, the fullest first."""
    counts = Counter(bucket.title for bucket in buckets)
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
