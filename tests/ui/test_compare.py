"""What differs between the photos of two trainings is said in words and shown by photo."""

from __future__ import annotations

from dataclasses import replace

from fluxlora_desktop.domain.datasets import DatasetPhoto, Photo, PhotoFacts
from fluxlora_desktop.domain.edits import Edits
from fluxlora_desktop.domain.versions import CaptionChange, DatasetDiff
from fluxlora_desktop.ui.runs.compare import words_of

PHOTO = DatasetPhoto(
    Photo("a" * 64, "fox.jpg", 5, PhotoFacts("JPEG", 8, 8, "b" * 64, 0, 1.0, 0.0, 0.5)), "TOK fox"
)


def test_same_photos_are_said_to_be_the_same() -> None:
    assert words_of(DatasetDiff()) == "The photos, captions and crops are the same."


def test_every_difference_is_counted_in_one_sentence() -> None:
    diff = DatasetDiff(
        added=(PHOTO, replace(PHOTO, caption="two")),
        removed=(PHOTO,),
        captions=(CaptionChange(PHOTO, "", "TOK fox"),),
        edited=(replace(PHOTO, edits=Edits(flip=True)),),
        reordered=True,
        trigger=("TOK", "GLZ"),
    )
    assert words_of(diff) == (
        "2 photos added, 1 photo taken out, 1 caption changed, 1 photo cropped or turned "
        "differently, the trigger word TOK became GLZ, the order changed."
    )
