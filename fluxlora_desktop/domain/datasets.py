"""Photos, captions, datasets, findings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from fluxlora_desktop.domain.edits import PLAIN, Edits, edited_size

FEWEST_PHOTOS = 5
MOST_PHOTOS = 20
MEASURED = 2
"""The version of the measuring; photos that an older one measured are measured again."""
FaceBox = tuple[float, float, float, float]
"""Where a face is: left, top, right and bottom as shares of the photo, 0 to 1."""


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What was measured on a photo's pixels, upright.

    `dhash` is a 64-bit difference hash; `sharpness` the 90th percentile of the Laplacian variance
    over 8 x 8 tiles at 1024 px; `clipped` and `midtones` are shares of pixels from 0 to 1.
    `measured` is the version of the measuring: what came with a later one has values here that
    no check remarks. `focus` and `detail` are the smallest size that still holds the finest edges,
    as a share of the photo at 1024 px and at the 2048 px that the trainer gets; `contrast` is the
    standard deviation and `noise` the RMS of the noise, both in grey levels of 255; `brightest`
    the grey level that 99.5 % of the pixels stay below; `blown` the share of pixels that are burnt
    out, a white backdrop left out; `bars` the black bars as shares to cut at left, top, right and
    bottom; `layout` the mean Y, Cb and Cr of 4 x 4 fields as 96 hex digits; `faces` where faces
    are, the largest first, None where nothing looked for them.
    """

    format: str
    width: int
    height: int
    pixel_sha256: str
    dhash: int
    sharpness: float
    clipped: float
    midtones: float
    notes: tuple[str, ...] = ()
    measured: int = 0
    focus: float = 1.0
    detail: float = 1.0
    contrast: float = 255.0
    noise: float = 0.0
    brightest: float = 255.0
    blown: float = 0.0
    bars: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    layout: str = ""
    faces: tuple[FaceBox, ...] | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """One training image as the person gave it, known by the SHA-256 of its bytes."""

    sha256: str
    name: str
    size_bytes: int
    facts: PhotoFacts


class Severity(StrEnum):
    """How much a finding matters: a note, a warning, or a thing the trainer cannot use."""

    NOTE = "note"
    WARN = "warn"
    BLOCK = "block"


class Mend(StrEnum):
    """The one click that a finding offers."""

    NONE = "none"
    REMOVE = "remove"
    KEEP_SHARPER = "keep_sharper"
    KEEP_ONE = "keep_one"
    ADD_PHOTOS = "add_photos"
    CHANGE_TRIGGER = "change_trigger"
    ADD_TRIGGER = "add_trigger"
    TRIM = "trim"
    CROP = "crop"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of the dataset check.

    `what` names the check (a stable key, for example "too_small"), `photos` the SHA-256 of those
    it is about (a pair for duplicates, first the one to keep: the sharper; empty for the whole
    set), `says` is the sentence for people, `mend` what one click can do.
    """

    what: str
    severity: Severity
    says: str
    photos: tuple[str, ...] = ()
    mend: Mend = Mend.NONE


class Readiness(StrEnum):
    """The verdict over a dataset."""

    READY = "ready"
    ATTENTION = "attention"
    BLOCKED = "blocked"


def readiness(findings: tuple[Finding, ...]) -> Readiness:
    """Sum findings up: anything that blocks decides, then anything that warns."""
    severities = {finding.severity for finding in findings}
    if Severity.BLOCK in severities:
        return Readiness.BLOCKED
    return Readiness.ATTENTION if Severity.WARN in severities else Readiness.READY


@dataclass(frozen=True, slots=True)
class IdealCount:
    """How many photos help: below `fewest` that is said, with the number that is `best`."""

    fewest: int = 10
    best: int = 10
    what: str = ""


ANY_COUNT = IdealCount()


def count_findings(count: int, ideal: IdealCount = ANY_COUNT) -> tuple[Finding, ...]:
    """Say in words when there are fewer or more photos than 5 to 20, or fewer than help."""
    if count == 0:
        return ()
    if count < FEWEST_PHOTOS:
        missing = FEWEST_PHOTOS - count
        noun = "photo" if missing == 1 else "photos"
        says = f"Add at least {missing} more {noun}: the trainer needs {FEWEST_PHOTOS}."
        return (Finding("too_few", Severity.BLOCK, says, mend=Mend.ADD_PHOTOS),)
    if count < ideal.fewest:
        whose = f"For {ideal.what} about" if ideal.what else "About"
        says = (
            f"{count} photos work. {whose} {ideal.best} are best: with few, the LoRA copies poses "
            "and backgrounds."
        )
        return (Finding("few", Severity.NOTE, says, mend=Mend.ADD_PHOTOS),)
    if count > MOST_PHOTOS:
        says = (
            f"{count} photos are more than the {MOST_PHOTOS} that help. "
            "A smaller, better choice usually trains a better LoRA."
        )
        return (Finding("many", Severity.NOTE, says),)
    return ()


@dataclass(frozen=True, slots=True)
class DatasetPhoto:
    """A photo in a dataset with the caption that belongs to its content.

    `edits` are what is changed about it, and `edited` what was measured after them; None while that
    is not known. One that is not `kept` stays in the set and is not trained.
    """

    photo: Photo
    caption: str = ""
    edits: Edits = PLAIN
    kept: bool = True
    edited: PhotoFacts | None = None

    @property
    def sha256(self) -> str:
        """Return which photo it is."""
        return self.photo.sha256

    @property
    def seen(self) -> Photo:
        """Return the photo as the trainer gets it: measured after its edits."""
        if self.edits.plain:
            return self.photo
        width, height = edited_size(self.edits, self.photo.facts.width, self.photo.facts.height)
        facts = self.edited or replace(self.photo.facts, width=width, height=height)
        return replace(self.photo, facts=facts)


@dataclass(frozen=True, slots=True)
class Dataset:
    """An ordered set of photos with captions; the trigger word belongs to it."""

    id: str
    photos: tuple[DatasetPhoto, ...] = ()
    trigger_word: str = "TOK"
    dismissed: frozenset[str] = frozenset()
    created_at: datetime | None = None
    kept: tuple[DatasetPhoto, ...] = field(init=False, repr=False, compare=False)
    """The photos that are trained: made once, since every trainer on offer asks for them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", tuple(item for item in self.photos if item.kept))

    def hashes(self) -> tuple[str, ...]:
        """Return the SHA-256 of the photos in order."""
        return tuple(item.photo.sha256 for item in self.photos)


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A dataset as it stood when a run started, the kept photos of it; it never changes."""

    id: str
    dataset_id: str
    photos: tuple[DatasetPhoto, ...]
    trigger_word: str
    findings: tuple[str, ...] = ()
    created_at: datetime | None = None

    @property
    def kept(self) -> tuple[DatasetPhoto, ...]:
        """Return the photos that are trained: all of them."""
        return self.photos


@dataclass(frozen=True, slots=True)
class PackItem:
    """One photo on its way into the training archive: the working copy and its caption."""

    photo_sha256: str
    working_copy: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A training archive on disk: size in bytes, SHA-256, and (member, SHA-256) for each file."""

    path: Path
    size_bytes: int
    sha256: str
    members: tuple[tuple[str, str], ...] = field(default=())
