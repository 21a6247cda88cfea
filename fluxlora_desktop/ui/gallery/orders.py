"""The line above the grid: how many pictures there are, and what is being made for how much."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.orders import NOTHING_YET, Queue
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.ui.desks.queue import OrderOver, QueueDesk
from fluxlora_desktop.ui.gallery.queue import QueuePanel
from fluxlora_desktop.ui.gallery.queue_words import over_words, queue_words, share_of
from fluxlora_desktop.ui.gallery.words import ON_ITS_WAY
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.widgets import ProgressLine, button, column, label, row
from fluxlora_desktop.ui.wording import plural


class OrdersLine(QWidget):
    """Follows this session's orders and shows the queue; what was taken stays when it is over."""

    def __init__(self, desk: QueueDesk) -> None:
        super().__init__()
        self._desk = desk
        self._states: dict[str, dict[str, PictureState]] = {}
        self._seen: set[str] = set()
        self._over = NOTHING_YET
        self.count = label("", "muted")
        self.making = label("", "muted", wrap=True)
        self.hold = button("Pause", self._on_hold, role="quiet", symbol="pause")
        self.stop = button("Stop", self._on_stop, role="quiet", symbol="stop")
        self.unfold = button("Queue", role="quiet")
        self.unfold.setCheckable(True)
        self.unfold.setToolTip("Pause, move or stop orders")
        self.progress = ProgressLine("Pictures made of the ones ordered")
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        self.queue = QueuePanel(desk)
        self.queue.hide()
        line = row(self.count, None, self.unfold, self.hold, self.stop, spacing=2)
        self.setLayout(column(line, self.making, self.progress, self.queue, spacing=4))
        self.unfold.toggled.connect(self._on_unfold)
        self.queue.emptied.connect(self._fold)
        desk.queue_changed.connect(self._show)
        desk.order_over.connect(self._on_over)
        desk.ordered.connect(self._on_ordered)
        self._show(desk.queue)

    def show_count(self, count: int, *, filtered: bool, trashed: bool = False) -> None:
        """Say how many pictures the grid holds."""
        found = "found" if filtered else ""
        if trashed:
            found = "in the trash, kept for 30 days"
        words = f"{plural(count, 'picture')} {found}".strip()
        self.count.setText(words if count else "")

    def left_behind(self, order_id: str) -> tuple[str, ...]:
        """Return what an order that is over said nothing about, and forget the order."""
        states = self._states.pop(order_id, {})
        left = tuple(picture for picture, state in states.items() if state in ON_ITS_WAY)
        if left:
            self._seen.discard(order_id)
        return left

    def seen(self, order_id: str) -> bool:
        """Tell whether an order was given, or taken up again, since the app was started."""
        return order_id in self._seen

    def follow(self, pictures: Iterable[Picture]) -> None:
        """Take in new pictures, or their new states."""
        for picture in pictures:
            self._seen.add(picture.order_id)
            self._states.setdefault(picture.order_id, {})[picture.id] = picture.state
            if not ON_ITS_WAY & set(self._states[picture.order_id].values()):
                del self._states[picture.order_id]

    def note_change(self, picture: Picture) -> None:
        """Take in the new state of a picture of an order that is followed."""
        if picture.order_id in self._states:
            self.follow([picture])

    @Slot(object)
    def _show(self, queue: Queue) -> None:
        there = bool(queue.orders)
        over = over_words(self._over) if self._over.total else ""
        words = queue_words(queue, self._desk.free_generators()) or over
        self.making.setText(words)
        self.making.setVisible(bool(words))
        for part in (self.stop, self.hold, self.unfold, self.progress):
            part.setVisible(there)
        self._show_hold(paused=not queue.going)
        self.progress.show_share(share_of(queue))
        self.stop.setText("Stop" if len(queue.orders) < 2 else "Stop all")
        self.stop.setEnabled(there)
        self.unfold.setText("Queue" if len(queue.orders) < 2 else f"Queue ({len(queue.orders)})")

    def _show_hold(self, *, paused: bool) -> None:
        self.hold.setText("Resume" if paused else "Pause")
        self.hold.setToolTip("Make what waits" if paused else "Pause all orders")
        self.hold.setProperty("symbol", "play" if paused else "pause")
        self.hold.setIcon(icon(self.hold.property("symbol")))

    @Slot()
    def _on_hold(self) -> None:
        if self._desk.queue.going:
            self._desk.pause_all()
        else:
            self._desk.resume_all()

    @Slot()
    def _on_ordered(self) -> None:
        """Count anew from the first order after the queue was empty."""
        if not self._desk.queue.orders:
            self._over = NOTHING_YET

    @Slot(object)
    def _on_over(self, over: OrderOver) -> None:
        self._over += over.done
        self._show(self._desk.queue)

    @Slot(bool)
    def _on_unfold(self, unfolded: bool) -> None:
        self.queue.setVisible(unfolded)
        if unfolded:
            self.queue.list.setFocus()

    @Slot()
    def _fold(self) -> None:
        self.unfold.setChecked(False)

    @Slot()
    def _on_stop(self) -> None:
        self._desk.stop_all()
        self.stop.setEnabled(False)
        self.making.setText("Stopping; what was sent already is kept")
