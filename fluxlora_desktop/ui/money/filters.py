"""Which charges the Spending page shows: the month, what is added up, what was opened, words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from fluxlora_desktop.domain.spending import WHOLE_LEDGER, GroupBy, LedgerQuery, Month
from fluxlora_desktop.ui.money.words import GROUPS
from fluxlora_desktop.ui.widgets import button, row

_SEARCH = 200


class LedgerFilters(QWidget):
    """`changed()` when other charges are to be shown."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._inner = WHOLE_LEDGER
        self.months = QComboBox()
        self.months.setAccessibleName("Month")
        self.months.addItem("All months", None)
        self.by = QComboBox()
        self.by.setAccessibleName("Added up")
        self.by.addItems([says for _by, says, _title in GROUPS])
        self.place = button("", self.clear_place, role="quiet", symbol="close")
        self.place.hide()
        self.words = QLineEdit()
        self.words.setPlaceholderText("Search")
        self.words.setAccessibleName("Search the charges")
        self.words.setClearButtonEnabled(True)
        self.words.setMinimumWidth(_SEARCH)
        self.words.installEventFilter(self)
        self.setLayout(row(self.months, self.by, self.place, None, self.words))
        self.months.currentIndexChanged.connect(self._on_changed)
        self.by.currentIndexChanged.connect(self._on_changed)
        self.words.textChanged.connect(self._on_changed)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.setContext(Qt.ShortcutContext.WindowShortcut)
        find.activated.connect(self._on_find)

    def query(self) -> LedgerQuery:
        """Return what is asked for."""
        return replace(
            self._inner, month=self.months.currentData(), words=self.words.text().strip()
        )

    def group_by(self) -> GroupBy | None:
        """Return what is added up, None for every charge."""
        return GROUPS[self.by.currentIndex()][0]

    @property
    def narrowed(self) -> bool:
        """Tell whether charges are left out."""
        return self.query() != WHOLE_LEDGER

    def show_months(self, months: Iterable[Month], now: Month) -> None:
        """Offer these months and the one that it is; the chosen one stays."""
        wanted = sorted({*months, now}, reverse=True)
        chosen = self.months.currentData()
        known = [self.months.itemData(place) for place in range(1, self.months.count())]
        if known == wanted:
            return
        self.months.blockSignals(True)
        self.months.clear()
        self.months.addItem("All months", None)
        for month in wanted:
            self.months.addItem(month.title, month)
        self.months.setCurrentIndex(wanted.index(chosen) + 1 if chosen in wanted else 0)
        self.months.blockSignals(False)

    def narrow(self, query: LedgerQuery, says: str) -> None:
        """Show every charge of one thing; its month is chosen where it is one."""
        inner = replace(query, month=None, words="", zone=None)
        for made in (self.months, self.by):
            made.blockSignals(True)
        if query.month is not None:
            self.show_months({*self._months(), query.month}, query.month)
            place = next(i for i, it in enumerate((None, *self._months())) if it == query.month)
            self.months.setCurrentIndex(place)
        self.by.setCurrentIndex(0)
        for made in (self.months, self.by):
            made.blockSignals(False)
        if inner != WHOLE_LEDGER:
            self._inner = inner
            self._show_place(says)
        self.changed.emit()

    def _months(self) -> list[Month]:
        return [self.months.itemData(place) for place in range(1, self.months.count())]

    def clear_place(self) -> None:
        """Show the charges of everything again."""
        had = self.place.hasFocus()
        self._inner = WHOLE_LEDGER
        self._show_place("")
        if had:
            self.by.setFocus()
        self.changed.emit()

    def clear(self) -> None:
        """Show all charges there are."""
        for made in (self.months, self.words):
            made.blockSignals(True)
        self.months.setCurrentIndex(0)
        self.words.clear()
        for made in (self.months, self.words):
            made.blockSignals(False)
        self.clear_place()

    def _show_place(self, says: str) -> None:
        self.place.setText(says)
        self.place.setToolTip("Show the charges of everything again")
        self.place.setAccessibleName(f"{says}; show everything again")
        self.place.setVisible(bool(says))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Esc empty the search."""
        if (
            watched is self.words
            and isinstance(event, QKeyEvent)
            and event.type() is QEvent.Type.KeyPress
            and event.key() == Qt.Key.Key_Escape
            and self.words.text()
        ):
            self.words.clear()
            return True
        return super().eventFilter(watched, event)

    @Slot()
    def _on_changed(self) -> None:
        self.changed.emit()

    @Slot()
    def _on_find(self) -> None:
        self.words.setFocus()
        self.words.selectAll()
