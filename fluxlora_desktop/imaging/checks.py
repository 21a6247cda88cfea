"""Judge photos by what was measured on them.

Sources of the numbers: SW = the dataset workbench and LDS = the LoRA dataset studio whose rules
were compared for this app, CV = Civitai's trainer; "tuned" = set with `benchmarks/checks.py` over
real photographs and spoilt copies of them. The strongest lever comes first: resolution and crop
loss matter more than blur. Files that a trainer would ignore need no check: the archive holds only
photos that the app made anew, in a format that every trainer reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fluxlora_desktop.domain.buckets import buckets_for
from fluxlora_desktop.domain.datasets import Finding, Mend, Photo, Severity
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.pairs import SHARP_FROM, SOFT_BELOW
from fluxlora_desktop.imaging.measure import DETAIL_SIDE


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number of a check, its unit, and who uses it."""

    value: float
    unit: str
    source: str


REFUSED_SIDE: Final = Threshold(64, "px, shorter side", "CV: refused below")
TINY_SIDE: Final = Threshold(512, "px, shorter side", "the trainers' smallest bucket")
SMALL_SIDE: Final = Threshold(768, "px, shorter side", "LDS")
CROP_LOSS: Final = Threshold(0.35, "share of the pixels", "SW")
NEAR_DISTANCE: Final = Threshold(6, "bits of 64", "SW")
NEAR_LAYOUT: Final = Threshold(12, "levels of 255, RMS over 4 x 4 fields", "tuned")
CROPPED_DISTANCE: Final = Threshold(12, "bits of 64", "tuned")
CROPPED_LAYOUT: Final = Threshold(6, "levels of 255, RMS over 4 x 4 fields", "tuned")
DETAIL: Final = Threshold(0.7, "of the size at up to 2048 px", "LDS has 0.72; tuned")
SHARPNESS_FLOOR: Final = Threshold(SOFT_BELOW, "Laplacian variance", "SW, person and object")
SHARPNESS_SHARE: Final = Threshold(0.5, "of the set's median", "SW")
SHARPNESS_SAFE: Final = Threshold(SHARP_FROM / SOFT_BELOW, "times the floor", "SW")
FOCUS: Final = Threshold(0.5, "of the size at 1024 px", "tuned")
EDGELESS: Final = Threshold(5, "Laplacian variance", "tuned: not an edge anywhere")
BRIGHTEST: Final = Threshold(96, "grey level of 255 above 99.5 % of the pixels", "tuned")
BLOWN: Final = Threshold(0.23, "share of the pixels", "tuned")
CONTRAST: Final = Threshold(12, "standard deviation of the grey levels", "LDS")
NOISE: Final = Threshold(10, "grey levels RMS at 1024 px", "LDS has 15; tuned")
BARS: Final = Threshold(0.04, "share of the frame", "LDS")
SAME_DISTANCE: Final = Threshold(28, "bits of 64, mean over all pairs", "tuned")
SAME_SHAPE: Final = Threshold(1.15, "times as long, the longest shape to the shortest", "tuned")
SAME_LAYOUT: Final = Threshold(16, "levels of 255, mean over all pairs", "tuned")
FEWEST_TO_VARY: Final = Threshold(5, "photos", "as many as a training needs")

CROPPED_AT: Final = 1024
"""The resolution whose crop is judged: the shapes of the others are nearly the same."""


def find_problems(photos: Sequence[Photo]) -> tuple[Finding, ...]:
    """Return the findings about single photos, pairs and the set, the strongest lever first."""
    typical = median([photo.facts.sharpness for photo in photos]) if photos else 0.0
    found: list[Finding] = [*_find_copies(photos), *_find_twins(photos)]
    for photo in photos:
        found.extend(_judge_size(photo))
        found.extend(_judge_bars(photo))
        found.extend(_judge_crop(photo))
        found.extend(_judge_sharpness(photo, typical))
        found.extend(_judge_light(photo))
        found.extend(_judge_grain(photo))
    found.extend(_judge_variety(tuple({it.facts.pixel_sha256: it for it in photos}.values())))
    return tuple(found)


def crop_loss(width: int, height: int) -> float:
    """Return the share of pixels that the trainer's centred crop cuts away at 1024, 0 to 1."""
    return buckets_for(width, height, [CROPPED_AT])[0].loss


def distance(first: Photo, second: Photo) -> int:
    """Return in how many of 64 bits two photos' gradients differ."""
    return (first.facts.dhash ^ second.facts.dhash).bit_count()


def layout_distance(first: Photo, second: Photo) -> float:
    """Return how far the colours of 4 x 4 fields are apart: RMS, in levels of 255.

    A photo that is lighter or tinted as a whole is not far from itself. 0 where one has no layout.
    """
    if not (first.facts.layout and second.facts.layout):
        return 0.0
    apart = _fields_of(first) - _fields_of(second)
    return float(np.sqrt(np.square(apart).mean()))


def _fields_of(photo: Photo) -> NDArray[np.float32]:
    """Return the 4 x 4 fields' levels of each channel around that channel's mean."""
    raw = np.frombuffer(bytes.fromhex(photo.facts.layout), dtype=np.uint8)
    levels = raw.reshape(-1, 3).astype(np.float32)
    return np.asarray(levels - levels.mean(axis=0), dtype=np.float32).ravel()


def _mean_distance(photos: Sequence[Photo]) -> float:
    """Return in how many bits the gradients of two of the photos differ on average."""
    count = len(photos)
    ones = [sum(photo.facts.dhash >> bit & 1 for photo in photos) for bit in range(64)]
    return sum(one * (count - one) for one in ones) / math.comb(count, 2)


def _mean_layout_distance(photos: Sequence[Photo]) -> float:
    """Return how far the layouts of two of the photos are apart on average."""
    fields = np.stack([_fields_of(photo) for photo in photos])
    rows = (np.sqrt(np.square(fields[:at] - fields[at]).mean(axis=1)) for at in range(len(fields)))
    return sum(float(row.sum()) for row in rows) / math.comb(len(photos), 2)


def _are_twins(first: Photo, second: Photo) -> bool:
    """Tell whether two photos show nearly the same, also where one was cropped a little."""
    bits = distance(first, second)
    if bits > CROPPED_DISTANCE.value:
        return False
    most = NEAR_LAYOUT if bits <= NEAR_DISTANCE.value else CROPPED_LAYOUT
    known = bool(first.facts.layout and second.facts.layout)
    return layout_distance(first, second) <= most.value if known else most is NEAR_LAYOUT


def _find_copies(photos: Sequence[Photo]) -> Iterator[Finding]:
    first_with: dict[str, Photo] = {}
    for photo in photos:
        first = first_with.setdefault(photo.facts.pixel_sha256, photo)
        if first is not photo:
            yield Finding(
                "duplicate",
                Severity.BLOCK,
                f"{shown_name(photo.name)} shows exactly the same as {shown_name(first.name)}. "
                "Keep one of them.",
                (first.sha256, photo.sha256),
                Mend.KEEP_ONE,
            )


def _find_twins(photos: Sequence[Photo]) -> Iterator[Finding]:
    """Pair each photo that has a sharper near twin with the sharpest one."""
    order = {photo.sha256: place for place, photo in enumerate(photos)}
    best: dict[str, tuple[Photo, Photo]] = {}
    for first, second in _close_pairs(photos):
        if first.facts.pixel_sha256 == second.facts.pixel_sha256:
            continue
        if not _are_twins(first, second):
            continue
        sharper, duller = sorted((first, second), key=lambda photo: -photo.facts.sharpness)
        known = best.get(duller.sha256)
        if known is None or sharper.facts.sharpness > known[0].facts.sharpness:
            best[duller.sha256] = (sharper, duller)
    for sharper, duller in sorted(best.values(), key=lambda pair: order[pair[1].sha256]):
        yield Finding(
            "near_duplicate",
            Severity.WARN,
            f"{shown_name(sharper.name)} and {shown_name(duller.name)} are nearly the same. "
            "The trainer would learn that pose twice.",
            (sharper.sha256, duller.sha256),
            Mend.KEEP_SHARPER,
        )


def _close_pairs(photos: Sequence[Photo]) -> Iterator[tuple[Photo, Photo]]:
    """Return the pairs whose gradients are close enough for twins, without a loop over them all."""
    hashes = np.array([photo.facts.dhash for photo in photos], dtype=np.uint64)
    for place, first in enumerate(photos):
        bits = np.bitwise_count(hashes[place + 1 :] ^ hashes[place])
        for behind in np.flatnonzero(bits <= CROPPED_DISTANCE.value):
            yield first, photos[place + 1 + int(behind)]


def _judge_size(photo: Photo) -> Iterator[Finding]:
    facts = photo.facts
    shorter = min(facts.width, facts.height)
    size = f"{facts.width} x {facts.height} pixels"
    if shorter < TINY_SIDE.value:
        says = (
            f"{shown_name(photo.name)} is very small ({size}). It will look soft in every picture: "
            f"use one of at least {SMALL_SIDE.value} pixels on the shorter side."
        )
        yield Finding("very_small", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)
    elif shorter < SMALL_SIDE.value:
        says = (
            f"{shown_name(photo.name)} is small ({size}). "
            f"{SMALL_SIDE.value} pixels or more on the shorter side train sharper details."
        )
        yield Finding("small", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)


def _judge_crop(photo: Photo) -> Iterator[Finding]:
    loss = crop_loss(photo.facts.width, photo.facts.height)
    if loss > CROP_LOSS.value:
        says = (
            f"{shown_name(photo.name)} is so long and narrow that the trainer cuts away "
            f"{loss:.0%} of it. Crop it to what matters."
        )
        yield Finding("crop_loss", Severity.WARN, says, (photo.sha256,), Mend.CROP)


def _judge_bars(photo: Photo) -> Iterator[Finding]:
    left, top, right, bottom = photo.facts.bars
    share = 1 - (1 - left - right) * (1 - top - bottom)
    if share > BARS.value:
        says = (
            f"{shown_name(photo.name)} has black bars over {share:.0%} of it. "
            "The LoRA would learn to paint them."
        )
        yield Finding("black_bars", Severity.WARN, says, (photo.sha256,), Mend.TRIM)


def _judge_sharpness(photo: Photo, typical: float) -> Iterator[Finding]:
    """Remark a photo without sharp edges, or else one that was enlarged from a small one."""
    facts, name = photo.facts, shown_name(photo.name)
    sharpness, floor = facts.sharpness, SHARPNESS_FLOOR.value
    dull_for_set = sharpness < typical * SHARPNESS_SHARE.value
    dull = sharpness < floor or (dull_for_set and sharpness < floor * SHARPNESS_SAFE.value)
    edgeless = sharpness < EDGELESS.value and facts.contrast >= CONTRAST.value
    if edgeless or (dull and facts.focus < FOCUS.value):
        says = f"{name} looks blurred. Use a sharper one if you have it."
        yield Finding("blurred", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)
    elif facts.detail < DETAIL.value:
        share = facts.detail * min(1.0, DETAIL_SIDE / max(facts.width, facts.height))
        wide, high = (round(side * share, -1) for side in (facts.width, facts.height))
        if min(wide, high) < SMALL_SIDE.value:
            says = (
                f"{name} holds no more detail than about {wide:.0f} x {high:.0f} pixels: it was "
                "enlarged, or is soft. Use the original if you have it."
            )
            yield Finding("enlarged", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)


def _judge_light(photo: Photo) -> Iterator[Finding]:
    """Remark a photo that is too dark or too bright; night has lamps, snow is not burnt out."""
    facts, name = photo.facts, shown_name(photo.name)
    if facts.brightest < BRIGHTEST.value:
        says = f"{name} is too dark: nothing in it is bright. Brighten it, or use another."
        yield Finding("exposure", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)
    elif facts.blown > BLOWN.value:
        says = f"{name} is too bright: {facts.blown:.0%} of it is burnt out and shows nothing."
        yield Finding("exposure", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)


def _judge_grain(photo: Photo) -> Iterator[Finding]:
    facts, name = photo.facts, shown_name(photo.name)
    if facts.contrast < CONTRAST.value:
        says = f"{name} is flat: it has hardly any contrast, so there is little to learn from it."
        yield Finding("flat", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)
    if facts.noise > NOISE.value:
        says = f"{name} is noisy. The LoRA would learn the noise; use a cleaner one."
        yield Finding("noisy", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)


def _judge_variety(photos: Sequence[Photo]) -> Iterator[Finding]:
    """Remark a set whose photos are all alike; `photos` are without exact copies."""
    if len(photos) < FEWEST_TO_VARY.value or not all(photo.facts.layout for photo in photos):
        return
    shapes = [photo.facts.width / photo.facts.height for photo in photos]
    if (
        max(shapes) <= min(shapes) * SAME_SHAPE.value
        and _mean_distance(photos) < SAME_DISTANCE.value
        and _mean_layout_distance(photos) < SAME_LAYOUT.value
    ):
        says = (
            "The photos are much alike, in place, light and framing. The LoRA would copy that: "
            "add some from other places, sides and distances."
        )
        yield Finding("variety", Severity.NOTE, says, mend=Mend.ADD_PHOTOS)
