"""What was spent, added up by the database.

The lines are the charges, and each launch whose answer was lost as one that may have been charged:
a training gets its charge only when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.money import NOTHING, Certainty, Charge
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.domain.spending import (
    NONE,
    WHOLE_LEDGER,
    GroupBy,
    LedgerGroup,
    LedgerLine,
    LedgerLora,
    LedgerQuery,
    Month,
    OpenTraining,
    Sum,
    UnderWay,
    WaitingPictures,
)
from fluxlora_desktop.store.columns import MicroDollars
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import columns_of, fields_from
from fluxlora_desktop.store.schema import (
    ChargeRow,
    EffectRow,
    LoraRow,
    PictureLoraRow,
    PictureRow,
    RunRow,
)

_C, _E, _L, _P, _R = ChargeRow, EffectRow, LoraRow, PictureRow, RunRow
_SENT = (RunState.LAUNCHING, RunState.QUEUED, RunState.TRAINING, RunState.UNKNOWN)
_NOT_SENT = (RunState.PACKAGING, RunState.UPLOADING)
_PROMPT = 200
"""How many characters of a prompt a line shows."""


class SqlLedger:
    """Fills the port `Ledger`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def add(self, charge: Charge) -> None:
        """Keep a charge; one with the same id replaces it."""
        with self._database.write() as session:
            session.merge(ChargeRow(**columns_of(charge)))

    def charges(self) -> tuple[Charge, ...]:
        """Return every charge, newest first."""
        newest = select(ChargeRow).order_by(ChargeRow.at.desc(), ChargeRow.id)
        with self._database.read() as session:
            rows = session.scalars(newest).all()
            return tuple(Charge(**fields_from(row, Charge)) for row in rows)

    def sum(self, query: LedgerQuery = WHOLE_LEDGER) -> Sum:
        """Return what the lines that a query asks for add up to."""
        wanted = select(*_sums()).where(*_conditions(query))
        with self._database.read() as session:
            return _sum(session.execute(wanted).one())

    def groups(self, by: GroupBy, query: LedgerQuery = WHOLE_LEDGER) -> tuple[LedgerGroup, ...]:
        """Return the sums of these lines by month, service, kind, run or Lora."""
        with self._database.read() as session:
            if by is GroupBy.LORA:
                return _by_lora(session, query)
            key, name = _key_of(session, by, query)
            wanted = select(key, name, *_sums()).where(*_conditions(query)).group_by(key)
            if by is GroupBy.RUN:
                wanted = wanted.outerjoin_from(_LINES, RunRow, _R.id == _LINES.c.run_id)
            found = session.execute(wanted).all()
        made = (LedgerGroup(by, row[0] or NONE, row[1] or "", _sum(row[2:])) for row in found)
        return _ordered(by, made)

    def lines(self, query: LedgerQuery = WHOLE_LEDGER) -> tuple[LedgerLine, ...]:
        """Return these lines, newest first, with what they were for."""
        wanted = (
            select(
                *_LINES.c,
                _run_name().label("run_name"),
                type_coerce(and_(_R.id.is_not(None), ~_R.hidden), Boolean).label("run_here"),
                type_coerce(and_(_P.id.is_not(None), _P.trashed_at.is_(None)), Boolean).label(
                    "picture_here"
                ),
                func.substr(_P.prompt, 1, _PROMPT).label("prompt"),
            )
            .outerjoin_from(_LINES, RunRow, _R.id == _LINES.c.run_id)
            .outerjoin(PictureRow, _P.id == _LINES.c.picture_id)
            .where(*_conditions(query))
            .order_by(_LINES.c.at.desc(), _LINES.c.id)
        )
        with self._database.read() as session:
            rows = session.execute(wanted).all()
            loras = _loras_of(session)
        return tuple(
            LedgerLine(
                Charge(**fields_from(row, Charge)),
                run_name=row.run_name or "",
                run_here=bool(row.run_here),
                picture_here=bool(row.picture_here),
                prompt=row.prompt or "",
                loras=tuple(loras.get(row.id, ())),
            )
            for row in rows
        )

    def under_way(self, since: datetime) -> UnderWay:
        """Return what is ordered or started and has no line, or no line of a training from then."""
        counted = exists().where(_LINES.c.id == _training_line(_R.id), _LINES.c.at >= since)
        trainings = select(_R.id, _R.state, _R.price_high).where(
            _R.state.in_((*_NOT_SENT, *_SENT)), ~counted
        )
        alike = (_P.order_id, _P.generator, _P.model, _P.width, _P.height, _P.steps, _P.state)
        pictures = (
            select(*alike, func.count())
            .where(
                _P.state.in_((PictureState.WAITING, PictureState.MAKING)),
                _P.trashed_at.is_(None),
                ~exists().where(_C.picture_id == _P.id),
            )
            .group_by(*alike)
        )
        with self._database.read() as session:
            runs = session.execute(trainings).all()
            waiting = session.execute(pictures).all()
        return UnderWay(
            tuple(OpenTraining(row[0], row[1] in _SENT, row[2] or NOTHING) for row in runs),
            tuple(
                WaitingPictures(*row[:6], made=row[6] is PictureState.MAKING, count=row[7])
                for row in waiting
            ),
        )


def _training_line(run_id: Any) -> ColumnElement[str]:
    """Return the id that a training's charge has or will have."""
    return type_coerce(literal("training-") + run_id, Text)


def _all_lines() -> CTE:
    charged = select(*(getattr(_C, name) for name in _CHARGE))
    doubted: Select[*tuple[Any, ...]] = select(
        _training_line(_E.subject),
        _E.service,
        literal(EffectKind.TRAINING.value),
        func.coalesce(_E.price_usd, literal(NOTHING, MicroDollars())),
        func.coalesce(_E.sent_at, _E.updated_at),
        literal_column(f"'{Certainty.MAYBE.value}'"),
        _E.subject,
        literal_column("NULL"),
        literal(""),
    ).where(
        _E.kind == EffectKind.TRAINING,
        _E.state == EffectState.UNKNOWN,
        ~exists().where(_C.id == _training_line(_E.subject)),
    )
    return union_all(charged, doubted).cte("lines")


_CHARGE = ("id", "service", "kind", "amount_usd", "at", "certainty", "run_id", "picture_id", "note")
_LINES = _all_lines()


def _uses() -> CTE:
    """Return which Lora is in which picture; the journal remembers it of deleted pictures."""
    known = select(
        PictureLoraRow.picture_id.label("picture_id"),
        PictureLoraRow.lora_id.label("lora_id"),
        PictureLoraRow.name.label("name"),
        PictureLoraRow.position.label("position"),
    ).join(PictureRow, _P.id == PictureLoraRow.picture_id)
    asked = case((func.json_valid(_E.request) == 1, _E.request), else_="{}")
    each = func.json_each(asked, "$.loras").table_valued("key", "value")
    gone = (
        select(
            _C.picture_id,
            func.json_extract(each.c.value, "$.id"),
            literal(""),
            each.c.key,
        )
        .select_from(ChargeRow)
        .join(EffectRow, and_(_E.kind == EffectKind.PICTURE, _E.subject == _C.picture_id))
        .join(each, true())
        .where(~exists().where(_P.id == _C.picture_id))
    )
    return union_all(known, gone).cte("uses")


def _belongs() -> CTE:
    """Return which line belongs to which Lora; a line of two Loras is there twice."""
    uses = _USES
    made = func.coalesce(
        _R.lora_id, select(_L.id).where(_L.run_id == _R.id).limit(1).scalar_subquery()
    )
    trained = (
        select(_LINES.c.id.label("line"), made.label("lora_id"), _run_name().label("name"))
        .add_columns(literal(0).label("position"))
        .join(RunRow, _R.id == _LINES.c.run_id)
        .where(made.is_not(None))
    )
    used = select(_LINES.c.id, uses.c.lora_id, uses.c.name, uses.c.position).join(
        uses, uses.c.picture_id == _LINES.c.picture_id
    )
    both = union_all(trained, used).subquery()
    named = func.coalesce(LoraRow.name, func.max(both.c.name), "")
    return (
        select(
            both.c.line,
            both.c.lora_id,
            named.label("name"),
            func.min(both.c.position).label("position"),
        )
        .outerjoin(LoraRow, _L.id == both.c.lora_id)
        .where(both.c.lora_id.is_not(None))
        .group_by(both.c.line, both.c.lora_id)
        .cte("belongs")
    )


def _run_name() -> ColumnElement[str]:
    return type_coerce(func.json_extract(_R.plan, "$.name"), Text)


_USES = _uses()
_BELONGS = _belongs()


def _amount_where(certainty: Certainty) -> ColumnElement[Any]:
    counted = case((_LINES.c.certainty == certainty, _LINES.c.amount_usd), else_=None)
    return type_coerce(func.coalesce(func.sum(counted), 0), MicroDollars())


def _sums() -> tuple[ColumnElement[Any], ...]:
    return (_amount_where(Certainty.CHARGED), _amount_where(Certainty.MAYBE), func.count())


def _sum(row: Any) -> Sum:
    charged, maybe, count = row
    return Sum(charged or NOTHING, maybe or NOTHING, count)


def _conditions(query: LedgerQuery) -> list[ColumnElement[bool]]:
    line, wanted = _LINES.c, list[ColumnElement[bool]]()
    wanted.append(line.id.is_not(None))  # names the lines also where nothing else is asked for
    if query.month is not None:
        wanted.append(line.at >= query.month.begins(query.zone))
        wanted.append(line.at < query.month.next.begins(query.zone))
    if query.service:
        wanted.append(line.service == query.service)
    if query.kind:
        wanted.append(line.kind == query.kind)
    if query.picture_id:
        wanted.append(line.picture_id == query.picture_id)
    if query.run_id == NONE:
        wanted.append(line.run_id.is_(None))
    elif query.run_id:
        wanted.append(line.run_id == query.run_id)
    if query.lora_id == NONE:
        wanted.append(line.id.not_in(select(_BELONGS.c.line)))
    elif query.lora_id:
        wanted.append(
            line.id.in_(select(_BELONGS.c.line).where(_BELONGS.c.lora_id == query.lora_id))
        )
    wanted += [_says(word) for word in query.words.split()]
    return wanted


def _says(word: str) -> ColumnElement[bool]:
    """Return the condition that a word stands anywhere in what a line was for."""
    line = _LINES.c
    services = [facts.key for facts in SERVICES if word.casefold() in facts.title.casefold()]
    runs = select(_R.id).where(_run_name().icontains(word, autoescape=True))
    pictures = select(_P.id).where(_P.prompt.icontains(word, autoescape=True))
    loras = select(_BELONGS.c.line).where(_BELONGS.c.name.icontains(word, autoescape=True))
    return or_(
        line.note.icontains(word, autoescape=True),
        line.kind.icontains(word, autoescape=True),
        line.service.icontains(word, autoescape=True),
        line.service.in_(services),
        line.run_id.in_(runs),
        line.picture_id.in_(pictures),
        line.id.in_(loras),
    )


def _key_of(session: Session, by: GroupBy, query: LedgerQuery) -> tuple[Any, Any]:
    """Return what a group is told by and what it is called."""
    nothing = literal("")
    if by is GroupBy.MONTH:
        return _month_key(session, query), nothing
    if by is GroupBy.RUN:
        return _LINES.c.run_id, _run_name()
    return (_LINES.c.service if by is GroupBy.SERVICE else _LINES.c.kind), nothing


def _month_key(session: Session, query: LedgerQuery) -> ColumnElement[Any]:
    """Return the key of the month of a line, where the person is.

    Only the months around those that the ledger holds in UTC are looked at.
    """
    held = func.substr(type_coerce(_LINES.c.at, Text), 1, 7)
    months: set[Month] = set()
    for key in session.scalars(select(held).distinct()).all():
        month = Month.parse(key)
        months |= {month, month.next, Month.of(month.begins(query.zone), query.zone)}
        before = Month(month.year - (month.number == 1), (month.number - 2) % 12 + 1)
        months.add(before)
    ends = [
        (_LINES.c.at < month.next.begins(query.zone), literal(month.key))
        for month in sorted(months)
    ]
    return case(*ends, else_=NONE) if ends else literal(NONE)


def _by_lora(session: Session, query: LedgerQuery) -> tuple[LedgerGroup, ...]:
    shares = (
        select(_BELONGS.c.line.label("line"), (func.count() > 1).label("shared"))
        .group_by(_BELONGS.c.line)
        .subquery()
    )
    shared = func.sum(case((shares.c.shared, _LINES.c.amount_usd), else_=0))
    wanted = (
        select(
            _BELONGS.c.lora_id,
            func.max(_BELONGS.c.name),
            *_sums(),
            type_coerce(shared, MicroDollars()),
        )
        .select_from(_LINES)
        .outerjoin(_BELONGS, _BELONGS.c.line == _LINES.c.id)
        .outerjoin(shares, shares.c.line == _LINES.c.id)
        .where(*_conditions(query))
        .group_by(_BELONGS.c.lora_id)
    )
    made = (
        LedgerGroup(GroupBy.LORA, row[0] or NONE, row[1] or "", _sum(row[2:5]), row[5] or NOTHING)
        for row in session.execute(wanted).all()
    )
    return _ordered(GroupBy.LORA, made)


def _ordered(by: GroupBy, groups: Iterable[LedgerGroup]) -> tuple[LedgerGroup, ...]:
    if by is GroupBy.MONTH:
        return tuple(sorted(groups, key=lambda group: group.key, reverse=True))
    return tuple(sorted(groups, key=lambda group: (-group.sum.worst, group.name, group.key)))


def _loras_of(session: Session) -> dict[str, list[LedgerLora]]:
    """Return the Loras of every line that has some, the first one of a picture first."""
    asked = select(_BELONGS.c.line, _BELONGS.c.lora_id, _BELONGS.c.name).order_by(
        _BELONGS.c.line, _BELONGS.c.position
    )
    found: dict[str, list[LedgerLora]] = {}
    for line, lora_id, name in session.execute(asked).all():
        found.setdefault(line, []).append(LedgerLora(lora_id, name or ""))
    return found
