"""Settings: accounts, spending, look, folders, addresses, about."""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QLayout, QWidget

from fluxlora_desktop.domain.services import AI_TOOLKIT, OWN_PICTURES, SERVICES
from fluxlora_desktop.ui.account_card import AccountCard
from fluxlora_desktop.ui.computer.own_checkout import OwnCheckoutCard
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.desks.money import MoneyDesk
from fluxlora_desktop.ui.exchange.card import ExchangeCard
from fluxlora_desktop.ui.money.card import SpendingCard
from fluxlora_desktop.ui.notices import SPENDING
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.settings.addresses import AddressesCard
from fluxlora_desktop.ui.settings.own_server import OwnServerCard
from fluxlora_desktop.ui.settings.preferences import Computer, Preferences
from fluxlora_desktop.ui.theme import Scheme
from fluxlora_desktop.ui.widgets import Card, button, column, label, row

_REMEDIES = {
    "linux": (
        "Install a password store that speaks the Secret Service protocol: GNOME Keyring "
        "(package gnome-keyring), KWallet or KeePassXC. Log in again, let it make its first "
        "keyring, then start the app anew. On a computer without a desktop, start the app inside "
        "dbus-run-session with an unlocked gnome-keyring-daemon."
    ),
    "darwin": (
        "Open Keychain Access and see that the keychain “login” is there and unlocked, then start "
        "the app anew."
    ),
    "win32": (
        "Open Credential Manager in the Control Panel and see that it lists Windows credentials; "
        "the service “Credential Manager” must run. Then start the app anew."
    ),
}
_WIDEST = 860
_ROOM = 80
"""Pixels around what was asked for; a sum that is still being added up grows into them."""
_SCHEMES = ((Scheme.SYSTEM, "As the system"), (Scheme.LIGHT, "Light"), (Scheme.DARK, "Dark"))


class SettingsPage(Page):
    """One column of cards, some of them made elsewhere.

    `check` looks through the library, `own_server` makes pictures, `own_checkout` trains.

    `open_requested(str)` for a web page, `reveal_requested(Path)` for a folder,
    `import_requested()` for tokens from the environment or a file, `practice_requested()`,
    `diagnostics_requested()`.
    """

    open_requested = Signal(str)
    reveal_requested = Signal(object)
    import_requested = Signal()
    practice_requested = Signal()
    diagnostics_requested = Signal()

    def __init__(
        self,
        *,
        accounts: AccountDesk,
        money: MoneyDesk,
        preferences: Preferences,
        computer: Computer,
        check: QWidget | None = None,
        exchange: ExchangeCard | None = None,
        own_server: OwnServerCard | None = None,
        own_checkout: OwnCheckoutCard | None = None,
    ) -> None:
        super().__init__("settings", "Settings")
        self._accounts, self._money, self._preferences = accounts, money, preferences
        self._computer, self._own_server = computer, own_server
        self._own_checkout = own_checkout
        self.hint.setText(
            "Practice mode has settings of its own; nothing here touches your real accounts."
            if computer.practice
            else "Accounts, this computer, spending, look and folders."
        )
        self.addresses = AddressesCard(preferences=preferences)
        if computer.practice:
            self.addresses.hide()  # the practice services say themselves where they are
        self.spending = SpendingCard(money=money, practice=computer.practice)
        self.spending.ledger_requested.connect(self._on_ledger)
        inside = column(
            self._make_accounts(),
            self._make_here(),
            self.spending,
            self._make_look(),
            *([] if computer.practice else [self._make_training()]),
            self._make_storage(),
            *([] if exchange is None else [exchange]),
            *([] if check is None else [check]),
            *([] if own_server is None else [own_server]),
            *([] if own_checkout is None else [own_checkout]),
            self.addresses,
            self._make_about(),
            None,
            spacing=16,
        )
        self.area = scrolling(inside, "Settings", widest=_WIDEST)
        self.body.addWidget(self.area, 1)
        if exchange is not None:
            exchange.reveal_requested.connect(self.reveal_requested)

    def shown(self) -> None:
        """Add up what was spent again."""
        self._money.load()

    def arrive(self, what: object) -> None:
        """Bring an account, what was spent, or a server or ai-toolkit of one's own into view."""
        if what == SPENDING:
            self.area.ensureWidgetVisible(self.spending, 0, _ROOM)
            self.spending.field.setFocus()
            return
        if what == OWN_PICTURES and self._own_server is not None:
            self.area.ensureWidgetVisible(self._own_server)
            self._own_server.key.setFocus()
            return
        if what == AI_TOOLKIT and self._own_checkout is not None:
            self.area.ensureWidgetVisible(self._own_checkout)
            self._own_checkout.folder.setFocus()
            return
        card = next((c for c in self.cards if c.objectName() == f"account_{what}"), None)
        if card is not None:
            self.area.ensureWidgetVisible(card)
            card.field.setFocus()

    def _on_ledger(self) -> None:
        self.go.emit("spending", None)

    def _make_accounts(self) -> Card:
        card = Card()
        card.body.addWidget(label("Accounts", "section"))
        place = self._computer.token_place
        says = (
            f"Tokens are kept in {place} and sent only to their own service."
            if self._computer.lasting_tokens
            else "This computer has no password store that the app can use: tokens are kept in "
            "memory until the app closes. Nothing is written to disk."
        )
        card.body.addWidget(label(says, "muted", wrap=True))
        if not self._computer.lasting_tokens and not self._computer.practice:
            card.body.addLayout(self._make_remedy())
        self.cards = tuple(AccountCard(facts=facts, desk=self._accounts) for facts in SERVICES)
        for account in self.cards:
            account.open_requested.connect(self.open_requested)
            card.body.addWidget(account)
        importing = button("Import from environment or .env…", role="link")
        importing.clicked.connect(self.import_requested)
        practising = button("Practise with sample photos", role="link")
        practising.clicked.connect(self.practice_requested)
        if not self._computer.practice:
            card.body.addLayout(row(importing, practising, None))
        return card

    def _make_remedy(self) -> QLayout:
        """Offer what a person can do so that tokens last."""
        self.remedy = label(_REMEDIES.get(sys.platform, _REMEDIES["linux"]), "muted", wrap=True)
        self.remedy.setObjectName("keyring_remedy")
        self.remedy.hide()
        how = button(
            "How to fix", lambda: self.remedy.setVisible(self.remedy.isHidden()), role="link"
        )
        how.setObjectName("fix_keyring")
        return column(row(how, None), self.remedy, spacing=4)

    def _on_how(self) -> None:
        self.remedy.setVisible(self.remedy.isHidden())

    def _make_here(self) -> Card:
        card = Card()
        card.body.addWidget(label("This computer", "section"))
        says = "What its own GPU can train and make, the engine that does it, and base models."
        self.here_button = button("Open This computer", self._on_here)
        words = label(says, "muted", wrap=True)
        line = row(words, self.here_button, spacing=12)
        line.setStretch(0, 1)
        card.body.addLayout(line)
        return card

    def _on_here(self) -> None:
        self.go.emit("computer", None)

    def _make_look(self) -> Card:
        card = Card()
        card.body.addWidget(label("Look", "section"))
        self.schemes = QButtonGroup(self)
        buttons = row(spacing=4)
        for place, (scheme, words) in enumerate(_SCHEMES):
            choice = button(words, role="quiet")
            choice.setCheckable(True)
            choice.setChecked(self._preferences.scheme() is scheme)
            self.schemes.addButton(choice, place)
            buttons.addWidget(choice)
        buttons.addStretch(1)
        self.schemes.idClicked.connect(self._on_scheme)
        card.body.addLayout(buttons)
        return card

    def _make_training(self) -> Card:
        card = Card()
        self.awake = QCheckBox("Keep the computer awake while it trains")
        self.awake.setObjectName("keep_awake")
        self.awake.setChecked(self._preferences.keep_awake())
        self.awake.clicked.connect(self._preferences.set_keep_awake)
        says = "Asleep, it does not train. A training goes on when it wakes."
        card.body.addWidget(label("Training on this computer", "section"))
        card.body.addLayout(column(self.awake, label(says, "caption", wrap=True), spacing=4))
        return card

    def _on_scheme(self, place: int) -> None:
        self._preferences.set_scheme(_SCHEMES[place][0])

    def _make_storage(self) -> Card:
        card = Card()
        card.body.addWidget(label("Storage", "section"))
        for words, path in (
            ("Library", self._computer.data_dir),
            ("Logs", self._computer.logs_dir),
        ):
            where = label(str(path), "muted", wrap=True)
            where.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse
                | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            where.setAccessibleName(f"{words}: {path}")
            opening = button("Open the folder")
            opening.setAccessibleName(f"Open the folder of the {words.lower()}")
            opening.clicked.connect(lambda _checked=False, p=path: self.reveal_requested.emit(p))
            line = row(label(words, "strong"), where, opening, spacing=12)
            line.setStretch(1, 1)
            card.body.addLayout(line)
        says = (
            "Photos, captions, weights and pictures stay here in open formats. "
            "Tokens are never written to these folders."
        )
        card.body.addWidget(label(says, "caption", wrap=True))
        return card

    def _make_about(self) -> Card:
        card = Card()
        card.body.addWidget(label("About", "section"))
        says = f"FluxLoRA Desktop {self._computer.version} · Qt for Python under the LGPL"
        self.diagnostics_button = button("Copy diagnostics…", self.diagnostics_requested.emit)
        words = label(says, "muted", wrap=True)
        line = row(words, self.diagnostics_button, spacing=12)
        line.setStretch(0, 1)
        card.body.addLayout(line)
        return card
