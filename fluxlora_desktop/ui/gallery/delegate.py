"""How a picture looks in the grid, in each of its states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    QSizeF,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QMouseEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyleOptionViewItem

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import StepsDone
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.gallery.cell_looks import looks_at
from fluxlora_desktop.ui.gallery.cells import (
    CELL,
    FOCUSED,
    GAP,
    POINTED,
    SELECTED,
    CellDelegate,
    Place,
    frame_of,
)
from fluxlora_desktop.ui.gallery.model import PictureModel, PictureRole
from fluxlora_desktop.ui.gallery.words import LOST, STATE_WORDS, again_words, steps_words
from fluxlora_desktop.ui.icons import pixmap
from fluxlora_desktop.ui.thumbs import ThumbLoader

_PAD = 12
_BUTTON_HEIGHT = 30
_LINE = 4
_Index = QModelIndex | QPersistentModelIndex
_Box = tuple[int, int, int, int]
_DONE = PictureState.DONE
_MOST_FITS = 500
_LOOKS = {
    PictureState.WAITING: ("clock", "muted", "raised"),
    PictureState.MAKING: ("gallery", "accent_text", "accent_soft"),
    PictureState.FAILED: ("error", "danger", "danger_soft"),
    PictureState.MAYBE_CHARGED: ("warning", "warn", "warn_soft"),
}


@dataclass(frozen=True, slots=True)
class _Fit:
    """Where a thumbnail of some size lies in a frame, whether as it is, and what it leaves free."""

    place: _Box
    exact: bool
    bars: tuple[_Box, ...] = ()


class PictureDelegate(CellDelegate):
    """Paints thumbnails and placeholders of the same size from the theme's tokens.

    `again_requested(Picture)` when the button in a lost picture's cell is pressed; `price_of` says
    what that would cost, "" when it is not known; `thumb_path` names the file of a thumbnail as
    `thumbs` knows it, without asking the disk. `side` is the size of the thumbnails that are
    asked for; they are decoded as large as they are shown, since scaling them at each paint takes
    ten times as long as painting them.
    """

    again_requested = Signal(object)

    def __init__(
        self,
        *,
        thumbs: ThumbLoader,
        price_of: Callable[[Picture], str],
        thumb_path: Callable[[Picture], Path | str | None] = lambda picture: picture.thumb,
    ) -> None:
        super().__init__()
        self._thumbs, self._thumb_path, self._price_of = thumbs, thumb_path, price_of
        self.side = CELL - 2 * GAP
        self._anew = False
        self._look = looks_at(theme.tokens().window, 1.0)
        self._fits: dict[tuple[int, int, int], _Fit] = {}

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        """Return the size that the grid aims at."""
        return QSize(CELL, CELL)

    def begin_anew(self) -> None:
        """Let go at the next paint of what was asked for and is not in sight then."""
        self._anew = True

    def prepare(
        self, painter: QPainter, model: QAbstractItemModel, in_sight: tuple[int, int]
    ) -> None:
        """Look up what all cells share."""
        assert isinstance(model, PictureModel)
        if self._anew:  # not before: a job that finds nothing to decode ends, and another begins
            self._anew = False
            seen = (picture for picture in model.pictures(*in_sight) if picture is not None)
            self._thumbs.drop_waiting({str(self._thumb_path(one)) for one in seen}, self.side)
        self._look = looks_at(theme.tokens().window, painter.device().devicePixelRatioF())

    def paint_cells(
        self, painter: QPainter, model: QAbstractItemModel, places: Sequence[Place], side: int
    ) -> None:
        """Paint pictures, or what stands for them.

        With numbers instead of rectangles: making an object of Qt takes as long as painting one.
        """
        assert isinstance(model, PictureModel)
        draw, look, picture_at = painter.drawPixmap, self._look, model.picture
        thumb_of, path_of = self._thumbs.finder(self.side), self._thumb_path
        empty, waiting, rounded = look.empty(side), look.waiting(side), list[Place]()
        marked = list[tuple[Picture, QRect]]()
        for place in places:
            row, x, y = place
            picture = picture_at(row)
            if picture is None:
                draw(x, y, empty)
                continue
            if picture.state is _DONE:
                path = path_of(picture)
                thumb = thumb_of(path) if path else None
                if thumb is None:
                    draw(x, y, waiting)
                else:
                    self._paint_thumb(painter, thumb, x, y, side)
                    rounded.append(place)
            else:
                frame = QRect(x, y, side, side)
                self._paint_words(painter, frame, picture, model.steps(picture.id))
            if picture.favourite or picture.rating:
                marked.append((picture, QRect(x, y, side, side)))
        look.round_off(painter, rounded, side)
        for picture, frame in marked:
            _paint_rating(painter, frame, picture)

    def paint_marks(self, painter: QPainter, frame: QRect, marks: int) -> None:
        """Paint pointed at, selected and focused: thin edge, strong edge with a tick, ring."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = theme.THUMB_RADIUS
        if marks & SELECTED:
            painter.drawPixmap(frame.topLeft(), self._look.selected(frame.width()))
        elif marks & POINTED:
            painter.setPen(QPen(theme.color("control_border"), 1))
            painter.drawRoundedRect(QRectF(frame).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        if marks & FOCUSED:
            painter.setPen(QPen(theme.color("accent"), 2))
            around = QRectF(frame).adjusted(-4, -4, 4, 4)
            painter.drawRoundedRect(around, radius + 4, radius + 4)
        painter.restore()

    def _paint_thumb(self, painter: QPainter, thumb: QPixmap, x: int, y: int, side: int) -> None:
        """Paint a thumbnail in the middle of its frame, with bars where it is narrower."""
        key = thumb.width(), thumb.height(), side
        fit = self._fits.get(key)
        if fit is None:
            if len(self._fits) >= _MOST_FITS:
                self._fits.clear()
            fit = self._fits[key] = _fit(thumb, side)
        for left, top, width, height in fit.bars:
            painter.fillRect(x + left, y + top, width, height, self._look.raised)
        left, top, width, height = fit.place
        if fit.exact:
            painter.drawPixmap(x + left, y + top, thumb)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(x + left, y + top, width, height, thumb)

    def _paint_words(
        self, painter: QPainter, frame: QRect, picture: Picture, steps: StepsDone | None
    ) -> None:
        symbol, tint, ground = _LOOKS[picture.state]
        painter.save()
        painter.fillRect(frame, theme.color("surface"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _fill(painter, frame, ground)
        inner = frame.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        painter.drawPixmap(inner.topLeft(), pixmap(symbol, tint, 20))
        title = QRect(inner.left(), inner.top() + 28, inner.width(), 40)
        painter.setPen(theme.color("text"))
        painter.setFont(theme.font(theme.BODY, strong=True))
        used = _draw_lines(painter, title, STATE_WORDS[picture.state], 3)
        painter.setFont(theme.font(theme.CAPTION))
        painter.setPen(theme.color("text" if picture.state in LOST else "muted"))
        bottom = inner.bottom()
        if picture.state in LOST:
            button = again_rect(frame)
            bottom = button.top() - 6
        body = QRect(inner.left(), title.top() + used + 4, inner.width(), 0)
        body.setBottom(bottom)
        _draw_lines(painter, body, _body(picture), max(1, body.height() // 16))
        if picture.state in LOST:
            self._paint_again(painter, again_rect(frame), picture)
        if steps is not None:
            paint_steps(painter, frame, steps)
        painter.restore()

    def _paint_again(self, painter: QPainter, place: QRect, picture: Picture) -> None:
        price = self._price_of(picture)
        painter.setBrush(theme.color("surface"))
        painter.setPen(QPen(theme.color("control_border"), 1))
        painter.drawRoundedRect(
            QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), theme.RADIUS, theme.RADIUS
        )
        painter.setPen(theme.color("text"))
        words = again_words(picture) + (f", {price}" if price else "")
        metrics = QFontMetrics(painter.font())
        if metrics.horizontalAdvance(words) > place.width() - 12 and price:
            words = f"Again, {price}"
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: _Index,
    ) -> bool:
        """Take a click on the button of a lost picture."""
        if event.type() is QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            picture = index.data(PictureRole)
            place = again_rect(frame_of(option.rect))
            inside = place.contains(event.position().toPoint())
            left = event.button() is Qt.MouseButton.LeftButton
            if left and inside and picture is not None and picture.state in LOST:
                self.again_requested.emit(picture)
                return True
        return super().editorEvent(event, model, option, index)


def paint_steps(painter: QPainter, frame: QRect, steps: StepsDone) -> None:
    """Paint how far a picture is that is being made: words above a thin line, at the bottom."""
    inner = frame.adjusted(_PAD, _PAD, -_PAD, -_PAD)
    painter.setFont(theme.font(theme.CAPTION))
    high = QFontMetrics(painter.font()).lineSpacing()
    place = QRect(inner.left(), inner.bottom() - _LINE - 6 - high, inner.width(), high)
    ground = place.adjusted(0, -4, 0, 0)
    ground.setBottom(inner.bottom())
    painter.fillRect(ground, theme.color("accent_soft"))
    painter.setPen(theme.color("text"))
    _draw_lines(painter, place, steps_words(steps), 1)
    if not steps.total:
        return
    whole = QRectF(inner.left(), inner.bottom() - _LINE + 1, inner.width(), _LINE)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("border"))
    painter.drawRoundedRect(whole, _LINE / 2, _LINE / 2)
    done = whole.width() * min(1.0, steps.done / steps.total)
    painter.setBrush(theme.color("accent"))
    painter.drawRoundedRect(QRectF(whole.topLeft(), QSizeF(done, _LINE)), _LINE / 2, _LINE / 2)


def _fit(thumb: QPixmap, side: int) -> _Fit:
    own, frame = thumb.deviceIndependentSize().toSize(), QRect(0, 0, side, side)
    size = own.scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = QRect(frame.topLeft(), size)
    place.moveCenter(frame.center())
    if abs(size.width() - side) <= 2 and abs(size.height() - side) <= 2:
        return _Fit(_numbers(frame), exact=own == frame.size())
    bars = [frame]
    if thumb.devicePixelRatio().is_integer():  # else an edge may lie between two pixels
        left, right, top, bottom = place.left(), place.right(), place.top(), place.bottom()
        # a pixel below the thumbnail too: at scale 2 it may end half a point before its place does
        beside = (QRect(0, 0, left + 1, side), QRect(right, 0, side - right, side))
        above = (QRect(0, 0, side, top + 1), QRect(0, bottom, side, side - bottom))
        bars = [*(beside if left > 0 else ()), *(above if top > 0 else ())]
    return _Fit(_numbers(place), exact=own == size, bars=tuple(map(_numbers, bars)))


def _numbers(rect: QRect) -> _Box:
    return rect.x(), rect.y(), rect.width(), rect.height()


def again_rect(frame: QRect) -> QRect:
    """Return where the button of a lost picture lies in its frame."""
    inner = frame.adjusted(_PAD, _PAD, -_PAD, -_PAD)
    return QRect(inner.left(), inner.bottom() - _BUTTON_HEIGHT + 1, inner.width(), _BUTTON_HEIGHT)


def _body(picture: Picture) -> str:
    if picture.state in LOST and picture.error:
        return picture.error
    return f"Seed {picture.seed}\n{picture.prompt}"


def _fill(painter: QPainter, frame: QRect, token: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(token))
    painter.drawRoundedRect(QRectF(frame), theme.THUMB_RADIUS, theme.THUMB_RADIUS)


def _paint_rating(painter: QPainter, frame: QRect, picture: Picture) -> None:
    """Paint the star and the rating, small, at the lower left."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    parts = [pixmap("star-filled", "text", 12)] if picture.favourite else []
    words = f"{picture.rating}/5" if picture.rating else ""
    painter.setFont(theme.font(theme.CAPTION))
    metrics = QFontMetrics(painter.font())
    text_width = metrics.horizontalAdvance(words)
    gap = 4 if parts and words else 0
    pill = QRect(0, 0, 12 + len(parts) * 12 + gap + text_width, 20)
    pill.moveBottomLeft(frame.bottomLeft() + QPoint(7, -7))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("surface"))
    painter.drawRoundedRect(QRectF(pill), 10, 10)
    left = pill.left() + 6
    for part in parts:
        painter.drawPixmap(left, pill.top() + 4, part)
        left += 12 + gap
    painter.setPen(theme.color("text"))
    place = QRect(left, pill.top(), text_width, pill.height())
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, words)
    painter.restore()


def _draw_lines(painter: QPainter, place: QRect, text: str, most: int) -> int:
    """Draw text in at most so many lines, the last one cut with dots; return the height used."""
    metrics = QFontMetrics(painter.font())
    lines = _wrap(text, metrics, place.width())
    if len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        cut = metrics.elidedText(rest, Qt.TextElideMode.ElideRight, place.width())
        lines = [*lines[: most - 1], cut]
    for number, text_line in enumerate(lines):
        top = place.top() + number * metrics.lineSpacing()
        here = QRect(place.left(), top, place.width(), metrics.lineSpacing())
        painter.drawText(here, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, text_line)
    return len(lines) * metrics.lineSpacing()


def _wrap(text: str, metrics: QFontMetrics, width: int) -> list[str]:
    """Break text into lines of at most `width` pixels; a longer word is cut with dots."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        current = ""
        for word in paragraph.split():
            longer = f"{current} {word}".strip()
            if current and metrics.horizontalAdvance(longer) > width:
                lines.append(current)
                longer = word
            current = metrics.elidedText(longer, Qt.TextElideMode.ElideRight, width)
        lines.append(current)
    return lines
