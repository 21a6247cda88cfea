"""Rows carried out of one library and into another, as they lie in the tables.

Rows are known by their ids, which are random and so the same everywhere; numbers that only one
database gives (`seq`) stay behind. JSON columns are JSON outside too. What is in a library already
stays as it is there, with everything that hangs on it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Integer,
    Select,
    column,
    insert,
    literal_column,
    select,
    table,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.edits import edits_from
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.exchange import Arrived, ExportChoice, NewHere, Row
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.datasets import photo_of
from fluxlora_desktop.store.pictures import index_prompts
from fluxlora_desktop.store.runs import run_of
from fluxlora_desktop.store.schema import (
    CaptionRow,
    ChargeRow,
    DatasetPhotoRow,
    LoraRow,
    PhotoChangeRow,
    PictureGridRow,
    PictureLoraRow,
    PictureRow,
    PromptRow,
    RunRow,
    Table,
    VersionPhotoRow,
)
from fluxlora_desktop.store.upgrade import HEAD

_SEQ = "seq"
_AT_ONCE = 500
_RUN_STATES = ("draft", "ready", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class _Part:
    """One table: a row belongs to what `by` names, which is one of the set `of`.

    A table whose own key `by` is decides which of the set are new; the others follow it. Some are
    carried only with photos.
    """

    table: str
    by: str
    of: str
    key: bool = False
    photos: bool = False


_PARTS = (  # what is pointed at comes before what points
    _Part("datasets", "id", "datasets", key=True),
    _Part("photos", "sha256", "photos", key=True),
    _Part("dataset_photos", "dataset_id", "datasets", photos=True),
    _Part("photo_changes", "dataset_id", "datasets", photos=True),
    _Part("captions", "dataset_id", "datasets", photos=True),
    _Part("dismissals", "dataset_id", "datasets", photos=True),
    _Part("dataset_versions", "id", "versions", key=True),
    _Part("dataset_version_photos", "version_id", "versions", photos=True),
    _Part("runs", "id", "runs", key=True),
    _Part("run_events", "run_id", "runs"),
    _Part("run_logs", "run_id", "runs"),
    _Part("loss_points", "run_id", "runs"),
    _Part("loras", "id", "loras", key=True),
    _Part("publications", "lora_id", "loras"),
    _Part("picture_grids", "id", "grids", key=True),
    _Part("pictures", "id", "pictures", key=True),
    _Part("picture_loras", "picture_id", "pictures"),
    _Part("picture_tags", "picture_id", "pictures"),
    _Part("prompts", "text", "prompts", key=True),
    _Part("charges", "id", "charges", key=True),
)
_BY_TABLE = {part.table: part for part in _PARTS}
TABLES = frozenset(_BY_TABLE)
"""The tables of which rows are carried."""


class SqlExchange:
    """Fills the port `Exchange`."""

    form = HEAD

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def dump(self, choice: ExportChoice) -> Iterator[Row]:
        """Yield every row that a choice carries, what is pointed at first."""
        with self._database.read() as session:
            sets = _sets(session, choice)
        for part in _PARTS:
            if part.photos and not choice.photos:
                continue
            ids = sets[part.of]
            for start in range(0, len(ids), _AT_ONCE):
                with self._database.read() as session:
                    rows = _raw_rows(session, part, ids[start : start + _AT_ONCE])
                yield from ((part.table, row) for row in rows)

    def take(self, rows: Iterable[Row], new: NewHere) -> Arrived:
        """Put rows into the library, all of them or none; those known here already stay.

        `new` says which Loras, photos and pictures have their files here by now; others are passed
        over. Raises `InputError` for rows that cannot be rows of a library.
        """
        try:
            with self._database.write() as session:
                taking = _Taking(session, new)
                for name, row in rows:
                    taking.take(name, row)
                taking.finish()
                return taking.arrived()
        except (SQLAlchemyError, KeyError, TypeError, ValueError) as error:
            said = str(error).splitlines()[0][:200]
            raise InputError("folder", f"A row in it is damaged: {said}") from error


def _sets(session: Session, choice: ExportChoice) -> dict[str, tuple[str, ...]]:
    """Return the ids of everything that a choice carries, by set."""
    whole = choice.lora_ids is None
    if whole:
        kept = select(LoraRow.id).where(LoraRow.trashed_at.is_(None)).order_by(LoraRow.created_at)
        loras = tuple(session.scalars(kept).all())
        carried = RunRow.state.in_(_RUN_STATES) & RunRow.hidden.is_(False)
        runs = tuple(session.scalars(select(RunRow.id).where(carried)).all())
    else:
        loras = tuple(choice.lora_ids or ())
        made = select(RunRow.id).join(LoraRow, LoraRow.run_id == RunRow.id)
        runs = _among(session, made, LoraRow.id, loras)
    datasets = _among(session, select(RunRow.dataset_id), RunRow.id, runs)
    versioned = select(RunRow.version_id).where(RunRow.version_id.is_not(None))
    versions = _among(session, versioned, RunRow.id, runs)
    pictures = _pictures(session, None if whole else loras) if choice.pictures else ()
    drawn = select(PictureGridRow.id).join(PictureRow, PictureRow.grid_id == PictureGridRow.id)
    drawn = drawn.where(PictureGridRow.trashed_at.is_(None))
    return {
        "loras": loras,
        "runs": runs,
        "datasets": datasets,
        "versions": versions,
        "photos": _photos(session, datasets, versions) if choice.photos else (),
        "pictures": pictures,
        "grids": _among(session, drawn, PictureRow.id, pictures),
        "prompts": tuple(session.scalars(select(PromptRow.text)).all()) if whole else (),
        "charges": tuple(session.scalars(select(ChargeRow.id)).all()) if whole else (),
    }


def _photos(session: Session, datasets: Sequence[str], versions: Sequence[str]) -> tuple[str, ...]:
    """Return every photo of datasets and versions, and those that only a caption remembers."""
    row = VersionPhotoRow
    found = _among(session, select(row.photo_sha256), row.version_id, versions)
    for kind in (DatasetPhotoRow, PhotoChangeRow, CaptionRow):
        found += _among(session, select(kind.photo_sha256), kind.dataset_id, datasets)
    return tuple(dict.fromkeys(found))


def _pictures(session: Session, loras: Sequence[str] | None) -> tuple[str, ...]:
    """Return the finished pictures that Loras are in, or all of them, in their order."""
    there = select(PictureRow.id).where(
        PictureRow.state == PictureState.DONE,
        PictureRow.trashed_at.is_(None),
        PictureRow.file != "",
    )
    there = there.order_by(PictureRow.seq)
    if loras is None:
        return tuple(session.scalars(there).all())
    uses = there.join(PictureLoraRow, PictureLoraRow.picture_id == PictureRow.id)
    return _among(session, uses, PictureLoraRow.lora_id, loras)


def _among(
    session: Session, wanted: Select[Any], column: Any, values: Sequence[str]
) -> tuple[str, ...]:
    """Return what a query finds where a column has one of these values, each thing once."""
    found: dict[str, None] = {}
    for start in range(0, len(values), _AT_ONCE):
        some = wanted.where(column.in_(values[start : start + _AT_ONCE]))
        found |= dict.fromkeys(session.scalars(some).all())
    return tuple(found)


def _columns(name: str) -> dict[str, bool]:
    """Return the columns of a table that are carried, and which of them hold JSON."""
    found = Table.metadata.tables[name].columns
    return {column.name: isinstance(column.type, JSON) for column in found if column.name != _SEQ}


def _raw_rows(session: Session, part: _Part, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows as they lie on the disk, without the types that SQLAlchemy puts on them."""
    columns = _columns(part.table)
    raw = table(part.table, *(column(name) for name in columns), column(_SEQ))
    numbered = _SEQ in Table.metadata.tables[part.table].columns
    order = raw.c[_SEQ] if numbered else literal_column("rowid")
    wanted = select(*(raw.c[name] for name in columns)).where(raw.c[part.by].in_(ids))
    rows = session.execute(wanted.order_by(order)).mappings().all()
    return [
        {
            name: json.loads(value) if columns[name] and value is not None else value
            for name, value in row.items()
        }
        for row in rows
    ]


@dataclass(slots=True)
class _Taking:
    """Rows on their way in, gathered so that each table is written in few statements."""

    session: Session
    new: NewHere
    fresh: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    known: int = 0
    waiting: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, name: str, row: Mapping[str, Any]) -> None:
        """Let one row in, if what it belongs to is new here."""
        part = _BY_TABLE[name]
        values = _checked(name, row)
        mine = str(values[part.by])
        if part.key:
            if not self._is_new(part, mine):
                self.known += part.of in {"loras", "pictures"}
                return
            self.fresh[part.of].add(mine)
        elif mine not in self.fresh[part.of]:
            return
        if name == "picture_loras":
            values["lora_id"] = self.new.same_loras.get(values["lora_id"], values["lora_id"])
        if name == "runs" and values.get("lora_id") in self.new.same_loras:
            values["lora_id"] = self.new.same_loras[values["lora_id"]]
        if name == "loras" and values.get("run_id") and not self._there("runs", values["run_id"]):
            values["run_id"] = None
        self.waiting[name].append(values)
        if len(self.waiting[name]) >= _AT_ONCE:
            self.write()

    def _is_new(self, part: _Part, mine: str) -> bool:
        allowed = {
            "loras": self.new.loras,
            "photos": self.new.photos,
            "pictures": self.new.pictures,
        }.get(part.of)
        if allowed is not None and mine not in allowed:
            return False
        return mine not in self.fresh[part.of] and not self._there(part.table, mine)

    def _there(self, name: str, mine: str) -> bool:
        if mine in self.fresh[_BY_TABLE[name].of]:
            return True
        by = Table.metadata.tables[name].columns[_BY_TABLE[name].by]
        return self.session.scalar(select(by).where(by == mine)) is not None

    def write(self) -> None:
        """Write what waits, what is pointed at first."""
        for part in _PARTS:
            rows = self.waiting.pop(part.table, [])
            for columns, some in _alike(rows).items():
                raw = table(part.table, *(column(name) for name in columns))
                self.session.execute(insert(raw), some)

    def finish(self) -> None:
        """Write the rest, make prompts findable, and read everything once as the app will."""
        self.write()
        for part in _PARTS:
            kind, look = _KINDS[part.table], _LOOKS.get(part.table, _nothing)
            ids = sorted(self.fresh[part.of])
            for start in range(0, len(ids), _AT_ONCE):
                some = getattr(kind, part.by).in_(ids[start : start + _AT_ONCE])
                for row in self.session.scalars(select(kind).where(some)).all():
                    look(row)
                self.session.expunge_all()
        index_prompts(self.session, sorted(self.fresh["pictures"]))

    def arrived(self) -> Arrived:
        """Return how much came in."""
        counts = {name: len(self.fresh[name]) for name in ("loras", "runs", "photos", "pictures")}
        return Arrived(**counts, known=self.known)


def _alike(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    """Return rows by the columns that they have: an older app's lack some."""
    found: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[tuple(row)].append(row)
    return found


def _checked(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as it is written; raise for what no library would hold."""
    columns = _columns(name)
    strange = sorted(set(row) - set(columns))
    if strange:
        raise ValueError(f"{name} has no {strange[0][:40]}")
    for key, value in row.items():
        if not _fits(Table.metadata.tables[name].columns[key], value):
            raise ValueError(f"{name} cannot have this {key}")
    if name == "runs" and row["state"] not in _RUN_STATES:
        raise ValueError("a run in it is under way")
    if name == "pictures" and (row["state"] != PictureState.DONE or row.get("trashed_at")):
        raise ValueError("a picture in it is not finished")
    if name == "loras" and row.get("trashed_at"):
        raise ValueError("a LoRA in it is in the trash")
    return {
        key: json.dumps(value) if columns[key] and value is not None else value
        for key, value in row.items()
    }


def _fits(column: Column[Any], value: Any) -> bool:
    """Tell whether a value is of a column's kind; SQLite itself would take any."""
    kind = getattr(column.type, "impl_instance", column.type)
    if value is None:
        return bool(column.nullable)
    if isinstance(kind, JSON):
        return isinstance(value, list | dict)
    if isinstance(kind, Integer | Boolean):
        return isinstance(value, int)
    if isinstance(kind, Float):
        return isinstance(value, int | float)
    return isinstance(value, str)


def _nothing(_row: Table) -> None:
    """Look no further at a row."""


def _edits(row: Any) -> None:
    edits_from(row.edits)


_KINDS: Mapping[str, Any] = {
    mapper.local_table.name: mapper.class_  # type: ignore[attr-defined]  # each is a table
    for mapper in Table.registry.mappers
}
_LOOKS: Mapping[str, Callable[[Any], object]] = {
    "runs": run_of,
    "photos": photo_of,
    "photo_changes": _edits,
    "dataset_version_photos": _edits,
}
"""What reads a row as the app will, beyond what its columns' types do; raises when it cannot."""
