"""Pictures of the gallery; pages are plain selects, as a gallery may hold 100,000."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from fluxlora_desktop.domain.gallery import EVERYTHING, PictureQuery, PictureUses
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.picture_search import WORDS, find_ids
from fluxlora_desktop.store.rows import change, columns_of
from fluxlora_desktop.store.schema import PictureLoraRow, PictureRow, PictureTagRow

_FIXED = frozenset({"seq", "id", "created_at"})
_APART = ("loras", "tags")
_MARKS = frozenset({"rating", "favourite", "grid_id"})
_AT_ONCE = 500  # SQLite before 3.32 takes at most 999 values in one statement
_PLAIN = tuple(field.name for field in fields(Picture) if field.name not in {*_APART, "facts"})
_ROWS = PictureRow.__table__.c
_USES, _TAGS = PictureLoraRow.__table__.c, PictureTagRow.__table__.c
# One value, whatever the number of ids: a list of values makes a statement of its own length, and
# writing that takes SQLAlchemy longer than SQLite takes to answer it.
_ASKED = select(func.json_each(bindparam("ids")).table_valued("value").c.value)
_READ = select(*(_ROWS[name] for name in _PLAIN), type_coerce(_ROWS.facts, Text)).where(
    _ROWS.id.in_(_ASKED)
)
_READ_LORAS = (
    select(_USES.picture_id, *(_USES[field.name] for field in fields(PictureLora)))
    .where(_USES.picture_id.in_(_ASKED))
    .order_by(_USES.position)
)
_READ_TAGS = (
    select(_TAGS.picture_id, _TAGS.tag).where(_TAGS.picture_id.in_(_ASKED)).order_by(_TAGS.tag)
)
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
            rows = [columns_of(picture, without=_APART) for picture in pictures]
            if rows:
                session.execute(insert(PictureRow), rows)
                index_prompts(session, [picture.id for picture in pictures])
            for picture in pictures:
                _set_loras(session, picture.id, picture.loras)
                _set_tags(session, picture.id, picture.tags)

    def get(self, picture_id: str) -> Picture:
        """Return a picture."""
        found = self.page((picture_id,))
        if not found:
            raise KeyError(picture_id)
        return found[0]

    def update(self, picture_id: str, **changes: Any) -> Picture:
        """Change columns, and `loras` and `tags` as a whole; raises `TypeError` for others."""
        columns = {name: value for name, value in changes.items() if name not in _APART}
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
                index_prompts(session, [picture_id])
            if "loras" in changes:
                session.execute(delete(PictureLoraRow).filter_by(picture_id=picture_id))
                _set_loras(session, picture_id, changes["loras"])
            if "tags" in changes:
                session.execute(delete(PictureTagRow).filter_by(picture_id=picture_id))
                _set_tags(session, picture_id, changes["tags"])
            return read_pictures(session, (picture_id,))[0]

    def ids(self, query: PictureQuery = EVERYTHING, *, most: int | None = None) -> tuple[str, ...]:
        """Return the ids of the pictures that a query asks for, in its order; the first `most`."""
        with self._database.read() as session:
            return find_ids(session, query, most)

    def hashes(self) -> Mapping[str, str]:
        """Return the ids of the pictures that are not in the trash, by their files' SHA-256."""
        row = PictureRow
        there = select(row.sha256, row.id).where(row.trashed_at.is_(None), row.sha256 != "")
        with self._database.read() as session:
            return {sha256: picture_id for sha256, picture_id in session.execute(there).all()}

    def tags(self) -> tuple[tuple[str, int], ...]:
        """Return every tag by name, with how many pictures bear it that are not in the trash."""
        count = func.count()
        used = (
            select(PictureTagRow.tag, count)
            .join(PictureRow, PictureRow.id == PictureTagRow.picture_id)
            .where(PictureRow.trashed_at.is_(None))
            .group_by(PictureTagRow.tag)
            .order_by(PictureTagRow.tag)
        )
        with self._database.read() as session:
            return tuple((tag, number) for tag, number in session.execute(used).all())

    def mark(self, picture_ids: Sequence[str], **changes: Any) -> None:
        """Change columns of many pictures alike: `rating`, `favourite`, `grid_id`.

        Raises `TypeError` for another one.
        """
        wrong = sorted(set(changes) - _MARKS)
        if wrong:
            raise TypeError(f"pictures cannot be marked with {', '.join(wrong)}")
        with self._database.write() as session:
            for some in _portions(picture_ids):
                session.execute(update(PictureRow).where(some).values(**changes))

    def set_tags(self, tags: Mapping[str, Sequence[str]]) -> None:
        """Give pictures exactly these tags, by their ids; all of them or none."""
        rows = [
            {"picture_id": picture_id, "tag": tag}
            for picture_id, given in tags.items()
            for tag in dict.fromkeys(given)
        ]
        with self._database.write() as session:
            for start in range(0, len(tags), _AT_ONCE):
                some = list(tags)[start : start + _AT_ONCE]
                session.execute(delete(PictureTagRow).where(PictureTagRow.picture_id.in_(some)))
            if rows:
                session.execute(insert(PictureTagRow), rows)

    def uses(self) -> PictureUses:
        """Return what the pictures were made with that are not in the trash, by name."""
        row, shown = PictureLoraRow, PictureRow.trashed_at.is_(None)
        used = (
            select(row.lora_id, func.max(row.name))
            .join(PictureRow, PictureRow.id == row.picture_id)
            .where(shown)
            .group_by(row.lora_id)
            .order_by(func.max(row.name))
        )

        def values(session: Session, of: InstrumentedAttribute[str]) -> tuple[str, ...]:
            chosen = select(of).where(shown, of != "").distinct().order_by(of)
            return tuple(session.scalars(chosen).all())

        with self._database.read() as session:
            return PictureUses(
                loras=tuple((lora, name) for lora, name in session.execute(used).all()),
                bases=values(session, PictureRow.base),
                generators=values(session, PictureRow.generator),
                sources=values(session, PictureRow.source),
            )

    def set_facts(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        """Give pictures exactly these facts, by their ids; all of them or none."""
        rows = [{"picture": key, "told": dict(told)} for key, told in facts.items()]
        changed = update(PictureRow).where(PictureRow.id == bindparam("picture"))
        if rows:
            with self._database.write() as session:
                session.connection().execute(changed.values(facts=bindparam("told")), rows)

    def page(self, ids: Sequence[str]) -> tuple[Picture, ...]:
        """Return these pictures in this order; unknown ids are left out."""
        with self._database.read() as session:
            return read_pictures(session, ids)

    def unfinished(self) -> tuple[Picture, ...]:
        """Return pictures that are waiting or being made, oldest first."""
        states = (PictureState.WAITING, PictureState.MAKING)
        waiting = select(PictureRow.id).where(PictureRow.state.in_(states))
        with self._database.read() as session:
            return read_pictures(session, session.scalars(waiting.order_by(PictureRow.seq)).all())

    def trash(self, picture_ids: Sequence[str], trashed: bool = True) -> None:
        """Put pictures into the app's trash or take them out."""
        at = self._clock.now() if trashed else None
        with self._database.write() as session:
            for some in _portions(picture_ids):
                session.execute(update(PictureRow).where(some).values(trashed_at=at))

    def trashed_before(self, moment: datetime) -> tuple[str, ...]:
        """Return the pictures that were put into the app's trash before a moment."""
        with self._database.read() as session:
            old = select(PictureRow.id).where(PictureRow.trashed_at < moment)
            return tuple(session.scalars(old).all())

    def forget(self, picture_ids: Sequence[str]) -> None:
        """Delete pictures' rows for good; what was spent on them stays in the ledger."""
        with self._database.write() as session:
            for start in range(0, len(picture_ids), _AT_ONCE):
                some = picture_ids[start : start + _AT_ONCE]
                gone = select(PictureRow.seq, PictureRow.prompt).where(PictureRow.id.in_(some))
                words = [{"seq": seq, "prompt": text} for seq, text in session.execute(gone).all()]
                if words:
                    session.execute(_UNINDEX, words)
                for part in (PictureLoraRow, PictureTagRow):
                    session.execute(delete(part).where(part.picture_id.in_(some)))
                session.execute(delete(PictureRow).where(PictureRow.id.in_(some)))


def _portions(picture_ids: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    for start in range(0, len(picture_ids), _AT_ONCE):
        yield PictureRow.id.in_(picture_ids[start : start + _AT_ONCE])


def index_prompts(session: Session, ids: Sequence[str]) -> None:
    """Make prompts findable, in the transaction that writes them."""
    for start in range(0, len(ids), _AT_ONCE):
        some = PictureRow.id.in_(ids[start : start + _AT_ONCE])
        prompts = select(PictureRow.seq, PictureRow.prompt).where(some)
        session.execute(insert(WORDS).from_select(["rowid", "prompt"], prompts))


def read_pictures(session: Session, ids: Sequence[str]) -> tuple[Picture, ...]:
    """Return these pictures in this order; unknown ids are left out.

    They are read as plain rows, with no object between them and the values.
    """
    asked = {"ids": json.dumps(ids)}
    connection = session.connection()
    loras: dict[str, list[PictureLora]] = {}
    for picture_id, *use in connection.execute(_READ_LORAS, asked).all():
        loras.setdefault(picture_id, []).append(PictureLora(*use))
    tags: dict[str, list[str]] = {}
    for picture_id, tag in connection.execute(_READ_TAGS, asked).all():
        tags.setdefault(picture_id, []).append(tag)
    found: dict[str, Picture] = {}
    for *values, facts in connection.execute(_READ, asked).all():
        picture_id = values[0]
        found[picture_id] = Picture(
            **dict(zip(_PLAIN, values, strict=True)),
            facts={} if facts == "{}" else json.loads(facts),  # most have none
            loras=tuple(loras.get(picture_id, ())),
            tags=tuple(tags.get(picture_id, ())),
        )
    return tuple(found[picture_id] for picture_id in ids if picture_id in found)


def _set_tags(session: Session, picture_id: str, tags: Sequence[str]) -> None:
    rows = [{"picture_id": picture_id, "tag": tag} for tag in dict.fromkeys(tags)]
    if rows:
        session.execute(insert(PictureTagRow), rows)


def _set_loras(session: Session, picture_id: str, loras: Sequence[PictureLora]) -> None:
    rows = [
        {"picture_id": picture_id, "position": position, **columns_of(lora)}
        for position, lora in enumerate(loras)
    ]
    if rows:
        session.execute(insert(PictureLoraRow), rows)
