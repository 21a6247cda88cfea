"""The line above the grid: how many pictures there are, and what is being made now."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.ui.gallery.words import ON_ITS_WAY
from fluxlora_desktop.ui.widgets import ProgressLine, button, column, label, row
from fluxlora_desktop.ui.wording import plural


class OrdersLine(QWidget):
    """Follows this session's orders; `stop_requested(str)` for each order that shall stop."""

    stop_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[str, dict[str, PictureState]] = {}
        self._seen: set[str] = set()
        self.count = label("", "muted")
        self.making = label("", "muted")
        self.stop = button("Stop", self._on_stop, role="quiet", symbol="stop")
        self.progress = ProgressLine("Pictures made of the ones ordered")
        self.setLayout(
            column(row(self.count, None, self.making, self.stop), self.progress, spacing=4)
        )
        self._show()

    def show_count(self, count: int, *, filtered: bool, trashed: bool = False) -> None:
        """Say how many pictures the grid holds."""
        found = "found" if filtered else ""
        if trashed:
            found = "in the trash, kept for 30 days"
        words = f"{plural(count, 'picture')} {found}".strip()
        self.count.setText(words if count else "")

    def under_way(self) -> tuple[str, ...]:
        """Return the ids of pictures that are waited for."""
        return tuple(
            picture_id
            for order in self._states.values()
            for picture_id, state in order.items()
            if state in ON_ITS_WAY
        )

    def forget(self) -> None:
        """Wait for nothing more: the orders ended without a word about these pictures."""
        self._seen -= set(self._states)
        self._states.clear()
        self._show()

    def seen(self, order_id: str) -> bool:
        """Tell whether an order was given since the app was started."""
        return order_id in self._seen

    def follow(self, pictures: Iterable[Picture]) -> None:
        """Take in new pictures, or their new states."""
        for picture in pictures:
            self._seen.add(picture.order_id)
            self._states.setdefault(picture.order_id, {})[picture.id] = picture.state
            if not ON_ITS_WAY & set(self._states[picture.order_id].values()):
                del self._states[picture.order_id]
        self._show()

    def note_change(self, picture: Picture) -> None:
        """Take in the new state of a picture of an order that is followed."""
        if picture.order_id in self._states:
            self.follow([picture])

    def _show(self) -> None:
        states = [state for order in self._states.values() for state in order.values()]
        ended = sum(state not in ON_ITS_WAY for state in states)
        for part in (self.making, self.stop):
            part.setVisible(bool(states))
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        self.progress.setVisible(bool(states))
        if states:
            self.making.setText(f"Making pictures: {ended} of {len(states)} done")
            self.progress.show_share(ended / len(states))
        self.stop.setEnabled(True)

    @Slot()
    def _on_stop(self) -> None:
        self.stop.setEnabled(False)
        self.making.setText("Stopping; what was sent already is kept")
        for order_id in tuple(self._states):
            self.stop_requested.emit(order_id)
