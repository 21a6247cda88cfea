"""The money desk: what was spent, the monthly limit, the ledger as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.domain.spending import (
    NONE,
    WHOLE_LEDGER,
    GroupBy,
    LedgerGroup,
    LedgerLine,
    LedgerQuery,
    Month,
    Standing,
    Sum,
)
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.workflows.spending import export_ledger, standing
from fluxlora_desktop.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class Spending:
    """How the month stands, and what was spent since the beginning."""

    standing: Standing
    whole: Sum


@dataclass(frozen=True, slots=True)
class LedgerView:
    """The answer to a question: lines where nothing is added up, groups where something is.

    `sum` holds each line once, also where groups share some. `months` are those with charges.
    """

    query: LedgerQuery
    by: GroupBy | None
    lines: tuple[LedgerLine, ...]
    groups: tuple[LedgerGroup, ...]
    sum: Sum
    months: tuple[Month, ...]

    @property
    def shared(self) -> Decimal:
        """Return what is counted for more than one group, in US dollars."""
        return sum((group.shared for group in self.groups), Decimal(0))


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """What the Spending page is asked to show: the charges of one thing, and what it is called."""

    query: LedgerQuery
    says: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a Lora cost in all, or a training that made none: the training, then its pictures."""

    query: LedgerQuery
    training: Sum
    pictures: Sum

    @property
    def whole(self) -> Sum:
        """Return both together."""
        one, other = self.training, self.pictures
        return Sum(one.charged + other.charged, one.maybe + other.maybe, one.count + other.count)


def charges_of(run: Run) -> LedgerQuery:
    """Return what asks for the charges of a run: its Lora's, where it made one."""
    return LedgerQuery(lora_id=run.lora_id) if run.lora_id else LedgerQuery(run_id=run.id)


class MoneyDesk(Desk):
    """Reads the ledger and keeps the limit.

    `spending_ready(Spending)` answers `load`, `ledger_ready(LedgerView)` or
    `ledger_failed()` answers `look`, `cost_ready(Cost)` answers `add_up`. `limit_changed()` when
    another limit is in force.
    """

    spending_ready = Signal(object)
    ledger_ready = Signal(object)
    ledger_failed = Signal()
    cost_ready = Signal(object)
    limit_changed = Signal()

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self.month = Month.of(tools.clock.now(), tools.budget.zone)

    @property
    def limit(self) -> Decimal | None:
        """The monthly limit in US dollars, or None."""
        return self.tools.budget.limit

    def set_limit(self, limit: Decimal | None) -> None:
        """Take another limit into force and keep it."""
        self.tools.budget.set_limit(limit)
        self.limit_changed.emit()

    def load(self) -> None:
        """Add up how the month stands."""
        self._run("Add up", self._spending, lane="details", done=self._on_spending)

    def _spending(self, _ctx: JobContext) -> Spending:
        return Spending(standing(self.tools), self.tools.stores.ledger.sum())

    def _on_spending(self, spending: Spending) -> None:
        self.month = spending.standing.month
        self.spending_ready.emit(spending)

    def look(self, query: LedgerQuery, by: GroupBy | None) -> None:
        """Read the lines of the ledger, or add them up."""
        wanted = replace(query, zone=self.tools.budget.zone)
        self._run(
            "Read the ledger",
            partial(self._look, wanted, by),
            lane="details",
            done=self.ledger_ready.emit,
            failed=self._on_not_read,
        )

    def _on_not_read(self, error: object) -> None:
        self.ledger_failed.emit()
        self._tell_only(error)

    def _look(self, query: LedgerQuery, by: GroupBy | None, _ctx: JobContext) -> LedgerView:
        ledger = self.tools.stores.ledger
        groups = ledger.groups(by, query) if by is not None else ()
        lines = ledger.lines(query) if by is None else ()
        held = ledger.groups(GroupBy.MONTH, replace(WHOLE_LEDGER, zone=query.zone))
        months = tuple(Month.parse(group.key) for group in held if group.key != NONE)
        return LedgerView(query, by, lines, groups, ledger.sum(query), months)

    def add_up(self, query: LedgerQuery) -> None:
        """Add up what a training or a Lora cost."""
        self._run(
            "Add up a cost", partial(self._cost, query), lane="details", done=self.cost_ready.emit
        )

    def _cost(self, query: LedgerQuery, _ctx: JobContext) -> Cost:
        ledger = self.tools.stores.ledger
        training, pictures = (
            ledger.sum(replace(query, kind=kind)) for kind in ("training", "picture")
        )
        return Cost(query, training, pictures)

    def export(self, target: Path, query: LedgerQuery) -> None:
        """Write the lines that a query asks for as CSV."""
        wanted = replace(query, zone=self.tools.budget.zone)

        def work(_ctx: JobContext) -> str:
            count = export_ledger(target, wanted, self.tools)
            return f"{plural(count, 'charge')} saved as {target.name}."

        self._run("Export the ledger", work, lane="disk", done=self.said.emit)
