"""What many cells of the grid share, drawn once for each size, look and scale of the screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.gallery.cells import Place
from fluxlora_desktop.ui.icons import pixmap

_KEPT = 24
_NOTHING = QColor(0, 0, 0, 0)
_TOGETHER = 16
"""Frames of a line whose corners are painted together at most."""
_ICON = 32
_EDGE = 3
_BADGE, _CHECK = 21, 15


class CellLooks:
    """Frames, corners and marks in the look in force; smooth edges take long to draw each time."""

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self.raised = theme.color("raised")
        self._drawn: dict[tuple[str, int], QPixmap] = {}
        self._line, self._line_for = QPixmap(), (0, 0)

    def empty(self, side: int) -> QPixmap:
        """Return the frame of a picture that is not read yet."""
        return self._draw("empty", side, _paint_ground, theme.color("surface"))

    def waiting(self, side: int) -> QPixmap:
        """Return the frame of a picture whose thumbnail is not decoded yet."""
        return self._draw("waiting", side, _paint_waiting, theme.color("surface"))

    def selected(self, side: int) -> QPixmap:
        """Return the strong edge and the tick of a picture that is selected."""
        return self._draw("selected", side, _paint_selected)

    def round_off(self, painter: QPainter, places: Sequence[Place], side: int) -> None:
        """Paint the ground over frames' corners: clipping what lies below takes far longer.

        Neighbours in a line have theirs painted together, where pixels are whole.
        """
        start = 0
        while start < len(places):
            first, count = places[start], self._neighbours(places, start)
            if count > 1:
                pitch = places[start + 1].x - first.x
                self._round_off_line(painter, first, (count - 1) * pitch + side, pitch, side)
            else:
                self._paint_corners(painter, first, side, side)
            start += count

    def _neighbours(self, places: Sequence[Place], start: int) -> int:
        """Return how many frames from this one on follow each other in a line."""
        rest = places[start : start + _TOGETHER]
        if len(rest) < 2 or not self.ratio.is_integer():
            return 1
        first, pitch = rest[0], rest[1].x - rest[0].x
        for number, place in enumerate(rest):
            if place.y != first.y or place.x != first.x + number * pitch:
                return number
        return len(rest)

    def _paint_corners(self, painter: QPainter, place: Place, width: int, height: int) -> None:
        radius = theme.THUMB_RADIUS
        corners = self._draw("corners", 2 * radius, _paint_corners)
        half = corners.width() // 2
        right, bottom = place.x + width - radius, place.y + height - radius
        for x, across in ((place.x, 0), (right, half)):
            for y, down in ((place.y, 0), (bottom, half)):
                painter.drawPixmap(x, y, radius, radius, corners, across, down, half, half)

    def _round_off_line(
        self, painter: QPainter, first: Place, width: int, pitch: int, side: int
    ) -> None:
        radius = theme.THUMB_RADIUS
        line = self._corners_of_a_line(pitch, side)
        pixels, half = round(width * self.ratio), line.height() // 2
        for y, down in ((first.y, 0), (first.y + side - radius, half)):
            painter.drawPixmap(first.x, y, width, radius, line, 0, down, pixels, half)

    def _corners_of_a_line(self, pitch: int, side: int) -> QPixmap:
        """Return the upper corners of frames in a line, and below them the lower ones."""
        if self._line_for != (pitch, side):
            radius, self._line_for = theme.THUMB_RADIUS, (pitch, side)
            across, down = _TOGETHER * pitch * self.ratio, 2 * radius * self.ratio
            self._line = QPixmap(round(across), round(down))
            self._line.setDevicePixelRatio(self.ratio)
            self._line.fill(Qt.GlobalColor.transparent)
            painter = QPainter(self._line)
            for number in range(_TOGETHER):
                self._paint_corners(painter, Place(0, number * pitch, 0), side, 2 * radius)
            painter.end()
        return self._line

    def _draw(
        self, name: str, side: int, paint: Callable[[QPainter, QRect], None], on: QColor = _NOTHING
    ) -> QPixmap:
        """Return what is painted on a colour: to lay it over the same one takes twice as long."""
        drawn = self._drawn.get((name, side))
        if drawn is not None:
            return drawn
        pixels = round(side * self.ratio)
        drawn = QPixmap(pixels, pixels)
        drawn.setDevicePixelRatio(self.ratio)
        drawn.fill(on)
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
