"""A grid as rows and columns for a table view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from fluxlora_desktop.domain.grids import GridSpec
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import StepsDone
from fluxlora_desktop.ui.gallery.words import steps_words
from fluxlora_desktop.ui.grids.words import Names, bare_columns, cell_says

PICTURE_ROLE = Qt.ItemDataRole.UserRole + 1
BARE_ROLE = Qt.ItemDataRole.UserRole + 2
STEPS_ROLE = Qt.ItemDataRole.UserRole + 3
"""Under it a cell that is being made gives its `StepsDone`, or None."""
Index = QModelIndex | QPersistentModelIndex


class GridModel(QAbstractTableModel):
    """Holds what a grid shows; all in memory."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.spec: GridSpec | None = None
        self._pictures: dict[int, Picture] = {}
        self._names: Names = {}
        self._bare: frozenset[int] = frozenset()
        self._steps: dict[str, StepsDone] = {}

    def show_grid(
        self, spec: GridSpec | None, pictures: Mapping[int, Picture], names: Names
    ) -> None:
        """Show a grid; one of the same axes keeps its place and selection."""
        before = self.spec
        same = (
            before is not None
            and spec is not None
            and (before.rows, before.columns) == (spec.rows, spec.columns)
        )
        if same:
            self.spec, self._pictures, self._names = spec, dict(pictures), names
            if self.rowCount():
                last = self.index(self.rowCount() - 1, self.columnCount() - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.spec, self._pictures, self._names = spec, dict(pictures), names
        self._bare = bare_columns(spec) if spec else frozenset()
        self.endResetModel()

    def show_picture(self, picture: Picture) -> None:
        """Show the new state of one cell."""
        if self.spec is None or not 0 <= picture.cell < self.spec.count:
            return
        self._pictures[picture.cell] = picture
        index = self.index(*self.spec.place(picture.cell))
        self.dataChanged.emit(index, index)

    def show_steps(self, picture_id: str, steps: StepsDone) -> None:
        """Show how far a cell is that is being made."""
        cells = [cell for cell, made in self._pictures.items() if made.id == picture_id]
        if self.spec is None or not cells:
            return
        self._steps = {picture_id: steps}
        index = self.index(*self.spec.place(cells[0]))
        self.dataChanged.emit(index, index)

    def picture(self, cell: int) -> Picture | None:
        """Return the picture of a cell, or None."""
        return self._pictures.get(cell)

    def cell(self, index: Index) -> int:
        """Return the number of a cell, -1 where there is none."""
        if self.spec is None or not index.isValid():
            return -1
        return self.spec.cell(index.row(), index.column())

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many rows there are."""
        return 0 if self.spec is None or parent.isValid() else len(self.spec.rows.values)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many columns there are."""
        return 0 if self.spec is None or parent.isValid() else self.spec.width

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the picture of a cell, or its words for a screen reader."""
        cell = self.cell(index)
        if cell < 0 or self.spec is None:
            return None
        if role == PICTURE_ROLE:
            return self._pictures.get(cell)
        if role == STEPS_ROLE:
            picture = self._pictures.get(cell)
            making = picture is not None and picture.state is PictureState.MAKING
            return self._steps.get(picture.id) if picture and making else None
        if role == BARE_ROLE:
            return index.column() in self._bare
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole}:
            said = cell_says(self.spec, cell, self._pictures.get(cell), self._names)
            steps = self.data(index, STEPS_ROLE)
            return f"{said} {steps_words(steps)}" if steps else said
        return None
