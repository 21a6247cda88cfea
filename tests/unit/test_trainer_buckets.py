"""Which size a photo is trained at, and which photos a step takes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.trainer.buckets import Order, entries_for, mixed, size_for

SIDES = st.integers(16, 9000)


@given(width=SIDES, height=SIDES, resolution=st.sampled_from([64, 512, 768, 1024]))
def test_size_has_sides_the_base_takes_and_no_more_pixels_than_asked(
    width: int, height: int, resolution: int
) -> None:
    wide, high = size_for(width, height, resolution)

    assert wide % 16 == high % 16 == 0
    assert min(wide, high) >= 16
    assert wide * high <= resolution * resolution
    assert wide * high <= max(width * height, 1024)


@pytest.mark.parametrize(
    ("photo", "resolution", "size"),
    [
        ((3000, 3000), 1024, (1024, 1024)),
        ((4000, 3000), 1024, (1152, 896)),
        ((3000, 4000), 1024, (896, 1152)),
        ((6000, 4000), 512, (576, 384)),
        ((300, 300), 1024, (288, 288)),
        ((9000, 1000), 512, (1024, 256)),
    ],
)
def test_photo_keeps_its_shape_as_far_as_it_goes(
    photo: tuple[int, int], resolution: int, size: tuple[int, int]
) -> None:
    assert size_for(*photo, resolution) == size


def test_round_takes_every_photo_at_every_resolution_once() -> None:
    entries = entries_for([(3000, 3000), (4000, 3000), (3000, 3000)], (512, 768, 1024))
    order = Order(entries, 2, seed=4)

    rounds = [
        [order.batch(turn * order.steps_per_round + step) for step in range(1, 10)][
            : order.steps_per_round
        ]
        for turn in range(2)
    ]

    assert order.steps_per_round == 6
    for batches in rounds:
        assert Counter(e for batch in batches for e in batch) == Counter(entries)
        assert all(len({(e.width, e.height) for e in batch}) == 1 for batch in batches)
    assert rounds[0] != rounds[1]


def test_step_takes_the_same_photos_whatever_came_before() -> None:
    entries = entries_for([(64 * n, 640) for n in range(5, 15)], (512,))
    straight, resumed = Order(entries, 1, seed=1), Order(entries, 1, seed=1)
    way = [straight.batch(step) for step in range(1, 41)]

    assert resumed.batch(33) == way[32]
    assert [resumed.batch(step) for step in range(34, 41)] == way[33:]
    assert [Order(entries, 1, seed=2).batch(step) for step in range(1, 41)] != way


def test_seed_of_a_purpose_is_the_same_on_every_computer() -> None:
    assert mixed(1, "step", 7) == 2953263990376385094
    assert mixed(1, "step", 8) != mixed(1, "step", 7)
