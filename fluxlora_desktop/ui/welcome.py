"""The first screen, while no account is connected: practise first, or connect accounts."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.ui.account_card import AccountCard
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import Card, Symbol, button, column, label, row


class WelcomePage(Page):
    """Two cards side by side; `picture` stands on the one that invites to practise.

    `practise_requested()`, `import_requested()` (tokens from the environment or a file),
    `open_requested(str)` for a web page.
    """

    practise_requested = Signal()
    import_requested = Signal()
    open_requested = Signal(str)

    def __init__(self, *, accounts: AccountDesk, picture: QWidget | None = None) -> None:
        super().__init__("welcome", "Welcome")
        self.hint.setText("Your photos become a LoRA that is yours, and pictures made with it.")
        practise = Card(margin=20)
        self.practise_button = button("Practise first", role="primary")
        self.practise_button.clicked.connect(self.practise_requested)
        practise.body.addLayout(
            row(Symbol("practice", "accent_text", 28), label("Practise first", "section"), None)
        )
        practise.body.addWidget(
            label(
                "The whole way with sample photos: train, publish, make pictures. "
                "Services on this computer play the real ones, so it is free, "
                "and nothing leaves this computer.",
                "muted",
                wrap=True,
            )
        )
        if picture is not None:
            practise.body.addWidget(picture)
        practise.body.addLayout(row(None, self.practise_button))
        connect = Card(margin=20)
        connect.body.addLayout(
            row(Symbol("key", "accent_text", 28), label("Connect accounts", "section"), None)
        )
        connect.body.addWidget(
            label(
                f"{_where_tokens_live(accounts)} They are sent only to their own service. "
                "Connect what you have; the rest can wait.",
                "muted",
                wrap=True,
            )
        )
        self.cards = tuple(AccountCard(facts=facts, desk=accounts) for facts in SERVICES)
        for card in self.cards:
            card.open_requested.connect(self.open_requested)
            connect.body.addWidget(card)
        self.import_button = button("Import from environment or .env…", role="link")
        self.import_button.clicked.connect(self.import_requested)
        self.done_button = button("Begin")
        self.done_button.clicked.connect(self._begin)
        connect.body.addLayout(row(self.import_button, None, self.done_button))
        cards = row(practise, connect, spacing=16)
        cards.setStretch(0, 2)
        cards.setStretch(1, 3)
        cards.setAlignment(practise, Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(scrolling(column(cards, None), "Welcome"), 1)

    def _begin(self) -> None:
        self.go.emit("create", None)


def _where_tokens_live(accounts: AccountDesk) -> str:
    if accounts.lasting:
        return "Tokens are kept in this computer's password store."
    return "This computer has no password store: tokens are kept until the app closes."
