"""The trigger word: a field, what speaks against the word, and one click for all captions."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit

from fluxlora_desktop.domain.captions import check_trigger
from fluxlora_desktop.domain.datasets import Finding, Severity
from fluxlora_desktop.ui.create.body import show_text
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.widgets import Card, Symbol, button, label, row

_GOOD = "A good word: short, and new to the base model."


class TriggerBar(Card):
    """Edits the trigger word; `settled(str)` when it is written, `spreading()` for all captions.

    The word is kept when it is complete, not letter by letter: captions that hold the old word
    get the new one, and half a word would be exchanged as well.
    """

    settled = Signal(str)
    spreading = Signal()

    def __init__(self) -> None:
        super().__init__(margin=12, spacing=4)
        self._captions: tuple[str, ...] = ()
        self._kept = ""
        self.word = QLineEdit()
        self.word.setObjectName("trigger_word")
        self.word.setFixedWidth(160)
        self.word.setPlaceholderText("For example TOK")
        name = label("Trigger &word", "strong")
        name.setBuddy(self.word)
        self._symbol = Symbol("check", "ok", 18)
        self.check = label("", wrap=True)
        self.check.setObjectName("trigger_check")
        self.spread = button("Use it in all captions", self._on_spread)
        self.spread.setObjectName("use_trigger_in_all")
        layout = row(name, self.word, self._symbol, self.check, self.spread, spacing=10)
        layout.setStretch(3, 1)
        self.body.addLayout(layout)
        self.word.textEdited.connect(self._on_typed)
        self.word.editingFinished.connect(self.keep)

    def show_draft(self, draft: Draft) -> None:
        """Show the draft's word and what its check found."""
        self._captions = tuple(item.caption for item in draft.dataset.photos)
        trigger = draft.dataset.trigger_word
        if self.word.text() == self._kept or not self.word.hasFocus():
            show_text(self.word, trigger)
            found = tuple(f for f in draft.findings if f.what.startswith("trigger_"))
            self._show_check(found)
        self._kept = trigger
        self.spread.setEnabled(bool(trigger.strip()) and bool(draft.dataset.photos))

    def keep(self) -> None:
        """Hand on the word if it is another one than the draft's."""
        word = self.word.text()
        if word != self._kept:
            self._kept = word
            self.settled.emit(word)

    def _on_typed(self, word: str) -> None:
        self._show_check(check_trigger(word, self._captions))

    def _on_spread(self) -> None:
        self.keep()
        self.spreading.emit()

    def _show_check(self, found: tuple[Finding, ...]) -> None:
        blocked = any(finding.severity is Severity.BLOCK for finding in found)
        shape = ("error", "danger") if blocked else ("warning", "warn")
        self._symbol.show_symbol(*(shape if found else ("check", "ok")))
        says = " ".join(finding.says for finding in found) or _GOOD
        self.check.setText(says)
        self.word.setAccessibleDescription(says)
