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
    assert (finding.photos, finding.mend) == (("a", "b"), Mend.KEEP_ONE)


def test_near_duplicates_are_paired_sharper_first() -> None:
    dull, sharp = photo("a", dhash=0b111111, sharpness=100.0), photo("b", dhash=0, sharpness=180.0)

    finding = only([dull, sharp])

    assert (finding.what, finding.photos) == ("near_duplicate", ("b", "a"))
    assert finding.mend is Mend.KEEP_SHARPER


def test_photos_seven_bits_apart_are_no_twins() -> None:
    assert find_problems([photo("a", dhash=0b1111111), photo("b", dhash=0)]) == ()


LAYOUT = bytes(range(0, 240, 5)).hex()


@pytest.mark.parametrize(
    ("bits", "shift", "twins"),
    [(6, 0, True), (6, 60, False), (12, 0, True), (12, 30, False), (13, 0, False)],
)
def test_twins_agree_in_gradients_and_in_where_colours_lie(
    bits: int, shift: int, twins: bool
) -> None:
    moved = bytes(
        (level + shift * (place % 2)) % 256 for place, level in enumerate(range(0, 240, 5))
    )
    pair = [
        photo("a", dhash=0, layout=LAYOUT),
        photo("b", dhash=2**bits - 1, layout=moved.hex()),
    ]

    assert bool(find_problems(pair)) == twins


def alike(count: int, spread: int, **changes: object) -> list[Photo]:
    """Make photos whose gradients differ from each other's in some bits."""
    return [
        photo(chr(97 + n), dhash=(2**spread - 1) << (spread * n), layout=LAYOUT, **changes)
        for n in range(count)
    ]


def test_set_that_is_much_alike_is_noted_once_and_as_a_whole() -> None:
    finding = only(alike(5, 7))

    assert (finding.what, finding.severity) == ("variety", Severity.NOTE)
    assert (finding.photos, finding.mend) == ((), Mend.ADD_PHOTOS)


def test_variety_shows_in_gradients_colours_or_shapes() -> None:
    unlike = (int(half * (16 // len(half)), 16) for half in ("a", "c", "f0", "ff00", "ffff0000"))
    varied = [photo(chr(97 + n), dhash=bits, layout=LAYOUT) for n, bits in enumerate(unlike)]
    assert find_problems(varied) == ()
    assert find_problems(alike(4, 7)) == ()
    first, *rest = alike(5, 7)
    wider = replace(first, facts=replace(first.facts, width=1200))
    assert find_problems([wider, *rest]) == ()
    turned = bytes(reversed(bytes.fromhex(LAYOUT))).hex()
    others = [replace(it, facts=replace(it.facts, layout=turned)) for it in rest[:2]]
    assert find_problems([first, *others, *rest[2:]]) == ()


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
    found = find_problems([photo("a", sharpness=sharpness, focus=0.3), photo("b"), photo("c")])

    assert [finding.what for finding in found] == (["blurred"] if blurred else [])


def test_soft_motif_with_a_fine_edge_somewhere_is_not_blurred() -> None:
    assert find_problems([photo("a", sharpness=20.0, focus=0.6), photo("b"), photo("c")]) == ()


def test_photo_without_any_edge_is_blurred_and_one_without_contrast_is_flat() -> None:
    assert only([photo("a", sharpness=4.0, contrast=40.0)]).what == "blurred"
    assert only([photo("a", sharpness=4.0, contrast=8.0)]).what == "flat"


def test_facts_of_an_older_measuring_are_given_the_benefit_of_the_doubt() -> None:
    old = PhotoFacts("JPEG", 1600, 1200, "pixels", 0, 20.0, 0.4, 0.05)

    assert old.measured == 0
    assert (
        find_problems(
            [
                Photo(name, name, 1, replace(old, pixel_sha256=name, dhash=dhash))
                for name, dhash in (("a", 0), ("b", 0xFFFFFF), ("c", 0xFFFFFF << 30))
            ]
        )
        == ()
    )


@pytest.mark.parametrize(
    ("size", "detail", "enlarged"),
    [
        ((2048, 1365), 0.5, True),
        ((2048, 1365), 0.71, False),
        ((2048, 1365), 0.6, False),
        ((6000, 4000), 0.5, True),
        ((1600, 1200), 0.6, True),
    ],
)
def test_detail_counts_where_less_is_left_than_a_photo_needs(
    size: tuple[int, int], detail: float, enlarged: bool
) -> None:
    found = find_problems([photo("a", width=size[0], height=size[1], detail=detail)])

    assert [finding.what for finding in found] == (["enlarged"] if enlarged else [])


def test_black_bars_are_remarked_by_the_share_that_they_cover() -> None:
    finding = only([photo("a", bars=(0.0, 0.1, 0.0, 0.1))])

    assert (finding.what, finding.mend) == ("black_bars", Mend.TRIM)
    assert "20%" in finding.says
    assert find_problems([photo("a", bars=(0.019, 0.0, 0.019, 0.0))]) == ()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"brightest": 95.0}, "exposure"),
        ({"brightest": 96.0}, ""),
        ({"blown": 0.24}, "exposure"),
        ({"blown": 0.22}, ""),
        ({"noise": 10.5}, "noisy"),
        ({"noise": 9.5}, ""),
        ({"contrast": 11.5}, "flat"),
        ({"contrast": 12.5}, ""),
        ({"clipped": 0.4, "midtones": 0.05}, ""),
    ],
)
def test_light_noise_and_contrast_are_judged_by_their_thresholds(
    changes: dict[str, float], what: str
) -> None:
    found = find_problems([photo("a", **changes)])

    assert [finding.what for finding in found] == ([what] if what else [])


@pytest.mark.parametrize("size", [(1000, 1000), (1500, 1000), (1080, 1920), (4000, 1000)])
def test_common_shapes_lose_little_to_the_crop(size: tuple[int, int]) -> None:
    assert crop_loss(*size) < 0.1


def test_panorama_loses_most_of_itself_and_is_remarked() -> None:
    assert crop_loss(8000, 1000) == pytest.approx(0.5, abs=0.03)
    finding = only([photo("a", width=8000, height=1000)])
    assert (finding.what, finding.mend) == ("crop_loss", Mend.CROP)


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
        "dark.jpg": ImageEnhance.Brightness(scene(1200, 900, 5)).enhance(0.02),
    }
    workshop = PillowPhotoWorkshop()
    photos = []
    for name, picture in pictures.items():
        original = save_photo(picture, name, **({"quality": 95} if name.endswith("jpg") else {}))
        facts = workshop.develop(original, working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg")
        photos.append(Photo(name, name, 1, facts))

    found = {(finding.what, finding.photos[-1]) for finding in workshop.find_problems(photos)}

    assert ("very_small", "tiny.jpg") in found
    assert ("exposure", "dark.jpg") in found
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
