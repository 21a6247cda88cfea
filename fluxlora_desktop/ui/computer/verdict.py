"""What this computer can train, how fast and at what settings; or why not, and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout

from fluxlora_desktop.domain.engine import BaseAdvice, ThisComputer
from fluxlora_desktop.ui.computer import words
from fluxlora_desktop.ui.widgets import Card, Symbol, button, clear, column, label, row


class VerdictCard(Card):
    """`elsewhere_requested()` leads to the services."""

    elsewhere_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("verdict")
        self.title = label("", "section", wrap=True)
        self.hardware = label("", "muted", wrap=True)
        self.why = label("", wrap=True)
        self._bases = column(spacing=12)
        self.elsewhere = button("Train at a service", self.elsewhere_requested.emit)
        self.body.addWidget(self.title)
        self.body.addWidget(self.hardware)
        self.body.addWidget(self.why)
        self.body.addLayout(self._bases)
        self.body.addLayout(row(self.elsewhere, None))

    def show_computer(self, seen: ThisComputer) -> None:
        """Show what was seen."""
        advice = seen.advice
        self.title.setText(words.headline(seen))
        self.hardware.setText(words.hardware_words(seen.hardware))
        self.why.setText("" if advice.can else f"{advice.says} {advice.mend}".strip())
        self.why.setVisible(not advice.can)
        self.elsewhere.setVisible(not advice.can)
        clear(self._bases)
        for base in advice.bases if advice.can else ():
            self._bases.addLayout(_line(base))


def _line(base: BaseAdvice) -> QHBoxLayout:
    mark = Symbol("check" if base.can else "close", "ok" if base.can else "muted", 18)
    can = (words.settings_words(base), words.time_words(base))
    says = can if base.can else (base.says,)
    able = "can be trained" if base.can else "cannot be trained"
    title = label(base.title, "strong")
    title.setAccessibleName(f"{base.title} {able} on this computer")
    lines = column(title, *(label(part, "muted", wrap=True) for part in says), spacing=2)
    made = row(mark, lines, spacing=10)
    made.setStretch(1, 1)
    made.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
    return made
