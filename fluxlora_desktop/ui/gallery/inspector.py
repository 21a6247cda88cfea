"""What is selected, in words, and what can be done with it."""

from __future__ import annotations

from functools import partial

from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.commands import PictureCommands
from fluxlora_desktop.ui.gallery.words import LOST, facts_line, lost_words
from fluxlora_desktop.ui.widgets import Card, button, column, icon_button, label, row
from fluxlora_desktop.ui.wording import plural

_WIDE, _WIDEST = 420, 640
_NARROWEST = 260


class CommandButtons(QWidget):
    """The buttons of a set of commands; where there is little room, some are in a menu."""

    def __init__(self, commands: PictureCommands) -> None:
        super().__init__()
        self.setMinimumWidth(_NARROWEST)
        self._commands = commands
        self.again = button("Make it again", commands.again.trigger, role="primary")
        self.reuse = button("Reuse settings", commands.reuse.trigger, symbol="refresh")
        self.elsewhere = button("Save elsewhere", commands.save_elsewhere.trigger, symbol="save")
        self.stop = button("Stop this order", commands.stop.trigger, symbol="stop")
        self.copy = _icon_of(commands.copy, "copy", "Copy picture and settings (Ctrl+C)")
        self.save = _icon_of(commands.save, "save", "Save as (Ctrl+S)")
        self.clean = button("Save without metadata", commands.save_clean.trigger)
        self.clean.setToolTip("The file then says nothing about how it was made (Ctrl+Shift+S)")
        self.show_file = _icon_of(commands.show_file, "folder", "Show the file")
        self.trash = _icon_of(commands.trash, "trash", "Move to trash (Delete)")
        for action, made in (
            (commands.again, self.again),
            (commands.reuse, self.reuse),
            (commands.save_elsewhere, self.elsewhere),
            (commands.stop, self.stop),
            (commands.save_clean, self.clean),
        ):
            hides = action in (commands.again, commands.save_elsewhere, commands.stop)
            _follow(made, action, hides=hides)
        self.more = icon_button("more", "More to do with it", self._on_more)
        first = row(self.again, self.elsewhere, self.stop, None, spacing=8)
        second = row(
            self.reuse,
            6,
            self.clean,
            None,
            self.copy,
            self.save,
            self.show_file,
            self.more,
            self.trash,
            spacing=2,
        )
        self.setLayout(column(first, second, spacing=8))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many buttons as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.clean.setVisible(self.width() >= _WIDEST)
        self.show_file.setVisible(self.width() >= _WIDE)
        self.more.setVisible(self.width() < _WIDEST)

    def _on_more(self) -> None:
        self._commands.menu(self).popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))


class Inspector(Card):
    """The bar below the grid about what is selected."""

    def __init__(self, commands: PictureCommands) -> None:
        super().__init__(margin=12, spacing=6)
        self.setObjectName("gallery_inspector")
        self.title = label("", "strong", wrap=True)
        self.facts = label("", "caption", wrap=True)
        self.buttons = CommandButtons(commands)
        self.body.addLayout(column(self.title, self.facts, spacing=2))
        self.body.addWidget(self.buttons)

    def show_pictures(
        self, chosen: tuple[Picture, ...], selected: int, again: str, price: str = ""
    ) -> None:
        """Show one picture's words, or how many are selected.

        `again` is what its button says, `price` what such a picture costs.
        """
        self.setVisible(selected > 0)
        self.buttons.again.setText(again)
        if selected != 1:
            self.title.setText(f"{plural(selected, 'picture')} selected")
            self.facts.setText("")
            self.facts.hide()
            return
        picture = chosen[0] if chosen else None
        self.facts.setVisible(picture is not None)
        if picture is None:
            self.title.setText("Picture")
            return
        self.title.setText(_short(picture.prompt))
        self.title.setToolTip(picture.prompt)
        words = facts_line(picture)
        if picture.state in LOST:
            words = f"{lost_words(picture, price)}\n{words}"
        self.facts.setText(words)


def _short(prompt: str, most: int = 150) -> str:
    text = " ".join(prompt.split())
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _icon_of(action: QAction, symbol: str, says: str) -> QAbstractButton:
    made = icon_button(symbol, says, action.trigger)
    _follow(made, action, hides=False)
    return made


def _follow(made: QAbstractButton, action: QAction, *, hides: bool) -> None:
    """Let a button be enabled, or be there at all, as its action is."""
    made.setEnabled(action.isEnabled())
    action.enabledChanged.connect(made.setEnabled)
    if hides:
        made.setVisible(action.isVisible())
        action.visibleChanged.connect(partial(_copy_visibility, made, action))


def _copy_visibility(made: QWidget, action: QAction) -> None:
    made.setVisible(action.isVisible())
