"""The grids of the library, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from fluxlora_desktop.ui.picklist import ROW_ROLE, PickList
from fluxlora_desktop.ui.row_paint import paint_cover, paint_ground
from fluxlora_desktop.ui.theme import BODY, CAPTION, color, font
from fluxlora_desktop.ui.thumbs import ThumbLoader

_HEIGHT, _COVER, _PAD = 72, 52, 10
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class GridRow:
    """One line of the list: what the grid is called, what it holds, and pictures for covers."""

    id: str
    name: str
    words: str
    covers: tuple[Path, ...]

    @property
    def says(self) -> str:
        """Return the line as a screen reader says it."""
        return f"{self.name}, {self.words}"


class GridRowDelegate(QStyledItemDelegate):
    """Paints a `GridRow`."""

    def __init__(self, thumbs: ThumbLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        """Return one height for every line."""
        return QSize(_COVER * 6, _HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint one line: three pictures, then the words."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, GridRow):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect: QRect = option.rect
        paint_ground(painter, QRectF(rect).adjusted(2, 2, -2, -2), option.state)
        left = rect.left() + _PAD
        for path in row.covers or (None,):
            box = QRect(left, rect.top() + _PAD, _COVER, _COVER)
            paint_cover(painter, box, self._thumbs.get(path, _COVER, fill=True) if path else None)
            left += _COVER + 4
        words = QRect(left + _PAD, rect.top() + 16, rect.right() - left - 2 * _PAD, 20)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for text, size, tint in ((row.name, BODY, "text"), (row.words, CAPTION, "muted")):
            face = font(size, strong=size == BODY)
            painter.setFont(face)
            painter.setPen(color(tint))
            elided = QFontMetrics(face).elidedText(text, Qt.TextElideMode.ElideRight, words.width())
            painter.drawText(words, flags, elided)
            words.translate(0, 20)
        painter.restore()


class GridList(PickList[GridRow]):
    """Shows grids; `opened(str)` by Enter or a click, Delete asks to delete one."""

    opened = Signal(str)

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__(GridRowDelegate(thumbs), thumbs)
        self.setAccessibleName("Grids, newest first")
        self.setObjectName("grid_list")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._on_clicked)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the selected grid by Enter or Space."""
        keys = {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}
        if event.key() in keys and self.selected():
            self.opened.emit(self.selected())
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self.opened.emit(self.rows.row(index.row()).id)
