"""Judge photos by what was measured on them.

Sources of the numbers: SW = the dataset workbench and LDS = the LoRA dataset studio whose rules
were compared for this app, CV = Civitai's trainer. The strongest lever comes first: resolution
and crop loss matter more than blur.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Final

from fluxlora_desktop.domain.datasets import Finding, Mend, Photo, Severity
from fluxlora_desktop.domain.names import shown_name


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
SHARPNESS_FLOOR: Final = Threshold(40, "Laplacian variance", "SW, person and object")
SHARPNESS_SHARE: Final = Threshold(0.5, "of the set's median", "SW")
SHARPNESS_SAFE: Final = Threshold(4, "times the floor", "SW")
CLIPPED: Final = Threshold(0.05, "share of the pixels", "SW")
MIDTONES: Final = Threshold(0.15, "share of the pixels", "SW")

BUCKET_SIDE: Final = 1024
BUCKET_STEP: Final = 64
BUCKET_SIDES: Final = range(512, 2048 + 1, BUCKET_STEP)


def find_problems(photos: Sequence[Photo]) -> tuple[Finding, ...]:
    """Return the findings about single photos and pairs, the strongest lever first."""
    typical = median([photo.facts.sharpness for photo in photos]) if photos else 0.0
    found: list[Finding] = [*_find_copies(photos), *_find_twins(photos)]
    for photo in photos:
        found.extend(_judge_size(photo))
        found.extend(_judge_crop(photo))
        found.extend(_judge_exposure(photo))
        found.extend(_judge_sharpness(photo, typical))
    return tuple(found)


def crop_loss(width: int, height: int) -> float:
    """Return the share of pixels that the centre crop to the best bucket cuts away, 0 to 1.

    Buckets are sides of 512 to 2048 px in steps of 64 with about 1024 x 1024 pixels.
    """
    shape = width / height
    kept = 0.0
    for wide in BUCKET_SIDES:
        high = min(BUCKET_SIDE**2 // wide // BUCKET_STEP * BUCKET_STEP, BUCKET_SIDES[-1])
        bucket = wide / high
        kept = max(kept, min(shape / bucket, bucket / shape))
    return 1.0 - kept


def distance(first: Photo, second: Photo) -> int:
    """Return in how many of 64 bits two photos' gradients differ."""
    return (first.facts.dhash ^ second.facts.dhash).bit_count()


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
                (photo.sha256,),
                Mend.REMOVE,
            )


def _find_twins(photos: Sequence[Photo]) -> Iterator[Finding]:
    """Pair each photo that has a sharper near twin with the sharpest one."""
    order = {photo.sha256: place for place, photo in enumerate(photos)}
    best: dict[str, tuple[Photo, Photo]] = {}
    for first, second in combinations(photos, 2):
        if first.facts.pixel_sha256 == second.facts.pixel_sha256:
            continue
        if distance(first, second) > NEAR_DISTANCE.value:
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
        yield Finding("crop_loss", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)


def _judge_exposure(photo: Photo) -> Iterator[Finding]:
    facts = photo.facts
    if facts.clipped > CLIPPED.value and facts.midtones < MIDTONES.value:
        says = (
            f"{shown_name(photo.name)} is mostly very dark or very bright, so details are missing."
        )
        yield Finding("exposure", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)


def _judge_sharpness(photo: Photo, typical: float) -> Iterator[Finding]:
    sharpness, floor = photo.facts.sharpness, SHARPNESS_FLOOR.value
    dull_for_set = sharpness < typical * SHARPNESS_SHARE.value
    if sharpness < floor or (dull_for_set and sharpness < floor * SHARPNESS_SAFE.value):
        says = f"{shown_name(photo.name)} looks blurred. Use a sharper one if you have it."
        yield Finding("blurred", Severity.WARN, says, (photo.sha256,), Mend.REMOVE)
