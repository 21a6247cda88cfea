"""What was spent against the limit: the one place where a paid order is let through, and exports.

Whatever costs money asks here before it is sent: an order of pictures, a training and an order of
captions as a whole, and `send_paid` for each request of an order that did not. Orders that were let
through go on, whatever the limit becomes; after a restart they ask anew.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from decimal import Decimal
from pathlib import Path

from fluxlora_desktop.domain.cells import guarded
from fluxlora_desktop.domain.errors import LimitReached
from fluxlora_desktop.domain.money import NOTHING
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.domain.spending import (
    Agreement,
    LedgerLine,
    LedgerQuery,
    Month,
    Standing,
    WaitingPictures,
)
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.write_out import write_out

COLUMNS = (
    *("time", "service", "kind", "amount_usd", "certainty", "run", "loras", "picture"),
    *("prompt", "note", "id"),
)
_PROMPT = 80


def standing(tools: Tools) -> Standing:
    """Return how the month stands against the limit now, with all that is ordered."""
    return _standing(tools, frozenset(), through_only=False)


def _standing(tools: Tools, without: frozenset[str], *, through_only: bool) -> Standing:
    """Return how the month stands without some orders.

    `through_only` leaves out what is ordered, not sent, and not let through yet.
    """
    budget, ledger = tools.budget, tools.stores.ledger
    month = Month.of(tools.clock.now(), budget.zone)
    spent = ledger.sum(LedgerQuery(month=month, zone=budget.zone))
    open_now = ledger.under_way(month.begins(budget.zone))

    def counts(order: str, *, sent: bool) -> bool:
        return order not in without and (sent or not through_only or budget.is_through(order))

    under_way = budget.held
    under_way += sum(
        (it.price for it in open_now.trainings if counts(it.run_id, sent=it.sent)), NOTHING
    )
    under_way += sum(
        (_price(it, tools) for it in open_now.pictures if counts(it.order_id, sent=it.made)),
        NOTHING,
    )
    return Standing(month, spent, under_way, budget.limit)


def _price(waiting: WaitingPictures, tools: Tools) -> Decimal:
    """Return the most that waiting pictures can cost; nothing where nobody makes them any more."""
    try:
        model = tools.services.generator(waiting.generator).abilities().model(waiting.model)
    except KeyError:
        return NOTHING
    if model is None:
        return NOTHING
    one = model.estimate(waiting.width, waiting.height, waiting.steps)
    return one.times(waiting.count).high_usd


@contextmanager
def passing(
    order: str, price: Decimal, tools: Tools, agreed: Agreement | None = None
) -> Iterator[None]:
    """Let a new order through that is written down inside of the block.

    `price` is the most that it can cost. Raises `LimitReached` when the month would pass the limit
    with it and all that is ordered, unless a person agreed to an amount that is not passed either.
    What costs nothing always passes.
    """
    with tools.budget.lock:
        _check(_standing(tools, frozenset({order}), through_only=False), price, agreed)
        yield
        tools.budget.let_through(order)


def let_through(order: str, price: Decimal, tools: Tools, agreed: Agreement | None = None) -> None:
    """Let an order through that is written down and may have been let through before.

    Raises `LimitReached` as `passing` does, but counts only those orders before it that were let
    through: of several that wait since the last start, those that fit go on.
    """
    budget = tools.budget
    with budget.lock:
        if not budget.is_through(order):
            _check(_standing(tools, frozenset({order}), through_only=True), price, agreed)
            budget.let_through(order)


def _check(now: Standing, price: Decimal, agreed: Agreement | None) -> None:
    reach = now.reach + price
    if now.limit is None or price == NOTHING or reach <= now.limit:
        return
    if agreed is None or reach > agreed.up_to:
        raise LimitReached(now.month.name, limit=now.limit, reach=reach, price=price)


def export_ledger(target: Path, query: LedgerQuery, tools: Tools) -> int:
    """Write the lines that a query asks for as CSV; return how many.

    RFC 4180 with a header, a point before the cents and times in UTC (ISO 8601); in UTF-8 with the
    mark that spreadsheets know it by. Raises `StorageError` and its kin.
    """
    lines = tools.stores.ledger.lines(query)
    write_out(target, _table(lines).encode("utf-8-sig"))
    return len(lines)


def _table(lines: Iterable[LedgerLine]) -> str:
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for line in lines:
        table.writerow([guarded(cell) for cell in _cells(line)])
    return out.getvalue()


def _cells(line: LedgerLine) -> tuple[str, ...]:
    charge = line.charge
    return (
        charge.at.astimezone(UTC).isoformat(timespec="seconds"),
        service_title(charge.service),
        charge.kind,
        f"{charge.amount_usd:f}",
        charge.certainty,
        line.run_name,
        "; ".join(lora.name or lora.id for lora in line.loras),
        charge.picture_id or "",
        line.prompt[:_PROMPT],
        charge.note,
        charge.id,
    )
