"""What is said about faces: none, more than one, a small one; of photos as they are edited."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.domain.datasets import (
    Dataset,
    DatasetPhoto,
    FaceBox,
    Finding,
    Mend,
    Photo,
    PhotoFacts,
    Severity,
)
from fluxlora_desktop.domain.dismissals import dismissal_keys
from fluxlora_desktop.domain.edits import Box, Edits
from fluxlora_desktop.domain.faces import face_findings

Faces = tuple[FaceBox, ...] | None
FACTS = PhotoFacts("JPEG", 1024, 1024, "", 0, 100.0, 0.0, 0.5)


def face(height: float, left: float = 0.1) -> FaceBox:
    return left, 0.2, left + 0.1, 0.2 + height


def item(name: str, faces: Faces) -> DatasetPhoto:
    return DatasetPhoto(Photo(name * 64, f"{name}.jpg", 1, replace(FACTS, faces=faces)))


def found(*items: DatasetPhoto, dismissed: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    return face_findings(Dataset("d", items, dismissed=dismissed))


@pytest.mark.parametrize(
    ("faces", "what"),
    [
        ((), "face_none"),
        ((face(0.5),), ""),
        ((face(0.081),), ""),
        ((face(0.079),), "face_small"),
        ((face(0.5), face(0.21, left=0.5)), "face_many"),
        ((face(0.5), face(0.19, left=0.5)), ""),
        ((face(0.05), face(0.04, left=0.5)), "face_many"),
        ((face(0.05), face(0.01, left=0.5)), "face_small"),
        (None, ""),
    ],
)
def test_faces_are_judged_by_their_number_and_their_height(faces: Faces, what: str) -> None:
    assert [finding.what for finding in found(item("a", faces))] == ([what] if what else [])


def test_photos_without_a_face_are_one_note_that_can_be_kept_photo_by_photo() -> None:
    items = [item(name, ()) for name in "abc"]
    (note,) = found(*items)

    assert (note.severity, note.mend) == (Severity.NOTE, Mend.NONE)
    assert note.photos == ("a" * 64, "b" * 64, "c" * 64)
    assert "3 photos" in note.says

    (first, other) = found(*items, dismissed=frozenset(dismissal_keys(note)[:1]))
    assert (first.photos, other.photos) == (note.photos[1:], note.photos[:1])
    assert "in a.jpg." in other.says


@pytest.mark.parametrize("faces", [(face(0.5), face(0.4)), (face(0.03),)])
def test_crop_is_offered_where_it_mends(faces: Faces) -> None:
    (finding,) = found(item("a", faces))
    assert (finding.severity, finding.mend) == (Severity.WARN, Mend.CROP)
    assert finding.photos == ("a" * 64,)
    assert "a.jpg" in finding.says


def test_sentences_name_how_many_faces_and_how_small() -> None:
    many, small = found(item("a", (face(0.5),) * 3), item("b", (face(0.05),)))
    assert "3 faces" in many.says
    assert "5% of the photo's height" in small.says


def test_photo_is_judged_as_it_is_after_its_edits_and_not_at_all_when_left_out() -> None:
    small = item("a", (face(0.05),))
    closer = replace(
        small, edits=Edits(crop=Box(0, 0, 0.5, 0.5)), edited=replace(FACTS, faces=(face(0.3),))
    )
    assert [finding.what for finding in found(small)] == ["face_small"]
    assert found(closer) == ()
    assert found(replace(small, kept=False)) == ()
