"""The loss curve, painted from tokens: axes, raw and smoothed line, the value under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from fluxlora_desktop.domain.runs import LossPoint
from fluxlora_desktop.ui.runs.losses import loss_summary, nearest, smoothed, ticks
from fluxlora_desktop.ui.theme import CAPTION, color, font
from fluxlora_desktop.ui.widgets import column, label, row

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 20, 10, 24


class LossPlot(QWidget):
    """Paints losses over steps; the mouse or the arrow keys read single values."""

    def __init__(self) -> None:
        super().__init__()
        self._points: tuple[LossPoint, ...] = ()
        self._smooth: tuple[LossPoint, ...] = ()
        self._weight = 0.0
        self._at: int | None = None
        self.setMinimumHeight(168)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Loss curve")

    def sizeHint(self) -> QSize:
        """Return a calm size."""
        return QSize(360, 168)

    def show_losses(self, points: Sequence[LossPoint], weight: float) -> None:
        """Show points in order of steps, smoothed by a weight from 0 to below 1."""
        if tuple(points) == self._points and weight == self._weight:
            return
        self._points, self._weight = tuple(points), weight
        self._smooth = smoothed(self._points, weight)
        if self._at is not None and self._at >= len(self._points):
            self._at = None
        self.setAccessibleDescription(loss_summary(self._points))
        self.update()

    def read_out(self) -> str:
        """Return the value under the cursor in words; empty when there is none."""
        if self._at is None:
            return ""
        point = self._points[self._at]
        return f"Step {point.step:,}: {point.loss:.4f}"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the value below the mouse."""
        self._read(event.position().x())

    def leaveEvent(self, _event: QEvent) -> None:
        """Stop reading."""
        self._point_at(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Read the values by arrow keys, Home and End."""
        last = len(self._points) - 1
        at = last if self._at is None else self._at
        places = {
            Qt.Key.Key_Left: at - 1,
            Qt.Key.Key_Right: at + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        place = places.get(Qt.Key(event.key()))
        if place is None or last < 0:
            super().keyPressEvent(event)
            return
        self._point_at(max(0, min(last, place)))

    def _read(self, x: float) -> None:
        if len(self._points) < 2:
            return
        area = self._area()
        share = (x - area.left()) / max(1.0, area.width())
        low, high = self._points[0].step, self._points[-1].step
        self._point_at(nearest(self._points, low + share * (high - low)))

    def _point_at(self, place: int | None) -> None:
        if place != self._at:
            self._at = place
            self.setAccessibleDescription(self.read_out() or loss_summary(self._points))
            self.update()

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint axes, lines, and what the cursor reads."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(CAPTION))
        area = self._area()
        if len(self._points) < 2:
            painter.setPen(color("muted"))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "The curve starts here")
        else:
            low, high = self._limits()
            self._paint_axes(painter, area, low, high)
            raw = "control_border" if self._weight else "accent"
            self._paint_line(painter, area, self._points, QPen(color(raw), 1.0))
            if self._weight:
                self._paint_line(painter, area, self._smooth, QPen(color("accent"), 2.0))
            self._paint_read_out(painter, area)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _limits(self) -> tuple[float, float]:
        values = [point.loss for point in self._points]
        low, high = min(values), max(values)
        room = (high - low) * 0.08 or max(abs(high), 0.01) * 0.1
        return max(0.0, low - room) if low >= 0 else low - room, high + room

    def _place(self, area: QRectF, point: LossPoint) -> QPointF:
        low, high = self._limits()
        first, last = self._points[0].step, self._points[-1].step
        across = (point.step - first) / max(1, last - first)
        up = (point.loss - low) / (high - low)
        return QPointF(area.left() + across * area.width(), area.bottom() - up * area.height())

    def _paint_axes(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in ticks(low, high, 4):
            y = area.bottom() - (value - low) / (high - low) * area.height()
            painter.setPen(QPen(color("border"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(color("muted"))
            painter.drawText(QRectF(0, y - 9, _LEFT - 8, 18), right, f"{value:g}")
        first, last = self._points[0].step, self._points[-1].step
        for value in ticks(first, last, max(2, int(area.width() // 90))):
            x = area.left() + (value - first) / max(1, last - first) * area.width()
            box = QRectF(x - 40, area.bottom() + 6, 80, 18)
            box.moveRight(min(box.right(), float(self.width())))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:,.0f}")

    def _paint_line(
        self, painter: QPainter, area: QRectF, points: Sequence[LossPoint], pen: QPen
    ) -> None:
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(self._line(area, points)))

    def _line(self, area: QRectF, points: Sequence[LossPoint]) -> list[QPointF]:
        low, high = self._limits()
        first, last = self._points[0].step, self._points[-1].step
        wide, tall = area.width() / max(1, last - first), area.height() / (high - low)
        return [
            QPointF(
                area.left() + (point.step - first) * wide,
                area.bottom() - (point.loss - low) * tall,
            )
            for point in points
        ]

    def _paint_read_out(self, painter: QPainter, area: QRectF) -> None:
        if self._at is None:
            return
        spot = self._place(area, self._points[self._at])
        painter.setPen(QPen(color("muted"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(spot.x(), area.top()), QPointF(spot.x(), area.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("accent"))
        painter.drawEllipse(spot, 4, 4)
        words = self.read_out()
        wide = painter.fontMetrics().horizontalAdvance(words) + 16
        box = QRectF(min(max(spot.x() - wide / 2, area.left()), area.right() - wide), 0, wide, 22)
        painter.setPen(QPen(color("border"), 1))
        painter.setBrush(color("raised"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setPen(color("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


class LossCurve(QWidget):
    """The plot with its sentence and the slider that smooths it."""

    def __init__(self) -> None:
        super().__init__()
        self._points: tuple[LossPoint, ...] = ()
        self.plot = LossPlot()
        self.summary = label("", "muted", wrap=True)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 98)
        self.smoothing.setValue(85)
        self.smoothing.setFixedWidth(120)
        self.smoothing.setAccessibleName("Smoothing of the loss curve, percent")
        words = label("&Smoothing", "caption")
        words.setTextFormat(Qt.TextFormat.AutoText)
        words.setBuddy(self.smoothing)
        self.smoothing.valueChanged.connect(self._on_smoothing)
        head = row(label("Loss", "section"), None, words, self.smoothing)
        self.setLayout(column(head, self.summary, self.plot, spacing=6))

    def show_losses(self, points: Sequence[LossPoint]) -> None:
        """Show the points that are known so far."""
        self._points = tuple(points)
        self.summary.setText(loss_summary(self._points))
        self._on_smoothing(self.smoothing.value())

    @Slot(int)
    def _on_smoothing(self, percent: int) -> None:
        self.plot.show_losses(self._points, percent / 100)
