"""A list in which one thing is picked, and the rows that it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyledItemDelegate

from fluxlora_desktop.ui.thumbs import ThumbLoader

ROW_ROLE = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex


class Row(Protocol):
    """What every row has."""

    @property
    def id(self) -> str:
        """What it is picked by."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def says(self) -> str:
        """How a screen reader says it."""


R = TypeVar("R", bound=Row)


class RowModel(QAbstractListModel, Generic[R]):
    """Holds the rows in the order in which they were given, newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[R] = []

    def show_rows(self, rows: Iterable[R]) -> None:
        """Replace all rows; the same things in the same order only change their words."""
        fresh = list(rows)
        if [row.id for row in fresh] == [row.id for row in self._rows]:
            for row in fresh:
                self.show_row(row)
            return
        self.beginResetModel()
        self._rows = fresh
        self.endResetModel()

    def show_row(self, row: R) -> None:
        """Change one row, when it is there and says something new."""
        place = self.place_of(row.id)
        if place is None or self._rows[place] == row:
            return
        self._rows[place] = row
        index = self.index(place)
        self.dataChanged.emit(index, index)

    def place_of(self, key: str) -> int | None:
        """Return where a thing stands in the list, or None."""
        return next((place for place, row in enumerate(self._rows) if row.id == key), None)

    def row(self, place: int) -> R:
        """Return one row."""
        return self._rows[place]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's name, its words for a screen reader, or the row itself."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.says
        return row if role == ROW_ROLE else None


class PickList(QListView, Generic[R]):
    """Shows rows; `chosen(str)` with the id of the selected one, "" for none.

    `remove_requested(str)` when a person presses Delete.
    """

    chosen = Signal(str)
    remove_requested = Signal(str)

    def __init__(
        self,
        delegate: QStyledItemDelegate,
        thumbs: ThumbLoader | None = None,
        rows: RowModel[R] | None = None,
    ) -> None:
        super().__init__()
        self.rows = RowModel[R](self) if rows is None else rows
        self.rows.setParent(self)
        self.setModel(self.rows)
        delegate.setParent(self)
        self.setItemDelegate(delegate)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.selectionModel().currentChanged.connect(self._on_current)
        if thumbs is not None:
            thumbs.ready.connect(self._on_thumb)

    def show_rows(self, rows: Iterable[R]) -> None:
        """Show the rows; what was selected stays so, else its neighbour is."""
        kept, place = self.selected(), self.currentIndex().row()
        self.rows.show_rows(rows)
        if self.selected():
            return
        if not self.select(kept) and self.rows.rowCount():
            near = min(max(place, 0), self.rows.rowCount() - 1)
            self.select(self.rows.row(near).id)
        elif not self.rows.rowCount():
            self.chosen.emit("")

    def selected(self) -> str:
        """Return the id of the selected row, or nothing."""
        index = self.currentIndex()
        return self.rows.row(index.row()).id if index.isValid() else ""

    def select(self, key: str) -> bool:
        """Select a row by its id; False when it is not there."""
        place = self.rows.place_of(key)
        if place is None:
            return False
        index = self.rows.index(place)
        flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.selectionModel().setCurrentIndex(index, flag)
        self.scrollTo(index)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ask to take the selected one away by Delete."""
        if event.key() == Qt.Key.Key_Delete and self.selected():
            self.remove_requested.emit(self.selected())
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Paint anew when the look changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.chosen.emit(self.rows.row(now.row()).id)

    @Slot(str)
    def _on_thumb(self, _path: str) -> None:
        self.viewport().update()
