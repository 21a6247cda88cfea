"""The queue of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.money import NOTHING, Certainty
from fluxlora_desktop.domain.orders import OrderProgress, PictureOrder
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.schema import ChargeRow, PictureOrderRow, PictureRow

_THE_QUEUE = ""
"""The id of the row that stands for the whole queue: an order's id is never empty."""
_ON_ITS_WAY = (PictureState.WAITING, PictureState.MAKING)
_FIXED = frozenset({"id", "position", "created_at"})


class SqlOrderStore:
    """Fills the port `OrderStore`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def add(self, order: PictureOrder) -> PictureOrder:
        """Put an order at the end of the queue, where `position` says so."""
        with self._database.write() as session:
            last = session.scalar(select(func.max(PictureOrderRow.position)).where(_is_order()))
            placed = replace(order, position=0 if last is None else last + 1)
            session.add(_row_of(placed))
        return placed

    def all(self) -> tuple[PictureOrder, ...]:
        """Return every order, first to last."""
        with self._database.read() as session:
            return tuple(_order_of(row) for row in _rows(session))

    def update(self, order_id: str, **changes: Any) -> PictureOrder:
        """Change fields; raises `KeyError` when the order is over, `TypeError` for fixed ones."""
        wrong = sorted(_FIXED & set(changes))
        if wrong:
            raise TypeError(f"orders cannot change {', '.join(wrong)}")
        with self._database.write() as session:
            row = session.get(PictureOrderRow, order_id) if order_id else None
            if row is None:
                raise KeyError(order_id)
            changed = replace(_order_of(row), **changes)
            session.merge(_row_of(changed))
        return changed

    def arrange(self, order_ids: Sequence[str]) -> None:
        """Put orders into this order; those not named come after them as they were."""
        places = {order_id: place for place, order_id in enumerate(order_ids)}
        with self._database.write() as session:
            rows = sorted(_rows(session), key=lambda row: places.get(row.id, len(places)))
            for place, row in enumerate(rows):
                row.position = place

    def remove(self, order_id: str) -> None:
        """Take an order out; its pictures stay."""
        gone = delete(PictureOrderRow).where(_is_order(), PictureOrderRow.id == order_id)
        with self._database.write() as session:
            session.execute(gone)

    def progress(self, order_ids: Sequence[str]) -> dict[str, OrderProgress]:
        """Return how far orders are and what they took; an unknown one is not in the answer."""
        row, charge = PictureRow, ChargeRow
        waiting = func.sum(case((row.state == PictureState.WAITING, 1), else_=0))
        ended = func.sum(case((row.state.in_(_ON_ITS_WAY), 0), else_=1))
        made = func.sum(case((row.state == PictureState.DONE, 1), else_=0))
        counted = select(row.order_id, func.count(), waiting, ended, made)
        counts = counted.group_by(row.order_id)
        sums = (
            select(row.order_id, charge.certainty, func.sum(charge.amount_usd))
            .join(charge, charge.picture_id == row.id)
            .group_by(row.order_id, charge.certainty)
        )
        chosen = row.order_id.in_(order_ids)
        with self._database.read() as session:
            found = {
                order: OrderProgress(*numbers)
                for order, *numbers in session.execute(counts.where(chosen)).all()
            }
            for order, certainty, amount in session.execute(sums.where(chosen)).all():
                sum_of = replace(found[order], charged=amount or NOTHING)
                if certainty is Certainty.MAYBE:
                    sum_of = replace(found[order], maybe=amount or NOTHING)
                found[order] = sum_of
        return found

    def is_paused(self) -> bool:
        """Tell whether the whole queue waits."""
        with self._database.read() as session:
            row = session.get(PictureOrderRow, _THE_QUEUE)
            return row is not None and row.paused

    def pause(self, paused: bool) -> None:
        """Let the whole queue wait, or go on."""
        with self._database.write() as session:
            session.merge(
                PictureOrderRow(
                    id=_THE_QUEUE,
                    title="",
                    position=-1,
                    paused=paused,
                    request={},
                    created_at=datetime.fromtimestamp(0, UTC),
                )
            )


def _is_order() -> Any:
    return PictureOrderRow.id != _THE_QUEUE


def _rows(session: Session) -> Sequence[PictureOrderRow]:
    placed = select(PictureOrderRow).where(_is_order())
    return session.scalars(placed.order_by(PictureOrderRow.position, PictureOrderRow.id)).all()


def _row_of(order: PictureOrder) -> PictureOrderRow:
    return PictureOrderRow(
        id=order.id,
        title=order.title,
        position=order.position,
        paused=order.paused,
        created_at=order.created_at,
        request={
            "generator": order.generator,
            "prompt": order.prompt,
            "count": order.count,
            "since": order.since.isoformat(),
            "low_usd": str(order.low_usd),
            "high_usd": str(order.high_usd),
            "note": order.note,
        },
    )


def _order_of(row: PictureOrderRow) -> PictureOrder:
    asked = row.request
    return PictureOrder(
        id=row.id,
        title=row.title,
        generator=asked["generator"],
        prompt=asked["prompt"],
        count=asked["count"],
        created_at=row.created_at,
        since=datetime.fromisoformat(asked["since"]),
        low_usd=Decimal(asked["low_usd"]),
        high_usd=Decimal(asked["high_usd"]),
        position=row.position,
        paused=row.paused,
        note=asked["note"],
    )
