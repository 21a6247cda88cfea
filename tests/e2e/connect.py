"""Runs the real app with real settings and accounts: `connect.py DATA_DIR SERVICE connect|look`.

Reads a token of that service from standard input, types it into Settings when told to connect,
prints how the account stands as one line of JSON, and leaves.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtWidgets import QApplication, QLabel

import fluxlora_desktop.app as program
from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.desks.accounts import AccountState, AccountStatus

DATA_DIR, SERVICE, WHAT = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
TOKEN = sys.stdin.readline().strip()


class Driven(program.App):
    """The app, with one account's token typed by this program."""

    def __init__(self, options: program.Options, qt: QApplication, redactor: Redactor) -> None:
        super().__init__(options, qt, redactor)
        self._typed = False
        self.session.ready.connect(self._on_ready)

    def _on_ready(self) -> None:
        window, accounts = self.session.window, self.session.desks.accounts
        window.go_to("settings")
        self._page = window.page("settings")
        accounts.changed.connect(self._on_changed)
        self._on_changed(accounts.state(SERVICE))

    def _on_changed(self, state: AccountState) -> None:
        if state.service != SERVICE or state.status is AccountStatus.CHECKING:
            return
        if WHAT == "connect" and not self._typed:
            self._typed = True
            place = [facts.key for facts in SERVICES].index(SERVICE)
            card = self._page.cards[place]
            card.field.setText(TOKEN)
            card.connect_button.click()
            return
        says = " ".join(made.text() for made in self._page.findChildren(QLabel))
        told = {"status": state.status.value, "name": state.name, "lasting": state.lasting}
        print(json.dumps(told | {"says": says}), flush=True)
        self.session.window.close()


program.App = Driven
sys.exit(program.run(program.Options(data_dir=DATA_DIR)))
