"""One service's account: a field for its token, where to get one, what it may do."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import ServiceFacts
from fluxlora_desktop.ui.desks.accounts import AccountDesk, AccountState, AccountStatus
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, line, row, set_role

_WORDS = {
    AccountStatus.UNKNOWN: ("", "muted", "key"),
    AccountStatus.NONE: ("Not connected", "muted", "key"),
    AccountStatus.CHECKING: ("Checking…", "muted", "clock"),
    AccountStatus.CONNECTED: ("Connected", "ok", "check"),
    AccountStatus.REJECTED: ("The token was not accepted", "danger", "error"),
    AccountStatus.LOCKED: ("The password store is locked", "warn", "key"),
    AccountStatus.UNREACHABLE: ("Could not be asked now", "warn", "warning"),
}


_PASTED = 16  # so many characters at once were pasted, not typed


class AccountCard(QWidget):
    """Lets a person connect, check and forget one account; a pasted token is checked at once.

    `open_requested(str)` asks for a web page.
    """

    open_requested = Signal(str)

    def __init__(self, *, facts: ServiceFacts, desk: AccountDesk) -> None:
        super().__init__()
        self._facts, self._desk, self._length = facts, desk, 0
        self.setObjectName(f"account_{facts.key}")
        self.title = label(facts.title, "strong")
        self.state = label("", "muted")
        self._mark = Symbol("key", "muted", 18)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText(facts.placeholder)
        self.field.setAccessibleName(f"{facts.title} token")
        self.field.setMaxLength(512)
        self.field.returnPressed.connect(self._connect)
        self.field.textChanged.connect(self._on_text)
        self.connect_button = button("Connect", self._connect)
        self.connect_button.setAccessibleName(f"Connect {facts.title}")
        self.get_button = button("Get a token", self._open_page, role="link")
        self.get_button.setAccessibleName(f"Get a {facts.title} token")
        self.check_button = button("Check", self._check, role="quiet")
        self.check_button.setAccessibleName(f"Check {facts.title}")
        self.forget_button = button("Forget", self._forget, role="quiet")
        self.forget_button.setAccessibleName(f"Forget the {facts.title} token")
        self.note = label("", "caption", wrap=True)
        self.setLayout(
            column(
                row(self._mark, self.title, self.state, None, self.get_button),
                label(f"{facts.purpose} {facts.rights}", "muted", wrap=True),
                row(self.field, self.connect_button, self.check_button, self.forget_button),
                self.note,
                4,
                line(),
                spacing=6,
            )
        )
        desk.changed.connect(self._on_changed)
        self._show(desk.state(facts.key))

    def _on_changed(self, state: AccountState) -> None:
        if state.service == self._facts.key:
            self._show(state)

    def _show(self, state: AccountState) -> None:
        words, role, symbol = _WORDS[state.status]
        if state.status is AccountStatus.CONNECTED:
            words = f"Connected as {state.name}" if state.name else "Connected"
        self.state.setText(words)
        set_role(self.state, role)
        self._mark.show_symbol(symbol, role)
        note = state.note
        if state.status is AccountStatus.CONNECTED and not state.lasting:
            note = " · ".join(filter(None, (note, "Kept in memory until the app closes.")))
        self.note.setText(note)
        self.note.setVisible(bool(note))
        connected = state.status is AccountStatus.CONNECTED
        waiting = state.status in {AccountStatus.UNREACHABLE, AccountStatus.LOCKED}
        self.check_button.setVisible(connected or waiting)
        self.forget_button.setVisible(connected or state.status is AccountStatus.REJECTED)
        self.connect_button.setText("Replace" if connected else "Connect")
        busy = state.status is AccountStatus.CHECKING
        self.field.setEnabled(not busy)
        self._on_text(self.field.text())
        if connected or state.status is AccountStatus.REJECTED:
            self.field.clear()

    def _on_text(self, text: str) -> None:
        pasted = len(text) - self._length >= _PASTED
        self._length = len(text)
        busy = self._desk.state(self._facts.key).status is AccountStatus.CHECKING
        self.connect_button.setEnabled(bool(text.strip()) and not busy)
        if pasted and not busy:
            self._connect()

    def _connect(self) -> None:
        secret = Secret(self.field.text())
        if secret:
            self._desk.connect_account(self._facts.key, secret)

    def _check(self) -> None:
        self._desk.check(self._facts.key)

    def _forget(self) -> None:
        self._desk.forget(self._facts.key)

    def _open_page(self) -> None:
        self.open_requested.emit(self._facts.token_page)
