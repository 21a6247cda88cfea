"""Edits move the pixels that they say, and leave the original alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fluxlora_desktop.domain.edits import PLAIN, Backdrop, Box, Edits, edited_size
from fluxlora_desktop.domain.errors import UnreadablePhoto
from fluxlora_desktop.imaging.edit import apply_edits
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

CORNERS = ("red", "lime", "blue", "yellow")  # clockwise from the upper left


def picture(width: int = 400, height: int = 200) -> Image.Image:
    """Return four quarters of one colour each."""
    made = Image.new("RGB", (width, height))
    half, low = width // 2, height // 2
    places = ((0, 0), (half, 0), (half, low), (0, low))
    for colour, (left, top) in zip(CORNERS, places, strict=True):
        made.paste(colour, (left, top, left + half, top + low))
    return made


def corners(image: Image.Image) -> tuple[str, ...]:
    wide, high = image.size
    places = ((3, 3), (wide - 4, 3), (wide - 4, high - 4), (3, high - 4))
    names = {Image.new("RGB", (1, 1), name).getpixel((0, 0)): name for name in CORNERS}
    return tuple(names[image.getpixel(place)] for place in places)


def test_no_edits_give_the_same_picture() -> None:
    image = picture()
    assert apply_edits(image, PLAIN) is image


@pytest.mark.parametrize("turns", range(4))
def test_quarter_turn_is_clockwise(turns: int) -> None:
    turned = apply_edits(picture(), Edits(turns=turns))
    assert corners(turned) == CORNERS[-turns:] + CORNERS[:-turns] if turns else CORNERS
    assert turned.size == edited_size(Edits(turns=turns), 400, 200)


def test_mirror_exchanges_left_and_right_after_the_turn() -> None:
    red, lime, blue, yellow = CORNERS
    assert corners(apply_edits(picture(), Edits(flip=True))) == (lime, red, yellow, blue)
    assert corners(apply_edits(picture(), Edits(turns=1, flip=True))) == (red, yellow, blue, lime)


def test_turning_an_edited_photo_turns_what_is_seen_of_it() -> None:
    edits = Edits(turns=1, flip=True, crop=Box(0.25, 0.1, 0.9, 0.8))
    seen = apply_edits(picture(), edits)
    again = apply_edits(picture(), edits.turned(1))
    expected = seen.transpose(Image.Transpose.ROTATE_270)
    assert abs(again.width - expected.width) <= 1
    assert corners(again) == corners(expected)
    mirrored = apply_edits(picture(), edits.flipped())
    assert corners(mirrored) == corners(seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def test_crop_keeps_the_part_that_it_names() -> None:
    cropped = apply_edits(picture(), Edits(crop=Box(0.5, 0, 1, 0.5)))
    assert cropped.size == (200, 100)
    assert set(corners(cropped)) == {"lime"}


@pytest.mark.parametrize("degrees", [-15.0, -3.2, 0.4, 7.0, 15.0])
def test_straightened_photo_is_level_again_and_shows_no_empty_corner(degrees: float) -> None:
    sky = Image.new("RGB", (600, 400), "white")
    sky.paste("red", (0, 200, 600, 400))
    leaning = sky.rotate(degrees, Image.Resampling.BICUBIC, expand=False, fillcolor="lime")

    level = apply_edits(leaning, Edits(straighten=degrees))

    values = np.asarray(level).astype(int)
    horizon = [int(np.argmax(values[:, x, 1] < 128)) for x in (5, level.width // 2, -6)]
    assert max(horizon) - min(horizon) <= 2
    assert level.size == edited_size(Edits(straighten=degrees), 600, 400)
    plain = apply_edits(sky, Edits(straighten=degrees))
    assert not ((np.asarray(plain)[..., 0] < 100).any()), "black corners of the rotation"


def test_developed_copies_show_the_edits_and_are_measured_after_them(tmp_path: Path) -> None:
    original = tmp_path / "a.png"
    picture(800, 400).save(original)
    before = original.read_bytes()
    edits = Edits(turns=1, crop=Box(0, 0, 1, 0.5))

    facts = PillowPhotoWorkshop().develop(
        original, working=tmp_path / "w.jpg", thumb=tmp_path / "t.jpg", edits=edits
    )

    assert (facts.width, facts.height) == (400, 400) == edited_size(edits, 800, 400)
    with Image.open(tmp_path / "w.jpg") as working:
        assert working.size == (400, 400)
        assert working.getpixel((300, 200))[1] < 60  # what was left above is right above now
    assert original.read_bytes() == before


@pytest.mark.parametrize(
    ("backdrop", "shade"), [(Backdrop.WHITE, 255), (Backdrop.GREY, 128), (Backdrop.BLACK, 0)]
)
def test_transparent_parts_are_laid_on_the_chosen_colour(
    tmp_path: Path, backdrop: Backdrop, shade: int
) -> None:
    original = tmp_path / "a.png"
    Image.new("RGBA", (100, 100), (255, 0, 0, 0)).save(original)

    facts = PillowPhotoWorkshop().develop(
        original,
        working=tmp_path / "w.png",
        thumb=tmp_path / "t.jpg",
        edits=Edits(backdrop=backdrop),
    )

    assert f"laid on {backdrop.value}" in facts.notes[0]
    with Image.open(tmp_path / "w.png") as working:
        assert working.getpixel((50, 50)) == (shade,) * 3


def test_crop_that_leaves_too_little_is_refused_in_words(tmp_path: Path) -> None:
    original = tmp_path / "a.png"
    picture().save(original)

    with pytest.raises(UnreadablePhoto, match="it is only 40 x 20 pixels"):
        PillowPhotoWorkshop().develop(
            original,
            working=tmp_path / "w.jpg",
            thumb=tmp_path / "t.jpg",
            edits=Edits(crop=Box(0, 0, 0.1, 0.1)),
        )
    assert not (tmp_path / "w.jpg").exists()
