"""The grid of Loras: covers with name, trigger word, base and where it is published."""

from __future__ import annotations

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
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from fluxlora_desktop.ui.icons import pixmap
from fluxlora_desktop.ui.library.model import LoraCard
from fluxlora_desktop.ui.picklist import ROW_ROLE, PickList
from fluxlora_desktop.ui.row_paint import paint_cover, paint_ground
from fluxlora_desktop.ui.theme import BODY, CAPTION, THUMB, color, font
from fluxlora_desktop.ui.thumbs import ThumbLoader

_PAD, _WORDS, _MARK = 6, 64, 40
_CELL = QSize(THUMB + 2 * _PAD + 4, THUMB + 2 * _PAD + _WORDS + 4)


class LoraDelegate(QStyledItemDelegate):
    """Paints a `LoraCard`; thumbnails come from the loader, a placeholder stands in meanwhile."""

    def __init__(self, thumbs: ThumbLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs

    def sizeHint(
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Return one size for every card."""
        return _CELL

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one card."""
        card = index.data(ROW_ROLE)
        if not isinstance(card, LoraCard):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = option.rect.adjusted(2, 2, -2, -2)
        paint_ground(painter, QRectF(box), option.state)
        cover = QRect(box.left() + _PAD, box.top() + _PAD, THUMB, THUMB)
        picture = self._thumbs.get(card.cover, THUMB, fill=True) if card.cover else None
        paint_cover(painter, cover, picture, _MARK)
        words = QRect(cover.left(), cover.bottom() + 5, THUMB, _WORDS)
        _paint_words(painter, words, card)
        painter.restore()


def _paint_words(painter: QPainter, box: QRect, card: LoraCard) -> None:
    cut, left = Qt.TextElideMode.ElideRight, Qt.AlignmentFlag.AlignLeft
    middle = left | Qt.AlignmentFlag.AlignVCenter
    text = QRect(box.left(), box.top(), box.width(), 19)
    name, small = font(BODY, strong=True), font(CAPTION)
    painter.setFont(name)
    painter.setPen(color("text"))
    painter.drawText(text, middle, QFontMetrics(name).elidedText(card.name, cut, box.width()))
    metrics = QFontMetrics(small)
    painter.setFont(small)
    painter.setPen(color("muted"))
    text.translate(0, 20)
    facts = " · ".join(part for part in (card.trigger_word, card.base) if part)
    painter.drawText(text, middle, metrics.elidedText(facts, cut, box.width()))
    text.translate(0, 19)
    tint = "warn" if card.symbol == "warning" else "muted"
    painter.drawPixmap(text.left(), text.top() + 2, pixmap(card.symbol, tint, 14))
    painter.setPen(color(tint))
    painter.drawText(text.adjusted(20, 0, 0, 0), middle, card.place)


class LoraGrid(PickList[LoraCard]):
    """Shows Loras; `opened(str)` by a double click or Enter. Delete asks for the trash."""

    opened = Signal(str)

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__(LoraDelegate(thumbs), thumbs)
        self.setObjectName("lora_grid")
        self.setAccessibleName("LoRAs in the library, newest first")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setGridSize(_CELL)
        self.activated.connect(self._on_activated)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.opened.emit(self.rows.row(index.row()).id)
