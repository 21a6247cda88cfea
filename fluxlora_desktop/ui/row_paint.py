"""How a row of a `PickList` is painted: its ground and its cover."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle

from fluxlora_desktop.ui.icons import SIZE, pixmap
from fluxlora_desktop.ui.theme import RADIUS, THUMB_RADIUS, color


def paint_ground(painter: QPainter, box: QRectF, state: QStyle.StateFlag) -> None:
    """Paint the ground of a row that is selected or under the mouse, and the focus round it."""
    selected = bool(state & QStyle.StateFlag.State_Selected)
    painter.setPen(Qt.PenStyle.NoPen)
    if selected or state & QStyle.StateFlag.State_MouseOver:
        painter.setBrush(color("accent_soft" if selected else "raised"))
        painter.drawRoundedRect(box, RADIUS, RADIUS)
    if state & QStyle.StateFlag.State_HasFocus:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color("accent"), 2))
        painter.drawRoundedRect(box, RADIUS, RADIUS)


def paint_cover(painter: QPainter, box: QRect, picture: QPixmap | None, mark: int = SIZE) -> None:
    """Paint a picture that covers the box, or a quiet mark, `mark` logical pixels wide."""
    frame = QPainterPath()
    frame.addRoundedRect(QRectF(box), THUMB_RADIUS, THUMB_RADIUS)
    painter.save()
    painter.setClipPath(frame)
    painter.fillRect(box, color("raised"))
    shown = picture or pixmap("image", "muted", mark)
    size = shown.deviceIndependentSize()
    painter.drawPixmap(QRectF(box).center() - QPointF(size.width() / 2, size.height() / 2), shown)
    painter.restore()
