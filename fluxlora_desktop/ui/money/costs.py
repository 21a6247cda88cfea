"""What the thing that a page shows cost in all, read again when something may have changed."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.spending import WHOLE_LEDGER, LedgerQuery
from fluxlora_desktop.ui.desks.money import Cost, MoneyDesk


class CostWatch(QObject):
    """Knows the cost of one run or Lora at a time; `changed()` when it is known or another."""

    changed = Signal()

    def __init__(self, money: MoneyDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._money = money
        self._query = WHOLE_LEDGER
        self.cost: Cost | None = None
        money.cost_ready.connect(self._on_cost)

    def watch(self, query: LedgerQuery) -> None:
        """Look at the charges that a query asks for from now on."""
        if query != self._query:
            self._query, self.cost = query, None
            self._money.add_up(query)

    def refresh(self) -> None:
        """Add up again."""
        if self._query != WHOLE_LEDGER:
            self._money.add_up(self._query)

    @Slot(object)
    def _on_cost(self, cost: Cost) -> None:
        if cost.query == self._query and cost != self.cost:
            self.cost = cost
            self.changed.emit()
