"""Inline forms of the library: publish, delete a repo after its name was typed, fetch a repo."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QLineEdit, QRadioButton, QWidget

from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.ui.widgets import button, column, label, row


@dataclass(frozen=True, slots=True)
class PublishOrder:
    """What the publish form asks for."""

    repo: str
    visibility: Visibility


class PublishForm(QWidget):
    """Repo name and who may see it; `ordered(PublishOrder)`, `closed()`."""

    ordered = Signal(object)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.repo = QLineEdit()
        self.repo.setAccessibleName("Name of the repo on the hub")
        self.repo.setMaxLength(96)
        self.private = QRadioButton("Private: only you can see it")
        self.public = QRadioButton("Public: anybody can use it")
        self._who = QButtonGroup(self)
        for choice in (self.private, self.public):
            self._who.addButton(choice)
        self.private.setChecked(True)
        self._owner = label("", "caption", wrap=True)
        self.send = button("Publish", self._on_send, role="primary")
        self._cancel = button("Cancel", self.closed.emit)
        self.repo.textChanged.connect(self._on_typed)
        self.repo.returnPressed.connect(self._on_send)
        buttons = row(None, self._cancel, self.send)
        self.setLayout(
            column(
                label("Repo name", "caption"),
                self.repo,
                self._owner,
                self.private,
                self.public,
                buttons,
                spacing=6,
            )
        )

    def begin(self, repo: str, owner: str) -> None:
        """Offer a name; `owner` is the account it goes to, empty when not known."""
        self.repo.setText(repo)
        self.private.setChecked(True)
        self._owner.setText(f"In the account {owner}." if owner else "In your account.")
        self.repo.setFocus()
        self.repo.selectAll()

    @Slot(str)
    def _on_typed(self, text: str) -> None:
        self.send.setEnabled(bool(text.strip()))

    def _on_send(self) -> None:
        name = self.repo.text().strip()
        if name:
            visibility = Visibility.PUBLIC if self.public.isChecked() else Visibility.PRIVATE
            self.ordered.emit(PublishOrder(name, visibility))


class DeleteForm(QWidget):
    """Asks for the repo's name before it is deleted; `confirmed()`, `closed()`."""

    confirmed = Signal()
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._expected = ""
        self._question = label("", wrap=True)
        self.typed = QLineEdit()
        self.typed.setAccessibleName("Type the repo's name to delete it")
        self.delete = button("Delete the repo", self._on_delete, role="danger")
        self.delete.setEnabled(False)
        self._keep = button("Keep it", self.closed.emit)
        self.typed.textChanged.connect(self._on_typed)
        buttons = row(None, self._keep, self.delete)
        self.setLayout(column(self._question, self.typed, buttons, spacing=6))

    def begin(self, repo: str) -> None:
        """Ask about a repo, owner/name."""
        self._expected = repo.rsplit("/", maxsplit=1)[-1]
        self._question.setText(
            f"The repo goes from the hub for good; links to it break. The LoRA stays here. "
            f"Type {self._expected} to delete it."
        )
        self.typed.clear()
        self.typed.setFocus()

    @Slot(str)
    def _on_typed(self, text: str) -> None:
        self.delete.setEnabled(text.strip() == self._expected)

    def _on_delete(self) -> None:
        self.confirmed.emit()


class FetchForm(QWidget):
    """A field for owner/name or an address on the hub; `ordered(str)`, `closed()`."""

    ordered = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.repo = QLineEdit()
        self.repo.setPlaceholderText("owner/name, or the page's address")
        self.repo.setAccessibleName("Repo on the hub to import, owner/name or address")
        self.fetch = button("Import", self._on_fetch, role="primary")
        self.fetch.setEnabled(False)
        self._cancel = button("Cancel", self.closed.emit)
        self.repo.textChanged.connect(self._on_typed)
        self.repo.returnPressed.connect(self._on_fetch)
        parts = row(self.repo, self._cancel, self.fetch)
        parts.setStretch(0, 1)
        self.setLayout(parts)

    def begin(self) -> None:
        """Ask for a repo."""
        self.repo.clear()
        self.repo.setFocus()

    @Slot(str)
    def _on_typed(self, text: str) -> None:
        self.fetch.setEnabled("/" in text.strip().strip("/"))

    def _on_fetch(self) -> None:
        repo = self.repo.text().strip()
        if self.fetch.isEnabled():
            self.ordered.emit(repo)
