"""Which pictures a query asks for: words, filters and orders in SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.gallery import EVERYTHING, PictureQuery, PictureSort
from fluxlora_desktop.store.schema import PictureLoraRow, PictureRow, PictureTagRow

_MANY = 10_000
_NEAR = 2000
_BETWEEN = "\n"  # no id holds one, since files are named by ids
_ROWS = PictureRow.__table__.c
_NEWEST = (PictureRow.created_at.desc(), PictureRow.seq.desc())
_ORDERS: Mapping[PictureSort, tuple[ColumnElement[Any], ...]] = {
    PictureSort.NEWEST: _NEWEST,
    PictureSort.OLDEST: (PictureRow.created_at.asc(), PictureRow.seq.asc()),
    PictureSort.BEST: (PictureRow.rating.desc(), PictureRow.favourite.desc(), *_NEWEST),
    PictureSort.NAME: (PictureRow.prompt.asc(), *_NEWEST),
}
_WALKED = frozenset({PictureSort.NEWEST, PictureSort.OLDEST})
"""The orders that have an index."""
WORDS = table("pictures_fts", column("rowid", Integer), column("prompt", Text))


def find_ids(session: Session, query: PictureQuery, most: int | None) -> tuple[str, ...]:
    """Return the ids of the pictures that a query asks for, in its order; the first `most`.

    They come as one text: a row for each takes twice as long, and Python's lock with every row.
    SQLite keeps the order of what `group_concat` is given (its select.c: the ORDER BY of a subquery
    is left out for other aggregates only).
    """
    if most is not None:
        first = _first_found(session, query, most)
        if len(first) == most:
            return first
    wanted = _wanted(query, many=_many(session, query))
    chosen = select(PictureRow.id).where(*wanted).order_by(*_ORDERS[query.sort])
    return _split(session.scalar(_joined(chosen.limit(most))))


def _joined(chosen: Select[Any]) -> Select[Any]:
    return select(func.group_concat(chosen.subquery().c.id, _BETWEEN))


def _split(ids: str | None) -> tuple[str, ...]:
    return tuple(ids.split(_BETWEEN)) if ids else ()


def _first_found(session: Session, query: PictureQuery, most: int) -> tuple[str, ...]:
    """Return what a search for words alone finds among the first pictures of an order.

    When that is as many as are asked for, nothing else need be found: a word that stands in a
    third of all prompts is else looked up in each of them, which takes five times as long.
    """
    words = _terms(query.words)
    plain = replace(EVERYTHING, words=query.words, sort=query.sort, trashed=query.trashed)
    if not words or query.sort not in _WALKED or query != plain:
        return ()
    span, found = _among_the_first(query.sort, trashed=query.trashed)
    low, high = session.execute(span).one()
    asked = {"words": words, "low": low, "high": high, "most": most}
    return _split(session.scalar(found, asked))


@cache
def _among_the_first(sort: PictureSort, *, trashed: bool) -> tuple[Select[Any], Select[Any]]:
    """Return what asks between which rows the first pictures of an order lie, and which match."""
    shown = _wanted(replace(EVERYTHING, trashed=trashed), many=False)
    first = select(_ROWS.seq, _ROWS.id, _ROWS.created_at).where(*shown)
    near = first.order_by(*_ORDERS[sort]).limit(_NEAR).subquery().c
    between = WORDS.c.rowid.between(bindparam("low"), bindparam("high"))
    hits = select(WORDS.c.rowid).where(WORDS.c.prompt.match(bindparam("words")), between)
    keys = (near.created_at, near.seq)
    order = [key.desc() if sort is PictureSort.NEWEST else key.asc() for key in keys]
    found = select(near.id).where(near.seq.in_(hits)).order_by(*order).limit(bindparam("most"))
    return select(func.min(near.seq), func.max(near.seq)), _joined(found)


def _many(session: Session, query: PictureQuery) -> bool:
    """Tell whether so many prompts hold the words that it is quicker to walk in order.

    Looking up each hit's row and sorting takes twice as long for 30,000 of 100,000 as walking the
    index of the order and leaving out the others; for 100 it takes a hundredth.
    """
    terms = _terms(query.words)
    if not terms or query.sort not in _WALKED:
        return False
    hits = select(WORDS.c.rowid).where(WORDS.c.prompt.match(terms)).limit(_MANY).subquery()
    return session.scalar(select(func.count()).select_from(hits)) == _MANY


def _wanted(query: PictureQuery, *, many: bool) -> list[ColumnElement[bool]]:
    """Return the conditions of a query, those that leave the fewest rows first."""
    row = PictureRow
    wanted: list[ColumnElement[bool]] = [row.trashed_at.is_(None)]
    if query.trashed:
        wanted = [row.trashed_at.is_not(None)]
    if query.words.strip():
        wanted.append(_says(query.words, many=many))
    if query.lora_id:
        users = select(PictureLoraRow.picture_id).where(PictureLoraRow.lora_id == query.lora_id)
        wanted.append(row.id.in_(users))
    if query.tag:
        tagged = select(PictureTagRow.picture_id).where(PictureTagRow.tag == query.tag)
        wanted.append(row.id.in_(tagged))
    for field, value in (
        (row.grid_id, query.grid_id),
        (row.base, query.base),
        (row.generator, query.generator),
        (row.source, query.source),
    ):
        if value:
            wanted.append(field == value)
    if query.imported is not None:
        wanted.append(row.source != "" if query.imported else row.source == "")
    if query.since is not None:
        wanted.append(row.created_at >= query.since)
    if query.before is not None:
        wanted.append(row.created_at < query.before)
    if query.rating:
        wanted.append(row.rating >= query.rating)
    if query.favourite:
        wanted.append(row.favourite.is_(True))
    return wanted


def _terms(words: str) -> str:
    return " ".join(f'"{word}"*' for word in re.findall(r"\w+", words))


def _says(words: str, *, many: bool) -> ColumnElement[bool]:
    terms = _terms(words)
    if not terms:
        return literal_column("0 = 1")
    hits = select(WORDS.c.rowid).where(WORDS.c.prompt.match(terms))
    # a sum is not looked up as a row id: https://sqlite.org/optoverview.html, "unary +"
    seq = PictureRow.seq + 0 if many else PictureRow.seq
    return seq.in_(hits)
