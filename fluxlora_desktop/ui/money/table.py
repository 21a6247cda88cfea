"""The table of the ledger: quick with ten thousand rows, and walked by keys."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from fluxlora_desktop.ui.desks.money import LedgerView
from fluxlora_desktop.ui.money.model import LedgerModel, Row, key_of

_HEIGHT = 34
_WIDTHS = {"Date": 132, "Service": 104, "Charges": 90, "Shared": 90, "Charged": 84}
_MAYBE = 112
_LORA = 0.15
"""The share of the table that a line's LoRAs take."""


class LedgerTable(QTableView):
    """Shows lines or groups; `opened()` by Enter or a double click, `chosen()` for another row."""

    opened = Signal()
    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ledger")
        self.setAccessibleName("Charges")
        self.rows = LedgerModel(self)
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSortingEnabled(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        side = self.verticalHeader()
        side.hide()
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # else every row is measured
        side.setDefaultSectionSize(_HEIGHT)
        self.horizontalHeader().setSortIndicatorClearable(True)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.doubleClicked.connect(self._on_double_click)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def show_view(self, view: LedgerView) -> None:
        """Show other rows; the one that was selected stays so where it is still there."""
        before = self.current()
        columns = self.rows.columns
        self.rows.show_view(view)
        head = self.horizontalHeader()
        if columns != self.rows.columns:
            head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        elif head.sortIndicatorSection() >= 0:
            self.rows.sort(head.sortIndicatorSection(), head.sortIndicatorOrder())
        self._size_columns()
        place = max(0, self.rows.place_of(key_of(before)) if before is not None else 0)
        if self.rows.rowCount():
            self.setCurrentIndex(self.rows.index(place, 0))
        self.chosen.emit()

    def _size_columns(self) -> None:
        head = self.horizontalHeader()
        wide = "For" if "For" in self.rows.columns else self.rows.columns[0]
        for place, name in enumerate(self.rows.columns):
            stretched = name == wide
            mode = QHeaderView.ResizeMode
            head.setSectionResizeMode(place, mode.Stretch if stretched else mode.Interactive)
            if not stretched:
                head.resizeSection(place, _WIDTHS.get(name, _MAYBE))
        self._size_loras()

    def _size_loras(self) -> None:
        place = self.rows.columns.index("LoRA") if "LoRA" in self.rows.columns else 0
        if place:  # sums by LoRA have it first, as wide as can be
            self.horizontalHeader().resizeSection(place, round(self.width() * _LORA))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the LoRAs their share of the width."""
        super().resizeEvent(event)
        self._size_loras()

    def current(self) -> Row | None:
        """Return the selected line or group."""
        return self.rows.row(self.currentIndex().row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open by Enter."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.current() is not None:
            self.opened.emit()
            return
        super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_double_click(self, _index: QModelIndex) -> None:
        self.opened.emit()

    @Slot()
    def _on_current(self) -> None:
        self.chosen.emit()
