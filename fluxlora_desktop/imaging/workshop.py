"""Fill the two ports of `domain/ports.py` that deal with pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image

from fluxlora_desktop.domain.datasets import (
    MEASURED,
    Archive,
    FaceBox,
    Finding,
    PackItem,
    Photo,
    PhotoFacts,
)
from fluxlora_desktop.domain.edits import PLAIN, Edits, edited_size
from fluxlora_desktop.domain.errors import UnexpectedReply, UnreadablePhoto
from fluxlora_desktop.domain.pictures import ArrivedPicture, PictureText
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.sheets import Sheet
from fluxlora_desktop.imaging import checks, faces
from fluxlora_desktop.imaging.decode import (
    Decoded,
    Wanted,
    glimpse,
    open_bytes,
    open_photo,
    rebuild,
)
from fluxlora_desktop.imaging.edit import apply_edits
from fluxlora_desktop.imaging.files import write_file
from fluxlora_desktop.imaging.measure import (
    DETAIL_SIDE,
    SHARPNESS_SIDE,
    glance_at,
    hash_gradients,
    hash_pixels,
    measure_bars,
    measure_blown,
    measure_brightest,
    measure_contrast,
    measure_detail,
    measure_exposure,
    measure_layout,
    measure_noise,
    measure_sharpness,
)
from fluxlora_desktop.imaging.metadata import read_picture_text, write_picture
from fluxlora_desktop.imaging.package import build_archive, encode_photo
from fluxlora_desktop.imaging.programs import read_words
from fluxlora_desktop.imaging.sheet import write_sheet

TAKEN_IN: Final = ("PNG", "JPEG", "WEBP")
WORKING_SIDE: Final = 2048
THUMB_SIDE: Final = 512
_FILTER: Final = Image.Resampling.HAMMING
"""Sharp like bicubic at half its time. Copies made with it of three large photos, decoded at half
their size, are at 1024 px 49 to 61 dB from those made of all pixels with Lanczos, which are 50 to
70; a JPEG of quality 95 is further off."""
_WORKING_QUALITY: Final = 95
_THUMB_QUALITY: Final = 85
_SENT_QUALITY: Final = 88


class PillowPhotoWorkshop:
    """Decode, judge and package photos (`PhotoWorkshop`); safe to use from several threads."""

    def develop(
        self, original: Path, *, working: Path, thumb: Path, edits: Edits = PLAIN
    ) -> PhotoFacts:
        """Write the working copy and the thumbnail of an original, edited, and measure it.

        The working copy is a PNG where its name says so, else a JPEG, at most 2048 px long; the
        thumbnail a JPEG of at most 512 px. Raises `UnreadablePhoto`, `StorageError`.
        """
        decoded = _open_large_enough(original, edits)
        copy = _shrink(decoded.image, WORKING_SIDE)
        write_file(working, lambda stream: _save_copy(copy, stream, working.suffix))
        _write_thumb(copy, thumb)
        return _measure(decoded, copy)

    def glimpse(self, original: Path, thumb: Path) -> bool:
        """Write a first thumbnail of a JPEG before it is developed; False for other formats."""
        image = glimpse(original, THUMB_SIDE)
        if image is None:
            return False
        _write_thumb(image, thumb, lasting=False)
        return True

    def measure(self, original: Path) -> PhotoFacts:
        """Measure an original and write nothing; raises `UnreadablePhoto`."""
        decoded = _open_large_enough(original)
        return _measure(decoded, _shrink(decoded.image, WORKING_SIDE))

    def sees_faces(self) -> bool:
        """Tell whether the optional detector of faces is there; it is not imported for that."""
        return faces.is_there()

    def find_faces(self, working: Path) -> tuple[FaceBox, ...] | None:
        """Return where faces are in a working copy; None where nothing could look."""
        try:
            return faces.look_at(working)
        except UnreadablePhoto:
            return None

    def make_ready(self) -> None:
        """Do nothing: photos are read right here."""

    def find_problems(self, photos: Sequence[Photo]) -> tuple[Finding, ...]:
        """Return the findings about single photos and pairs, from their facts alone."""
        return checks.find_problems(photos)

    def package(
        self, items: Sequence[PackItem], stem: str, target: Path, ctx: JobContext
    ) -> Archive:
        """Write the training archive; `stem` is a format with the photo's place from 0."""
        return build_archive(items, stem, target, ctx)

    def shrink(self, working: Path, side: int) -> bytes:
        """Return a working copy as a JPEG of at most `side` pixels, without metadata.

        Raises `UnreadablePhoto`.
        """
        return encode_photo(working, side=side, quality=_SENT_QUALITY, subsampling=2)


class PillowPictureWorkshop:
    """Put words into pictures' files and read them back (`PictureWorkshop`)."""

    def finish(self, data: bytes, text: PictureText, target: Path, thumb: Path) -> str:
        """Write the picture with its words and its thumbnail; return the file's SHA-256.

        Raises `UnexpectedReply` when the bytes are not a picture.
        """
        try:
            image = open_bytes(data).image
        except UnreadablePhoto as error:
            raise UnexpectedReply(text.generator, "picture", error.reason) from error
        write_file(target, lambda stream: write_picture(image, text, stream, suffix=target.suffix))
        _write_thumb(image, thumb)
        return hashlib.sha256(target.read_bytes()).hexdigest()

    def take_in(self, source: Path, thumb: Path) -> ArrivedPicture:
        """Decode a picture of any program, write its thumbnail, and read what it says of itself.

        Raises `UnreadablePhoto` for what is damaged or neither PNG, JPEG nor WebP, `StorageError`.
        """
        decoded = open_photo(source)
        if decoded.format not in TAKEN_IN:
            raise UnreadablePhoto(source, "it is not a PNG, JPEG or WebP picture")
        try:
            words = read_words(source)
        except OSError as error:
            raise UnreadablePhoto(source, "it is no longer there") from error
        _write_thumb(decoded.image, thumb)
        return ArrivedPicture(decoded.format, *decoded.size, words)

    def read_text(self, path: Path) -> PictureText | None:
        """Return what a picture's metadata say, or None when they say nothing."""
        return read_picture_text(path)

    def without_text(self, source: Path, target: Path) -> None:
        """Write a copy without any metadata, in the format of the target's name."""
        image = open_photo(source).image
        write_file(target, lambda stream: write_picture(image, None, stream, suffix=target.suffix))

    def thumbnail(self, source: Path, thumb: Path) -> None:
        """Write a picture's thumbnail again; raises `UnreadablePhoto`."""
        _write_thumb(open_photo(source).image, thumb)

    def sheet(self, sheet: Sheet, target: Path) -> None:
        """Write a table of pictures as one labelled picture, in the format of the target's name."""
        write_sheet(sheet, target)


def _open_large_enough(original: Path, edits: Edits = PLAIN) -> Decoded:
    """Decode and edit a photo; `size` of what is returned is that after the edits."""

    def scale(width: int, height: int) -> float:
        return min(1.0, WORKING_SIDE / max(edited_size(edits, width, height)))

    decoded = open_photo(original, Wanted(edits.backdrop, scale))
    width, height = edited_size(edits, *decoded.size)
    if min(width, height) < checks.REFUSED_SIDE.value:
        raise UnreadablePhoto(original, f"it is only {width} x {height} pixels")
    return replace(decoded, image=apply_edits(decoded.image, edits), size=(width, height))


def _measure(decoded: Decoded, copy: Image.Image) -> PhotoFacts:
    """Measure a photo on its working copy: nothing finer reaches a trainer."""
    width, height = decoded.size
    grey, glance = copy.convert("L"), glance_at(copy)
    clipped, midtones = measure_exposure(grey)
    smaller = _shrink(grey, SHARPNESS_SIDE)
    return PhotoFacts(
        format=decoded.format,
        width=width,
        height=height,
        pixel_sha256=hash_pixels(copy, decoded.size),
        dhash=hash_gradients(grey),
        sharpness=measure_sharpness(smaller),
        clipped=clipped,
        midtones=midtones,
        notes=decoded.notes,
        measured=MEASURED,
        focus=measure_detail(smaller, SHARPNESS_SIDE),
        detail=measure_detail(grey, DETAIL_SIDE),
        contrast=measure_contrast(grey),
        noise=measure_noise(smaller),
        brightest=measure_brightest(grey),
        blown=measure_blown(glance),
        bars=measure_bars(smaller),
        layout=measure_layout(glance),
    )


def _shrink(image: Image.Image, side: int, gap: float = 3.0) -> Image.Image:
    """Return a picture whose longer side is at most `side` px; the same one where it is already."""
    if max(image.size) <= side:
        return image
    share = side / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return rebuild(image.resize(size, _FILTER, reducing_gap=gap))


def _save_copy(image: Image.Image, stream: BinaryIO, suffix: str) -> None:
    if suffix.lower() == ".png":
        image.save(stream, "PNG", compress_level=3)
    else:
        image.save(stream, "JPEG", quality=_WORKING_QUALITY, subsampling=0)


def _write_thumb(image: Image.Image, thumb: Path, *, lasting: bool = True) -> None:
    small = _shrink(image, THUMB_SIDE, gap=2.0)
    write_file(
        thumb, lambda stream: small.save(stream, "JPEG", quality=_THUMB_QUALITY), lasting=lasting
    )
