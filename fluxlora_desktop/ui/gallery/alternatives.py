"""What a prompt with alternatives becomes: how many, a few of them, and how they are used."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QWidget

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.prompts import (
    MOST_PICTURES,
    Spread,
    Template,
    Wildcards,
    has_choices,
    too_many,
)
from fluxlora_desktop.ui.theme import CAPTION, font
from fluxlora_desktop.ui.widgets import column, label

_SHOWN = 3
_MANY = 1_000_000


class OneLine(QLabel):
    """A text of which as much is shown as fits on one line; the whole is its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "caption")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._words = ""

    def show_words(self, words: str) -> None:
        """Show a text; "" hides the line."""
        self._words = words
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.setVisible(bool(words))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        small = QFontMetrics(font(CAPTION))
        self.setText(small.elidedText(self._words, Qt.TextElideMode.ElideRight, self.width()))


class Alternatives(QWidget):
    """Hidden while the prompt has no alternatives; `changed()` when they are used otherwise."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._template: Template | None = None
        self.trouble = ""
        self.spread = QComboBox()
        self.spread.setAccessibleName("How alternatives are used")
        self.spread.addItem("Draw anew for each picture", Spread.RANDOM)
        self.spread.addItem("Every combination", Spread.EVERY)
        self.told = label("", "caption")
        self.lines = tuple(OneLine() for _ in range(_SHOWN))
        self.setLayout(column(self.spread, self.told, *self.lines, spacing=3))
        self.spread.activated.connect(self._on_spread)
        self.hide()

    def show_prompt(self, prompt: str, wildcards: Wildcards, seed: int) -> None:
        """Work out what a prompt becomes; `seed` is that of the next order."""
        self.trouble, self._template = "", None
        if has_choices(prompt):
            try:
                self._template = Template(prompt, wildcards)
                shown = tuple(self._examples(self._template, seed))
            except InputError as error:
                self.trouble, self._template = error.reason, None
        varies = self._template is not None and self._template.varies
        self.setVisible(varies)
        if self._template is None or not varies:
            return
        number = self._template.combinations
        self.spread.setItemText(1, f"Every combination ({_counted(number)})")
        says = f"{_counted(number)} combinations, for example"
        if self.every and number > len(shown):
            says = f"{len(shown)} of {_counted(number)} combinations"
        self.told.setText(says)
        for line, words in zip(self.lines, (*shown, "", "", ""), strict=False):
            line.show_words(words)

    @property
    def every(self) -> bool:
        """Tell whether every combination shall be made."""
        return bool(self.spread.currentData() == Spread.EVERY)

    def used_as(self) -> Spread:
        """Return how the prompt of the next order is used; one without alternatives is sent so."""
        if self._template is None:
            return Spread.LITERAL
        return Spread.EVERY if self.every and self._template.varies else Spread.RANDOM

    def choose(self, spread: Spread) -> None:
        """Use alternatives so; what is sent as it stands has none."""
        with QSignalBlocker(self.spread):
            self.spread.setCurrentIndex(1 if spread == Spread.EVERY else 0)

    def resolved(self, prompt: str, seed: int) -> str:
        """Return one prompt that the written one stands for, as it would be sent."""
        return self._template.pick(seed) if self._template is not None else prompt

    def rounds(self) -> int:
        """Return how many pictures are made for each one that is asked for."""
        every = self.used_as() is Spread.EVERY and self._template is not None
        return self._template.combinations if every and self._template else 1

    def problem(self, number: int) -> str:
        """Return why the prompt cannot be used for so many pictures, "" when it can."""
        pictures = number * self.rounds()
        return self.trouble or (too_many(pictures) if pictures > MOST_PICTURES else "")

    def _examples(self, template: Template, seed: int) -> Iterator[str]:
        """Yield a few prompts, each once: the first to be made where that is known."""
        if self.every:
            yield from map(template.nth, range(min(_SHOWN, template.combinations)))
            return
        drawn = dict.fromkeys(template.pick(seed + place) for place in range(4 * _SHOWN))
        yield from list(drawn)[:_SHOWN]

    def _on_spread(self) -> None:
        self.changed.emit()


def _counted(number: int) -> str:
    return f"{number:,}" if number <= _MANY else "over a million"
