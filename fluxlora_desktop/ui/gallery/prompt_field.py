"""The prompt with its buttons, what its alternatives become, and the way through the history."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.captions import with_trigger
from fluxlora_desktop.domain.prompts import Spread, escaped
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.gallery.alternatives import Alternatives
from fluxlora_desktop.ui.gallery.prompt_edit import PromptEdit, PromptTools, Recalled
from fluxlora_desktop.ui.widgets import column, label, row


class PromptField(QWidget):
    """Where a prompt is written; `changed()` when it, or what it becomes, is another one."""

    changed = Signal()

    def __init__(self, desk: PromptDesk) -> None:
        super().__init__()
        self._desk = desk
        self._recalled = Recalled()
        self.edit = PromptEdit()
        self.tools = PromptTools(desk)
        self.alternatives = Alternatives()
        head = label("Prompt", "strong")
        head.setBuddy(self.edit)
        title = row(head, None, self.tools)
        self.setLayout(column(title, self.edit, self.alternatives, spacing=6))
        self.edit.textChanged.connect(self.changed)
        self.edit.other_wanted.connect(self._on_other)
        self.edit.focused.connect(desk.read_wildcards)
        self.tools.text_wanted.connect(self.edit.insert)
        self.alternatives.changed.connect(self.changed)
        desk.wildcards_changed.connect(self.changed)

    def text(self) -> str:
        """Return the prompt as it is written."""
        return self.edit.toPlainText().strip()

    def fill(self, prompt: str, spread: Spread) -> None:
        """Take over the prompt of an order."""
        self.alternatives.choose(spread)
        self.edit.setPlainText(escaped(prompt) if spread is Spread.LITERAL else prompt)

    def write(self, text: str) -> None:
        """Replace the prompt so that undo brings the old one back."""
        if text == self.edit.toPlainText():
            return
        cursor = self.edit.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(text)

    @Slot(str)
    def call(self, word: str) -> None:
        """Put a trigger word into the prompt."""
        self.write(with_trigger(self.edit.toPlainText(), word))
        self.edit.setFocus()

    def show_state(self, seed: int) -> None:
        """Show what the prompt becomes; `seed` is that of the next order."""
        text = self.edit.toPlainText()
        self.alternatives.show_prompt(text, self._desk.wildcards, seed)
        self.tools.show_prompt(text)

    @Slot(int)
    def _on_other(self, step: int) -> None:
        """Go to the prompt that was used before this one, or after it."""
        used = [prompt.text for prompt in self._desk.prompts]
        there = self._recalled.step(step, self.edit.toPlainText(), used)
        if there is not None:
            self.write(there)
