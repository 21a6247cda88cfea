"""The Spending page: every charge, or their sums, and the way to what each was for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.services import service_named
from fluxlora_desktop.domain.spending import (
    GroupBy,
    LedgerGroup,
    LedgerLine,
    LedgerQuery,
    Month,
)
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.money import LedgerPlace, LedgerView, MoneyDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.gallery.page import ShowPicture
from fluxlora_desktop.ui.money.filters import LedgerFilters
from fluxlora_desktop.ui.money.table import LedgerTable
from fluxlora_desktop.ui.money.words import place_words, sum_words
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.widgets import Card, EmptyState, button, column, label, row

_HINT = (
    "What services charged, by their prices. What may have been charged, because an answer was "
    "lost, stands apart."
)
_SHARED = "A picture made with two LoRAs counts for each of them, and once in the sum."

ChooseTable = Callable[[QWidget, str, Callable[[Path], None]], None]
"""Asks where to save a table of this name and calls back with the place, or never."""


def choose_table(parent: QWidget, name: str, then: Callable[[Path], None]) -> None:
    """Ask where to save the charges."""
    dialog = QFileDialog(parent, "Export charges", name, "Table (*.csv)")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("csv")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.open()


class SpendingPage(Page):
    """Shows what the desk reads; `open_requested(str)` with the address of a billing page."""

    under = "settings"
    open_requested = Signal(str)

    def __init__(
        self,
        *,
        money: MoneyDesk,
        runs: RunDesk,
        loras: LoraDesk,
        choose_table: ChooseTable = choose_table,
    ) -> None:
        super().__init__("spending", "Spending")
        self._money, self._runs, self._loras = money, runs, loras
        self._choose_table = choose_table
        self._asked: tuple[LedgerQuery, GroupBy | None] | None = None
        self._stale = False
        self.hint.setText(_HINT)
        self.hint.setWordWrap(True)
        self.filters = LedgerFilters()
        self.table = LedgerTable()
        self.sum = label("", "strong")
        self.remark = label("", "caption", wrap=True)
        self._lay_out()
        self.filters.changed.connect(self._ask)
        self.table.opened.connect(self._on_open)
        self.table.chosen.connect(self._show_actions)
        money.ledger_ready.connect(self._on_ledger)
        money.ledger_failed.connect(self._on_failed)
        runs.ended.connect(self._on_run_ended)

    def _lay_out(self) -> None:
        back = button("Back to Settings", self._on_back, role="quiet", symbol="chevron-left")
        self.export_button = button("Export as CSV…", self._on_export, symbol="save")
        self.header.addWidget(back)
        self.header.addWidget(self.export_button)
        self.loading = EmptyState("clock", "Reading the ledger")
        self.empty = EmptyState(
            "money",
            "Nothing was spent yet.",
            button("Back to Settings", self._on_back),
            hint="Trainings, pictures and captions that cost something are listed here.",
        )
        self.nothing = EmptyState(
            "search", "No charge is like that.", button("Show all charges", self.filters.clear)
        )
        self.failed = EmptyState(
            "error",
            "The ledger could not be read.",
            button("Read it again", self._ask),
            hint="Nothing was lost, and nothing was charged.",
        )
        self.filled = Card(margin=6)
        self.filled.body.addWidget(self.table)
        self.states = QStackedWidget()
        for state in (self.loading, self.empty, self.nothing, self.failed, self.filled):
            self.states.addWidget(state)
        self.look_again = button("Look again", self._on_look_again, symbol="refresh")
        self.look_again.setToolTip("Ask the service what became of this training; costs nothing")
        self.billing = button("Open billing", self._on_billing, symbol="link")
        self.show_lora = button("Show the LoRA", self._on_show_lora)
        self.show_it = button("", self._on_open)
        words = column(self.sum, self.remark, spacing=2)
        self._footer = QWidget()
        foot = row(words, self.look_again, self.billing, self.show_lora, self.show_it)
        foot.setStretch(0, 1)
        self._footer.setLayout(foot)
        self.body.addWidget(self.filters)
        self.body.addWidget(self.states, 1)
        self.body.addWidget(self._footer)
        self._show_state(self.loading)

    def shown(self) -> None:
        """Read the ledger anew each time the page comes to the front."""
        self._money.load()
        self._ask()

    def arrive(self, what: object) -> None:
        """Show the charges of one thing."""
        if isinstance(what, LedgerPlace):
            self.filters.narrow(what.query, what.says)

    @Slot()
    def _ask(self) -> None:
        """Ask for what the filters say; while an answer is awaited, once more after it."""
        if self._asked is not None:
            self._stale = True
            return
        self._asked = self.filters.query(), self.filters.group_by()
        self._money.look(*self._asked)

    @Slot(object)
    def _on_ledger(self, view: LedgerView) -> None:
        self._asked = None
        if self._stale:
            self._stale = False
            self._ask()
            return
        self.filters.show_months(view.months, self._money.month)
        self.table.show_view(view)
        self.sum.setText(sum_words(view.sum))
        self.remark.setText(_SHARED if view.shared else "")
        self.remark.setVisible(bool(view.shared))
        if view.sum.count:
            self._show_state(self.filled)
        else:
            self._show_state(self.nothing if self.filters.narrowed else self.empty)

    @Slot()
    def _on_failed(self) -> None:
        self._asked, self._stale = None, False
        self._show_state(self.failed)

    def _show_state(self, state: QWidget) -> None:
        self.states.setCurrentWidget(state)
        filled = state is self.filled
        self._footer.setVisible(filled)
        self.filters.setVisible(state not in {self.empty, self.loading})
        self.export_button.setEnabled(filled)
        self._show_actions()

    @Slot()
    def _show_actions(self) -> None:
        """Offer what can be done with the selected row."""
        chosen = self.table.current()
        line = chosen if isinstance(chosen, LedgerLine) else None
        self.show_it.setText(self._open_words())
        self.show_it.setVisible(bool(self.show_it.text()))
        self.look_again.setVisible(self._doubtful(line) is not None)
        unsure = line is not None and line.charge.certainty is Certainty.MAYBE
        page = service_named(line.charge.service) if line is not None else None
        self.billing.setVisible(unsure and page is not None)
        self.show_lora.setVisible(line is not None and self._lora_of(line) != "")

    def _open_words(self) -> str:
        chosen = self.table.current()
        if isinstance(chosen, LedgerGroup):
            return "Show these charges"
        if chosen is not None and self._run_of(chosen) is not None:
            return "Show the training"
        return "Show the picture" if chosen is not None and chosen.picture_here else ""

    def _run_of(self, line: LedgerLine) -> Run | None:
        return self._runs.run(line.charge.run_id) if line.charge.run_id else None

    def _lora_of(self, line: LedgerLine) -> str:
        """Return the first Lora of a line that is still in the library."""
        return next((it.id for it in line.loras if self._loras.lora(it.id) is not None), "")

    def _doubtful(self, line: LedgerLine | None) -> Run | None:
        """Return the training of a charge in doubt that its service can be asked about."""
        if line is None or line.charge.certainty is not Certainty.MAYBE:
            return None
        run = self._run_of(line)
        if run is None or not (run.state is RunState.UNKNOWN or run.may_be_looked_for):
            return None
        return run

    @Slot()
    def _on_open(self) -> None:
        chosen = self.table.current()
        if isinstance(chosen, LedgerGroup):
            self.filters.narrow(_query_of(chosen), place_words(chosen))
            self.table.setFocus()
        elif chosen is not None and self._run_of(chosen) is not None:
            self.go.emit("runs", chosen.charge.run_id)
        elif chosen is not None and chosen.picture_here and chosen.charge.picture_id:
            self.go.emit("gallery", ShowPicture(chosen.charge.picture_id))

    def _on_show_lora(self) -> None:
        chosen = self.table.current()
        if isinstance(chosen, LedgerLine):
            self.go.emit("library", self._lora_of(chosen))

    def _on_look_again(self) -> None:
        """Ask the service about a training in doubt, and show its run, which tells the answer."""
        chosen = self.table.current()
        run = self._doubtful(chosen if isinstance(chosen, LedgerLine) else None)
        if run is None:
            return
        if run.state is RunState.UNKNOWN:
            self._runs.look_now(run.id)
        else:
            self._runs.look_again(run.id)
        self.go.emit("runs", run.id)

    def _on_billing(self) -> None:
        chosen = self.table.current()
        facts = service_named(chosen.charge.service) if isinstance(chosen, LedgerLine) else None
        if facts is not None:
            self.open_requested.emit(facts.billing_page)

    def _on_back(self) -> None:
        self.go.emit("settings", "spending")

    def _on_export(self) -> None:
        month = self.filters.query().month
        name = f"spending-{month.key}.csv" if month is not None else "spending.csv"
        query = self.filters.query()
        self._choose_table(self, name, lambda target: self._money.export(target, query))

    @Slot(object)
    def _on_run_ended(self, _run: Run) -> None:
        if self.isVisible():
            self._ask()


def _query_of(group: LedgerGroup) -> LedgerQuery:
    """Return what asks for the lines of a group."""
    if group.by is GroupBy.MONTH:
        return LedgerQuery(month=Month.parse(group.key))
    if group.by is GroupBy.SERVICE:
        return LedgerQuery(service=group.key)
    if group.by is GroupBy.KIND:
        return LedgerQuery(kind=group.key)
    if group.by is GroupBy.RUN:
        return LedgerQuery(run_id=group.key)
    return LedgerQuery(lora_id=group.key)
