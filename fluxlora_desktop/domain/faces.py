"""What faces say about a photo of a person: none found, more than one, one that is small."""

from __future__ import annotations

from collections.abc import Iterator

from fluxlora_desktop.domain.datasets import Dataset, FaceBox, Finding, Mend, Photo, Severity
from fluxlora_desktop.domain.dismissals import parted
from fluxlora_desktop.domain.names import shown_name

SMALL_FACE = 0.08
"""A face is small below this share of the photo's height.

SceneWorks, whose rules were compared for this app, warns below 8 % of the photo's area: a reasoned
default that even a portrait down to the waist falls short of (3.8 % in NASA's of Eileen Collins,
where the face has 22 % of the height). Of the height, a person from head to foot has about 12 %.
At 1024 px 8 % are 82 px: five of the trainer's 16 px patches from brow to chin.
"""
SECOND_FACE = 0.4
"""Other faces count from this share of the largest one's height: smaller ones are passers-by."""


def face_findings(dataset: Dataset) -> tuple[Finding, ...]:
    """Return remarks about the faces in photos that shall teach a person's face.

    Photos in which nothing looked for faces are passed over. Those without a face that were
    dismissed are in a finding of their own.
    """
    photos = tuple(item.seen for item in dataset.kept)
    found = list(_find_faceless(photos, dataset.dismissed))
    for photo in photos:
        if photo.facts.faces:
            found.extend(_judge_faces(photo, photo.facts.faces))
    return tuple(found)


def _find_faceless(photos: tuple[Photo, ...], dismissed: frozenset[str]) -> Iterator[Finding]:
    names = {photo.sha256: shown_name(photo.name) for photo in photos if photo.facts.faces == ()}
    for part in parted("face_none", names, dismissed):
        where = names[part[0]] if len(part) == 1 else f"{len(part)} photos"
        says = (
            f"No face was found in {where}. A person's LoRA learns from faces: "
            "a few views from the side or behind are enough."
        )
        yield Finding("face_none", Severity.NOTE, says, part)


def _judge_faces(photo: Photo, faces: tuple[FaceBox, ...]) -> Iterator[Finding]:
    """Remark a second person first: the crop to one of them mends a small face too."""
    name, heights = shown_name(photo.name), sorted(map(_height, faces), reverse=True)
    count = sum(height >= heights[0] * SECOND_FACE for height in heights)
    if count > 1:
        says = f"{name} shows {count} faces. The LoRA would mix them: crop it to the one person."
        yield Finding("face_many", Severity.WARN, says, (photo.sha256,), Mend.CROP)
    elif heights[0] < SMALL_FACE:
        says = (
            f"The face in {name} is small: {heights[0]:.0%} of the photo's height. "
            "Crop closer, so that the LoRA sees it well."
        )
        yield Finding("face_small", Severity.WARN, says, (photo.sha256,), Mend.CROP)


def _height(face: FaceBox) -> float:
    _left, top, _right, bottom = face
    return bottom - top
