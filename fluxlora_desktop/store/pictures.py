"""Pictures of the gallery; pages are plain selects, as a gallery may hold 100,000."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    column,
    delete,
    insert,
    literal_column,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import change, columns_of, fields_from
from fluxlora_desktop.store.schema import PictureLoraRow, PictureRow

_FIXED = frozenset({"seq", "id", "created_at"})
_AT_ONCE = 500  # SQLite before 3.32 takes at most 999 values in one statement
_COLUMNS = tuple(PictureRow.__table__.columns)
_WORDS = table("pictures_fts", column("rowid", Integer), column("prompt", Text))
# How FTS5 forgets a row whose text lies in another table: https://sqlite.org/fts5.html, "delete"
_UNINDEX = text(
    "INSERT INTO pictures_fts(pictures_fts, rowid, prompt) VALUES ('delete', :seq, :prompt)"
)


class SqlPictureStore:
    """Fills the port `PictureStore`; an unknown picture raises `KeyError`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, pictures: Sequence[Picture]) -> None:
        """Keep new pictures, whatever their state."""
        with self._database.write() as session:
            rows = [columns_of(picture, without=("loras",)) for picture in pictures]
            if rows:
                session.execute(insert(PictureRow), rows)
                _index(session, [picture.id for picture in pictures])
            for picture in pictures:
                _set_loras(session, picture.id, picture.loras)

    def get(self, picture_id: str) -> Picture:
        """Return a picture."""
        found = self.page((picture_id,))
        if not found:
            raise KeyError(picture_id)
        return found[0]

    def update(self, picture_id: str, **changes: Any) -> Picture:
        """Change columns, or `loras` as a whole; raises `TypeError` for an unknown one."""
        columns = {name: value for name, value in changes.items() if name != "loras"}
        with self._database.write() as session:
            row = session.scalars(select(PictureRow).filter_by(id=picture_id)).one_or_none()
            if row is None:
                raise KeyError(picture_id)
            reworded = columns.get("prompt", row.prompt) != row.prompt
            if reworded:
                session.execute(_UNINDEX, {"seq": row.seq, "prompt": row.prompt})
            change(row, columns, fixed=_FIXED)
            session.flush()
            if reworded:
                _index(session, [picture_id])
            if "loras" in changes:
                session.execute(delete(PictureLoraRow).filter_by(picture_id=picture_id))
                _set_loras(session, picture_id, changes["loras"])
            return _page(session, (picture_id,))[0]

    def ids(self, *, words: str = "", lora_id: str = "", generator: str = "") -> tuple[str, ...]:
        """Return the ids of what the gallery shows, newest first.

        Each of the words must begin a word of the prompt; case and accents do not matter.
        """
        wanted: list[ColumnElement[bool]] = [PictureRow.trashed_at.is_(None)]
        if words.strip():
            wanted.append(_says(words))
        if lora_id:
            users = select(PictureLoraRow.picture_id).where(PictureLoraRow.lora_id == lora_id)
            wanted.append(PictureRow.id.in_(users))
        if generator:
            wanted.append(PictureRow.generator == generator)
        newest = (PictureRow.created_at.desc(), PictureRow.seq.desc())
        with self._database.read() as session:
            chosen = select(PictureRow.id).where(*wanted).order_by(*newest)
            return tuple(session.scalars(chosen).all())

    def page(self, ids: Sequence[str]) -> tuple[Picture, ...]:
        """Return these pictures in this order; unknown ids are left out."""
        with self._database.read() as session:
            return _page(session, ids)

    def unfinished(self) -> tuple[Picture, ...]:
        """Return pictures that are waiting or being made, oldest first."""
        states = (PictureState.WAITING, PictureState.MAKING)
        waiting = select(PictureRow.id).where(PictureRow.state.in_(states))
        with self._database.read() as session:
            return _page(session, session.scalars(waiting.order_by(PictureRow.seq)).all())

    def trash(self, picture_ids: Sequence[str], trashed: bool = True) -> None:
        """Put pictures into the app's trash or take them out."""
        at = self._clock.now() if trashed else None
        with self._database.write() as session:
            for start in range(0, len(picture_ids), _AT_ONCE):
                some = PictureRow.id.in_(picture_ids[start : start + _AT_ONCE])
                session.execute(update(PictureRow).where(some).values(trashed_at=at))


def _says(words: str) -> ColumnElement[bool]:
    terms = " ".join(f'"{word}"*' for word in re.findall(r"\w+", words))
    if not terms:
        return literal_column("0 = 1")
    hits = select(_WORDS.c.rowid).where(_WORDS.c.prompt.match(terms))
    return PictureRow.seq.in_(hits)


def _index(session: Session, ids: Sequence[str]) -> None:
    """Make prompts findable, in the transaction that writes them."""
    for start in range(0, len(ids), _AT_ONCE):
        some = PictureRow.id.in_(ids[start : start + _AT_ONCE])
        prompts = select(PictureRow.seq, PictureRow.prompt).where(some)
        session.execute(insert(_WORDS).from_select(["rowid", "prompt"], prompts))


def _page(session: Session, ids: Sequence[str]) -> tuple[Picture, ...]:
    found: dict[str, Picture] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        loras = _loras(session, some)
        for row in session.execute(select(*_COLUMNS).where(PictureRow.id.in_(some))).all():
            columns = fields_from(row, Picture, without=("loras",))
            found[row.id] = Picture(**columns, loras=tuple(loras.get(row.id, ())))
    return tuple(found[picture_id] for picture_id in ids if picture_id in found)


def _loras(session: Session, ids: Sequence[str]) -> dict[str, list[PictureLora]]:
    uses = select(PictureLoraRow).where(PictureLoraRow.picture_id.in_(ids))
    loras: dict[str, list[PictureLora]] = {}
    for use in session.scalars(uses.order_by(PictureLoraRow.position)).all():
        lora = PictureLora(**fields_from(use, PictureLora))
        loras.setdefault(use.picture_id, []).append(lora)
    return loras


def _set_loras(session: Session, picture_id: str, loras: Sequence[PictureLora]) -> None:
    rows = [
        {"picture_id": picture_id, "position": position, **columns_of(lora)}
        for position, lora in enumerate(loras)
    ]
    if rows:
        session.execute(insert(PictureLoraRow), rows)
