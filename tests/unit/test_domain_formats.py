"""Photos that a trainer would pass over are named, and said to be converted."""

from __future__ import annotations

import pytest

from fluxlora_desktop.backends.replicate.trainers import FAST, OSTRIS
from fluxlora_desktop.domain.datasets import Photo, PhotoFacts, Severity
from fluxlora_desktop.domain.formats import format_findings


def photo(name: str, kind: str) -> Photo:
    return Photo(name, name, 1, PhotoFacts(kind, 1024, 768, name, 0, 100.0, 0.0, 0.5))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_formats_that_are_trained_are_not_remarked(kind: str) -> None:
    assert format_findings([photo("a", kind)], OSTRIS) == ()


def test_formats_that_are_passed_over_are_one_note_that_asks_for_nothing() -> None:
    photos = [photo("a", "HEIF"), photo("b", "JPEG"), photo("c", "TIFF"), photo("d", "HEIF")]

    (finding,) = format_findings(photos, OSTRIS)

    assert finding.severity is Severity.NOTE
    assert finding.photos == ("a", "c", "d")
    assert finding.says == (
        "FLUX LoRA trainer by Ostris would pass over 3 photos as they are (HEIF and TIFF). "
        "They are sent as JPEG, so nothing is lost."
    )


def test_one_photo_is_told_in_the_singular() -> None:
    (finding,) = format_findings([photo("a", "BMP")], OSTRIS)
    assert "1 photo as it is (BMP). It is sent as JPEG" in finding.says


def test_trainer_whose_formats_are_not_known_gets_no_remark() -> None:
    assert format_findings([photo("a", "HEIF")], FAST) == ()
