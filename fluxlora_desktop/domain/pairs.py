"""Two photos that show the same or nearly the same, to be compared and chosen from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Finding
from fluxlora_desktop.domain.dismissals import PAIRED

SOFT_BELOW = 40.0
"""Sharpness, as `PhotoFacts` has it, below which the dataset check doubts a photo."""
SHARP_FROM = 4 * SOFT_BELOW
"""Sharpness from which the check never doubts one, whatever the others of the set have."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What one finding about two photos says, and the two as they are now, the sharper first."""

    finding: Finding
    sharper: DatasetPhoto
    duller: DatasetPhoto

    @property
    def photos(self) -> tuple[DatasetPhoto, DatasetPhoto]:
        """Return both."""
        return self.sharper, self.duller

    @property
    def exact(self) -> bool:
        """Tell whether they are the same, pixel by pixel: the trainer can use one of them alone."""
        return self.finding.what == "duplicate"

    @property
    def differs(self) -> bool:
        """Tell whether one of them is sharper, in whole numbers as they are shown."""
        return not self.exact and sharpness_of(self.sharper) != sharpness_of(self.duller)


def sharpness_of(item: DatasetPhoto) -> int:
    """Return how sharp a photo is with its edits, in whole numbers."""
    return round(item.seen.facts.sharpness)


def sharpness_words(sharpness: float) -> str:
    """Return a sharpness in words."""
    if sharpness < SOFT_BELOW:
        return "soft"
    return "fairly sharp" if sharpness < SHARP_FROM else "sharp"


def pairs_of(findings: Iterable[Finding], dataset: Dataset) -> tuple[Pair, ...]:
    """Return the pairs that findings are about, as far as both photos are trained still."""
    kept = {item.sha256: item for item in dataset.kept}
    found = [finding for finding in findings if finding.what in PAIRED and len(finding.photos) == 2]
    return tuple(
        Pair(finding, *_sharper_first(*(kept[sha256] for sha256 in finding.photos)))
        for finding in found
        if all(sha256 in kept for sha256 in finding.photos)
    )


def _sharper_first(first: DatasetPhoto, second: DatasetPhoto) -> tuple[DatasetPhoto, DatasetPhoto]:
    duller = second.seen.facts.sharpness > first.seen.facts.sharpness
    return (second, first) if duller else (first, second)


def are_outdated(findings: Iterable[Finding], dataset: Dataset) -> bool:
    """Tell whether findings name a pair of which one was taken out: the next check may find others.

    The dataset check names each photo beside the sharpest that it is like, so what was beside one
    that went may be like a third.
    """
    kept = {item.sha256 for item in dataset.kept}
    return any(
        finding.what in PAIRED and not kept.issuperset(finding.photos) for finding in findings
    )
