"""The cells of the gallery's grid: their size, what paints them, placeholders while they load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QAbstractItemModel, QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QStyledItemDelegate, QWidget

from fluxlora_desktop.ui import theme

CELL = 200
"""The width that a cell aims at, in logical pixels; cells share what is left of the line."""
GAP = 6
"""Room around the picture inside its cell: here the rubber band begins."""
SELECTED, POINTED, FOCUSED = 1, 2, 4


class Place(NamedTuple):
    """A row, and the left upper corner of its frame."""

    row: int
    x: int
    y: int


class CellDelegate(QStyledItemDelegate):
    """Paints the pictures of a `GridView` without what Qt makes for each cell, which takes longer.

    The view calls `prepare` once before the cells of each paint.
    """

    def prepare(
        self, painter: QPainter, model: QAbstractItemModel, in_sight: tuple[int, int]
    ) -> None:
        """Look up what all cells share; not all that are in sight (first, last) are painted."""

    def paint_cells(
        self, painter: QPainter, model: QAbstractItemModel, places: Sequence[Place], side: int
    ) -> None:
        """Paint the content of rows in their frames, squares of this side, and leave no gap.

        What was there before is not painted over.
        """
        for place in places:
            painter.fillRect(place.x, place.y, side, side, theme.color("surface"))

    def paint_marks(self, painter: QPainter, frame: QRect, marks: int) -> None:
        """Paint how a row is marked: `SELECTED`, `POINTED` and `FOCUSED`, added up."""


class LoadingCells(QWidget):
    """Placeholders of the same size while the rows are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Pictures are being looked up")

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint empty frames where the cells will be."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("raised"))
        columns = columns_in(self.width())
        side = max(1, self.width() // columns)
        for line in range(-(-self.height() // side)):
            for column in range(columns):
                frame = frame_of(QRect(column * side, line * side, side, side))
                painter.drawRoundedRect(frame, theme.THUMB_RADIUS, theme.THUMB_RADIUS)
        painter.end()


def columns_in(width: int) -> int:
    """Return how many cells fit a line of so many pixels."""
    return max(1, round(width / CELL))


def frame_of(cell: QRect) -> QRect:
    """Return where the picture lies in its cell."""
    return cell.adjusted(GAP, GAP, -GAP, -GAP)
