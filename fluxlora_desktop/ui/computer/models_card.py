"""The base models of this computer: where each is, what it takes, and how to be rid of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from fluxlora_desktop.domain.engine import BaseFiles, BaseState, ThisComputer
from fluxlora_desktop.ui.computer import words
from fluxlora_desktop.ui.widgets import Card, Symbol, button, clear, column, label, row

_SAYS = (
    "The model that a LoRA is trained on comes from %1 with your account there. One marked as "
    "gated is only given to those who accepted its terms on its page."
)
_NEARLY = 10**9
"""Bytes of free room that make no difference on screen."""
_MARKS = {
    BaseState.ABSENT: ("download", "muted"),
    BaseState.PARTIAL: ("clock", "muted"),
    BaseState.HERE: ("check", "ok"),
    BaseState.FOLDER: ("folder", "ok"),
    BaseState.LOST: ("warning", "warn"),
}

ChooseModel = Callable[[QWidget, str, Callable[[Path], None]], None]
"""Asks for the folder of a base with this title and calls back with it, or never."""


def choose_model(parent: QWidget, title: str, then: Callable[[Path], None]) -> None:
    """Ask for the folder of a base model."""
    dialog = QFileDialog(parent, f"Choose the folder of {title}")
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda chosen: then(Path(chosen)))
    dialog.open()


class ModelsCard(Card):
    """`fetch_requested(BaseFiles)`, `remove_requested(BaseFiles)`, `forget_requested(str)`,
    `folder_chosen(str, Path)`.

    `open_requested(str)` for a model's page, `connect_requested()` for the hub's account; `hub` is
    its title.
    """

    fetch_requested = Signal(object)
    remove_requested = Signal(object)
    folder_chosen = Signal(str, object)
    forget_requested = Signal(str)
    open_requested = Signal(str)
    connect_requested = Signal()

    def __init__(self, *, hub: str, choose: ChooseModel = choose_model) -> None:
        super().__init__()
        self.setObjectName("base_models")
        self._choose = choose
        self._shown: object = None
        self.buttons: list[QPushButton] = []
        self._rows = column(spacing=16)
        self.connect_button = button(f"Connect {hub}", self.connect_requested.emit)
        self.connect_button.hide()
        self.body.addWidget(label("Base models", "section"))
        self.body.addWidget(label(_SAYS.replace("%1", hub), "muted", wrap=True))
        self.body.addLayout(row(self.connect_button, None))
        self.body.addLayout(self._rows)

    def show_computer(self, seen: ThisComputer) -> None:
        """Show where the base models are; nothing is made anew when nothing changed."""
        shown = (seen.bases, seen.hardware.free_bytes // _NEARLY, seen.status.usable)
        if shown == self._shown:
            return
        self._shown = shown
        clear(self._rows)
        self.buttons = []
        for files in seen.bases:
            self._rows.addLayout(self._row(files, seen))

    def show_account(self, connected: bool) -> None:
        """Offer to connect the hub's account while there is none."""
        self.connect_button.setVisible(not connected)

    def set_idle(self, idle: bool) -> None:
        """Let nothing be changed while something is under way."""
        for made in self.buttons:
            made.setEnabled(idle)

    def _row(self, files: BaseFiles, seen: ThisComputer) -> QHBoxLayout:
        symbol, tint = _MARKS[files.state]
        mark = Symbol(symbol, tint, 18)
        gated = " · gated" if files.base.gated else ""
        title = label(f"{files.base.title}{gated}", "strong")
        says = label(words.base_words(files, seen.hardware.free_bytes), "muted", wrap=True)
        made = row(mark, column(title, says, spacing=2), *self._actions(files, seen), spacing=10)
        made.setStretch(1, 1)
        made.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
        return made

    def _actions(self, files: BaseFiles, seen: ThisComputer) -> list[QPushButton]:
        base = files.base
        made: list[QPushButton] = []
        if seen.status.usable and words.can_be_fetched(files, seen.hardware.free_bytes):
            says = "Download" if files.state is BaseState.ABSENT else "Go on"
            fetch = partial(self.fetch_requested.emit, files)
            made.append(self._action(says, fetch, base.title))
            made[-1].setToolTip("Now, so that the first training need not wait for it")
        if files.state in (BaseState.FOLDER, BaseState.LOST):
            forget = partial(self.forget_requested.emit, base.key)
            made.append(self._action("Use the hub's model", forget, base.title))
        if files.state is not BaseState.FOLDER:
            made.append(self._action("Use a folder…", partial(self._on_choose, files), base.title))
        if files.disk_bytes:
            says = f"Delete, frees {words.size_words(files.disk_bytes)}"
            remove = partial(self.remove_requested.emit, files)
            made.append(self._action(says, remove, base.title))
        if files.state in (BaseState.ABSENT, BaseState.PARTIAL):
            page = "Accept the terms" if base.gated else "Open its page"
            made.append(self._link(page, base.page, base.title))
            if base.gated and base.has_twin:
                made.append(self._link("Terms for pictures", base.pictures_page, base.title))
        return made

    def _link(self, says: str, page: str, title: str) -> QPushButton:
        made = button(says, partial(self.open_requested.emit, page), role="link")
        made.setAccessibleName(f"{says}: {title}")
        return made

    def _action(self, says: str, clicked: Callable[[], object], title: str) -> QPushButton:
        made = button(says, clicked)
        made.setAccessibleName(f"{says}: {title}")
        self.buttons.append(made)
        return made

    def _on_choose(self, files: BaseFiles) -> None:
        def then(folder: Path) -> None:
            self.folder_chosen.emit(files.base.key, folder)

        self._choose(self, files.base.title, then)
