"""A photo with the frame of its crop: dragged by mouse, moved by keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.edits import (
    PLAIN,
    SMALLEST_CROP,
    Box,
    Edits,
    crop_to_shape,
    straight_size,
    turned_size,
)
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.thumbs import ThumbLoader

_SIDE = 900
_REACH = 12.0
"""How near to an edge, in logical pixels, the mouse takes it."""
_STEP = 0.01
_DIM = QColor(0, 0, 0, 140)
_LINE = QColor(255, 255, 255)
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_CURSORS = {
    (True, True, False, False): Qt.CursorShape.SizeFDiagCursor,
    (False, False, True, True): Qt.CursorShape.SizeFDiagCursor,
    (False, True, True, False): Qt.CursorShape.SizeBDiagCursor,
    (True, False, False, True): Qt.CursorShape.SizeBDiagCursor,
    (True, False, False, False): Qt.CursorShape.SizeHorCursor,
    (False, False, True, False): Qt.CursorShape.SizeHorCursor,
    (False, True, False, False): Qt.CursorShape.SizeVerCursor,
    (False, False, False, True): Qt.CursorShape.SizeVerCursor,
}
Grip = tuple[bool, bool, bool, bool]
"""Which edges are held: left, top, right, bottom; none of them is the whole frame."""
_NO_EDGE: Grip = (False, False, False, False)


class CropCanvas(QWidget):
    """Shows a photo as its edits make it; `changed(Edits)` when the frame was moved.

    Arrows move the frame, with Shift they move its right and lower edge; `shape`, width over
    height in pixels, is held when it is not None.
    """

    changed = Signal(object)

    def __init__(self, thumbs: ThumbLoader, path: Path, size: tuple[int, int]) -> None:
        super().__init__()
        self._thumbs, self._path, self._size = thumbs, path, size
        self.edits = PLAIN
        self.shape: float | None = None
        self._grip: Grip | None = None
        self._from, self._box = QPointF(), Box()
        self.setObjectName("crop_canvas")
        self.setAccessibleName("Crop frame: arrows move it, Shift and arrows size it")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(QSize(420, 320))
        thumbs.ready.connect(self._on_ready)

    def show_edits(self, edits: Edits) -> None:
        """Show the photo with other edits."""
        self.edits = edits
        self.update()

    @Slot(str)
    def _on_ready(self, path: str) -> None:
        if path == str(self._path):
            self.update()

    def stage_size(self) -> tuple[int, int]:
        """Return the size in pixels of what the crop is a part of."""
        size = turned_size(*self._size, self.edits.turns)
        return straight_size(*size, self.edits.straighten) if self.edits.straighten else size

    def stage(self) -> QRectF:
        """Return where the turned and straightened photo lies in the widget."""
        wide, high = self.stage_size()
        room = QRectF(self.rect()).adjusted(_REACH, _REACH, -_REACH, -_REACH)
        share = min(room.width() / wide, room.height() / high)
        stage = QRectF(0, 0, wide * share, high * share)
        stage.moveCenter(room.center())
        return stage

    def frame(self) -> QRectF:
        """Return where the crop lies in the widget."""
        stage, box = self.stage(), self.edits.crop
        return QRectF(
            stage.left() + box.left * stage.width(),
            stage.top() + box.top * stage.height(),
            box.width * stage.width(),
            box.height * stage.height(),
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the photo, dim what is cut away, and the frame with its thirds."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        stage = self.stage()
        painter.fillRect(stage, color("raised"))
        picture = self._thumbs.get(self._path, _SIDE)
        if picture is not None:
            self._paint_photo(painter, stage, picture)
        self._paint_frame(painter, stage)
        painter.end()

    def _paint_photo(self, painter: QPainter, stage: QRectF, picture: QPixmap) -> None:
        painter.save()
        painter.setClipRect(stage)
        painter.translate(stage.center())
        painter.rotate(self.edits.straighten)
        if self.edits.flip:
            painter.scale(-1, 1)
        painter.rotate(90 * self.edits.turns)
        share = stage.width() / self.stage_size()[0]
        wide, high = (side * share for side in self._size)
        target = QRectF(-wide / 2, -high / 2, wide, high)
        painter.drawPixmap(target, picture, QRectF(picture.rect()))
        painter.restore()

    def _paint_frame(self, painter: QPainter, stage: QRectF) -> None:
        frame = self.frame()
        around, inside = QPainterPath(), QPainterPath()
        around.addRect(stage)
        inside.addRect(frame)
        painter.fillPath(around - inside, _DIM)
        painter.setPen(QPen(QColor(255, 255, 255, 90), 1))
        for third in (1, 2):
            x = frame.left() + frame.width() * third / 3
            y = frame.top() + frame.height() * third / 3
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
        tint = color("accent") if self.hasFocus() else _LINE
        painter.setPen(QPen(tint, 2))
        painter.drawRect(frame)
        painter.setBrush(tint)
        for x in (frame.left(), frame.right()):
            for y in (frame.top(), frame.bottom()):
                painter.drawRect(QRectF(x - 4, y - 4, 8, 8))

    def _grip_at(self, at: QPointF) -> Grip | None:
        frame = self.frame()
        if not frame.adjusted(-_REACH, -_REACH, _REACH, _REACH).contains(at):
            return None
        edges = (
            *(abs(at.x() - frame.left()) < _REACH, abs(at.y() - frame.top()) < _REACH),
            *(abs(at.x() - frame.right()) < _REACH, abs(at.y() - frame.bottom()) < _REACH),
        )
        return edges if edges in _CURSORS else _NO_EDGE

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the edge, the corner or the frame under the mouse."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._grip = self._grip_at(event.position())
            self._from, self._box = event.position(), self.edits.crop

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move what is held; else show what would be."""
        if self._grip is None:
            grip = self._grip_at(event.position())
            moving = Qt.CursorShape.ArrowCursor if grip is None else Qt.CursorShape.SizeAllCursor
            self.setCursor(_CURSORS.get(grip, moving) if grip else moving)
            return
        stage, by = self.stage(), event.position() - self._from
        self._pull(self._box, self._grip, by.x() / stage.width(), by.y() / stage.height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        self._grip = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the frame, or with Shift its right and lower edge, by a hundredth."""
        way = _ARROWS.get(Qt.Key(event.key()))
        if way is None:
            super().keyPressEvent(event)
            return
        across, down = way
        grip: Grip = _NO_EDGE
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            grip = (False, False, across != 0, down != 0)
        self._pull(self.edits.crop, grip, across * _STEP, down * _STEP)

    def _pull(self, box: Box, grip: Grip, across: float, down: float) -> None:
        crop = moved(box, across, down) if grip == _NO_EDGE else pulled(box, grip, across, down)
        if self.shape is not None and grip != _NO_EDGE:
            crop = _held(crop, grip, self.shape, self.stage_size())
        if crop != self.edits.crop:
            self.edits = replace(self.edits, crop=crop)
            self.update()
            self.changed.emit(self.edits)

    def hold_shape(self, shape: float | None) -> None:
        """Hold a shape from now on; the crop becomes the largest of that shape inside it."""
        self.shape = shape
        if shape is None:
            return
        box, (wide, high) = self.edits.crop, self.stage_size()
        inner = crop_to_shape(
            max(round(box.width * wide), 1), max(round(box.height * high), 1), shape
        )
        crop = box.within(inner)
        if min(crop.width, crop.height) >= SMALLEST_CROP:
            self.edits = replace(self.edits, crop=crop)
            self.update()
            self.changed.emit(self.edits)


def moved(box: Box, across: float, down: float) -> Box:
    """Return a box moved as far as it stays inside the picture."""
    across = max(-box.left, min(1 - box.right, across))
    down = max(-box.top, min(1 - box.bottom, down))
    return Box(
        max(box.left + across, 0.0),
        max(box.top + down, 0.0),
        min(box.right + across, 1.0),
        min(box.bottom + down, 1.0),
    )


def pulled(box: Box, grip: Grip, across: float, down: float) -> Box:
    """Return a box with its held edges moved, never outside and never too small."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if grip[0]:
        left = max(0.0, min(left + across, right - SMALLEST_CROP))
    if grip[1]:
        top = max(0.0, min(top + down, bottom - SMALLEST_CROP))
    if grip[2]:
        right = min(1.0, max(right + across, left + SMALLEST_CROP))
    if grip[3]:
        bottom = min(1.0, max(bottom + down, top + SMALLEST_CROP))
    return Box(left, top, right, bottom)


def _held(box: Box, grip: Grip, shape: float, size: tuple[int, int]) -> Box:
    """Return a box of a shape that keeps the corner or edge opposite to what is held."""
    ratio = shape * size[1] / size[0]  # of shares
    across, down = grip[0] or grip[2], grip[1] or grip[3]
    wide, high = box.width, box.height
    if (across and not down) or (across and wide / high <= ratio):
        high = wide / ratio
    else:
        wide = high * ratio
    most_wide = box.right if grip[0] else 1 - box.left
    most_high = box.bottom if grip[1] else 1 - box.top
    fit = min(1.0, most_wide / wide, most_high / high)
    grow = max(1.0, SMALLEST_CROP / (wide * fit), SMALLEST_CROP / (high * fit))
    wide, high = wide * fit * grow, high * fit * grow
    left = box.right - wide if grip[0] else box.left
    top = box.bottom - high if grip[1] else box.top
    right, bottom = min(left + wide, 1.0), min(top + high, 1.0)
    return Box(max(left, 0.0), max(top, 0.0), right, bottom)
