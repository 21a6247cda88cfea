"""A large JPEG is decoded no finer than its copy needs, and nobody can tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fluxlora_desktop.domain.datasets import PhotoFacts
from fluxlora_desktop.domain.edits import PLAIN, Box, Edits
from fluxlora_desktop.imaging.decode import Wanted, open_photo
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

Scene = Callable[..., Image.Image]
SIDES = (4400, 1200)


@pytest.fixture
def large(scene: Scene) -> Image.Image:
    """Return a picture with more than twice the pixels of a copy on its longer side."""
    return scene(*SIDES)


def develop(original: Path, edits: Edits = PLAIN) -> tuple[PhotoFacts, Image.Image]:
    """Develop a photo; return its facts and its working copy."""
    working = original.with_name("working.jpg")
    facts = PillowPhotoWorkshop().develop(
        original, working=working, thumb=original.with_name("thumb.jpg"), edits=edits
    )
    with Image.open(working) as copy:
        copy.load()
    return facts, copy


def loss(image: Image.Image, wanted: Image.Image) -> float:
    """Return how far two pictures of one size are apart: RMS in levels of 255."""
    assert image.size == wanted.size
    apart = np.asarray(image, dtype=np.float32) - np.asarray(wanted, dtype=np.float32)
    return float(np.sqrt(np.square(apart).mean()))


def test_copy_of_a_large_jpeg_equals_one_made_of_all_pixels(
    large: Image.Image, tmp_path: Path
) -> None:
    large.save(tmp_path / "photo.jpg", quality=95)

    facts, copy = develop(tmp_path / "photo.jpg")

    assert (facts.width, facts.height) == SIDES
    assert loss(copy, large.resize((2048, 559), Image.Resampling.LANCZOS)) < 3.5


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_turned_jpeg_has_its_own_size_and_lies_upright(
    large: Image.Image, tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    large.save(tmp_path / "photo.jpg", quality=95, exif=exif)
    stored = large.copy()
    stored.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(stored)

    facts, copy = develop(tmp_path / "photo.jpg")

    assert (facts.width, facts.height) == upright.size
    assert loss(copy, upright.resize(copy.size, Image.Resampling.LANCZOS)) < 3.5


def test_crop_of_a_large_jpeg_keeps_every_pixel_it_has(large: Image.Image, tmp_path: Path) -> None:
    large.save(tmp_path / "photo.jpg", quality=95)
    edits = Edits(crop=Box(left=0.25, top=0.5, right=0.65, bottom=1.0))

    facts, copy = develop(tmp_path / "photo.jpg", edits)

    assert (facts.width, facts.height) == copy.size == (1760, 600)
    assert loss(copy, large.crop((1100, 600, 2860, 1200))) < 5.0


def test_only_as_many_pixels_are_decoded_as_were_asked_for(
    large: Image.Image, tmp_path: Path
) -> None:
    large.save(tmp_path / "photo.jpg")

    decoded = open_photo(tmp_path / "photo.jpg", Wanted(scale=lambda _wide, _high: 0.2))

    assert decoded.image.size == (1100, 300)
    assert decoded.size == SIDES


def test_measures_hardly_depend_on_how_finely_a_photo_was_decoded(
    large: Image.Image, tmp_path: Path
) -> None:
    large.save(tmp_path / "photo.jpg", quality=97)
    large.save(tmp_path / "photo.png")
    workshop = PillowPhotoWorkshop()

    reduced, whole = (workshop.measure(tmp_path / name) for name in ("photo.jpg", "photo.png"))

    assert reduced.dhash == whole.dhash
    for name in ("sharpness", "midtones", "focus", "detail", "contrast", "noise", "brightest"):
        assert getattr(reduced, name) == pytest.approx(getattr(whole, name), rel=0.1), name
