"""What is selected, in words, and what can be done with it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QToolButton, QWidget

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.commands import PictureCommands
from fluxlora_desktop.ui.gallery.words import (
    LOST,
    RATING_WORDS,
    Fact,
    facts_line,
    facts_of,
    lost_words,
    marks_of,
    summary,
    title_words,
    trash_words,
)
from fluxlora_desktop.ui.widgets import Card, button, column, icon_button, label, row
from fluxlora_desktop.ui.wording import plural

_WIDE, _WIDEST = 420, 640
_NARROWEST, _FOR_RATING = 260, 330
_DIGIT, _SMALL_DIGIT = 30, 20


class RatingRow(QWidget):
    """Five digits, those up to the rating lit; the one that is lit alone takes the rating off."""

    def __init__(self, commands: PictureCommands) -> None:
        super().__init__()
        self._commands = commands
        self.setAccessibleName("Rating")
        self._digits: list[QToolButton] = []
        for rating in range(1, 6):
            made = QToolButton()
            made.setText(str(rating))
            made.setCheckable(True)
            made.setProperty("role", "digit")
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            made.setToolTip(f"Rate {RATING_WORDS[rating]} ({rating}); the same again takes it off")
            made.setAccessibleName(f"Rate {RATING_WORDS[rating]}")
            made.clicked.connect(partial(self._on_digit, rating))
            self._digits.append(made)
        self.setLayout(row(*self._digits, spacing=0))
        for action in commands.rates:
            action.changed.connect(self._show)
        self._show()

    def spread(self, width: int) -> None:
        """Make each digit so many pixels wide."""
        for digit in self._digits:
            digit.setFixedWidth(width)

    def _rating(self) -> int:
        """Return the rating that all of them have, 0 for none or several."""
        return next((n for n, action in enumerate(self._commands.rates) if action.isChecked()), 0)

    def _show(self) -> None:
        rating, enabled = self._rating(), self._commands.rates[0].isEnabled()
        for number, digit in enumerate(self._digits, start=1):
            digit.setChecked(number <= rating)
            digit.setEnabled(enabled)

    def _on_digit(self, rating: int) -> None:
        same = self._rating() == rating
        self._show()
        self._commands.rates[0 if same else rating].trigger()


class CommandButtons(QWidget):
    """The buttons of a set of commands; where there is little room, some are in a menu."""

    def __init__(self, commands: PictureCommands) -> None:
        super().__init__()
        self.setMinimumWidth(_NARROWEST)
        self._commands = commands
        self.again = button("Make it again", commands.again.trigger, role="primary")
        self.reuse = button("Reuse settings", commands.reuse.trigger)
        self.vary = button("Vary the seed", commands.vary.trigger)
        self.elsewhere = button("Save elsewhere", commands.save_elsewhere.trigger, symbol="save")
        self.stop = button("Stop this order", commands.stop.trigger, symbol="stop")
        self.restore = button("Restore", commands.restore.trigger)
        self.purge = button("Delete for good", commands.purge.trigger, role="danger")
        self.favourite = _icon_of(commands.favourite, "star", "Star (F)")
        self.rating = RatingRow(commands)
        self.tag = _icon_of(commands.tag, "tag", "Tags (T)")
        self.copy = _icon_of(commands.copy, "copy", "Copy picture and settings (Ctrl+C)")
        self.save = _icon_of(commands.save, "save", "Save as (Ctrl+S)")
        self.clean = button("Save without metadata", commands.save_clean.trigger)
        self.clean.setToolTip("The file then says nothing about how it was made (Ctrl+Shift+S)")
        self.show_file = _icon_of(commands.show_file, "folder", "Show the file")
        self.trash = _icon_of(commands.trash, "trash", "Move to trash (Delete)")
        for action, made in (
            (commands.again, self.again),
            (commands.save_elsewhere, self.elsewhere),
            (commands.stop, self.stop),
            (commands.reuse, self.reuse),
            (commands.vary, self.vary),
            (commands.restore, self.restore),
            (commands.purge, self.purge),
            (commands.favourite, self.favourite),
            (commands.tag, self.tag),
            (commands.trash, self.trash),
        ):
            _follow(made, action, hides=True)
        _follow(self.clean, commands.save_clean, hides=False)
        commands.trash.visibleChanged.connect(self._fit)
        commands.vary.changed.connect(self._show_words)
        commands.favourite.changed.connect(self._show_words)
        self.more = icon_button("more", "More to do with it", self._on_more)
        self._build()
        self._show_words()
        self._fit()

    def _build(self) -> None:
        first = row(
            *(self.again, self.elsewhere, self.stop, self.restore, self.purge),
            *(self.reuse, self.vary, self.clean, None),
            spacing=8,
        )
        second = row(
            *(self.favourite, self.rating, self.tag, None),
            *(self.copy, self.save, self.show_file, self.more, self.trash),
            spacing=2,
        )
        self.setLayout(column(first, second, spacing=8))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many buttons as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        here = self._commands.trash.isVisible()
        self.rating.spread(_DIGIT if self.width() >= _WIDE else _SMALL_DIGIT)
        self.clean.setVisible(here and self.width() >= _WIDEST)
        self.save.setVisible(here)
        self.show_file.setVisible(here and self.width() >= _WIDE)
        self.rating.setVisible(here and self.width() >= _FOR_RATING)

    def _show_words(self) -> None:
        self.vary.setText(self._commands.vary.text())
        action = self._commands.favourite
        self.favourite.setProperty("symbol", action.property("symbol"))
        self.favourite.setIcon(action.icon())
        self.favourite.setToolTip(f"{action.text()} (F)")
        self.favourite.setAccessibleName(action.text())

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
            self._show_several(chosen, selected)
            return
        picture = chosen[0] if chosen else None
        self.facts.setVisible(picture is not None)
        if picture is None:
            self.title.setText("Picture")
            return
        self.title.setText(_short(title_words(picture)))
        self.title.setToolTip(picture.prompt)
        said = (f"{fact.title}: {fact.value}" for fact in facts_of(picture))
        self.facts.setToolTip("\n".join(said) if picture.source else "")
        words = " · ".join([facts_line(picture), *(_mark(fact) for fact in marks_of(picture))])
        if picture.trashed_at is not None:
            words = f"{trash_words(picture)}\n{words}"
        elif picture.state in LOST:
            words = f"{lost_words(picture, price)}\n{words}"
        self.facts.setText(words)

    def _show_several(self, chosen: tuple[Picture, ...], selected: int) -> None:
        """Sum several pictures up; only their number while not all of them are read."""
        known = len(chosen) == selected
        stars = sum(picture.favourite for picture in chosen)
        starred = f", {plural(stars, 'favourite')}" if known and stars else ""
        self.title.setText(f"{plural(selected, 'picture')} selected{starred}")
        self.facts.setText(summary(chosen) if known else "")
        self.facts.setVisible(bool(self.facts.text()))


def _mark(fact: Fact) -> str:
    return fact.title.lower() if fact.value == "Yes" else f"{fact.title.lower()} {fact.value}"


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
