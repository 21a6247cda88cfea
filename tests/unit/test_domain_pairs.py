"""Pairs follow from findings and from the photos as they are now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Finding, Photo, Severity
from fluxlora_desktop.domain.edits import Edits
from fluxlora_desktop.domain.pairs import are_outdated, pairs_of, sharpness_words
from fluxlora_desktop.imaging.checks import SHARPNESS_FLOOR, SHARPNESS_SAFE
from tests.unit.test_domain_findings import FACTS


def item(name: str, sharpness: float = 100.0, *, kept: bool = True) -> DatasetPhoto:
    facts = replace(FACTS, sharpness=sharpness)
    return DatasetPhoto(Photo(name, f"{name}.jpg", 5, facts), kept=kept)


def alike(*photos: str, what: str = "near_duplicate") -> Finding:
    return Finding(what, Severity.WARN, "Nearly the same.", photos)


def test_sharper_photo_of_a_pair_comes_first() -> None:
    dataset = Dataset("d", (item("a", 90.0), item("b", 180.0)))

    (pair,) = pairs_of([alike("a", "b")], dataset)

    assert [one.sha256 for one in pair.photos] == ["b", "a"]
    assert pair.differs
    assert not pair.exact


def test_edited_photo_is_as_sharp_as_its_edited_copy() -> None:
    edited = replace(item("a", 300.0), edits=Edits(turns=1), edited=replace(FACTS, sharpness=20.0))

    (pair,) = pairs_of([alike("a", "b")], Dataset("d", (edited, item("b", 180.0))))

    assert pair.sharper.sha256 == "b"


@pytest.mark.parametrize(
    ("what", "sharpness", "differs"),
    [
        ("near_duplicate", 100.4, False),
        ("near_duplicate", 101.0, True),
        ("duplicate", 101.0, False),
    ],
)
def test_neither_is_the_sharper_where_no_difference_is_shown(
    what: str, sharpness: float, differs: bool
) -> None:
    dataset = Dataset("d", (item("a"), item("b", sharpness)))

    (pair,) = pairs_of([alike("a", "b", what=what)], dataset)

    assert pair.differs is differs


def test_pairs_are_of_kept_photos_and_of_findings_about_two_alone() -> None:
    dataset = Dataset("d", (item("a"), item("b"), item("c", kept=False)))
    findings = [alike("a", "b"), alike("a", "c"), alike("a", "gone"), alike("a", what="blurred")]

    assert [pair.finding for pair in pairs_of(findings, dataset)] == [findings[0]]


def test_findings_are_outdated_while_they_name_a_pair_whose_photo_went() -> None:
    dataset = Dataset("d", (item("a"), item("b"), item("c", kept=False)))

    assert not are_outdated([alike("a", "b"), alike("gone", what="blurred")], dataset)
    assert are_outdated([alike("a", "b"), alike("c", "b")], dataset)
    assert are_outdated([alike("gone", "b", what="duplicate")], dataset)


def test_sharpness_in_words_changes_where_the_check_changes_its_mind() -> None:
    floor = SHARPNESS_FLOOR.value
    safe = floor * SHARPNESS_SAFE.value

    assert [sharpness_words(value) for value in (floor - 0.1, floor)] == ["soft", "fairly sharp"]
    assert [sharpness_words(value) for value in (safe - 0.1, safe)] == ["fairly sharp", "sharp"]
