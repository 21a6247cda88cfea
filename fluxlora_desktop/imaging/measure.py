"""Measure pixels: what the checks of a dataset judge later, without the picture."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHARPNESS_SIDE: Final = 1024
_TILES: Final = 8
_STRIP: Final = 256
"""Rows that are hashed at once: a large photo is not held in memory a second time."""
_BLACK, _WHITE = 3, 252
_MIDTONES: Final = (64, 191)


def hash_pixels(image: Image.Image) -> str:
    """Return the SHA-256 of size and pixels, which no change of format or metadata touches."""
    digest = hashlib.sha256(f"{image.mode} {image.width}x{image.height}\n".encode())
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
    grey = image.convert("L")
    grey.thumbnail((SHARPNESS_SIDE, SHARPNESS_SIDE), Image.Resampling.LANCZOS)
    values = np.asarray(grey, dtype=np.float32)
    edges = (
        values[:-2, 1:-1]
        + values[2:, 1:-1]
        + values[1:-1, :-2]
        + values[1:-1, 2:]
        - 4 * values[1:-1, 1:-1]
    )
    variances = [
        float(tile.var())
        for band in np.array_split(edges, _TILES, axis=0)
        for tile in np.array_split(band, _TILES, axis=1)
        if tile.size
    ]
    return float(np.percentile(variances, 90)) if variances else 0.0


def measure_exposure(image: Image.Image) -> tuple[float, float]:
    """Return the shares (0 to 1) of pixels without drawing, black or white, and of midtones."""
    counts: NDArray[np.int64] = np.array(image.convert("L").histogram(), dtype=np.int64)
    total = int(counts.sum())
    clipped = counts[: _BLACK + 1].sum() + counts[_WHITE:].sum()
    low, high = _MIDTONES
    return float(clipped / total), float(counts[low : high + 1].sum() / total)
