"""Which accounts the run will use, and whether they are connected."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.ui.desks.accounts import AccountDesk, AccountStatus
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.widgets import Card, Symbol, button, column, label, row

_WORDS = {
    AccountStatus.UNKNOWN: ("key", "muted", "Not asked yet"),
    AccountStatus.NONE: ("warning", "warn", "Not connected"),
    AccountStatus.CHECKING: ("clock", "muted", "Checking…"),
    AccountStatus.CONNECTED: ("check", "ok", "Connected"),
    AccountStatus.REJECTED: ("error", "danger", "The token was not accepted"),
    AccountStatus.LOCKED: ("warning", "warn", "The password store is locked"),
    AccountStatus.UNREACHABLE: ("warning", "warn", "Could not be asked now"),
}


class AccountsCard(Card):
    """A line for each account that the draft's plan uses.

    `connect_requested()` leads to Settings.
    """

    connect_requested = Signal()

    def __init__(self, *, accounts: AccountDesk, draft: DraftDesk) -> None:
        super().__init__()
        self.setObjectName("destination_accounts")
        self._accounts, self._services = accounts, draft.tools.services
        self.body.addWidget(label("Accounts", "section"))
        self._marks = {facts.key: Symbol("key", "muted", 18) for facts in SERVICES}
        self.states = {facts.key: label("", "muted", wrap=True) for facts in SERVICES}
        self.lines: dict[str, QWidget] = {}
        for facts in SERVICES:
            words = column(label(facts.title, "strong"), self.states[facts.key], spacing=0)
            layout = row(self._marks[facts.key], words, spacing=8)
            layout.setStretch(1, 1)
            line = QWidget()
            line.setLayout(layout)
            self.body.addWidget(line)
            self.lines[facts.key] = line
        self.connect_button = button("Connect accounts", role="link")
        self.connect_button.clicked.connect(self.connect_requested)
        self.body.addLayout(row(self.connect_button, None))
        accounts.changed.connect(self._show)
        draft.changed.connect(self._choose)
        self._show()
        if draft.loaded:
            self._choose(draft.draft())

    def _choose(self, draft: Draft) -> None:
        used = services_of(draft.plan, self._services)
        for service, line in self.lines.items():
            line.setVisible(service in used)
        self.setVisible(not used.isdisjoint(self.lines))

    def _show(self, _state: object = None) -> None:
        for facts in SERVICES:
            state = self._accounts.state(facts.key)
            symbol, tint, words = _WORDS[state.status]
            self._marks[facts.key].show_symbol(symbol, tint)
            connected = state.status is AccountStatus.CONNECTED and state.name
            self.states[facts.key].setText(f"{words} as {state.name}" if connected else words)


def services_of(plan: RunPlan, services: Services) -> frozenset[str]:
    """Return the services that a plan uses: to train, to publish, and where it is to be used."""
    used = {services.trainer(plan.backend).key}
    used |= {plan.goal} if plan.goal else set()
    used |= {services.hub.key} if plan.publish else set()
    return frozenset(used)
