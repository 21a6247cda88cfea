"""Bring pixels of every mode to 8-bit sRGB without clipping, guessing or leaking hidden colours."""

from __future__ import annotations

import io
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms

from fluxlora_desktop.domain.edits import Backdrop

_BACKDROPS: Final = {
    Backdrop.WHITE: (255, 255, 255),
    Backdrop.GREY: (128, 128, 128),
    Backdrop.BLACK: (0, 0, 0),
}
_STRIP: Final = 256
"""Rows that are scaled at once: as numbers of 8 bytes a large photo would fill the memory."""
_DEEP: Final = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_GREYS: Final = {"L", "LA", "La"}
_PROFILED: Final = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}


def to_rgb(
    image: Image.Image, backdrop: Backdrop = Backdrop.WHITE
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return 8-bit sRGB pixels, and in words what had to be changed.

    `backdrop` is what transparent parts are laid on.
    """
    notes: list[str] = []
    profile = image.info.get("icc_profile")
    if image.mode in _DEEP:
        image = _scale_to_bytes(image)
        notes.append("Its 16 or 32-bit values were scaled to 8 bits.")
    if image.mode == "LAB":
        return _from_lab(image), ("Its Lab colours were converted.",)
    if image.mode == "CMYK":
        notes.append("Its print colours (CMYK) were converted.")
    if image.has_transparency_data:
        image = _lay_on(_BACKDROPS[backdrop], image, profile)
        notes.append(f"Its transparent parts were laid on {backdrop.value}.")
    else:
        image = _apply_profile(_drop_palette(image), profile)
    return _convert(image, "RGB"), tuple(notes)


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Convert without copying what has the mode already: a large photo is held once."""
    return image if image.mode == mode else image.convert(mode)


def _drop_palette(image: Image.Image) -> Image.Image:
    return image if image.mode in _PROFILED else image.convert("RGB")


def _scale_to_bytes(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = _range_of(image.mode, values)
    scaled = np.empty(values.shape, dtype=np.uint8)
    for row in range(0, len(values), _STRIP):
        strip = np.clip(_plain(values[row : row + _STRIP]), low, high)
        scaled[row : row + _STRIP] = np.rint((strip - low) * (255.0 / (high - low)))
    grey, clear = Image.fromarray(scaled), image.info.get("transparency")
    if not isinstance(clear, int):
        return grey
    # The one value that is to be seen through is told from its neighbours in 16 bits alone.
    return Image.merge("LA", (grey, Image.fromarray((values != clear).view(np.uint8) * 255)))


def _plain(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.nan_to_num(values.astype(np.float64))


def _range_of(mode: str, values: NDArray[Any]) -> tuple[float, float]:
    """Return which values mean black and white: of the type where it fits, else of the picture."""
    least, most = math.inf, -math.inf
    for row in range(0, len(values), _STRIP):
        strip = _plain(values[row : row + _STRIP])
        least, most = min(least, float(strip.min())), max(most, float(strip.max()))
    tops = (65535.0,) if mode.startswith("I;16") else (1.0,) if mode == "F" else (255.0, 65535.0)
    for top in tops:
        if least >= 0 and most <= top:
            return 0.0, top
    return least, max(most, least + 1.0)


def _lay_on(colour: tuple[int, int, int], image: Image.Image, profile: bytes | None) -> Image.Image:
    grey, clear = image.mode in _GREYS, image.info.get("transparency")
    if isinstance(clear, tuple) and max(clear) > 255:  # of 16 bits, as the pixels were before
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    layered = _convert(image, "LA" if grey else "RGBA")
    plain = _apply_profile(layered.convert("L" if grey else "RGB"), profile)
    colours = _convert(plain, "RGB")
    colours.paste(colour, mask=ImageChops.invert(layered.getchannel("A")))
    return colours


def _apply_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB by the embedded profile; one that does not fit the pixels is ignored."""
    if not profile or profile[16:20] != _PROFILED[image.mode]:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("Lab colours could not be converted")
    return converted
