"""What a change would make of captions: a list of what was and what will be, the change marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import (
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from fluxlora_desktop.domain.caption_edits import Change, Part, Piece, pieces_of
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_paint import paint_ring, prepare
from fluxlora_desktop.ui.theme import color

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_PAD = 8
_LEAD = 20
"""Characters that are shown before the first change; those before them are left out."""
_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One caption that would change, with the photo's name."""

    name: str
    change: Change

    @property
    def says(self) -> str:
        """Return the row for people who hear the screen."""
        before, after = self.change.before.strip(), self.change.after.strip()
        return f"{self.name}: {before or 'empty'}, becomes: {after or 'empty'}"


class PreviewModel(QAbstractListModel):
    """The rows; which words differ is worked out for those that are seen."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[PreviewRow, ...] = ()
        self._pieces: dict[int, tuple[Piece, ...]] = {}

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many captions change."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row, or its words for a screen reader."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == _ROLE:
            return row
        return row.says if role == Qt.ItemDataRole.AccessibleTextRole else None

    def rows(self) -> tuple[PreviewRow, ...]:
        """Return all rows."""
        return self._rows

    def show_changes(self, changes: Sequence[Change], names: Mapping[str, str]) -> None:
        """Become these changes; `names` are the photos' names."""
        self.beginResetModel()
        self._rows = tuple(PreviewRow(names.get(one.key, ""), one) for one in changes)
        self._pieces.clear()
        self.endResetModel()

    def pieces(self, index: Index) -> tuple[Piece, ...]:
        """Return what differs in a row."""
        at = index.row()
        if at not in self._pieces:
            self._pieces[at] = pieces_of(self._rows[at].change)
        return self._pieces[at]


class PreviewDelegate(QStyledItemDelegate):
    """Paints the photo's name, the caption as it is, and the caption as it will be."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return room for three lines."""
        small, body = (QFontMetricsF(theme.font(size)) for size in (theme.CAPTION, theme.BODY))
        return QSize(120, round(small.height() + 2 * (body.height() + 4) + 2 * _PAD))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one row."""
        model, row = index.model(), index.data(_ROLE)
        if not isinstance(model, PreviewModel) or not isinstance(row, PreviewRow):
            return
        painter.save()
        prepare(painter)
        whole = QRectF(option.rect).adjusted(1, 1, -1, -1)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_ring(painter, whole, theme.RADIUS)
        box = whole.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        painter.setFont(theme.font(theme.CAPTION))
        painter.setPen(color("muted"))
        small = painter.fontMetrics()
        name = small.elidedText(row.name, Qt.TextElideMode.ElideMiddle, round(box.width()))
        painter.drawText(QPointF(box.left(), box.top() + small.ascent()), name)
        box.setTop(box.top() + small.height() + 2)
        pieces = model.pieces(index)
        for gone in (Part.NEW, Part.GONE):
            self._paint_line(painter, box, [one for one in pieces if one.part is not gone])
            box.setTop(box.top() + QFontMetricsF(theme.font(theme.BODY)).height() + 4)
        painter.restore()

    def _paint_line(self, painter: QPainter, box: QRectF, pieces: Iterable[Piece]) -> None:
        x, shown = box.left(), shortened(pieces)
        for piece in shown or [Piece(Part.SAME, "empty")]:
            font = _font(piece.part if shown else None)
            metrics = QFontMetricsF(font)
            left = box.right() - x
            text = metrics.elidedText(piece.text, Qt.TextElideMode.ElideRight, left)
            width = metrics.horizontalAdvance(text)
            painter.setFont(font)
            if piece.part is not Part.SAME:
                ground = QRectF(x, box.top(), width, metrics.height())
                painter.fillRect(ground, color(_GROUNDS[piece.part]))
            painter.setPen(color(_INKS[piece.part] if shown else "muted"))
            painter.drawText(QPointF(x, box.top() + metrics.ascent()), text)
            x += width
            if text != piece.text:
                return


_INKS = {Part.SAME: "text", Part.GONE: "danger", Part.NEW: "ok"}
_GROUNDS = {Part.GONE: "danger_soft", Part.NEW: "ok_soft"}


def _font(part: Part | None) -> QFont:
    font = theme.font(theme.BODY, strong=part is Part.NEW)
    font.setStrikeOut(part is Part.GONE)
    font.setItalic(part is None)
    return font


def shortened(pieces: Iterable[Piece]) -> list[Piece]:
    """Return pieces on one line, what is far before the first change left out."""
    shown = [Piece(one.part, one.text.replace("\n", " ↵ ")) for one in pieces]
    first = shown[0] if shown else None
    if first and first.part is Part.SAME and len(shown) > 1 and len(first.text) > _LEAD + 1:
        lead = first.text[-_LEAD:]
        shown[0] = Piece(Part.SAME, f"… {lead.partition(' ')[2] or lead}")
    return shown


class PreviewList(QListView):
    """The list of a preview; by keyboard as any list."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("caption_preview")
        self.setAccessibleName("What will change")
        self.changes = PreviewModel(self)
        self.setModel(self.changes)
        self.setItemDelegate(PreviewDelegate(self))
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
