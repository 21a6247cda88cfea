"""What many cells of the grid share, drawn once for each size, look and scale of the screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPixmap

from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.icons import pixmap

_KEPT = 24
_ICON = 32
_EDGE = 3
_BADGE, _CHECK = 21, 15


class CellLooks:
    """Frames, corners and marks in the look in force; smooth edges take long to draw each time."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self.raised = theme.color("raised")
        self._drawn: dict[tuple[str, int], QPixmap] = {}

    def empty(self, side: int) -> QPixmap:
        """Return the frame of a picture that is not read yet."""
        return self._draw("empty", side, _paint_ground)

    def waiting(self, side: int) -> QPixmap:
        """Return the frame of a picture whose thumbnail is not decoded yet."""
        return self._draw("waiting", side, _paint_waiting)

    def selected(self, side: int) -> QPixmap:
        """Return the strong edge and the tick of a picture that is selected."""
        return self._draw("selected", side, _paint_selected)

    def round_off(self, painter: QPainter, frame: QRect) -> None:
        """Paint the ground over a frame's corners: clipping what lies below takes far longer."""
        side = theme.THUMB_RADIUS
        corners = self._draw("corners", 2 * side, _paint_corners)
        half = corners.width() // 2
        right, bottom = frame.right() + 1 - side, frame.bottom() + 1 - side
        for x, across in ((frame.left(), 0), (right, half)):
            for y, down in ((frame.top(), 0), (bottom, half)):
                painter.drawPixmap(x, y, side, side, corners, across, down, half, half)

    def _draw(self, name: str, side: int, paint: Callable[[QPainter, QRect], None]) -> QPixmap:
        drawn = self._drawn.get((name, side))
        if drawn is not None:
            return drawn
        pixels = round(side * self._ratio)
        drawn = QPixmap(pixels, pixels)
        drawn.setDevicePixelRatio(self._ratio)
        drawn.fill(Qt.GlobalColor.transparent)
        painter = QPainter(drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint(painter, QRect(0, 0, side, side))
        painter.end()
        if len(self._drawn) >= _KEPT:  # the window is being drawn wider
            self._drawn.clear()
        self._drawn[name, side] = drawn
        return drawn


@lru_cache(maxsize=4)
def looks_at(_window: str, ratio: float) -> CellLooks:
    """Return the looks for the token `window` of the look in force, and for a screen's scale."""
    return CellLooks(ratio)


def _paint_ground(painter: QPainter, frame: QRect) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("raised"))
    painter.drawRoundedRect(frame, theme.THUMB_RADIUS, theme.THUMB_RADIUS)


def _paint_waiting(painter: QPainter, frame: QRect) -> None:
    _paint_ground(painter, frame)
    _draw_centred(painter, frame, pixmap("image", "muted", _ICON))


def _paint_selected(painter: QPainter, frame: QRect) -> None:
    painter.setPen(QPen(theme.color("accent"), _EDGE))
    edge = QRectF(frame).adjusted(1, 1, -1, -1)
    painter.drawRoundedRect(edge, theme.THUMB_RADIUS, theme.THUMB_RADIUS)
    badge = QRect(frame.right() - 27, frame.top() + 7, _BADGE, _BADGE)
    painter.setPen(QPen(theme.color("on_accent"), 1))
    painter.setBrush(theme.color("accent"))
    painter.drawEllipse(badge)
    _draw_centred(painter, badge, pixmap("check", "on_accent", _CHECK))


def _paint_corners(painter: QPainter, square: QRect) -> None:
    painter.fillRect(square, theme.color("surface"))
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Qt.GlobalColor.black)
    painter.drawEllipse(square)


def _draw_centred(painter: QPainter, frame: QRect, mark: QPixmap) -> None:
    size = mark.deviceIndependentSize().toSize()
    place = QRect(frame.topLeft(), size)
    place.moveCenter(frame.center())
    painter.drawPixmap(place.topLeft(), mark)
