"""The queue of pictures as a list that can be paused, put into another order and stopped."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView

from fluxlora_desktop.domain.orders import PictureOrder, Queue
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.desks.queue import QueueDesk
from fluxlora_desktop.ui.gallery.queue_words import QueueRow
from fluxlora_desktop.ui.gallery.rows import TwoLineDelegate
from fluxlora_desktop.ui.gallery.words import steps_words
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.picklist import PickList, RowModel
from fluxlora_desktop.ui.widgets import Card, icon_button, label, row
from fluxlora_desktop.workflows.events import PictureAdvanced

_TYPE = "application/x-fluxlora-order"
_TALLEST, _ROW = 168, 48
Index = QModelIndex | QPersistentModelIndex


class QueueModel(RowModel[QueueRow]):
    """Holds the orders; one that is dropped between others asks by `dropped(id, place)`."""

    dropped = Signal(str, int)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let rows be dragged and dropped between rows."""
        flags = super().flags(index)
        own = Qt.ItemFlag.ItemIsDragEnabled if index.isValid() else Qt.ItemFlag.ItemIsDropEnabled
        return flags | own

    def supportedDropActions(self) -> Qt.DropAction:
        """Rows are moved, never copied."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        """Return what a drop brings."""
        return [_TYPE]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """Return the dragged order's id."""
        data = QMimeData()
        data.setData(_TYPE, self.row(indexes[0].row()).id.encode())
        return data

    def dropMimeData(
        self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: Index
    ) -> bool:
        """Ask for the move; the rows change when the queue has."""
        order_id = bytes(data.data(_TYPE).data()).decode()
        here = self.place_of(order_id)
        place = row if row >= 0 else parent.row() if parent.isValid() else self.rowCount()
        if here is not None:
            self.dropped.emit(order_id, place - 1 if here < place else place)
        return False  # else the view takes the dragged row away


class QueueList(PickList[QueueRow]):
    """Shows the orders; `moved(int)` by Alt and an arrow or Home, `paused()` by Space."""

    moved = Signal(int)
    pause_wanted = Signal()

    def __init__(self, rows: QueueModel) -> None:
        super().__init__(TwoLineDelegate(), rows=rows)
        self.setObjectName("queue_list")
        self.setAccessibleName("Orders of pictures, the next one first")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDragDropOverwriteMode(False)
        self.setDropIndicatorShown(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the chosen order by Alt and an arrow, pause it by Space."""
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Home: -self.rows.rowCount()}
        step = steps.get(Qt.Key(event.key()))
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and step is not None:
            self.moved.emit(step)
        elif event.key() == Qt.Key.Key_Space:
            self.pause_wanted.emit()
        else:
            super().keyPressEvent(event)


class QueuePanel(Card):
    """The queue and what can be done with it; hides when nothing is left in it: `emptied()`."""

    emptied = Signal()

    def __init__(self, desk: QueueDesk) -> None:
        super().__init__(margin=8, spacing=6)
        self._desk = desk
        self._model = QueueModel()
        self._steps: dict[str, str] = {}
        self.list = QueueList(self._model)
        self.hold = icon_button("pause", "Pause this order (Space)", self._on_hold)
        self.first = icon_button("to-top", "Make it first (Alt+Home)", self._on_first)
        self.up = icon_button("chevron-up", "Earlier (Alt+Up)", self._on_up)
        self.down = icon_button("chevron-down", "Later (Alt+Down)", self._on_down)
        self.stop = icon_button("stop", "Stop this order (Delete)", self._on_stop)
        head = row(
            label("Queue", "strong"),
            None,
            *(self.hold, self.first, self.up, self.down, self.stop),
            spacing=2,
        )
        self.body.addLayout(head)
        self.body.addWidget(self.list)
        desk.queue_changed.connect(self._show)
        desk.changed.connect(self._on_changed)
        desk.advanced.connect(self._on_advanced)
        self._model.dropped.connect(desk.move)
        self.list.chosen.connect(self._show_buttons)
        self.list.moved.connect(self._move)
        self.list.pause_wanted.connect(self._on_hold)
        self.list.remove_requested.connect(desk.stop)
        self._show(desk.queue)

    def chosen(self) -> PictureOrder | None:
        """Return the chosen order."""
        return self._desk.queue.order(self.list.selected())

    @Slot(object)
    def _show(self, queue: Queue) -> None:
        free = self._desk.free_generators()
        self.list.show_rows(
            QueueRow(
                order,
                queue.done_of(order.id),
                self._desk.is_being_made(order.id),
                queue.paused,
                order.generator in free,
                self._steps.get(order.id, ""),
            )
            for order in queue.orders
        )
        self.list.setFixedHeight(min(_TALLEST, _ROW * max(1, len(queue.orders)) + 2))
        self._show_buttons()
        if not queue.orders:
            self.emptied.emit()

    @Slot(object)
    def _on_changed(self, picture: Picture) -> None:
        """An order that began to be made says so."""
        self._steps.pop(picture.order_id, None)
        self._show(self._desk.queue)

    @Slot(object)
    def _on_advanced(self, told: PictureAdvanced) -> None:
        """Say how far the picture is that an order is at."""
        if self._desk.queue.order(told.order_id) is not None:
            self._steps[told.order_id] = steps_words(told.steps)
            if self.isVisible():
                self._show(self._desk.queue)

    @Slot()
    def _show_buttons(self) -> None:
        chosen, place = self.chosen(), self.list.currentIndex().row()
        paused = chosen is not None and chosen.paused
        self.hold.setProperty("symbol", "play" if paused else "pause")
        self.hold.setIcon(icon(self.hold.property("symbol")))
        says = "Resume this order (Space)" if paused else "Pause this order (Space)"
        self.hold.setToolTip(says)
        self.hold.setAccessibleName(says)
        for part in (self.hold, self.stop):
            part.setEnabled(chosen is not None)
        for part in (self.first, self.up):
            part.setEnabled(chosen is not None and place > 0)
        self.down.setEnabled(chosen is not None and place < self._model.rowCount() - 1)

    @Slot()
    def _on_hold(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self._desk.pause(chosen.id, not chosen.paused)

    @Slot()
    def _on_stop(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self._desk.stop(chosen.id)

    @Slot()
    def _on_first(self) -> None:
        self._move(-self._model.rowCount())

    @Slot()
    def _on_up(self) -> None:
        self._move(-1)

    @Slot()
    def _on_down(self) -> None:
        self._move(1)

    @Slot(int)
    def _move(self, step: int) -> None:
        chosen, place = self.chosen(), self.list.currentIndex().row()
        if chosen is not None:
            self._desk.move(chosen.id, max(0, place + step))
            self.list.select(chosen.id)
