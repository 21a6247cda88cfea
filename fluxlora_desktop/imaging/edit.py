"""Do to pixels what `domain/edits.py` says."""

from __future__ import annotations

from typing import Final

from PIL import Image

from fluxlora_desktop.domain.edits import Edits, straight_size

_TURNS: Final = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
"""Clockwise quarter turns; Pillow counts the other way."""


def apply_edits(image: Image.Image, edits: Edits) -> Image.Image:
    """Return the picture turned, mirrored, straightened and cropped; the same one for no edits."""
    if edits.turns:
        image = image.transpose(_TURNS[edits.turns])
    if edits.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if edits.straighten:
        image = _straighten(image, edits.straighten)
    box = edits.crop.pixels(image.width, image.height)
    return image if box == (0, 0, *image.size) else image.crop(box)


def _straighten(image: Image.Image, degrees: float) -> Image.Image:
    width, height = straight_size(image.width, image.height, degrees)
    leaning = image.rotate(-degrees, Image.Resampling.BICUBIC)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return leaning.crop((left, top, left + width, top + height))
