"""Where the prompt is written, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QMenu, QPlainTextEdit, QToolButton, QWidget

from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.shortcuts import Group, Keys
from fluxlora_desktop.ui.widgets import icon_button, row

_PROMPT_HEIGHT = 104
_MOST_LISTED = 40


class PromptEdit(QPlainTextEdit):
    """Where the prompt is written.

    `make_wanted()` at Ctrl+Enter, `other_wanted(int)` at Ctrl+Up (-1, an older one) and Ctrl+Down
    (1), `focused()` when it is about to be written.
    """

    KEYS = (Keys(Group.MAKE, "Ctrl+Enter", "Make the pictures, from the prompt"),)
    make_wanted = Signal()
    other_wanted = Signal(int)
    focused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Prompt")
        self.setPlaceholderText("What the picture shall show")
        self.setTabChangesFocus(True)
        self.setFixedHeight(_PROMPT_HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Make pictures at Ctrl+Enter, go through the history at Ctrl+Up, write otherwise."""
        held = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if held and event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.make_wanted.emit()
        elif held and event.key() in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.other_wanted.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell that it is about to be written."""
        super().focusInEvent(event)
        self.focused.emit()

    def insert(self, before: str, after: str) -> None:
        """Put text round what is selected, or at the cursor; undo takes it out again.

        The cursor stays where there is something left to write: before the last sign of `after`
        when something was selected, else between the two.
        """
        cursor = self.textCursor()
        chosen = cursor.selectedText()
        cursor.insertText(f"{before}{chosen}{after}")
        cursor.setPosition(cursor.position() - (min(1, len(after)) if chosen else len(after)))
        self.setTextCursor(cursor)
        self.setFocus()


class Recalled:
    """Where a person is in the history; what was being written comes back at its end."""

    def __init__(self) -> None:
        self._place = -1
        self._shown = self._draft = ""

    def step(self, step: int, now: str, prompts: Sequence[str]) -> str | None:
        """Return the prompt before (-1) or after (1) this one, None at the end.

        `prompts` has the one used last first. After a change of the text it begins anew.
        """
        if self._place < 0 or now != self._shown:
            self._place, self._draft = -1, now
        there = self._place - step
        while 0 <= there < len(prompts) and prompts[there] == now:
            there -= step
        if not -1 <= there < len(prompts) or (there < 0 and self._place < 0):
            return None
        self._place = there
        self._shown = prompts[there] if there >= 0 else self._draft
        return self._shown


class PromptTools(QWidget):
    """The buttons beside the prompt.

    `history_wanted()`, `save_wanted()`, `text_wanted(str, str)` for what shall stand round the
    selection, `reveal_requested(Path)` for the folder of wildcards.
    """

    history_wanted = Signal()
    save_wanted = Signal()
    text_wanted = Signal(str, str)
    reveal_requested = Signal(object)

    def __init__(self, desk: PromptDesk) -> None:
        super().__init__()
        self._desk = desk
        self.menu_button = icon_button("alternatives", "Alternatives and wildcards")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.menu_button)
        self.menu_button.setMenu(self.menu)
        self.keep = icon_button("star", "Save this prompt", self.save_wanted.emit)
        self.history = icon_button(
            "clock", "Prompts used before (Ctrl+H)", self.history_wanted.emit
        )
        self.setLayout(row(self.menu_button, self.keep, self.history, spacing=0))
        self.menu.aboutToShow.connect(self._fill)
        desk.listed.connect(self._show_star)
        self._text = ""
        self.show_prompt("")

    def show_prompt(self, prompt: str) -> None:
        """Tell whether the prompt as it stands is among the saved ones."""
        self._text = prompt.strip()
        self._show_star()

    def _show_star(self) -> None:
        name = next(
            (one.name for one in self._desk.prompts if one.saved and one.text == self._text), ""
        )
        says = f"Saved as {name}; give it another name" if name else "Save this prompt"
        self.keep.setProperty("symbol", "star-filled" if name else "star")
        self.keep.setIcon(icon(self.keep.property("symbol")))
        self.keep.setEnabled(bool(self._text))
        self.keep.setToolTip(says)
        self.keep.setAccessibleName(says)

    def _fill(self) -> None:
        self.menu.clear()
        self.menu.addAction("Alternatives {a|b}", partial(self.text_wanted.emit, "{", "|}"))
        wild = self.menu.addMenu("Wildcard")
        for name in self._desk.wildcards.names[:_MOST_LISTED]:
            wild.addAction(name, partial(self.text_wanted.emit, f"__{name}__", ""))
        if wild.isEmpty():
            wild.addAction("No files in the folder yet").setEnabled(False)
        self.menu.addSeparator()
        self.menu.addAction("Open the folder of wildcards", self._on_folder)

    def _on_folder(self) -> None:
        self.reveal_requested.emit(self._desk.wildcards_folder())
