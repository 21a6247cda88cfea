"""The crop that is drawn is the crop that the trainer makes."""

from __future__ import annotations

import math
import random

import pytest
from PIL import Image

from fluxlora_desktop.domain.buckets import (
    SHAPES,
    bucket_for,
    buckets_for,
    histogram,
    packed_size,
    resolutions_of,
)

RANDOM = random.Random(5)
SIZES = [(RANDOM.randint(64, 1536), RANDOM.randint(64, 1536)) for _ in range(1000)]

# ai-toolkit at commit bedb8197, toolkit/buckets.py: the widths and heights of its table for 1024,
# once more and written another way, so that a slip in ours shows.
TABLE = """
1024x1024 2048x512 1984x512 1920x512 1856x512 1792x576 1728x576 1664x576 1600x640 1536x640
1472x704 1408x704 1344x704 1344x768 1280x768 1216x832 1152x832 1152x896 1088x896 1088x960
1024x960 960x1024 960x1088 896x1088 896x1152 832x1152 832x1216 768x1280 768x1344 704x1408
704x1472 640x1536 640x1600 576x1664 576x1728 576x1792 512x1856 512x1920 512x1984 512x2048
8192x128 128x8192
"""


def trainer_crop(width: int, height: int, resolution: int) -> tuple[int, ...]:
    """Follow the trainer's published steps one by one; return scaled size, bucket and corner."""
    real = int((width * height) ** 0.5)
    used = resolution if resolution < real else real
    factor = used / 1024
    best, fewest = (0, 0), float("inf")
    for entry in TABLE.split():
        wide, high = (int(int(side) * factor) // 64 * 64 for side in entry.split("x"))
        if (wide, high) == (width, height):
            best = (wide, high)
            break
        ratio = wide / width if wide / width > high / height else high / height
        new_wide, new_high = int(width * ratio), int(height * ratio)
        removed = (new_wide - wide) * new_high + (new_high - high) * new_wide
        if removed < fewest:
            best, fewest = (wide, high), removed
    ratio = max(best[0] / width, best[1] / height)
    scaled = math.ceil(width * ratio), math.ceil(height * ratio)
    return (*scaled, *best, int((scaled[0] - best[0]) / 2), int((scaled[1] - best[1]) / 2))


@pytest.mark.parametrize("resolution", [512, 768, 1024])
def test_crop_is_the_trainers_for_a_thousand_sizes(resolution: int) -> None:
    for width, height in SIZES:
        scaled_w, scaled_h, wide, high, left, top = trainer_crop(width, height, resolution)
        if min(wide, high) == 0:  # the trainer itself ends with an error then
            assert min(width, height) < 128
            continue
        bucket = bucket_for(width, height, resolution)
        assert (bucket.width, bucket.height) == (wide, high), (width, height)
        assert bucket.kept.pixels(scaled_w, scaled_h) == (left, top, left + wide, top + high)


def test_table_of_shapes_is_the_trainers() -> None:
    assert [f"{wide}x{high}" for wide, high in SHAPES] == TABLE.split()


def test_size_in_the_archive_is_what_pillow_makes_of_it() -> None:
    for _ in range(200):
        size = RANDOM.randint(64, 9000), RANDOM.randint(64, 9000)
        image = Image.new("1", size)
        image.thumbnail((2048, 2048))
        image.thumbnail((1536, 1536))
        assert packed_size(*size) == image.size, size


def test_wide_photo_loses_its_ends_and_a_square_one_nothing() -> None:
    (square,) = buckets_for(3000, 3000, [1024])
    assert (square.width, square.height, square.loss) == (1024, 1024, 0)
    (wide,) = buckets_for(6000, 1000, [1024])
    assert wide.loss > 0.2
    assert (wide.kept.top, wide.kept.bottom) == (0, 1)
    assert wide.kept.left == pytest.approx(1 - wide.kept.right, abs=0.001)


def test_small_photo_is_not_enlarged_to_the_resolution() -> None:
    bucket = bucket_for(600, 600, 1024)
    assert (bucket.width, bucket.height) == (576, 576)
    assert bucket.enlarged <= 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("512,768,1024", (512, 768, 1024)),
        (" 512 , 1024", (512, 1024)),
        ("1024", (1024,)),
        ("", (1024,)),
        ("large", (1024,)),
        ("1", (1024,)),
    ],
)
def test_resolutions_are_read_from_the_trainers_parameter(text: str, found: object) -> None:
    assert resolutions_of(text) == found


def test_histogram_counts_the_fullest_bucket_first() -> None:
    buckets = [bucket_for(*size, 512) for size in ((900, 900), (600, 600), (1400, 900))]
    assert histogram(buckets)[0] == ("512 x 512", 2)
