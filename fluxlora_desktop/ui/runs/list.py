"""The list of runs at the left: newest first, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListView

from fluxlora_desktop.ui.runs.delegate import RunDelegate
from fluxlora_desktop.ui.runs.model import RunListModel, RunRow
from fluxlora_desktop.ui.thumbs import ThumbLoader


class RunList(QListView):
    """Shows runs; `chosen(str)` with the id of the one that is selected, "" for none."""

    chosen = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__()
        self.setAccessibleName("Trainings, newest first")
        self.setObjectName("run_list")
        self.rows = RunListModel(self)
        self.setModel(self.rows)
        self.setItemDelegate(RunDelegate(thumbs, self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.selectionModel().currentChanged.connect(self._on_current)
        thumbs.ready.connect(self._on_thumb)

    def show_rows(self, rows: Iterable[RunRow]) -> None:
        """Show the rows; the run that was selected stays so, else the first one is."""
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
        """Return the id of the selected run, or nothing."""
        index = self.currentIndex()
        return self.rows.row(index.row()).id if index.isValid() else ""

    def select(self, run_id: str) -> bool:
        """Select a run; False when it is not in the list."""
        place = self.rows.place_of(run_id)
        if place is None:
            return False
        index = self.rows.index(place)
        self.selectionModel().setCurrentIndex(
            index, QItemSelectionModel.SelectionFlag.ClearAndSelect
        )
        self.scrollTo(index)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take a finished run off the list by Delete."""
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
