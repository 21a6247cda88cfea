"""Which accounts the run will use, and whether they are connected."""

from __future__ import annotations

from PySide6.QtCore import Signal

from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.desks.accounts import SERVICES, AccountDesk, AccountStatus
from fluxlora_desktop.ui.widgets import Card, Symbol, button, column, label, row

_WORDS = {
    AccountStatus.UNKNOWN: ("key", "muted", "Not asked yet"),
    AccountStatus.NONE: ("warning", "warn", "Not connected"),
    AccountStatus.CHECKING: ("clock", "muted", "Checking…"),
    AccountStatus.CONNECTED: ("check", "ok", "Connected"),
    AccountStatus.REJECTED: ("error", "danger", "The token was not accepted"),
    AccountStatus.UNREACHABLE: ("warning", "warn", "Could not be asked now"),
}


class AccountsCard(Card):
    """A line for each account; `connect_requested()` leads to Settings."""

    connect_requested = Signal()

    def __init__(self, *, accounts: AccountDesk) -> None:
        super().__init__()
        self.setObjectName("destination_accounts")
        self.setFixedWidth(theme.INSPECTOR_WIDTH)
        self._accounts = accounts
        self.body.addWidget(label("Accounts", "section"))
        self._marks: dict[str, Symbol] = {}
        self.states = {facts.key: label("", "muted", wrap=True) for facts in SERVICES}
        for facts in SERVICES:
            self._marks[facts.key] = Symbol("key", "muted", 18)
            words = column(label(facts.title, "strong"), self.states[facts.key], spacing=0)
            line = row(self._marks[facts.key], words, spacing=8)
            line.setStretch(1, 1)
            self.body.addLayout(line)
        self.connect_button = button("Connect accounts", role="link")
        self.connect_button.clicked.connect(self.connect_requested)
        self.body.addLayout(row(self.connect_button, None))
        accounts.changed.connect(self._show)
        self._show()

    def _show(self, _state: object = None) -> None:
        for facts in SERVICES:
            state = self._accounts.state(facts.key)
            symbol, tint, words = _WORDS[state.status]
            self._marks[facts.key].show_symbol(symbol, tint)
            connected = state.status is AccountStatus.CONNECTED and state.name
            self.states[facts.key].setText(f"{words} as {state.name}" if connected else words)
