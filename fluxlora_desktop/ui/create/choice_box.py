"""A closed list of choices, each with a value of its own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox


class ChoiceBox(QComboBox):
    """Shows titles and speaks values; `picked(object)` when a person takes another one.

    The wheel changes nothing unless the box has the keyboard, so that scrolling past is safe.
    """

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._values: list[object] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.activated.connect(self._on_activated)

    def offer(self, choices: Sequence[tuple[object, str]]) -> None:
        """Offer these values with their titles in place of what is there."""
        self._values = [value for value, _title in choices]
        self.clear()
        self.addItems([title for _value, title in choices])

    def show_value(self, value: object) -> None:
        """Show a value; nothing is shown for one that is not offered."""
        self.setCurrentIndex(self._values.index(value) if value in self._values else -1)

    def value(self) -> object:
        """Return the value that is shown, or None."""
        place = self.currentIndex()
        return self._values[place] if place >= 0 else None

    def _on_activated(self, place: int) -> None:
        self.picked.emit(self._values[place])

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page unless the box is in use."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
