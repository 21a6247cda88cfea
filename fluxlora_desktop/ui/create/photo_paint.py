"""Photos as they are painted: a tile of the grid, a line of the caption list, one large."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from fluxlora_desktop.domain.edits import WHOLE, Box
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_model import PhotoRole, PhotoRow
from fluxlora_desktop.ui.icons import pixmap
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.thumbs import ThumbLoader

_RING = 2
_GAP = 6
_BADGE = 22
_LINE_THUMB = 48
_SHADE = 190
_LEFT_OUT = 0.35
_MARKS = {"block": ("error", "danger"), "warn": ("warning", "warn")}
_COVERS = 200
"""Cut pictures in memory: at 168 px and scale 2 at most 90 MB."""
Index = QModelIndex | QPersistentModelIndex
_covers: OrderedDict[tuple[int, tuple[int, int], float], QPixmap] = OrderedDict()


def paint_cover(painter: QPainter, box: QRectF, picture: QPixmap | None, radius: float) -> None:
    """Paint a picture so that it covers a rounded box; a placeholder when there is none."""
    if picture is None:
        shape = QPainterPath()
        shape.addRoundedRect(box, radius, radius)
        painter.fillPath(shape, color("raised"))
        mark = pixmap("image", "muted", round(min(box.width(), box.height()) / 5))
        size = mark.deviceIndependentSize()
        painter.drawPixmap(
            round(box.center().x() - size.width() / 2),
            round(box.center().y() - size.height() / 2),
            mark,
        )
        return
    ratio = painter.device().devicePixelRatio()
    sides = (round(box.width() * ratio), round(box.height() * ratio))
    cover = _round(picture, sides, radius * ratio)
    cover.setDevicePixelRatio(ratio)
    painter.drawPixmap(box.topLeft().toPoint(), cover)


def _round(picture: QPixmap, size: tuple[int, int], radius: float) -> QPixmap:
    """Return a picture scaled and cut to a rounded box, in pixels of the screen.

    Those that were painted last are kept: clipping to round corners takes most of a tile's time.
    """
    key = (picture.cacheKey(), size, radius)
    found = _covers.get(key)
    if found is None:
        found = _covers[key] = _cut(picture, size, radius)
        while len(_covers) > _COVERS:
            _covers.popitem(last=False)
    _covers.move_to_end(key)
    return found


def _cut(picture: QPixmap, size: tuple[int, int], radius: float) -> QPixmap:
    cut = QPixmap(*size)
    cut.fill(Qt.GlobalColor.transparent)
    box, shape = QRectF(cut.rect()), QPainterPath()
    shape.addRoundedRect(box, radius, radius)
    share = max(size[0] / picture.width(), size[1] / picture.height())
    target = QRectF(0, 0, picture.width() * share, picture.height() * share)
    target.moveCenter(box.center())
    painter = QPainter(cut)
    prepare(painter)
    painter.setClipPath(shape)
    painter.drawPixmap(target, picture, QRectF(picture.rect()))
    painter.end()
    return cut


def paint_ring(painter: QPainter, box: QRectF, radius: float, tint: str = "accent") -> None:
    """Paint the ring of what has the keyboard or is chosen."""
    painter.setPen(QPen(color(tint), _RING))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box, radius, radius)


def prepare(painter: QPainter) -> None:
    """Smooth what a painter paints."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)


class TileDelegate(QStyledItemDelegate):
    """Paints a photo of the grid with its number and, where there is a finding, a mark."""

    def __init__(self, thumbs: ThumbLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the tile with room for the ring."""
        side = theme.THUMB + 2 * _GAP
        return QSize(side, side)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one tile."""
        row = index.data(PhotoRole.ROW)
        if not isinstance(row, PhotoRow):
            return
        painter.save()
        prepare(painter)
        box = QRectF(0, 0, theme.THUMB, theme.THUMB)
        box.moveCenter(QRectF(option.rect).center())
        picture = self._thumbs.get(row.thumb, theme.THUMB, fill=True) if row.thumb else None
        painter.setOpacity(1.0 if row.kept else _LEFT_OUT)
        paint_cover(painter, box, picture, theme.THUMB_RADIUS)
        painter.setOpacity(1.0)
        if row.sha256:
            self._paint_number(painter, box, row.number)
            self._paint_mark(painter, box, row.mark if row.kept else "")
            words = "Left out" if not row.kept else "Changed" if row.edited else ""
            self._paint_words(painter, box, words)
        flags = QStyle.StateFlag
        if option.state & flags.State_Selected:
            paint_ring(painter, box.adjusted(3, 3, -3, -3), theme.THUMB_RADIUS - 2, "surface")
            paint_ring(painter, box.adjusted(1, 1, -1, -1), theme.THUMB_RADIUS - 1)
        elif option.state & flags.State_HasFocus:
            paint_ring(painter, box.adjusted(1, 1, -1, -1), theme.THUMB_RADIUS - 1)
        painter.restore()

    def _paint_number(self, painter: QPainter, box: QRectF, number: int) -> None:
        badge = QRectF(box.left() + _GAP, box.top() + _GAP, _BADGE + 4, _BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("surface"))
        painter.drawRoundedRect(badge, _BADGE / 2, _BADGE / 2)
        painter.setPen(color("text"))
        painter.setFont(theme.font(theme.CAPTION, strong=True))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, str(number))

    def _paint_words(self, painter: QPainter, box: QRectF, words: str) -> None:
        if not words:
            return
        painter.setFont(theme.font(theme.CAPTION))
        wide = painter.fontMetrics().horizontalAdvance(words) + 16
        badge = QRectF(box.left() + _GAP, box.bottom() - _GAP - _BADGE, wide, _BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("surface"))
        painter.drawRoundedRect(badge, _BADGE / 2, _BADGE / 2)
        painter.setPen(color("muted"))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_mark(self, painter: QPainter, box: QRectF, mark: str) -> None:
        if mark not in _MARKS:
            return
        badge = QRectF(box.right() - _GAP - _BADGE, box.top() + _GAP, _BADGE, _BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("surface"))
        painter.drawEllipse(badge)
        painter.drawPixmap(badge.adjusted(3, 3, -3, -3).toRect(), pixmap(*_MARKS[mark], _BADGE - 6))


class LineDelegate(QStyledItemDelegate):
    """Paints a photo of the caption list: small, its name, the first words of its caption."""

    def __init__(self, thumbs: ThumbLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the line's height; its width is the list's."""
        return QSize(120, _LINE_THUMB + 2 * _GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one line."""
        row = index.data(PhotoRole.ROW)
        if not isinstance(row, PhotoRow):
            return
        painter.save()
        prepare(painter)
        whole = QRectF(option.rect).adjusted(1, 1, -1, -1)
        flags = QStyle.StateFlag
        if option.state & flags.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("accent_soft"))
            painter.drawRoundedRect(whole, theme.RADIUS, theme.RADIUS)
        if option.state & flags.State_HasFocus:
            paint_ring(painter, whole, theme.RADIUS)
        box = QRectF(whole.left() + _GAP, whole.top() + _GAP - 1, _LINE_THUMB, _LINE_THUMB)
        picture = self._thumbs.get(row.thumb, _LINE_THUMB, fill=True) if row.thumb else None
        paint_cover(painter, box, picture, theme.THUMB_RADIUS)
        words = QRectF(box.right() + 10, box.top(), whole.right() - box.right() - 18, _LINE_THUMB)
        self._paint_words(painter, words, row)
        painter.restore()

    def _paint_words(self, painter: QPainter, box: QRectF, row: PhotoRow) -> None:
        upper, lower = QRectF(box), QRectF(box)
        upper.setHeight(box.height() / 2)
        lower.setTop(upper.bottom())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font(theme.BODY))
        painter.setPen(color("text" if row.caption else "muted"))
        elide = Qt.TextElideMode.ElideRight
        text = row.caption or "No caption yet"
        metrics = painter.fontMetrics()
        painter.drawText(upper, middle, metrics.elidedText(text, elide, round(box.width())))
        painter.setFont(theme.font(theme.CAPTION))
        painter.setPen(color("muted"))
        name = painter.fontMetrics().elidedText(
            f"{row.number}  {row.name}", Qt.TextElideMode.ElideMiddle, round(box.width())
        )
        painter.drawText(lower, middle, name)


class PhotoView(QWidget):
    """One photo, whole, as large as the widget; a placeholder until it is decoded."""

    def __init__(self, thumbs: ThumbLoader, side: int) -> None:
        super().__init__()
        self._thumbs, self._side = thumbs, side
        self._path: Path | None = None
        self._kept: Box | None = None
        thumbs.ready.connect(self._on_ready)

    def show_kept(self, kept: Box | None) -> None:
        """Dim what lies outside of a part; None shows all of the photo alike."""
        self._kept = kept
        self.update()

    def show_photo(self, path: Path | None, says: str) -> None:
        """Show a file, with the words for people who hear the screen."""
        self._path = path
        self.setAccessibleName(says)
        self.update()

    @Slot(str)
    def _on_ready(self, path: str) -> None:
        if path == str(self._path):
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the photo in the middle."""
        painter = QPainter(self)
        prepare(painter)
        box = QRectF(self.rect())
        picture = self._thumbs.get(self._path, self._side) if self._path else None
        if picture is None:
            paint_cover(painter, box, None, theme.THUMB_RADIUS)
            return
        size = picture.deviceIndependentSize()
        share = min(box.width() / size.width(), box.height() / size.height())
        target = QRectF(0, 0, size.width() * share, size.height() * share)
        target.moveCenter(box.center())
        paint_cover(painter, target, picture, theme.THUMB_RADIUS)
        if self._kept is not None and self._kept != WHOLE:
            dim_outside(painter, target, self._kept)


def dim_outside(painter: QPainter, target: QRectF, kept: Box) -> None:
    """Dim what a crop leaves of a picture that is painted in `target`, and frame what is kept."""
    inside = QRectF(
        target.left() + kept.left * target.width(),
        target.top() + kept.top * target.height(),
        kept.width * target.width(),
        kept.height * target.height(),
    )
    around, part = QPainterPath(), QPainterPath()
    around.addRect(target)
    part.addRect(inside)
    shade = color("window")
    shade.setAlpha(_SHADE)
    painter.fillPath(around - part, shade)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color("accent"), 1))
    painter.drawRect(inside.adjusted(0.5, 0.5, -0.5, -0.5))
