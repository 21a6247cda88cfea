"""A long value on one line, with a button that copies the whole of it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.ui.widgets import column, icon_button, label, row

_SHOWN = 24


class CopyLine(QWidget):
    """Shows a name and the beginning of its value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._value = ""
        self._name = name
        self.shown = label("")
        self.shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = icon_button("copy", f"Copy {name}", self._on_copy)
        words = column(label(name, "caption"), self.shown, spacing=0)
        self.setLayout(row(words, None, self.copy))

    def show_value(self, value: str) -> None:
        """Show a value."""
        self._value = value
        self.shown.setText(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")
        self.shown.setToolTip(value)
        self.shown.setAccessibleName(f"{self._name}: {value}")

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._value)
