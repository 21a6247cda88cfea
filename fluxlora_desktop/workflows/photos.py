"""Take photos in, check them."""

from __future__ import annotations

import mimetypes
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fluxlora_desktop.domain.captions import caption_findings, one_line
from fluxlora_desktop.domain.datasets import (
    MEASURED,
    Dataset,
    Finding,
    Photo,
    PhotoFacts,
    count_findings,
)
from fluxlora_desktop.domain.dismissals import sort_out
from fluxlora_desktop.domain.edits import Edits
from fluxlora_desktop.domain.errors import DatasetError, StorageError, UnreadablePhoto
from fluxlora_desktop.domain.faces import face_findings
from fluxlora_desktop.domain.formats import format_findings
from fluxlora_desktop.domain.names import kept_name
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.recipes import PRESETS
from fluxlora_desktop.domain.training import Preset, Trainer
from fluxlora_desktop.workflows.tools import Tools

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".heic", ".heif", ".avif"}
    | {".tif", ".tiff", ".bmp", ".gif"}
)
FOREIGN_SUFFIXES = frozenset(
    {".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw"}
    | {".jxl", ".psd", ".xcf", ".heics", ".mov", ".mp4"}
)
"""Photos and films that not every system's list of types knows."""
_CAPTION_LIMIT = 20_000
_DEVELOPING = tuple(threading.Lock() for _ in range(256))
"""One lock for each first byte of a hash: the same photo twice is developed once."""


@dataclass(frozen=True, slots=True)
class TakenPhoto:
    """A photo that is in the library now, with the caption that lay beside it."""

    photo: Photo
    caption: str = ""


def list_photos(
    paths: Iterable[Path], suffixes: frozenset[str] = PHOTO_SUFFIXES
) -> tuple[Path, ...]:
    """Return the photos among files and folders, folders walked by name, hidden files left out.

    A file given by itself is kept whatever its suffix says: its content decides later.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in suffixes)
            found += sorted(p for p in inside if p.is_file() and not _hidden(p, path))
        elif path.suffix.lower() != ".txt":
            found.append(path)
    return tuple(dict.fromkeys(found))


def passed_over(paths: Iterable[Path]) -> tuple[DatasetError, ...]:
    """Name, for each folder, the photos and films in it of kinds that the app does not read."""
    found = []
    for folder in paths:
        if not folder.is_dir():
            continue
        inside = (p for p in folder.rglob("*") if _of_another_kind(p) and not _hidden(p, folder))
        suffixes = Counter(path.suffix.lower() for path in inside if path.is_file())
        if suffixes:
            count, kinds = suffixes.total(), ", ".join(sorted(suffixes))
            files = "1 file in it is" if count == 1 else f"{count} files in it are"
            reason = f"{files} of a kind that the app does not read: {kinds}"
            found.append(DatasetError(folder, reason))
    return tuple(found)


def _of_another_kind(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES:
        return False
    kind, _encoding = mimetypes.guess_type(path.name)
    return suffix in FOREIGN_SUFFIXES or (kind or "").startswith(("image/", "video/"))


def _hidden(path: Path, below: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.relative_to(below).parts)


def take_in_photo(source: Path, tools: Tools, ctx: JobContext) -> TakenPhoto:
    """Copy one photo into the library, measure it, and read the caption beside it.

    Raises `UnreadablePhoto` with the source's name; nothing is kept then.
    """
    if not source.is_file():
        raise UnreadablePhoto(source, "it is not a file, or it is gone")
    sha256, size = tools.stores.files.adopt(source)
    ctx.check()
    photo = _develop_once(sha256, size, source, tools)
    return TakenPhoto(photo, _caption_beside(source))


def glimpse_photo(source: Path, tools: Tools, ctx: JobContext) -> Path | None:
    """Make a first thumbnail of a photo that is to be taken in; return where that lies.

    None where there is none before the photo is developed, and where it cannot be read: what is
    wrong with it is said when it is taken in, which is to follow.
    """
    ctx.check()
    thumb = tools.stores.files.first_thumb()
    try:
        return thumb if tools.photos.glimpse(source, thumb) else None
    except UnreadablePhoto:
        return None


def take_in_bytes(data: bytes, name: str, tools: Tools) -> TakenPhoto:
    """The same for a pasted picture."""
    sha256, size = tools.stores.files.adopt_bytes(data)
    return TakenPhoto(_develop_once(sha256, size, Path(name), tools))


def _develop_once(sha256: str, size: int, source: Path, tools: Tools) -> Photo:
    with _DEVELOPING[int(sha256[:2], 16)]:
        return _develop(sha256, size, source, tools)


def _develop(sha256: str, size: int, source: Path, tools: Tools) -> Photo:
    known = tools.stores.datasets.photo(sha256)
    files = tools.stores.files
    working, thumb = files.working(sha256), files.photo_thumb(sha256)
    if known and working.is_file() and thumb.is_file():
        return measure_again(known, tools)
    try:
        facts = tools.photos.develop(files.original(sha256), working=working, thumb=thumb)
    except UnreadablePhoto as error:
        if known is None:
            files.original(sha256).unlink(missing_ok=True)
        raise UnreadablePhoto(source, error.reason) from error
    photo = Photo(sha256, kept_name(source.name), size, facts)
    tools.stores.datasets.put_photo(photo)
    return photo


def edit_photo(sha256: str, edits: Edits, tools: Tools, *, faces: bool = False) -> PhotoFacts:
    """Make the copies of a photo with its edits, where they are not there, and measure them.

    The original is not touched. `faces` are looked for where asked. Raises `UnreadablePhoto`.
    """
    stores, files = tools.stores, tools.stores.files
    working, thumb = files.working(sha256, edits), files.photo_thumb(sha256, edits)
    with _DEVELOPING[int(sha256[:2], 16)]:
        known = stores.datasets.edited(sha256, edits)
        if known and known.measured >= MEASURED and working.is_file() and thumb.is_file():
            facts = known
        else:
            facts = tools.photos.develop(
                files.original(sha256), working=working, thumb=thumb, edits=edits
            )
        if faces:
            facts = _with_faces(facts, working, tools)
        if facts != known:
            stores.datasets.put_edited(sha256, edits, facts)
    return facts


def measure_again(photo: Photo, tools: Tools, *, faces: bool = False) -> Photo:
    """Return a photo with today's measures where it `is_dated`.

    What cannot be read or kept now has the facts it had; the next time tries again.
    """
    files, facts = tools.stores.files, photo.facts
    try:
        if facts.measured < MEASURED:
            facts = replace(tools.photos.measure(files.original(photo.sha256)), faces=facts.faces)
        if faces:
            facts = _with_faces(facts, files.working(photo.sha256), tools)
        if facts == photo.facts:
            return photo
        fresh = replace(photo, facts=facts)
        tools.stores.datasets.put_photo(fresh)
    except (UnreadablePhoto, StorageError):
        return photo
    return fresh


def is_dated(facts: PhotoFacts, tools: Tools, *, faces: bool = False) -> bool:
    """Tell whether an older version measured a photo, or nobody looked for the faces asked for.

    Looking takes a third of the time of all else, and only a person's set is judged by faces.
    """
    return facts.measured < MEASURED or (faces and _lacks_faces(facts, tools))


def _lacks_faces(facts: PhotoFacts, tools: Tools) -> bool:
    return facts.faces is None and tools.photos.sees_faces()


def _with_faces(facts: PhotoFacts, working: Path, tools: Tools) -> PhotoFacts:
    """Return facts with the faces of a working copy, where a detector is there to look."""
    if not _lacks_faces(facts, tools):
        return facts
    return replace(facts, faces=tools.photos.find_faces(working))


def _caption_beside(source: Path) -> str:
    beside = source.with_suffix(".txt")
    if not beside.is_file():  # a pipe of that name would never end
        return ""
    try:
        with beside.open("rb") as file:
            raw = file.read(_CAPTION_LIMIT)
    except OSError:
        return ""
    return one_line(raw.decode("utf-8-sig", errors="replace"))


def check_dataset(
    dataset: Dataset,
    tools: Tools,
    preset: Preset = Preset.OBJECT,
    trainer: Trainer | None = None,
) -> tuple[Finding, ...]:
    """Return the findings about a dataset that stand, the gravest first: none is dismissed."""
    found = find_remarks(dataset, tools, preset, trainer)
    standing, _dismissed = sort_out(found, dataset.dismissed)
    return standing


def find_remarks(
    dataset: Dataset,
    tools: Tools,
    preset: Preset = Preset.OBJECT,
    trainer: Trainer | None = None,
    *,
    coming: int = 0,
) -> tuple[Finding, ...]:
    """Return every finding about a dataset, the gravest first, dismissed ones too.

    `preset` says what it shall teach: how many photos help, what captions leave out, and whether
    it needs faces. `trainer` says which files would be passed over.
    Photos that are still `coming` count as if they were there.
    """
    photos = tuple(item.seen for item in dataset.kept)
    found = (
        *count_findings(len(photos) + coming, PRESETS[preset].count),
        *tools.photos.find_problems(photos),
        *(face_findings(dataset) if preset is Preset.FACE else ()),
        *caption_findings(dataset, preset),
        *(format_findings(photos, trainer) if trainer is not None else ()),
    )
    order = {"block": 0, "warn": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))
