"""Small widgets one after another, on as many lines as the width asks for."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget


class Flow(QWidget):
    """Holds widgets of their own size; its height follows from its width."""

    def __init__(self, *, gap: int = 6) -> None:
        super().__init__()
        self._gap = gap
        self._parts: list[QWidget] = []

    def show_parts(self, parts: Iterable[QWidget]) -> None:
        """Hold these widgets from now on, in this order, in place of what was there."""
        for old in self._parts:
            old.hide()
            old.deleteLater()
        self._parts = list(parts)
        for part in self._parts:
            part.setParent(self)
            part.show()
        self.setVisible(bool(self._parts))
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        left = top = height = 0
        for part in self._parts:
            size = part.sizeHint()
            width = min(size.width(), max(1, self.width()))
            if left and left + width > self.width():
                left, top = 0, top + height + self._gap
            part.setGeometry(left, top, width, size.height())
            left, height = left + width + self._gap, size.height()
        self.setFixedHeight(top + height)
