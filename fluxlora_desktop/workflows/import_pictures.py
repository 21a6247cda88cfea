"""Bring pictures of other programs into the gallery, with what their files say of themselves.

A file is copied byte for byte; nothing is sent and nothing is charged.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fluxlora_desktop.domain.bases import base_in
from fluxlora_desktop.domain.errors import DatasetError, JobCancelled, StorageError, UnreadablePhoto
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import (
    ArrivedPicture,
    Picture,
    PictureLora,
    PictureState,
    PictureWords,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.workflows.events import PicturesLookedAt
from fluxlora_desktop.workflows.photos import list_photos
from fluxlora_desktop.workflows.tools import Tools

IMPORTED = "in-"
"""What the ids of imported pictures begin with, so that their files are known without a row."""
UNKNOWN_PROGRAM = "another program"
"""The source of a picture that does not say where it came from."""
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp"})
SUFFIX_OF = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
_OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
_FEWEST_DIGITS = 8
_TENSOR_HASH_LENGTHS = (12, 64)
"""Digits of an AutoV3, short and whole; the hash of a whole file changes with its header."""


@dataclass(frozen=True, slots=True)
class ImportedPictures:
    """What became of files: pictures that came in, how many were there, what could not be read.

    `stopped` tells that a person stopped it: the rest was not looked at.
    """

    pictures: tuple[Picture, ...] = ()
    known: int = 0
    left_out: tuple[DatasetError, ...] = ()
    stopped: bool = False


def import_pictures(paths: Iterable[Path], tools: Tools, ctx: JobContext) -> ImportedPictures:
    """Take in the pictures among files and folders, reporting `PicturesLookedAt`.

    A file whose bytes are in the library already is no second picture. Raises `StorageError` and
    its kin where the library cannot be written; what came in until then stays.
    """
    work = _Importing(tools)
    files = list_photos(paths, PICTURE_SUFFIXES)
    for done, path in enumerate(files):
        try:
            ctx.check()
            ctx.report(PicturesLookedAt(done, len(files), len(work.pictures)))
            work.take(path)
        except JobCancelled:
            return work.result(stopped=True)
        except UnreadablePhoto as error:
            work.left_out.append(UnreadablePhoto(path, error.reason))
    return work.result()


class _Importing:
    """One lot of files on their way in."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._hashes = dict(tools.stores.pictures.hashes())
        self._loras = tools.stores.loras.all()
        self._lot = secrets.token_hex(6)
        self.pictures: list[Picture] = []
        self.left_out: list[DatasetError] = []
        self._known = 0

    def take(self, source: Path) -> None:
        """Take a file in, unless its bytes are there; raises `UnreadablePhoto`, `StorageError`."""
        files = self._tools.stores.files
        try:
            part, sha256 = files.adopt_picture(source)
        except StorageError as error:
            if error.path != source:
                raise
            raise UnreadablePhoto(source, "the system does not let the app read it") from error
        try:
            if sha256 in self._hashes:
                self._known += 1
                return
            self._keep(part, sha256)
        finally:
            part.unlink(missing_ok=True)

    def _keep(self, part: Path, sha256: str) -> None:
        """Write the thumbnail, put the file at its place, then the row: what has one is whole."""
        files = self._tools.stores.files
        picture_id = f"{IMPORTED}{self._lot}-{len(self.pictures):05d}"
        thumb = files.picture_thumb(picture_id)
        arrived = self._tools.pictures.take_in(part, thumb)
        now = self._tools.clock.now()
        at = time_of(arrived.words, part, now)
        target = files.picture(picture_id, at, SUFFIX_OF[arrived.format])
        files.place(part, target)
        made = replace(
            imported_picture(picture_id, arrived, self._loras),
            order_id=f"{IMPORTED}{self._lot}",
            created_at=at,
            file=files.relative(target),
            thumb=files.relative(thumb),
            sha256=sha256,
        )
        self._tools.stores.pictures.add([made])
        self._hashes[sha256] = picture_id
        self.pictures.append(made)

    def result(self, *, stopped: bool = False) -> ImportedPictures:
        """Return what became of the files so far."""
        return ImportedPictures(tuple(self.pictures), self._known, tuple(self.left_out), stopped)


def imported_picture(picture_id: str, arrived: ArrivedPicture, loras: Sequence[Lora]) -> Picture:
    """Return the row of a picture without its place, time and hash.

    Its LoRAs are those of the library where a hash or a name says so.
    """
    words = arrived.words
    used = tuple(_linked(use, loras) for use in words.loras)
    linked = {lora.id: lora.base for lora in loras}
    bases = [linked[use.lora_id] for use in used if use.lora_id]
    return Picture(
        id=picture_id,
        order_id=picture_id,
        state=PictureState.DONE,
        generator="",
        model=words.model,
        base=bases[0] if bases else base_in(words.model),
        prompt=words.prompt,
        negative_prompt=words.negative_prompt,
        loras=used,
        width=arrived.width,
        height=arrived.height,
        steps=words.steps,
        guidance=words.guidance,
        seed=words.seed,
        created_at=_OLDEST,
        source=words.program or UNKNOWN_PROGRAM,
        facts=_facts_of(arrived),
    )


def time_of(words: PictureWords, file: Path, now: datetime) -> datetime:
    """Return when a picture was made: as it says, else when its file was last changed."""
    changed = datetime.fromtimestamp(max(0.0, file.stat().st_mtime), UTC)
    latest = now + timedelta(days=1)
    try:
        said = datetime.fromisoformat(words.made_at)
        said = said.replace(tzinfo=said.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        said = _OLDEST
    if len(words.made_at) == len("2026-11-23") and said.date() == changed.date():
        said = changed  # a day alone says less than the file's own time on it
    for at in (said, changed):
        if _OLDEST < at < latest:
            return at
    return now


def _facts_of(arrived: ArrivedPicture) -> dict[str, str]:
    words = arrived.words
    facts = dict(words.facts)
    if (
        words.width
        and words.height
        and (words.width, words.height)
        != (
            arrived.width,
            arrived.height,
        )
    ):
        facts["Size it was made at"] = f"{words.width} × {words.height}"
    return facts


def _linked(use: PictureLora, loras: Sequence[Lora]) -> PictureLora:
    """Return a LoRA of a picture as one of the library, by its hash, else by its name.

    Where the hash of the tensors is known and is another, the name alone proves nothing.
    """
    digest = use.tensor_hash.lower().removeprefix("0x")
    hexadecimal = len(digest) >= _FEWEST_DIGITS and not set(digest) - set("0123456789abcdef")
    if hexadecimal:
        for lora in loras:
            if lora.tensor_hash.startswith(digest) or lora.sha256.startswith(digest):
                return replace(use, lora_id=lora.id)
        if len(digest) in _TENSOR_HASH_LENGTHS:
            return use
    name = _letters(Path(use.name.replace("\\", "/")).name.removesuffix(".safetensors"))
    same = [lora for lora in loras if name and _letters(lora.name) == name]
    return replace(use, lora_id=same[0].id) if len(same) == 1 else use


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
