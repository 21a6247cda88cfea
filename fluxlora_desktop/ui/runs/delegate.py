"""Paints one line of the list of runs: cover, name, stage, time left, a thin line of progress."""

from __future__ import annotations

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from fluxlora_desktop.ui.picklist import ROW_ROLE
from fluxlora_desktop.ui.row_paint import paint_cover, paint_ground
from fluxlora_desktop.ui.runs.model import RunRow
from fluxlora_desktop.ui.theme import BODY, CAPTION, color, font
from fluxlora_desktop.ui.thumbs import ThumbLoader

_HEIGHT, _COVER, _PAD, _LINE = 68, 48, 10, 4


class RunDelegate(QStyledItemDelegate):
    """Paints a `RunRow`; thumbnails come from the loader, a placeholder stands in meanwhile."""

    def __init__(self, thumbs: ThumbLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs

    def sizeHint(
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Return one height for every line."""
        return QSize(_COVER * 4, _HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one line."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, RunRow):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect: QRect = option.rect
        paint_ground(painter, QRectF(rect).adjusted(2, 2, -2, -2), option.state)
        cover = QRect(rect.left() + _PAD, rect.top() + _PAD, _COVER, _COVER)
        picture = self._thumbs.get(row.cover, _COVER, fill=True) if row.cover else None
        paint_cover(painter, cover, picture)
        _paint_words(painter, rect.adjusted(_COVER + 2 * _PAD, _PAD, -_PAD, -_PAD), row)
        painter.restore()


def _paint_words(painter: QPainter, box: QRect, row: RunRow) -> None:
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    painter.setFont(font(BODY, strong=True))
    painter.setPen(color("text"))
    small = QFontMetrics(font(CAPTION))
    room = small.horizontalAdvance(row.eta) + 8 if row.eta else 0
    name = painter.fontMetrics().elidedText(
        row.name, Qt.TextElideMode.ElideRight, box.width() - room
    )
    lines = QRect(box.left(), box.top() + (6 if row.share is None else 0), box.width(), 18)
    painter.drawText(lines, left, name)
    painter.setFont(font(CAPTION))
    painter.setPen(color("muted"))
    painter.drawText(lines, right, row.eta)
    lines.translate(0, 19)
    painter.setPen(color(row.tone.value))
    words = small.elidedText(row.words, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(lines, left, words)
    if row.share is None:
        return
    line = QRectF(box.left(), box.bottom() - _LINE + 1, box.width(), _LINE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color("border"))
    painter.drawRoundedRect(line, _LINE / 2, _LINE / 2)
    line.setWidth(max(_LINE, line.width() * row.share))
    painter.setBrush(color("accent"))
    painter.drawRoundedRect(line, _LINE / 2, _LINE / 2)
