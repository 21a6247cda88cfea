"""The grid of photos: choose, remove, and put into another order by mouse or keyboard."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QListView

from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.intake import PHOTO_MIME
from fluxlora_desktop.ui.create.photo_model import PhotoModel
from fluxlora_desktop.ui.create.photo_paint import TileDelegate
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.thumbs import ThumbLoader

_CELL = theme.THUMB + 4
_WIDEST_GAP = 16
_PLACE_WIDTH = 3
_FORWARD = {Qt.Key.Key_Right, Qt.Key.Key_Down}
_TRIAGE = {Qt.Key.Key_K: True, Qt.Key.Key_X: False}
_EDITS = {Qt.Key.Key_E, Qt.Key.Key_Return, Qt.Key.Key_Enter}
_ARROWS = {Qt.Key.Key_Left, Qt.Key.Key_Up} | _FORWARD


class PhotoGrid(QListView):
    """Photos as tiles.

    `removing(tuple of hashes)` by Delete, `moving(tuple of hashes, int)` by drag or Ctrl and the
    arrows, with the place among the photos that stay; `chosen()` when the selection changes.
    `keeping(tuple of hashes, bool)` by K and X, which go on to the next photo; `editing(hash)` by
    Enter, E or a double click.
    """

    removing = Signal(object)
    moving = Signal(object, int)
    chosen = Signal()
    keeping = Signal(object, bool)
    editing = Signal(str)

    def __init__(self, model: PhotoModel, thumbs: ThumbLoader) -> None:
        super().__init__()
        self._photos = model
        self._place: int | None = None
        self.setObjectName("photo_grid")
        self.setAccessibleName("Photos")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(True)
        self.setUniformItemSizes(True)
        self.setGridSize(QSize(_CELL, _CELL))
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setItemDelegate(TileDelegate(thumbs, self))
        self.setModel(model)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        thumbs.ready.connect(self._on_thumb)
        self.doubleClicked.connect(self._on_double_click)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.viewport().setAcceptDrops(True)

    def selected(self) -> tuple[str, ...]:
        """Return the hashes of the chosen photos in their order."""
        rows = sorted(self.selectedIndexes(), key=lambda index: index.row())
        found = (self._photos.row(index) for index in rows)
        return tuple(row.sha256 for row in found if row is not None and row.sha256)

    def _at_hand(self) -> tuple[str, ...]:
        """Return what is chosen, else the one photo that has the ring of the keyboard."""
        row = self._photos.row(self.currentIndex())
        here = (row.sha256,) if row is not None and row.sha256 else ()
        return self.selected() or here

    def select(self, hashes: tuple[str, ...]) -> None:
        """Choose these photos and show the first of them."""
        self.clearSelection()
        places = [place for sha in hashes if (place := self._photos.place_of(sha)) >= 0]
        for place in places:
            flag = QItemSelectionModel.SelectionFlag.Select
            self.selectionModel().select(self._photos.index(place), flag)
        if places:
            index = self._photos.index(places[0])
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(index)

    def _on_selection(self) -> None:
        self.chosen.emit()

    def _on_thumb(self, _path: str) -> None:
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete removes, Ctrl and an arrow moves, K keeps, X leaves out, E changes.

        Undo and paste are the page's.
        """
        key = event.key()
        standard = QKeySequence.StandardKey
        if any(event.matches(what) for what in (standard.Paste, standard.Undo, standard.Redo)):
            event.ignore()
        elif key in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace} and self.selected():
            self.removing.emit(self.selected())
        elif key in _ARROWS and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._move_by_key(Qt.Key(key))
        elif key == Qt.Key.Key_Escape and self.selected():
            self.clearSelection()
        elif key in _TRIAGE and not event.modifiers() and self._at_hand():
            self._judge(_TRIAGE[Qt.Key(key)])
        elif key in _EDITS and not event.modifiers() and len(self._at_hand()) == 1:
            self.editing.emit(self._at_hand()[0])
        else:
            super().keyPressEvent(event)

    def _judge(self, kept: bool) -> None:
        """Keep or leave out what is at hand, and go on to the photo after it."""
        hashes = self._at_hand()
        last = self._photos.place_of(hashes[-1])
        self.keeping.emit(hashes, kept)
        after = self._photos.row(self._photos.index(last + 1))
        if after is not None and after.sha256:
            self.select((after.sha256,))

    def _on_double_click(self, index: QModelIndex) -> None:
        row = self._photos.row(index)
        if row is not None and row.sha256:
            self.editing.emit(row.sha256)

    def _move_by_key(self, key: Qt.Key) -> None:
        hashes = self.selected()
        if not hashes:
            return
        upright = key in {Qt.Key.Key_Up, Qt.Key.Key_Down}
        step = self._columns() if upright else 1
        first = self._photos.place_of(hashes[0])
        others = sum(bool(row.sha256) for row in self._photos.rows()) - len(hashes)
        target = first + step if key in _FORWARD else first - step
        self.moving.emit(hashes, max(0, min(others, target)))

    def _columns(self) -> int:
        return max(1, self._room() // _CELL)

    def _room(self) -> int:
        """Return the width for tiles; that of the scroll bar is kept free at all times."""
        return self.width() - self.verticalScrollBar().sizeHint().width() - 2

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width among the columns."""
        wide = self._room() // self._columns()
        size = QSize(wide, min(wide, theme.THUMB + _WIDEST_GAP))
        if size != self.gridSize():
            self.setGridSize(size)
        super().resizeEvent(event)

    def startDrag(self, supported: Qt.DropAction) -> None:
        """Take the chosen photos by the hand; only this grid takes them."""
        indexes = self.selectedIndexes()
        if not indexes:
            return
        drag = QDrag(self)
        drag.setMimeData(self._photos.mimeData(indexes))
        shown = self.visualRect(indexes[0])
        drag.setPixmap(self.viewport().grab(shown).scaledToWidth(theme.THUMB // 2))
        drag.exec(Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take the grid's own photos; everything else goes to the page."""
        self.dragMoveEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where the photos would go."""
        if not event.mimeData().hasFormat(PHOTO_MIME):
            event.ignore()
            return
        self._show_place(self._place_at(event.position().toPoint()))
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Forget where they would go."""
        self._show_place(None)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Ask for the photos to be put where the line stands."""
        if not event.mimeData().hasFormat(PHOTO_MIME):
            event.ignore()
            return
        place = self._place_at(event.position().toPoint())
        self._show_place(None)
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()
        moved = tuple(bytes(event.mimeData().data(PHOTO_MIME).data()).decode().split())
        before = sum(self._photos.place_of(sha) < place for sha in moved)
        self.moving.emit(moved, place - before)

    def _place_at(self, at: QPoint) -> int:
        """Return before which row a drop goes; behind the last for the empty room."""
        index = self.indexAt(at)
        count = sum(bool(row.sha256) for row in self._photos.rows())
        if not index.isValid():
            return count
        middle = self.visualRect(index).center().x()
        return min(count, index.row() + (at.x() > middle))

    def _show_place(self, place: int | None) -> None:
        self._place = place
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tiles, and the line where dragged photos would go."""
        super().paintEvent(event)
        if self._place is None:
            return
        painter = QPainter(self.viewport())
        painter.fillRect(self._line(self._place), color("accent"))
        painter.end()

    def _line(self, place: int) -> QRect:
        if place < self._photos.rowCount():
            box = self.visualRect(self._photos.index(place))
            left = box.left()
        else:
            box = self.visualRect(self._photos.index(self._photos.rowCount() - 1))
            left = box.right()
        return QRect(left - 1, box.top() + 6, _PLACE_WIDTH, box.height() - 12)
