"""A strip inside a page that says what a run waits for, or why it failed."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame

from fluxlora_desktop.ui.widgets import Symbol, label, row, set_mark

_SYMBOLS = {"warn": "warning", "danger": "error"}


class Strip(QFrame):
    """Words with an icon, tinted by their tone; hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self._symbol = Symbol("warning", "warn")
        self.words = label("", wrap=True)
        layout = row(self._symbol, self.words, spacing=10, margin=10)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    def show_words(self, words: str, tone: str) -> None:
        """Show a sentence; `tone` is warn or danger."""
        self._symbol.show_symbol(_SYMBOLS[tone], tone)
        set_mark(self, "tone", tone)
        self.words.setText(words)
        self.setAccessibleName(words)
        self.show()
