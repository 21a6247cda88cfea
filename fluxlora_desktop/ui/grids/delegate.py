"""Paints one cell of a grid: its picture, or how it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.gallery.delegate import paint_steps
from fluxlora_desktop.ui.gallery.words import LOST, STATE_WORDS
from fluxlora_desktop.ui.grids.model import BARE_ROLE, PICTURE_ROLE, STEPS_ROLE
from fluxlora_desktop.ui.icons import pixmap
from fluxlora_desktop.ui.thumbs import ThumbLoader

GAP = 4
"""Between a cell's edge and its picture, in logical pixels."""
_SIDES = (192, 384)
_PAD, _ICON = 10, 20
_LOOKS = {
    PictureState.WAITING: ("clock", "muted", "raised"),
    PictureState.MAKING: ("gallery", "accent_text", "accent_soft"),
    PictureState.FAILED: ("error", "danger", "danger_soft"),
    PictureState.MAYBE_CHARGED: ("warning", "warn", "warn_soft"),
}
_Index = QModelIndex | QPersistentModelIndex


class CellDelegate(QStyledItemDelegate):
    """Paints thumbnails and placeholders; the base's column lies on a ground of its own."""

    def __init__(
        self, *, thumbs: ThumbLoader, thumb_path: Callable[[Picture], Path | None]
    ) -> None:
        super().__init__()
        self._thumbs, self._thumb_path = thumbs, thumb_path

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint one cell."""
        rect: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if index.data(BARE_ROLE):
            painter.fillRect(rect, theme.color("border"))
        frame = rect.adjusted(GAP, GAP, -GAP, -GAP)
        picture = index.data(PICTURE_ROLE)
        if picture is None:
            _paint_empty(painter, frame)
        elif picture.state is PictureState.DONE:
            self._paint_picture(painter, frame, picture)
        else:
            _paint_state(painter, frame, picture)
            steps = index.data(STEPS_ROLE)
            if steps is not None:
                paint_steps(painter, frame, steps)
        _paint_marks(painter, frame, option.state)
        painter.restore()

    def _paint_picture(self, painter: QPainter, frame: QRect, picture: Picture) -> None:
        path = self._thumb_path(picture)
        wanted = max(frame.width(), frame.height())
        side = next((side for side in _SIDES if side >= wanted), _SIDES[-1])
        thumb = self._thumbs.get(path, side) if path else None
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(frame), theme.THUMB_RADIUS, theme.THUMB_RADIUS)
        painter.setClipPath(shape)
        painter.fillRect(frame, theme.color("raised"))
        if thumb is None:
            mark = pixmap("image", "muted", 24)
            place = QRect(0, 0, 24, 24)
            place.moveCenter(frame.center())
            painter.drawPixmap(place.topLeft(), mark)
        else:
            size = thumb.deviceIndependentSize().toSize()
            size.scale(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(frame.topLeft(), size)
            place.moveCenter(frame.center())
            painter.drawPixmap(place, thumb)
        painter.setClipping(False)


def _paint_empty(painter: QPainter, frame: QRect) -> None:
    pen = QPen(theme.color("border"), 1, Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.setBrush(theme.color("surface"))
    inner = QRectF(frame).adjusted(0.5, 0.5, -0.5, -0.5)
    painter.drawRoundedRect(inner, theme.THUMB_RADIUS, theme.THUMB_RADIUS)


def _paint_state(painter: QPainter, frame: QRect, picture: Picture) -> None:
    symbol, tint, ground = _LOOKS[picture.state]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(ground))
    painter.drawRoundedRect(QRectF(frame), theme.THUMB_RADIUS, theme.THUMB_RADIUS)
    inner = frame.adjusted(_PAD, _PAD, -_PAD, -_PAD)
    painter.drawPixmap(inner.topLeft(), pixmap(symbol, tint, _ICON))
    words = STATE_WORDS[picture.state]
    if picture.state in LOST and picture.error:
        words = f"{words}: {picture.error}"
    painter.setFont(theme.font(theme.CAPTION))
    painter.setPen(theme.color("text" if picture.state in LOST else "muted"))
    below = inner.adjusted(0, _ICON + 6, 0, 0)
    flags = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignTop.value)
    painter.setClipRect(below)
    painter.drawText(below, flags, words)
    painter.setClipping(False)


def _paint_marks(painter: QPainter, frame: QRect, state: QStyle.StateFlag) -> None:
    radius = theme.THUMB_RADIUS
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if state & QStyle.StateFlag.State_Selected:
        painter.setPen(QPen(theme.color("accent"), 3))
        painter.drawRoundedRect(QRectF(frame).adjusted(1, 1, -1, -1), radius, radius)
    elif state & QStyle.StateFlag.State_MouseOver:
        painter.setPen(QPen(theme.color("control_border"), 1))
        painter.drawRoundedRect(QRectF(frame).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
    if state & QStyle.StateFlag.State_HasFocus:
        painter.setPen(QPen(theme.color("surface"), 1))
        painter.drawRoundedRect(QRectF(frame).adjusted(3, 3, -3, -3), radius - 2, radius - 2)
