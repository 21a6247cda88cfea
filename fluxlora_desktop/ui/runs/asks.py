"""The buttons of a run: main ones in a bar below, the others as links beside the facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from fluxlora_desktop.ui.runs.actions import Offer, Question
from fluxlora_desktop.ui.runs.exits import Ask
from fluxlora_desktop.ui.widgets import button, clear, column, label, row, set_role

_SYMBOLS = {
    Ask.OPEN_AT_SERVICE: "link",
    Ask.OPEN_ON_HUB: "link",
    Ask.OPEN_RUNS_PAGE: "link",
    Ask.CANCEL_IF_FOUND: "stop",
    Ask.LET_IT_RUN: "play",
    Ask.REPORT: "copy",
    Ask.LOOK_IN_VERSION: "link",
    Ask.FREE_SPACE: "link",
    Ask.SHOW_IN_LIBRARY: "library",
    Ask.USE_PHOTOS: "create",
    Ask.COMPARE: "compare",
    Ask.FIND_STRENGTH: "photos",
    Ask.LINEAGE: "runs",
    Ask.CHARGES: "money",
    Ask.CAPTIONS: "eye",
    Ask.REMOVE: "close",
    Ask.FORGET: "trash",
}
_LIKELY = frozenset(
    {Ask.LOOK_NOW, Ask.TRY_AGAIN, Ask.MAKE_PICTURES, Ask.SETTINGS, Ask.LOOK_IN_VERSION}
    | {Ask.GO_ON, Ask.ACCEPT_TERMS}
)


class AskLinks(QWidget):
    """Quiet buttons one below the other; `asked(Ask)`."""

    asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._offers: tuple[Offer, ...] = ()
        self._lines = column(spacing=2)
        self.setLayout(self._lines)

    def show_offers(self, offers: Sequence[Offer]) -> None:
        """Show what can be asked; buttons that stay keep the focus."""
        if tuple(offers) == self._offers:
            return
        self._offers = tuple(offers)
        clear(self._lines)
        for offer in offers:
            made = _button(offer, "link", self.asked.emit)
            self._lines.addLayout(row(made, None))
            made.show()
        self.setVisible(bool(offers))


class AskBar(QWidget):
    """The main buttons at the lower right; a question takes their place.

    `asked(Ask)` when a button is pressed, `confirmed(Ask)` when a question was answered with yes;
    `answer` is then what was typed for it, and stands in the field when the same is asked again.
    """

    asked = Signal(object)
    confirmed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._offers: tuple[Offer, ...] = ()
        self._subject = ""
        self._confirming: Ask | None = None
        self._buttons = row()
        self._question = label("", wrap=True)
        self.field = QLineEdit()
        self.field.setMaxLength(2000)
        self.field.textChanged.connect(self._on_typed)
        self.field.returnPressed.connect(self._on_entered)
        self.answer = ""
        self._answered: tuple[str, Ask | None] = ("", None)
        self._owes_focus = False  # to the next buttons of this run: the last ones had it
        self.keep = button("", self._on_keep)
        self.confirm_button = button("", self._on_confirmed, role="danger")
        self._asking = QWidget()
        answers = row(None, self.keep, self.confirm_button)
        self._asking.setLayout(column(self._question, self.field, answers))
        self._asking.hide()
        self._offered = QWidget()
        self._offered.setLayout(self._buttons)
        self.setLayout(column(self._offered, self._asking, margin=12))

    def show_offers(self, subject: str, offers: Sequence[Offer]) -> None:
        """Show a run's main buttons; a question about another run, or an old one, is dropped."""
        stale = self._confirming not in {offer.ask for offer in offers}
        if subject != self._subject or (self._confirming is not None and stale):
            self._on_keep()
        self._owes_focus = self._owes_focus and subject == self._subject
        self._subject = subject
        if tuple(offers) == self._offers:
            return
        self._offers = tuple(offers)
        focused = self._confirming is None and (self._has_focus() or self._owes_focus)
        clear(self._buttons)
        self._buttons.addStretch(1)
        for place, offer in enumerate(reversed(offers)):
            last = place == len(offers) - 1
            role = "primary" if last and offer.ask in _LIKELY else ""
            made = _button(offer, role, self.asked.emit)
            self._buttons.addWidget(made)
            made.show()
        self.setVisible(bool(offers))
        if focused and offers:
            self._focus("")
        self._owes_focus = focused and not offers

    def confirm(self, ask: Ask, question: Question) -> None:
        """Ask before something that cannot be taken back."""
        self._confirming = ask
        self._question.setText(question.says)
        self._asking.setAccessibleName(question.says)
        self.keep.setText(question.no)
        self.confirm_button.setText(question.yes)
        harmless = question.asks_for or question.paid
        set_role(self.confirm_button, "primary" if harmless else "danger")
        self.field.setText(self.answer if self._answered == (self._subject, ask) else "")
        self.field.selectAll()
        self.field.setVisible(bool(question.asks_for))
        self.field.setPlaceholderText(question.asks_for)
        self.field.setAccessibleName(question.asks_for)
        self.confirm_button.setEnabled(not question.asks_for or bool(self.field.text()))
        self._offered.hide()
        self._asking.show()
        (self.field if question.asks_for else self.keep).setFocus()

    def _on_typed(self, text: str) -> None:
        self.confirm_button.setEnabled(bool(text.strip()))

    def _on_entered(self) -> None:
        if self.confirm_button.isEnabled():
            self._on_confirmed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Answer a question with no by Esc."""
        if event.key() == Qt.Key.Key_Escape and self._confirming is not None:
            self._on_keep()
            return
        super().keyPressEvent(event)

    def _on_keep(self) -> None:
        ask, focused = self._confirming, self._has_focus()
        self._confirming = None
        self._asking.hide()
        self._offered.show()
        if ask is not None and focused:
            self._focus(f"run_{ask.value}")

    def _on_confirmed(self) -> None:
        ask, self.answer = self._confirming, self.field.text().strip()
        self._answered = (self._subject, ask)
        self._on_keep()
        if ask is not None:
            self.confirmed.emit(ask)

    def _has_focus(self) -> bool:
        focused = self.window().focusWidget()
        return focused is not None and self.isAncestorOf(focused)

    def _focus(self, name: str) -> None:
        """Give the focus to a button, or to the last one where that is gone."""
        items = (self._buttons.itemAt(place) for place in range(self._buttons.count()))
        widgets = [item.widget() for item in items if item is not None]
        made = [one for one in widgets if isinstance(one, QPushButton)]
        named = next((one for one in made if one.objectName() == name), None)
        target = named or (made[-1] if made else None)
        if target is not None:
            target.setFocus()


def _button(offer: Offer, role: str, clicked: Callable[[Ask], object]) -> QPushButton:
    made = button(
        offer.says, partial(clicked, offer.ask), role=role, symbol=_SYMBOLS.get(offer.ask, "")
    )
    made.setObjectName(f"run_{offer.ask.value}")
    return made
