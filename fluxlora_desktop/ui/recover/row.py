"""One lost training: what it is at the left, its name and Adopt at the right."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.recovery import UnknownTraining
from fluxlora_desktop.ui.recover.words import facts_words, state_words, when_words
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row

_NAME_WIDTH, _BUTTON_WIDTH = 200, 88


class LostRow(QWidget):
    """Says what a training is; `adopt_requested(tuple)` with it and the name in the field."""

    adopt_requested = Signal(object)

    def __init__(self, unknown: UnknownTraining, name: str, services: Services) -> None:
        super().__init__()
        self.unknown = unknown
        self.setObjectName(f"lost_{unknown.listed.remote.id}")
        words, tint, symbol = state_words(unknown)
        moment = when_words(unknown)
        self.state = label(words, tint if tint != "muted" else "")
        self.facts = label(facts_words(unknown, services), "muted", wrap=True)
        head = row(label(moment, "strong"), label("·", "muted"), self.state, None, spacing=6)
        left = column(head, self.facts, spacing=2)
        self.name = QLineEdit(name)
        self.name.setMaxLength(120)
        self.name.setFixedWidth(_NAME_WIDTH)
        self.name.setAccessibleName(f"Name for the training of {moment}")
        self.name.returnPressed.connect(self._adopt)
        self.name.textChanged.connect(self._on_name)
        self.adopt = button("Adopt", self._adopt)
        self.adopt.setFixedWidth(_BUTTON_WIDTH)
        self._busy = False
        layout = row(Symbol(symbol, tint), left, self.name, self.adopt, spacing=12)
        layout.setContentsMargins(0, 6, 0, 6)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        for part in (self.name, self.adopt):
            part.setVisible(unknown.adoptable)
        self.name.setCursorPosition(0)
        self._on_name(name)

    def wanted(self) -> tuple[UnknownTraining, str]:
        """Return the training and the name that it gets."""
        return self.unknown, self.name.text().strip()

    def show_busy(self, busy: bool) -> None:
        """Show whether it is being taken on."""
        self._busy = busy
        self.name.setEnabled(not busy)
        self._on_name(self.name.text())

    def _on_name(self, text: str) -> None:
        self.adopt.setEnabled(bool(text.strip()) and not self._busy)
        self.adopt.setAccessibleName(f"Adopt {text.strip()}")

    def _adopt(self) -> None:
        if self.adopt.isEnabled():
            self.adopt_requested.emit(self.wanted())
