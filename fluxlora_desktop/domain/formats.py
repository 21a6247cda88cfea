"""Which formats of photos a trainer would pass over, if they were not converted for it."""

from __future__ import annotations

from collections.abc import Sequence

from fluxlora_desktop.domain.datasets import Finding, Photo, Severity
from fluxlora_desktop.domain.training import Trainer


def format_findings(photos: Sequence[Photo], trainer: Trainer) -> tuple[Finding, ...]:
    """Say which photos the trainer would pass over as they are: they are sent as JPEG.

    Nothing for a trainer whose formats are not known.
    """
    if not trainer.formats:
        return ()
    passed = [photo for photo in photos if photo.facts.format not in trainer.formats]
    if not passed:
        return ()
    kinds = " and ".join(sorted({photo.facts.format for photo in passed}))
    one = len(passed) == 1
    says = (
        f"{trainer.title} would pass over {'1 photo' if one else f'{len(passed)} photos'} as "
        f"{'it is' if one else 'they are'} ({kinds}). "
        f"{'It is' if one else 'They are'} sent as JPEG, so nothing is lost."
    )
    hashes = tuple(photo.sha256 for photo in passed)
    return (Finding("format", Severity.NOTE, says, hashes),)
