"""The prompts that were used before and those that were saved, in place of the prompt panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QInputDialog, QLineEdit, QStackedLayout, QWidget

from fluxlora_desktop.domain.kept_prompts import LONGEST_PROMPT_NAME, KeptPrompt, find_prompts
from fluxlora_desktop.domain.orders import title_for
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.gallery.rows import TwoLineDelegate
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.picklist import PickList
from fluxlora_desktop.ui.widgets import button, column, icon_button, label, row
from fluxlora_desktop.ui.wording import when

AskName = Callable[[QWidget, str, Callable[[str], None]], None]


def ask_name(parent: QWidget, name: str, take: Callable[[str], None]) -> None:
    """Ask under which name a prompt is kept; `take` gets it, or nothing is called."""
    dialog = QInputDialog(parent)
    dialog.setWindowTitle("Save this prompt")
    dialog.setLabelText("Name of the prompt")
    dialog.setTextValue(name[:LONGEST_PROMPT_NAME])
    dialog.setOkButtonText("Save")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.textValueSelected.connect(take)
    dialog.open()


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt as its list shows it."""

    prompt: KeptPrompt
    share: float | None = None

    @property
    def id(self) -> str:
        """The prompt itself: each is there once."""
        return self.prompt.text

    @property
    def name(self) -> str:
        """Its name, or its text in one line."""
        return self.prompt.name or " ".join(self.prompt.text.split())

    @property
    def detail(self) -> str:
        """Its text where it has a name, else how often and when it was used."""
        if self.prompt.saved:
            return " ".join(self.prompt.text.split())
        if self.prompt.uses < 2:
            return f"Used {when(self.prompt.used_at)}"
        return f"Used {self.prompt.uses} times, last {when(self.prompt.used_at)}"

    @property
    def symbol(self) -> str:
        """A star where it was saved."""
        return "star-filled" if self.prompt.saved else "clock"

    @property
    def says(self) -> str:
        """How a screen reader says it."""
        return f"{'Saved: ' if self.prompt.saved else ''}{self.name}. {self.detail}"


class PromptList(PickList[PromptRow]):
    """Shows prompts; `used(str)` at Enter or a double click, `save_requested(str)` at F2."""

    used = Signal(str)
    save_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__(TwoLineDelegate())
        self.setObjectName("prompt_list")
        self.setAccessibleName("Prompts")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.doubleClicked.connect(self._on_double_click)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Use the chosen one by Enter, name it by F2."""
        key, chosen = event.key(), self.selected()
        if chosen and key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.used.emit(chosen)
        elif chosen and key == Qt.Key.Key_F2:
            self.save_requested.emit(chosen)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_double_click(self, index: QModelIndex) -> None:
        self.used.emit(self.rows.row(index.row()).id)


class PromptHistory(QWidget):
    """Lists prompts, those that were saved first; `used(str)` and `closed()`."""

    used = Signal(str)
    closed = Signal()

    def __init__(self, desk: PromptDesk, ask: AskName = ask_name) -> None:
        super().__init__()
        self._desk, self._ask = desk, ask
        back = icon_button("chevron-left", "Back to the prompt", self.closed.emit)
        self.words = QLineEdit()
        self.words.setPlaceholderText("Search the prompts")
        self.words.setAccessibleName("Search the prompts used before")
        self.words.setClearButtonEnabled(True)
        self._glass = self.words.addAction(
            icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.only_saved = QCheckBox("Only saved ones")
        self.list = PromptList()
        self.nothing = label("", "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.use = button("Use it", self._on_use, role="primary")
        self.keep = button("Save…", self._on_keep)
        self.remove = icon_button("trash", "Delete this prompt", self._on_remove)
        places = QWidget()
        self._places = QStackedLayout(places)
        for part in (self.list, self.nothing):
            self._places.addWidget(part)
        head = row(back, label("Prompts", "section"), None, spacing=6)
        buttons = row(self.remove, None, self.keep, self.use)
        whole = column(head, self.words, self.only_saved, places, buttons, spacing=10, margin=12)
        whole.setStretch(3, 1)
        self.setLayout(whole)
        desk.listed.connect(self._show)
        self.words.textChanged.connect(self._show)
        self.words.returnPressed.connect(self._on_use)
        self.only_saved.toggled.connect(self._show)
        self.list.chosen.connect(self._show_buttons)
        self.list.used.connect(self.used)
        self.list.save_requested.connect(self._on_keep)
        self.list.remove_requested.connect(self._on_remove)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.closed.emit)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._show()

    def begin(self) -> None:
        """Show all prompts, ready to be searched."""
        self.words.clear()
        self.words.setFocus()
        self._show()

    def on_theme_changed(self) -> None:
        """Draw the icon in the field again."""
        self._glass.setIcon(icon("search", "muted"))

    def chosen(self) -> KeptPrompt | None:
        """Return the chosen prompt."""
        wanted = self.list.selected()
        return next((one for one in self._desk.prompts if one.text == wanted), None)

    @Slot()
    def _show(self) -> None:
        found = find_prompts(self._desk.prompts, self.words.text())
        self.list.show_rows(PromptRow(prompt) for prompt in self._sorted(found))
        self._places.setCurrentWidget(self.list if self.list.rows.rowCount() else self.nothing)
        everything = not self.words.text().strip() and not self.only_saved.isChecked()
        self.nothing.setText(
            "Prompts that you use are listed here." if everything else "No prompt matches."
        )
        self._show_buttons()

    def _sorted(self, prompts: tuple[KeptPrompt, ...]) -> Iterator[KeptPrompt]:
        yield from sorted(
            (one for one in prompts if one.saved), key=lambda one: one.name.casefold()
        )
        if not self.only_saved.isChecked():
            yield from (one for one in prompts if not one.saved)

    @Slot()
    def _show_buttons(self) -> None:
        chosen = self.chosen()
        for part in (self.use, self.keep, self.remove):
            part.setEnabled(chosen is not None)
        self.keep.setText("Rename…" if chosen is not None and chosen.saved else "Save…")
        self.list.setToolTip(chosen.text if chosen is not None else "")

    @Slot()
    def _on_use(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self.used.emit(chosen.text)

    @Slot()
    def _on_keep(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self.ask_name(chosen.text)

    def ask_name(self, text: str) -> None:
        """Ask for the name under which a prompt is kept, and keep it."""
        known = next((one for one in self._desk.prompts if one.text == text), None)
        name = known.name if known is not None and known.saved else title_for(text)
        self._ask(self, name, lambda given: self._desk.save(text, given))

    @Slot()
    def _on_remove(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self._desk.remove(chosen)
