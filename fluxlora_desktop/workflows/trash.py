"""Pictures into the computer's trash and back, for 30 days; then they are forgotten.

The row is marked before a file moves: an app that ends in the middle leaves pictures in the
gallery's trash, whose files are then found at their old place or by the trash's own notes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.domain.gallery import KEPT_IN_TRASH, TRASH_PLACE
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import JobContext, Trash
from fluxlora_desktop.workflows.pictures import unsaved_file
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_AT_ONCE = 200  # so many files move before where they went is written down
_ON_ITS_WAY = frozenset({PictureState.WAITING, PictureState.MAKING})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """Which pictures are in the gallery again, and those whose files are nowhere any more."""

    ids: tuple[str, ...]
    missing: tuple[Picture, ...] = ()


def put_in_trash(
    ids: Sequence[str], trash: Trash, tools: Tools, ctx: JobContext
) -> tuple[str, ...]:
    """Move pictures to the trash and return which; one that is being made stays.

    A file that the computer's trash does not take stays in the library until its row is forgotten.
    """
    store = tools.stores.pictures
    chosen = [
        picture
        for picture in store.page(ids)
        if picture.state is not PictureState.MAKING and picture.trashed_at is None
    ]
    gone = tuple(picture.id for picture in chosen)
    store.trash(gone)
    for some in _portions(chosen):
        ctx.check()
        store.set_facts({picture.id: _moved(picture, trash, tools) for picture in some})
    return gone


def _moved(picture: Picture, trash: Trash, tools: Tools) -> dict[str, str]:
    """Move a picture's file and return its facts, with where the file is now."""
    facts = _without_place(picture)
    path = _file(picture, tools)
    place = trash.put(path) if path is not None and path.is_file() else None
    return facts if place is None else {**facts, TRASH_PLACE: str(place)}


def bring_back(ids: Sequence[str], trash: Trash, tools: Tools, ctx: JobContext) -> BroughtBack:
    """Take pictures out of the trash; those whose file is gone stay in the gallery's trash.

    Raises `StorageError` where a file cannot be moved; what came before it is back.
    """
    store = tools.stores.pictures
    back: list[Picture] = []
    missing: list[Picture] = []
    try:
        for picture in store.page(ids):
            ctx.check()
            if picture.trashed_at is not None:
                found = _bring_file(picture, trash, tools)
                (back if found else missing).append(picture)
    finally:
        store.trash([picture.id for picture in back], trashed=False)
        placed = [picture for picture in back if TRASH_PLACE in picture.facts]
        store.set_facts({picture.id: _without_place(picture) for picture in placed})
    return BroughtBack(tuple(picture.id for picture in back), tuple(missing))


def _bring_file(picture: Picture, trash: Trash, tools: Tools) -> bool:
    """Bring a picture's file to its place; False when it is nowhere."""
    path = _file(picture, tools)
    if path is None or path.is_file():
        return True
    place = trash.find(path, _remembered(picture))
    if place is None:
        return False
    trash.restore(place, path)
    return True


def delete_for_good(
    ids: Sequence[str], trash: Trash, tools: Tools, ctx: JobContext
) -> tuple[str, ...]:
    """Delete pictures of the trash with their files, and return which; there is no way back."""
    gone: list[str] = []
    try:
        for picture in tools.stores.pictures.page(ids):
            ctx.check()
            if picture.trashed_at is None or picture.state in _ON_ITS_WAY:
                continue
            path = _file(picture, tools)
            place = trash.find(path, _remembered(picture)) if path is not None else None
            if place is not None:
                trash.erase(place)
            _remove_files(picture, tools)
            gone.append(picture.id)
    finally:
        tools.stores.pictures.forget(gone)
    return tuple(gone)


def empty_old_trash(tools: Tools, ctx: JobContext) -> int:
    """Forget what was thrown away more than 30 days ago; return how many pictures that were.

    What lies in the computer's trash is the computer's. A picture whose files resist is tried
    again at the next start. Charges stay in the ledger.
    """
    store = tools.stores.pictures
    old = store.trashed_before(tools.clock.now() - KEPT_IN_TRASH)
    gone: list[str] = []
    for picture in store.page(old):
        ctx.check()
        if picture.state in _ON_ITS_WAY:
            continue
        try:
            _remove_files(picture, tools)
        except StorageError:
            _log.exception("a picture's files could not be removed")
            continue
        gone.append(picture.id)
    store.forget(gone)
    return len(gone)


def _remove_files(picture: Picture, tools: Tools) -> None:
    """Delete what the library still holds of a picture."""
    unsaved = unsaved_file(picture, tools)
    thumb = tools.stores.files.picture_thumb(picture.id)
    for path in (_file(picture, tools), thumb, unsaved):
        if path is not None:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_trouble(path, error) from error


def _file(picture: Picture, tools: Tools) -> Path | None:
    """Return where a picture's file lies, None when it has none among the library's pictures.

    A row that names another file of the library is not believed: what is here is deleted.
    """
    files = tools.stores.files
    if not picture.file:
        return None
    path = files.resolve(picture.file)
    return path if path.is_relative_to(files.root / "pictures") else None


def _remembered(picture: Picture) -> Path | None:
    place = picture.facts.get(TRASH_PLACE, "")
    return Path(place) if place else None


def _without_place(picture: Picture) -> dict[str, str]:
    return {name: told for name, told in picture.facts.items() if name != TRASH_PLACE}


def _portions(pictures: Sequence[Picture]) -> Iterator[Sequence[Picture]]:
    for start in range(0, len(pictures), _AT_ONCE):
        yield pictures[start : start + _AT_ONCE]
