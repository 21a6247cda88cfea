"""Findings follow from what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from fluxlora_desktop.domain.datasets import Finding, Mend, Photo, PhotoFacts, Severity
from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.imaging.checks import crop_loss, find_problems
from fluxlora_desktop.imaging.measure import measure_sharpness
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

GOOD = PhotoFacts("JPEG", 1600, 1200, "pixels", 0, 200.0, 0.0, 0.7)
Scene = Callable[..., Image.Image]
PRACTICE_PHOTOS = Path(__file__).parents[2] / "resources" / "practice-photos"


def photo(name: str, **changes: object) -> Photo:
    """Make a good photo whose gradients are far from every other name's."""
    place = ord(name[0]) % 8
    facts = replace(GOOD, pixel_sha256=name, dhash=0xFF << (8 * place))
    return Photo(name, f"{name}.jpg", 1000, replace(facts, **changes))


def only(photos: list[Photo]) -> Finding:
    """Return the one finding."""
    (finding,) = find_problems(photos)
    return finding


def test_good_photos_give_no_findings() -> None:
    assert find_problems([photo("a"), photo("b"), photo("c")]) == ()
    assert find_problems([]) == ()


@pytest.mark.parametrize(
    ("size", "what"), [((767, 1200), "small"), ((1200, 511), "very_small"), ((768, 768), "")]
)
def test_small_photos_are_remarked_by_their_shorter_side(size: tuple[int, int], what: str) -> None:
    found = find_problems([photo("a", width=size[0], height=size[1])])

    assert [finding.what for finding in found] == ([what] if what else [])


def test_second_copy_of_the_same_pixels_blocks() -> None:
    finding = only([photo("a", pixel_sha256="x", dhash=1), photo("b", pixel_sha256="x", dhash=1)])

    assert (finding.what, finding.severity) == ("duplicate", Severity.BLOCK)
    assert (finding.photos, finding.mend) == (("b",), Mend.REMOVE)


def test_near_duplicates_are_paired_sharper_first() -> None:
    dull, sharp = photo("a", dhash=0b111111, sharpness=100.0), photo("b", dhash=0, sharpness=180.0)

    finding = only([dull, sharp])

    assert (finding.what, finding.photos) == ("near_duplicate", ("b", "a"))
    assert finding.mend is Mend.KEEP_SHARPER


def test_photos_seven_bits_apart_are_no_twins() -> None:
    assert find_problems([photo("a", dhash=0b1111111), photo("b", dhash=0)]) == ()


def test_three_twins_are_each_paired_with_the_sharpest_once() -> None:
    photos = [
        photo(name, dhash=1, sharpness=level)
        for name, level in zip("abc", (150.0, 190.0, 170.0), strict=True)
    ]

    assert {finding.photos for finding in find_problems(photos)} == {("b", "a"), ("b", "c")}


@pytest.mark.parametrize(
    ("sharpness", "blurred"), [(39.0, True), (90.0, True), (110.0, False), (161.0, False)]
)
def test_blur_is_judged_by_floor_and_by_the_set(sharpness: float, blurred: bool) -> None:
    found = find_problems([photo("a", sharpness=sharpness), photo("b"), photo("c")])

    assert bool(found) == blurred


def test_exposure_needs_both_lost_detail_and_few_midtones() -> None:
    assert only([photo("a", clipped=0.06, midtones=0.1)]).what == "exposure"
    assert find_problems([photo("a", clipped=0.06, midtones=0.2)]) == ()


@pytest.mark.parametrize("size", [(1000, 1000), (1500, 1000), (1080, 1920), (4000, 1000)])
def test_common_shapes_lose_little_to_the_crop(size: tuple[int, int]) -> None:
    assert crop_loss(*size) < 0.1


def test_panorama_loses_most_of_itself_and_is_remarked() -> None:
    assert crop_loss(8000, 1000) == pytest.approx(0.5)
    assert only([photo("a", width=8000, height=1000)]).what == "crop_loss"


def test_sharpness_counts_the_sharpest_tiles(scene: Scene) -> None:
    sharp = scene(1024, 1024)
    blurred = sharp.filter(ImageFilter.GaussianBlur(6))
    bokeh = blurred.copy()
    bokeh.paste(sharp.crop((256, 256, 768, 768)), (256, 256))

    assert measure_sharpness(blurred) < 40 < measure_sharpness(bokeh)


def test_developed_photos_show_what_is_wrong_with_them(
    tmp_path: Path, scene: Scene, save_photo: Callable[..., Path]
) -> None:
    first = scene(1200, 900, 1)
    pictures = {
        "first.bmp": first,
        "again.png": first,
        "brighter.jpg": ImageEnhance.Brightness(first).enhance(1.06),
        "blurred.jpg": scene(1200, 900, 3).filter(ImageFilter.GaussianBlur(9)),
        "tiny.jpg": scene(400, 300, 4),
        "night.jpg": ImageEnhance.Brightness(scene(1200, 900, 5)).enhance(0.02),
    }
    workshop = PillowPhotoWorkshop()
    photos = []
    for name, picture in pictures.items():
        original = save_photo(picture, name, **({"quality": 95} if name.endswith("jpg") else {}))
        facts = workshop.develop(original, working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg")
        photos.append(Photo(name, name, 1, facts))

    found = {(finding.what, finding.photos[-1]) for finding in workshop.find_problems(photos)}

    assert ("very_small", "tiny.jpg") in found
    assert ("exposure", "night.jpg") in found
    assert ("blurred", "blurred.jpg") in found
    assert sum(what == "duplicate" for what, _ in found) == 1
    pairs = [
        item.photos for item in workshop.find_problems(photos) if item.what == "near_duplicate"
    ]
    assert pairs
    assert {name for pair in pairs for name in pair} == {"first.bmp", "again.png", "brighter.jpg"}


def test_photo_below_64_pixels_is_refused(tmp_path: Path, save_photo: Callable[..., Path]) -> None:
    path = save_photo(Image.new("RGB", (63, 500)), "speck.png")

    with pytest.raises(UnreadablePhoto, match="63 x 500"):
        PillowPhotoWorkshop().develop(path, working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg")


def test_practice_photos_are_without_findings(tmp_path: Path) -> None:
    workshop = PillowPhotoWorkshop()
    photos = [
        Photo(
            path.name,
            path.name,
            1,
            workshop.develop(path, working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg"),
        )
        for path in sorted(PRACTICE_PHOTOS.iterdir())
        if path.suffix != ".txt"
    ]

    assert [finding.says for finding in workshop.find_problems(photos)] == []
