"""Measure pixels: what the checks of a dataset judge later, without the picture."""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.int16]
"""Grey levels; signed and wide enough for every mask over them."""

SHARPNESS_SIDE: Final = 1024
DETAIL_SIDE: Final = 2048
"""What the trainer gets is at most this long; finer detail never reaches it."""
_TILES: Final = 8
_FIELD: Final = 256
_SMALLEST_FIELD: Final = 8
"""In fewer pixels no frequency can be told from another."""
_SHARPEST_FIELDS: Final = 8
_STILL_HELD: Final = 0.06
"""How much of the gradients' energy may be lost while a smaller size still counts as the same."""
_ROUNDING: Final = 0.5
"""The variance, in grey levels, that rounding and a good JPEG leave everywhere."""
_COARSEST: Final = 0.06
_NOISE_TILES: Final = 12
_QUIETEST: Final = 15
_SEEN: Final = (10, 245)
"""Mean grey levels between which a tile shows its noise; beyond, clipping hides it."""
_FEWEST_NOISY: Final = 6
_BAR_MEAN, _BAR_MOST, _BAR_SPREAD = 16, 40, 2.5
_BAR_STEP: Final = 8
_BAR_LONGEST: Final = 0.4
_BAR_WIDTH: Final = 0.6
_BURNT, _BURNT_CHANNEL = 252, 254
_RIM_SHARE, _TINTED = 0.9, 0.05
_GLANCE: Final = 512
LAYOUT_SIDE: Final = 4
_STRIP: Final = 256
"""Rows that are hashed at once: a large photo is not held in memory a second time."""
_BLACK, _WHITE = 3, 252
_MIDTONES: Final = (64, 191)


def hash_pixels(image: Image.Image, size: tuple[int, int]) -> str:
    """Return the SHA-256 of a photo's size and the pixels of its copy.

    No change of metadata touches it, and none of the format where all pixels were decoded.
    """
    digest = hashlib.sha256(f"{image.mode} {size[0]}x{size[1]}\n".encode())
    for top in range(0, image.height, _STRIP):
        strip = (0, top, image.width, min(top + _STRIP, image.height))
        digest.update(image.crop(strip).tobytes())
    return digest.hexdigest()


def hash_gradients(image: Image.Image) -> int:
    """Return the 64-bit dHash: for 8 x 8 places, whether brightness falls to the right."""
    small = image.convert("L").resize((9, 8), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.int16)
    bits = (grey[:, :-1] > grey[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def measure_sharpness(image: Image.Image) -> float:
    """Return the 90th percentile of the Laplacian variance over 8 x 8 tiles at 1024 px.

    The sharpest tiles count, not the whole frame: a blurred background is no fault.
    """
    edges = _find_edges(grey_at(image, SHARPNESS_SIDE))
    if not edges.size:
        return 0.0
    means, squares = _tile_means(edges, _TILES), _tile_means(np.square(edges, dtype=int), _TILES)
    return float(np.percentile(squares - np.square(means), 90))


def measure_detail(image: Image.Image, side: int) -> float:
    """Return the smallest size that still holds the finest edges, as a share of `side`.

    The photo is looked at with its longer side at `side` px, or as it is where that is shorter, in
    the eight fields of 256 px with the strongest edges: the finest of them counts, so a blurred
    background is no fault. Smaller means that frequencies above that share of the highest one hold
    less than 6 % of the energy of the gradients. An edge that is sharp to the pixel comes near 1, a
    photo that was enlarged to twice its size to 0.6, a blurred one to 0.3.
    """
    values = grey_at(image, side)
    field = min(_FIELD, *values.shape) // 2 * 2
    if field < _SMALLEST_FIELD:
        return 1.0
    return max(
        _finest_in(values[top : top + field, left : left + field])
        for top, left in _strongest_fields(values, field)
    )


def _strongest_fields(values: Values, field: int) -> list[tuple[int, int]]:
    """Return where the square fields with the strongest edges begin; they overlap by halves."""
    half = field // 2
    tops, lefts = (np.arange(size // half) * half for size in values.shape)
    energy = np.square(_find_edges(values), dtype=np.int32)
    blocks = np.add.reduceat(np.add.reduceat(energy, tops, axis=0), lefts, axis=1, dtype=np.int64)
    fields = blocks[:-1, :-1] + blocks[1:, :-1] + blocks[:-1, 1:] + blocks[1:, 1:]
    order = np.argsort(-fields, axis=None, kind="stable")[:_SHARPEST_FIELDS]
    return [(int(at // fields.shape[1]) * half, int(at % fields.shape[1]) * half) for at in order]


def measure_noise(image: Image.Image) -> float:
    """Return the RMS of the noise in grey levels of 255, at 1024 px.

    It is what J. Immerkaer's mask ("Fast noise variance estimation", 1996) leaves over, in the
    quietest sixth of 12 x 12 tiles: texture is somewhere, noise is everywhere.
    """
    values = grey_at(image, SHARPNESS_SIDE)
    corners = values[:-2, :-2] + values[:-2, 2:] + values[2:, :-2] + values[2:, 2:]
    beside = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    centre = values[1:-1, 1:-1]
    if not centre.size:
        return 0.0
    rest = _tile_means(np.abs(corners - 2 * beside + 4 * centre), _NOISE_TILES)
    level, (low, high) = _tile_means(centre, _NOISE_TILES), _SEEN
    seen = rest[(level > low) & (level < high)] * (math.sqrt(math.pi / 2) / 6)
    return float(np.percentile(seen, _QUIETEST)) if seen.size >= _FEWEST_NOISY else 0.0


def measure_contrast(image: Image.Image) -> float:
    """Return the standard deviation of the grey levels of 255."""
    levels, counts = np.arange(256), np.array(image.convert("L").histogram(), dtype=np.float64)
    mean = float(np.average(levels, weights=counts))
    return math.sqrt(float(np.average(np.square(levels - mean), weights=counts)))


def measure_brightest(image: Image.Image) -> float:
    """Return the grey level of 255 that 99.5 % of the pixels stay below, or equal.

    A night photo has lamps, a moon or a lit face; an underexposed one has nothing bright at all.
    """
    counts = np.cumsum(image.convert("L").histogram())
    return float(np.searchsorted(counts, 0.995 * counts[-1]))


def measure_blown(image: Image.Image) -> float:
    """Return the share (0 to 1) of the pixels that are white, or lost a channel at the top.

    White that fills the frame's rim on all sides is a backdrop and does not count, unless colours
    lost a channel as well, which happens to a burnt out photo, or next to nothing else is left.
    """
    small = np.asarray(glance_at(image))
    grey = small @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    white = grey >= _BURNT
    lost = (small.max(axis=2) >= _BURNT_CHANNEL) & ~white
    rim = np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]])
    burnt, tinted = float(white.mean()), float(lost.mean())
    backdrop = float(rim.mean()) >= _RIM_SHARE and burnt < _RIM_SHARE and tinted < _TINTED
    return tinted if backdrop else burnt + tinted


def measure_bars(image: Image.Image) -> tuple[float, float, float, float]:
    """Return how much of the width or height is a black bar: left, top, right and bottom, 0 to 1.

    A bar is even and black from edge to edge, and ends at once along a straight line. Night skies
    and dark backdrops are uneven, or end where a few things begin.
    """
    values = grey_at(image, SHARPNESS_SIDE)
    top, bottom = _bar_in(values), _bar_in(values[::-1])
    inside = values[top : values.shape[0] - bottom]
    left, right = _bar_in(inside.T), _bar_in(inside.T[::-1])
    high, wide = values.shape
    return left / wide, top / high, right / wide, bottom / high


def measure_layout(image: Image.Image) -> str:
    """Return the mean Y, Cb and Cr (0 to 255) of 4 x 4 fields as 96 hex digits."""
    side = LAYOUT_SIDE
    small = image.convert("RGB").resize((side, side), Image.Resampling.BOX).convert("YCbCr")
    return small.tobytes().hex()


def glance_at(image: Image.Image) -> Image.Image:
    """Return the photo at roughly 512 px, by means over whole pixels: good for shares and means."""
    return image.reduce(max(1, max(image.size) // _GLANCE))


def grey_at(image: Image.Image, side: int) -> Values:
    """Return the grey levels of a photo whose longer side is at most `side` px."""
    grey = image.convert("L")
    grey.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(grey, dtype=np.int16)


def _find_edges(values: Values) -> Values:
    """Return the Laplacian, two pixels smaller."""
    edges: Values = (
        values[:-2, 1:-1]
        + values[2:, 1:-1]
        + values[1:-1, :-2]
        + values[1:-1, 2:]
        - 4 * values[1:-1, 1:-1]
    )
    return edges


def _tile_means(values: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Return the means over `count` x `count` tiles, or as many as there are pixels."""
    high, wide = values.shape
    tops, lefts = (np.unique(np.arange(count) * size // count) for size in (high, wide))
    sums = np.add.reduceat(values, tops, axis=0, dtype=np.int64)
    sums = np.add.reduceat(sums, lefts, axis=1)
    tile_sizes = np.outer(np.diff(tops, append=high), np.diff(lefts, append=wide))
    means: NDArray[np.float64] = sums / tile_sizes
    return means


def _finest_in(field: Values) -> float:
    """Return the share of the highest frequency below which the gradients' energy lies."""
    window, rounding, places, gains = _window(field.shape[0])
    levels = field.astype(np.float32)
    waves = np.fft.rfft2((levels - levels.mean()) * window)
    power = np.square(waves.real) + np.square(waves.imag)
    bins = np.bincount(places, (np.maximum(power - rounding, 0.0) * gains).ravel(), 51)
    beyond = np.cumsum(bins[::-1])[::-1]
    if beyond[0] <= 0:  # nothing but one colour
        return 1.0
    return int(np.argmax(beyond <= _STILL_HELD * beyond[0])) / 50


@cache
def _window(
    side: int,
) -> tuple[NDArray[np.float32], np.float32, NDArray[np.int64], NDArray[np.float32]]:
    """Return what the spectra of all fields of a size share.

    Hann's window; the power that rounding leaves at each frequency; for each frequency in which of
    50 bins it falls, by its share of the highest one, and what makes its power one of gradients.
    """
    window = np.outer(np.hanning(side), np.hanning(side))
    down, across = np.abs(np.fft.fftfreq(side)) * 2, np.fft.rfftfreq(side) * 2
    reach = np.maximum(down[:, None], across[None, :])
    weight = np.square(window).sum()
    gains = np.where(reach < _COARSEST, 0.0, np.square(reach)) / weight
    places = (reach * 50).astype(np.int64).ravel()
    return (
        window.astype(np.float32),
        np.float32(_ROUNDING * weight),
        places,
        gains.astype(np.float32),
    )


def _bar_in(lines: Values) -> int:
    """Return how many lines from the first on are a black bar; one more where it blends over."""
    if lines[0].max() > _BAR_MOST:
        return 0
    dark = (lines.mean(axis=1) <= _BAR_MEAN) & (lines.max(axis=1) <= _BAR_MOST)
    even = lines.std(axis=1) <= _BAR_SPREAD
    ends = np.flatnonzero(~(dark & even))
    count = int(ends[0]) if ends.size else 0
    if count == 0 or count > _BAR_LONGEST * len(lines):
        return 0
    beyond = lines[count + 1 : count + 4]
    if not beyond.size:
        return 0
    begins = beyond.max(axis=0) > float(lines[:count].mean()) + _BAR_STEP
    return count + 1 if float(begins.mean()) >= _BAR_WIDTH else 0


def measure_exposure(image: Image.Image) -> tuple[float, float]:
    """Return the shares (0 to 1) of pixels without drawing, black or white, and of midtones."""
    counts: NDArray[np.int64] = np.array(image.convert("L").histogram(), dtype=np.int64)
    total = int(counts.sum())
    clipped = counts[: _BLACK + 1].sum() + counts[_WHITE:].sum()
    low, high = _MIDTONES
    return float(clipped / total), float(counts[low : high + 1].sum() / total)
