"""Paints one line of a short list: a name, what there is to say of it, a thin line of progress."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from fluxlora_desktop.ui.icons import pixmap
from fluxlora_desktop.ui.picklist import ROW_ROLE
from fluxlora_desktop.ui.row_paint import paint_ground
from fluxlora_desktop.ui.theme import BODY, CAPTION, color, font

_HEIGHT, _PAD, _LINE, _MARK = 48, 10, 3, 16
_WIDTH = 160


@runtime_checkable
class TwoLines(Protocol):
    """What is painted of a row; `share` is from 0 to 1, `symbol` an icon's name or ""."""

    @property
    def name(self) -> str:
        """The first line."""

    @property
    def detail(self) -> str:
        """The second line."""

    @property
    def share(self) -> float | None:
        """How much is done, or None."""

    @property
    def symbol(self) -> str:
        """The icon in front."""


class TwoLineDelegate(QStyledItemDelegate):
    """Paints rows that are `TwoLines`."""

    def sizeHint(
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Return one height for every line."""
        return QSize(_WIDTH, _HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one line."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, TwoLines):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect: QRect = option.rect
        paint_ground(painter, QRectF(rect).adjusted(2, 1, -2, -1), option.state)
        box = rect.adjusted(_PAD, 6, -_PAD, -6)
        if row.symbol:
            top = box.center().y() - _MARK // 2
            painter.drawPixmap(box.left(), top, pixmap(row.symbol, "muted", _MARK))
            box.setLeft(box.left() + _MARK + 8)
        _paint_words(painter, box, row)
        painter.restore()


def _paint_words(painter: QPainter, box: QRect, row: TwoLines) -> None:
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    lines = QRect(box.left(), box.top(), box.width(), 18)
    for words, size, tint in ((row.name, BODY, "text"), (row.detail, CAPTION, "muted")):
        chosen = font(size)
        painter.setFont(chosen)
        painter.setPen(color(tint))
        shown = QFontMetrics(chosen).elidedText(words, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(lines, left, shown)
        lines.translate(0, 18)
    if row.share is None:
        return
    line = QRectF(box.left(), box.bottom() + 2, box.width(), _LINE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color("border"))
    painter.drawRoundedRect(line, _LINE / 2, _LINE / 2)
    line.setWidth(max(_LINE, line.width() * row.share))
    painter.setBrush(color("accent"))
    painter.drawRoundedRect(line, _LINE / 2, _LINE / 2)
