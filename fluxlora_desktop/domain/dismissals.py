"""Which findings a person accepted as they are, and which of their photos.

A finding about two photos is dismissed for that pair, one about the whole set for its check, any
other one photo by photo: one more photo is remarked alone, and one photo less brings nothing back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from fluxlora_desktop.domain.datasets import Finding

PAIRED = frozenset({"duplicate", "near_duplicate"})
"""The checks whose findings are about two photos."""
_SET_WIDE = frozenset({"caption_identical"})
"""Checks that name all photos and are about what those have in common."""


def dismissal_keys(finding: Finding) -> tuple[str, ...]:
    """Return the names under which a dismissal of a finding is remembered.

    They are `what`, `what:photo` for each photo, or `what:photo:photo` for a pair, whose photos
    may be named in either order.
    """
    return _keys(finding.what, finding.photos)


def _keys(what: str, photos: tuple[str, ...]) -> tuple[str, ...]:
    if not photos or what in _SET_WIDE:
        return (what,)
    if what in PAIRED:
        return (":".join((what, *sorted(photos))),)
    return tuple(f"{what}:{sha256}" for sha256 in photos)


@lru_cache(maxsize=8)
def spared(dismissed: frozenset[str]) -> frozenset[str]:
    """Return today's keys of dismissals; older libraries hold one key for a list of photos."""
    return frozenset(key for kept in dismissed for key in _today(kept))


def _today(kept: str) -> tuple[str, ...]:
    what, *photos = kept.split(":")
    return _keys(what, tuple(photos))


def is_dismissed(finding: Finding, dismissed: frozenset[str]) -> bool:
    """Tell whether a finding is dismissed: all of its photos, its pair, or its check."""
    return spared(dismissed).issuperset(dismissal_keys(finding))


def sort_out(
    findings: Iterable[Finding], dismissed: frozenset[str]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the findings that stand, and those that are dismissed."""
    standing: list[Finding] = []
    gone: list[Finding] = []
    for finding in findings:
        (gone if is_dismissed(finding, dismissed) else standing).append(finding)
    return tuple(standing), tuple(gone)


def parted(
    what: str, photos: Iterable[str], dismissed: frozenset[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the photos of a list that are not dismissed, and those that are; neither if empty."""
    known, each = spared(dismissed), tuple(photos)
    left = tuple(sha256 for sha256 in each if f"{what}:{sha256}" not in known)
    gone = tuple(sha256 for sha256 in each if f"{what}:{sha256}" in known)
    return tuple(part for part in (left, gone) if part)


def keys_about(findings: Iterable[Finding], sha256: str = "") -> frozenset[str]:
    """Return the keys of findings, or those of them that name one photo."""
    keys = frozenset(key for finding in findings for key in dismissal_keys(finding))
    return frozenset(key for key in keys if sha256 in key.split(":")[1:]) if sha256 else keys


def to_forget(dismissed: frozenset[str], keys: Collection[str]) -> frozenset[str]:
    """Return what a library holds that dismisses any of these keys."""
    return frozenset(kept for kept in dismissed if not set(keys).isdisjoint(_today(kept)))
