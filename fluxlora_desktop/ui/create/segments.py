"""A few choices side by side, of which one is taken."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from fluxlora_desktop.ui.widgets import button, row


class Segments(QWidget):
    """Choices by key; `chosen(str)` when a person takes another one."""

    chosen = Signal(str)

    def __init__(self, name: str, says: str, choices: dict[str, str]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(says)
        self._keys = list(choices)
        self._group = QButtonGroup(self)
        layout = row(spacing=4)
        for place, (key, title) in enumerate(choices.items()):
            made = button(title, role="quiet")
            made.setObjectName(f"{name}_{key}")
            made.setAccessibleName(f"{says}: {title}")
            made.setCheckable(True)
            self._group.addButton(made, place)
            layout.addWidget(made)
        layout.addStretch(1)
        self.setLayout(layout)
        self._group.idClicked.connect(self._on_clicked)

    def show_choice(self, key: str) -> None:
        """Show which one is taken."""
        made = self._group.button(self._keys.index(key))
        made.setChecked(True)

    def choice(self, key: str) -> QPushButton:
        """Return the button of a choice."""
        made = self._group.button(self._keys.index(key))
        assert isinstance(made, QPushButton)
        return made

    def _on_clicked(self, place: int) -> None:
        self.chosen.emit(self._keys[place])
