"""What is wrong with a photo shows in its measures; what only looks like it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from fluxlora_desktop.domain.datasets import MEASURED, Photo
from fluxlora_desktop.imaging.checks import find_problems
from fluxlora_desktop.imaging.measure import (
    measure_bars,
    measure_detail,
    measure_noise,
    measure_sharpness,
)
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

Scene = Callable[..., Image.Image]
Judge = Callable[[Image.Image], set[str]]
SIZE = (1500, 1000)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Return a function that saves a picture as a photo, measures it, and says what is found."""

    def find(image: Image.Image) -> set[str]:
        path = tmp_path / "photo.jpg"
        image.save(path, quality=95)
        photo = Photo("a", path.name, 1, PillowPhotoWorkshop().measure(path))
        return {finding.what for finding in find_problems([photo])}

    return find


def sharpen(image: Image.Image) -> Image.Image:
    """Give a scene a few hundred things with sharp edges."""
    drawn, dice = ImageDraw.Draw(image), np.random.default_rng(5)
    for _ in range(400):
        x, y = dice.integers(0, image.width), dice.integers(0, image.height)
        box = (int(x), int(y), int(x) + 40, int(y) + 24)
        drawn.rectangle(box, fill=tuple(map(int, dice.integers(30, 226, 3))))
    return image


@pytest.fixture
def street(scene: Scene) -> Image.Image:
    """Return a good photo: sharp, evenly lit, a little grain."""
    return sharpen(scene(*SIZE, 2))


def grain(image: Image.Image, sigma: float) -> Image.Image:
    """Add noise to the brightness."""
    noise = np.random.default_rng(3).normal(0, sigma, (image.height, image.width, 1))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def framed(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """Put black bars around a picture, so many pixels wide."""
    size = (image.width + left + right, image.height + top + bottom)
    whole = Image.new("RGB", size)
    whole.paste(image, (left, top))
    return whole


def test_good_photo_is_without_remarks(street: Image.Image, judge: Judge) -> None:
    assert judge(street) == set()


def test_photo_out_of_focus_is_blurred(street: Image.Image, judge: Judge) -> None:
    assert judge(street.filter(ImageFilter.GaussianBlur(4))) == {"blurred"}


def test_sharp_motif_before_a_blurred_background_is_not_blurred(
    street: Image.Image, judge: Judge
) -> None:
    bokeh = street.filter(ImageFilter.GaussianBlur(9))
    bokeh.paste(street.crop((600, 300, 900, 700)), (600, 300))

    assert judge(bokeh) == set()


def test_photo_enlarged_from_a_small_one_is_told(street: Image.Image, judge: Judge) -> None:
    small = street.resize((600, 400), Image.Resampling.LANCZOS)

    assert judge(small.resize(SIZE, Image.Resampling.BICUBIC)) == {"enlarged"}


def test_large_photo_that_the_trainer_gets_smaller_may_be_soft_to_the_pixel(
    street: Image.Image, judge: Judge
) -> None:
    assert judge(street.resize((6000, 4000), Image.Resampling.BICUBIC)) == set()


def test_smallest_size_that_holds_the_detail_follows_the_true_size(street: Image.Image) -> None:
    found = [
        measure_detail(
            street.resize((round(1500 * share), round(1000 * share))).resize(SIZE), side=2048
        )
        for share in (0.3, 0.5, 0.8, 1.0)
    ]

    assert found == sorted(found)
    assert found[0] < 0.5 < found[1] < 0.75 < found[2] < found[3]


def test_underexposed_photo_is_too_dark(street: Image.Image, judge: Judge) -> None:
    assert "exposure" in judge(ImageEnhance.Brightness(street).enhance(0.2))


def test_night_with_lamps_is_not_underexposed(street: Image.Image, judge: Judge) -> None:
    night = ImageEnhance.Brightness(street).enhance(0.12)
    drawn = ImageDraw.Draw(night)
    for place in range(12):
        x, y = 60 + place * 120, 200 + place % 3 * 90
        drawn.ellipse((x, y, x + 40, y + 40), fill=(255, 230, 170))

    assert judge(night) == set()


def test_overexposed_photo_is_too_bright(street: Image.Image, judge: Judge) -> None:
    assert "exposure" in judge(ImageEnhance.Brightness(street).enhance(2.6))


def test_snow_is_not_burnt_out(judge: Judge, scene: Scene) -> None:
    soft = np.asarray(scene(*SIZE, 4).convert("L"), np.float32)
    snow = Image.fromarray((215 + soft / 9).astype(np.uint8)).convert("RGB")
    snow.paste(sharpen(scene(500, 300, 6)), (500, 500))

    assert judge(snow) == set()


def test_thing_before_a_white_backdrop_is_not_burnt_out(judge: Judge, scene: Scene) -> None:
    white = Image.new("RGB", SIZE, "white")
    white.paste(sharpen(scene(600, 600, 6)), (450, 200))

    assert judge(white) == set()


def test_photo_with_a_blown_sky_but_a_good_motif_is_left_alone(
    street: Image.Image, judge: Judge
) -> None:
    street.paste((255, 255, 255), (0, 0, SIZE[0], 200))

    assert judge(street) == set()


def test_photo_without_contrast_is_flat_and_fog_is_not(street: Image.Image, judge: Judge) -> None:
    assert "flat" in judge(ImageEnhance.Contrast(street).enhance(0.15))
    assert "flat" not in judge(ImageEnhance.Contrast(street).enhance(0.45))


def test_noisy_photo_is_told_and_film_grain_is_not(street: Image.Image, judge: Judge) -> None:
    assert "noisy" in judge(grain(street, 32))
    assert judge(grain(street, 6)) == set()


def test_texture_in_half_of_a_photo_is_no_noise(street: Image.Image) -> None:
    smooth = street.filter(ImageFilter.GaussianBlur(3))
    smooth.paste(grain(street, 60).crop((0, 0, 750, 1000)), (0, 0))

    assert measure_noise(smooth) < 2


@pytest.mark.parametrize(
    "bars", [(0, 90, 0, 90), (140, 0, 140, 0), (0, 0, 0, 120), (100, 80, 100, 80)]
)
def test_black_bars_are_found_where_they_are(
    street: Image.Image, judge: Judge, bars: tuple[int, int, int, int]
) -> None:
    letterbox = framed(street, *bars)
    wide, high = letterbox.size

    found = measure_bars(letterbox)

    for share, width, whole in zip(found, bars, (wide, high, wide, high), strict=True):
        assert share * whole == pytest.approx(width, abs=4)
        assert share * whole >= width
    assert "black_bars" in judge(letterbox)


def test_photo_framed_by_darkness_has_no_black_bars(street: Image.Image) -> None:
    wide, high = SIZE
    across, down = np.meshgrid(np.linspace(-1, 1, wide), np.linspace(-1, 1, high))
    light = np.clip(1.25 - np.hypot(across, down), 0, 1)[..., None]

    assert measure_bars(Image.fromarray((np.asarray(street) * light).astype(np.uint8))) == (0,) * 4


def test_black_sky_above_roofs_and_a_thing_before_black_are_no_bars(scene: Scene) -> None:
    night = Image.new("RGB", SIZE)
    for place, high in enumerate((300, 420, 250, 380)):
        night.paste(scene(200, high, place), (100 + place * 340, 1000 - high))
    thing = Image.new("RGB", SIZE)
    thing.paste(scene(400, 400, 6), (550, 300))

    assert measure_bars(night)[1] == 0
    assert measure_bars(thing) == (0,) * 4


def test_all_black_photo_has_no_bars_and_is_too_dark(judge: Judge) -> None:
    assert judge(Image.new("RGB", SIZE)) == {"exposure", "flat"}


def test_grey_and_tiny_photos_are_measured_too(street: Image.Image, tmp_path: Path) -> None:
    for name, image in {"grey": street.convert("L"), "tiny": street.resize((64, 64))}.items():
        path = tmp_path / f"{name}.png"
        image.save(path)
        facts = PillowPhotoWorkshop().measure(path)
        assert (facts.measured, len(facts.layout)) == (MEASURED, 96)


def test_measuring_says_what_developing_says_and_writes_nothing(
    street: Image.Image, tmp_path: Path
) -> None:
    original = tmp_path / "photo.png"
    street.save(original)
    workshop = PillowPhotoWorkshop()

    measured = workshop.measure(original)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]

    developed = workshop.develop(original, working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg")
    assert measured == developed


@pytest.mark.parametrize(
    "change",
    [
        lambda image: ImageEnhance.Brightness(image).enhance(1.2),
        lambda image: image.crop((45, 30, 1455, 970)),
        lambda image: image.resize((900, 600)),
    ],
    ids=["brighter", "cropped", "smaller"],
)
def test_changed_copies_of_a_photo_are_near_duplicates(
    street: Image.Image, tmp_path: Path, change: Callable[[Image.Image], Image.Image]
) -> None:
    photos = []
    for name, image in {"a": street, "b": change(street)}.items():
        path = tmp_path / f"{name}.jpg"
        image.save(path, quality=80)
        photos.append(Photo(name, path.name, 1, PillowPhotoWorkshop().measure(path)))

    assert "near_duplicate" in {finding.what for finding in find_problems(photos)}


@pytest.mark.parametrize("size", [(201, 135), (67, 64), (2000, 3), (4, 900), (1, 1), (65, 1)])
def test_pictures_of_odd_and_tiny_sizes_can_be_measured(
    size: tuple[int, int], scene: Scene
) -> None:
    for side in (1024, 2048):
        assert 0.0 <= measure_detail(scene(*size), side) <= 1.0
    assert measure_noise(scene(*size)) >= 0.0
    assert measure_sharpness(scene(*size)) >= 0.0
