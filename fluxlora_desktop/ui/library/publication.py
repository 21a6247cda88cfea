"""Where a Lora is published, and everything that can be done about it."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.loras import Lora, PublicationStatus
from fluxlora_desktop.ui.library.facts import status_words, visibility_words
from fluxlora_desktop.ui.library.forms import DeleteForm, PublishForm
from fluxlora_desktop.ui.widgets import Symbol, button, column, icon_button, label, row, set_role
from fluxlora_desktop.ui.wording import plural

CHOOSE_PICTURES = "Choose pictures for the card"
_ABSENT = "Not published: the file is only on this computer."
_NO_BASE = "Not published. Choose the base above first: the repo's card has to name it."


class HubAsk(StrEnum):
    """One thing that a person can ask about a publication."""

    OPEN = "open"
    CHECK = "check"
    CREATE = "create"
    CARD = "card"
    MAKE_PUBLIC = "make_public"
    MAKE_PRIVATE = "make_private"
    DELETE = "delete"


class PublicationPart(QWidget):
    """Shows a publication or offers to make one.

    `asked(HubAsk)`, `ordered(PublishOrder)`, `unfolded(QWidget)` when a form opened.
    """

    asked = Signal(object)
    ordered = Signal(object)
    unfolded = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._lora: Lora | None = None
        self._owner = ""
        self._offered_name = ""
        self.repo = label("", "strong", wrap=True)
        self._symbol = Symbol("lock", "muted", 16)
        self.who = label("", wrap=True)
        self.status = label("", wrap=True)
        self.commit = label("", "caption")
        copy = icon_button("copy", "Copy the commit's id", self._copy_commit)
        self.open = button("Open on the hub", self._on_open, role="link", symbol="link")
        self.check = button("Check at the hub", self._on_check, role="link", symbol="refresh")
        self.recreate = button("Create again", self._on_create, role="link", symbol="upload")
        self.card = button("", self._on_card, role="link", symbol="gallery")
        self.switch = button("", self._on_switch, role="link", symbol="globe")
        self.remove = button("Delete the repo", self._on_remove, role="link", symbol="remove")
        self._links = (
            *(self.open, self.check, self.recreate, self.card),
            *(self.switch, self.remove),
        )
        who = row(self._symbol, self.who, spacing=6)
        who.setStretch(1, 1)
        there = column(self.repo, who, self.status, row(self.commit, copy, None), spacing=4)
        for link in self._links:
            there.addLayout(row(link, None))
        self._there = QWidget()
        self._there.setLayout(there)
        self.absent = label("", "muted", wrap=True)
        self.publish = button("Publish", self._on_publish, symbol="upload")
        self._absent = QWidget()
        self._absent.setLayout(column(self.absent, row(self.publish, None), spacing=8))
        self.form = PublishForm()
        self.form.ordered.connect(self._on_ordered)
        self.form.closed.connect(self._show_parts)
        self.delete_form = DeleteForm()
        self.delete_form.confirmed.connect(self._on_delete_confirmed)
        self.delete_form.closed.connect(self._show_parts)
        parts = (self._there, self._absent, self.form, self.delete_form)
        self.setLayout(column(label("On the hub", "section"), *parts, spacing=8))

    def show_lora(self, lora: Lora, *, owner: str, repo: str, busy: bool) -> None:
        """Show a Lora's publication; `repo` is the name offered for a new one."""
        before = self._lora
        self._lora, self._owner, self._offered_name = lora, owner, repo
        moved_on = before is None or before.id != lora.id or before.publication != lora.publication
        if moved_on or busy:
            self._show_parts()
        for control in self._links[1:]:
            control.setEnabled(not busy)
        self.publish.setEnabled(bool(lora.base) and not busy)
        self.absent.setText(_ABSENT if lora.base else _NO_BASE)
        published = lora.publication
        if published is None:
            return
        self.repo.setText(published.repo)
        self._symbol.show_symbol("globe" if published.public else "lock", "muted")
        self.who.setText(visibility_words(published))
        words, tint = status_words(published)
        self.status.setText(words)
        set_role(self.status, tint)
        self.commit.setText(f"Commit {published.commit[:12]}")
        self.switch.setText("Make it private" if published.public else "Make it public")
        shown = len(published.pictures)
        self.card.setText(f"{plural(shown, 'picture')} on the card" if shown else CHOOSE_PICTURES)
        there = published.status is not PublicationStatus.MISSING
        self.card.setVisible(there)
        self.switch.setVisible(there)
        self.recreate.setVisible(not there)

    def _show_parts(self) -> None:
        published = self._lora is not None and self._lora.publication is not None
        self._there.setVisible(published)
        self._absent.setVisible(not published)
        self.form.hide()
        self.delete_form.hide()

    def _on_publish(self) -> None:
        self._absent.hide()
        self.form.show()
        self.form.begin(self._offered_name, self._owner)
        self.unfolded.emit(self.form)

    def _on_ordered(self, order: object) -> None:
        self._show_parts()
        self.ordered.emit(order)

    def _on_remove(self) -> None:
        if self._lora is not None and self._lora.publication is not None:
            self.delete_form.show()
            self.delete_form.begin(self._lora.publication.repo)
            self.unfolded.emit(self.delete_form)

    def _on_delete_confirmed(self) -> None:
        self._show_parts()
        self.asked.emit(HubAsk.DELETE)

    def _on_open(self) -> None:
        self.asked.emit(HubAsk.OPEN)

    def _on_check(self) -> None:
        self.asked.emit(HubAsk.CHECK)

    def _on_create(self) -> None:
        self.asked.emit(HubAsk.CREATE)

    def _on_card(self) -> None:
        self.asked.emit(HubAsk.CARD)

    def _on_switch(self) -> None:
        if self._lora is not None and self._lora.publication is not None:
            public = self._lora.publication.public
            self.asked.emit(HubAsk.MAKE_PRIVATE if public else HubAsk.MAKE_PUBLIC)

    def _copy_commit(self) -> None:
        if self._lora is not None and self._lora.publication is not None:
            QGuiApplication.clipboard().setText(self._lora.publication.commit)
