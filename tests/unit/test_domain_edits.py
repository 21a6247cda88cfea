"""Turn, mirror, straighten, crop: values that say the same after being written down."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.edits import (
    PLAIN,
    SMALLEST_CROP,
    STEEPEST,
    Backdrop,
    Box,
    Edits,
    crop_to_shape,
    edited_size,
    edits_from,
    straight_size,
)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    share = st.integers(0, 10_000 - int(SMALLEST_CROP * 10_000))
    left, top = draw(share), draw(share)
    least = int(SMALLEST_CROP * 10_000)
    right, bottom = (draw(st.integers(start + least, 10_000)) for start in (left, top))
    return Box(left / 10_000, top / 10_000, right / 10_000, bottom / 10_000)


EDITS = st.builds(
    Edits,
    turns=st.integers(0, 3),
    flip=st.booleans(),
    straighten=st.integers(-150, 150).map(lambda tenths: tenths / 10),
    crop=boxes(),
    backdrop=st.sampled_from(Backdrop),
)


@given(EDITS)
def test_edits_say_the_same_after_being_written_down(edits: Edits) -> None:
    again = edits_from(json.loads(json.dumps(edits.as_json())))
    assert again == edits
    assert again.key == edits.key
    assert (edits.key == "") == edits.plain == (edits.as_json() == {})


@given(EDITS, EDITS)
def test_different_edits_have_different_files(first: Edits, second: Edits) -> None:
    assert (first.key == second.key) == (first == second)


@given(EDITS)
def test_four_quarter_turns_and_two_mirrorings_change_nothing(edits: Edits) -> None:
    turned = edits.turned(4)
    assert (turned.turns, turned.flip) == (edits.turns, edits.flip)
    sides = ("left", "top", "right", "bottom")
    for again in (turned, edits.flipped().flipped(), edits.turned(1).turned(3)):
        assert again.straighten == edits.straighten
        for side in sides:
            assert getattr(again.crop, side) == pytest.approx(getattr(edits.crop, side))


@given(EDITS, st.integers(64, 4000), st.integers(64, 4000))
def test_quarter_turn_swaps_the_sides_of_what_is_kept(
    edits: Edits, width: int, height: int
) -> None:
    before, after = edited_size(edits, width, height), edited_size(edits.turned(1), width, height)
    assert after == pytest.approx(before[::-1], abs=1)


@given(
    st.integers(64, 4000),
    st.integers(64, 4000),
    st.floats(-STEEPEST, STEEPEST, allow_nan=False),
)
def test_straightened_part_lies_inside_the_leaning_picture(
    width: int, height: int, degrees: float
) -> None:
    kept_width, kept_height = straight_size(width, height, degrees)
    angle = math.radians(degrees)
    for x, y in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        across, down = x * kept_width / 2, y * kept_height / 2
        there = across * math.cos(angle) + down * math.sin(angle)
        below = down * math.cos(angle) - across * math.sin(angle)
        assert abs(there) <= width / 2 + 1e-6
        assert abs(below) <= height / 2 + 1e-6


@given(st.integers(64, 4000), st.integers(64, 4000), st.floats(0.3, 3))
def test_crop_to_a_shape_has_that_shape_and_touches_two_sides(
    width: int, height: int, shape: float
) -> None:
    box = crop_to_shape(width, height, shape)
    assert max(box.width, box.height) == 1
    if min(box.width, box.height) > SMALLEST_CROP + 1e-9:
        assert box.width * width / (box.height * height) == pytest.approx(shape)


@pytest.mark.parametrize(
    "wrong",
    [
        {"turns": 4},
        {"straighten": 15.1},
        {"straighten": float("nan")},
        {"crop": [0, 0, 0.01, 1]},
        {"crop": [0.5, 0, 0.4, 1]},
        {"crop": [0, 0, 1.2, 1]},
        {"crop": [0, 0, 1]},
        {"crop": 7},
        {"crop": ["a", 0, 1, 1]},
        {"backdrop": "pink"},
        {"turns": None},
    ],
    ids=str,
)
def test_what_is_no_edit_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        edits_from(wrong)


def test_smallest_crop_that_can_be_made_can_be_kept() -> None:
    edits = replace(PLAIN, crop=Box(0.3, 0.3, 0.3 + SMALLEST_CROP, 0.3 + SMALLEST_CROP))
    assert edits_from(edits.as_json()).crop.width == pytest.approx(SMALLEST_CROP)


def test_whole_numbers_and_fractions_name_the_same_files() -> None:
    assert Edits(crop=Box(0, 0, 1, 0.5)).key == Edits(crop=Box(0.0, 0.0, 1.0, 0.5)).key
    assert Edits(straighten=3).key == Edits(straighten=3.0).key
