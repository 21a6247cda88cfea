"""A picture to look at closely: fitted, at full size, or anything between."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.ui import theme

_MOST = 8.0
_STEP = 1.2


@dataclass(frozen=True, slots=True)
class Sight:
    """What a canvas shows, so that pictures of other sizes can show the same part.

    `zoom` is how many times larger than fitted, 0 while it is fitted, whatever its window's size;
    the centre is given as shares of width and height.
    """

    zoom: float
    x: float
    y: float


class Canvas(QWidget):
    """Paints one pixmap; the wheel zooms about the pointer, dragging moves the picture.

    `zoomed(float)` tells the scale in screen pixels for each picture pixel, `toggled()` a double
    click, `moved(Sight)` that the person zoomed or moved the picture, `pressed()` that it was
    clicked or got the keyboard. The size is that of the picture itself, also while only its
    thumbnail is there. `ground` is painted beside it.
    """

    zoomed = Signal(float)
    toggled = Signal()
    moved = Signal(object)
    pressed = Signal()
    resized = Signal()
    ground: QColor | None = None

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Picture")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._pixmap: QPixmap | None = None
        self._size = QSize(1, 1)
        self._centre = QPointF()
        self._scale: float | None = None
        self._held: QPointF | None = None
        self._ring = False

    def show_picture(self, pixmap: QPixmap | None, size: QSize, *, anew: bool) -> None:
        """Show a picture of this size in its own pixels; `anew` fits it to the window."""
        self._pixmap, self._size = pixmap, size
        if anew:
            self._scale, self._centre = None, QPointF(size.width() / 2, size.height() / 2)
        self.update()
        self.zoomed.emit(self.scale())

    @property
    def fitted(self) -> bool:
        """Tell whether the whole picture is shown, however large the window is."""
        return self._scale is None

    def scale(self) -> float:
        """Return how many screen pixels a picture pixel takes."""
        if self._scale is not None:
            return self._scale
        return self._fitting()

    def _fitting(self) -> float:
        ratio = self.devicePixelRatioF()
        across = self.width() * ratio / max(1, self._size.width())
        down = self.height() * ratio / max(1, self._size.height())
        return min(across, down, max(1.0, ratio))

    def sight(self) -> Sight:
        """Return what is shown."""
        zoom = 0.0 if self._scale is None else self._scale / max(1e-6, self._fitting())
        width, height = max(1, self._size.width()), max(1, self._size.height())
        return Sight(zoom, self._centre.x() / width, self._centre.y() / height)

    def look_at(self, sight: Sight) -> None:
        """Show the same part as another canvas, without saying so."""
        self._scale = sight.zoom * self._fitting() if sight.zoom else None
        self._centre = QPointF(sight.x * self._size.width(), sight.y * self._size.height())
        self._keep_inside()
        self.update()
        self.zoomed.emit(self.scale())

    def fit(self) -> None:
        """Show the whole picture."""
        self._scale = None
        self._centre = QPointF(self._size.width() / 2, self._size.height() / 2)
        self._tell()

    def move_by(self, across: float, down: float) -> None:
        """Move the sight by so many logical pixels."""
        self._centre += QPointF(across, down) / self._logical()
        self._keep_inside()
        self._tell()

    def room(self) -> QSize:
        """Return how many pixels of the screen there are for the picture."""
        return (QSizeF(self.size()) * self.devicePixelRatioF()).toSize()

    def _tell(self) -> None:
        self.update()
        self.zoomed.emit(self.scale())
        self.moved.emit(self.sight())

    def zoom_to(self, scale: float, about: QPointF | None = None) -> None:
        """Take a scale; what lies under `about` (in this widget) stays there."""
        point = about if about is not None else QPointF(self.rect().center())
        before = self._to_picture(point)
        self._scale = max(min(_MOST, scale), min(0.05, scale))
        self._centre += before - self._to_picture(point)
        self._keep_inside()
        self._tell()

    def zoom_by(self, steps: float, about: QPointF | None = None) -> None:
        """Come nearer by so many steps of a fifth, or go away by negative ones."""
        self.zoom_to(self.scale() * _STEP**steps, about)

    def _logical(self) -> float:
        return self.scale() / self.devicePixelRatioF()

    def _to_picture(self, point: QPointF) -> QPointF:
        middle = QPointF(self.width() / 2, self.height() / 2)
        return self._centre + (point - middle) / self._logical()

    def _target(self) -> QRectF:
        scale = self._logical()
        size = QRectF(0, 0, self._size.width() * scale, self._size.height() * scale)
        size.moveTo(
            self.width() / 2 - self._centre.x() * scale,
            self.height() / 2 - self._centre.y() * scale,
        )
        return size

    def _keep_inside(self) -> None:
        """Keep the picture's edge at the window's edge, or the whole picture in the middle."""
        scale = self._logical()
        for side, room in (("x", self.width()), ("y", self.height())):
            length = self._size.width() if side == "x" else self._size.height()
            half = min(length / 2, room / 2 / scale)
            value = getattr(self._centre, side)()
            getattr(self._centre, f"set{side.upper()}")(max(half, min(length - half, value)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the picture where it lies."""
        painter = QPainter(self)
        if self.ground is not None:
            painter.fillRect(self.rect(), self.ground)
        if self._pixmap is None or self._pixmap.isNull():
            painter.end()
            return
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform, self.scale() < 2.0 * self._coarseness()
        )
        painter.fillRect(self._target(), theme.color("raised"))
        painter.drawPixmap(self._target(), self._pixmap, QRectF(self._pixmap.rect()))
        if self.hasFocus() and self._ring:
            painter.setPen(theme.color("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _coarseness(self) -> float:
        """Return how many picture pixels one pixel of the pixmap stands for."""
        assert self._pixmap is not None
        return max(1.0, self._size.width() / max(1, self._pixmap.width()))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring when the keyboard led here."""
        self._ring = event.reason() in {
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
        }
        self.update()
        if self._ring:
            self.pressed.emit()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        """Fit again, or stay at the scale that was taken."""
        if self._scale is not None:
            self._keep_inside()
        self.zoomed.emit(self.scale())
        self.resized.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        self.zoom_by(event.angleDelta().y() / 120, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the picture."""
        self.pressed.emit()
        if event.button() is Qt.MouseButton.LeftButton and not self.fitted:
            self._held = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the picture along."""
        if self._held is None:
            return
        self._centre -= (event.position() - self._held) / self._logical()
        self._held = event.position()
        self._keep_inside()
        self._tell()

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Let go of the picture."""
        self._held = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        """Ask for the other one of fitted and full size."""
        self.toggled.emit()
