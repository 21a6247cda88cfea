"""Photos for the ways: small, each unlike the others, and full of what must not leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PLACE = "CANARY-Anna-Beispiel-Musterweg-7"
_SIDE = 128
_COUNT = 5


def make_photos(folder: Path, count: int = _COUNT) -> tuple[Path, ...]:
    """Write JPEG photos whose EXIF names a person and a place."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_make(folder / f"{PLACE}-{place}.jpg", place) for place in range(count))


def _make(path: Path, seed: int) -> Path:
    rough = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    image = Image.fromarray(rough).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = PLACE
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    image.save(path, "JPEG", quality=90, exif=exif, comment=PLACE)
    return path
