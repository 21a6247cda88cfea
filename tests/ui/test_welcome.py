"""The first screen: practise, or connect accounts whose tokens are never shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.system.secret_store import MemorySecrets
from fluxlora_desktop.ui.account_card import AccountCard
from fluxlora_desktop.ui.desks.accounts import AccountDesk, AccountStatus
from fluxlora_desktop.ui.welcome import WelcomePage
from tests.ui.desk_bench import BAD, GOOD, OTHER, DeskBench, Doorman, Heard
from tests.workflows.conftest import write_lora


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    secrets = MemorySecrets()
    backend = Doorman(weights=write_lora, secrets=secrets)
    with DeskBench(tmp_path, backend=backend, secrets=secrets) as made:
        yield made


class Front:
    """The welcome page over a real desk, with the card of the service that knows its tokens."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.desk = AccountDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
        self.page = WelcomePage(accounts=self.desk)
        qtbot.addWidget(self.page)
        self.page.resize(1000, 760)
        self.page.show()
        self.card: AccountCard = self.page.cards[0]

    def paste(self, text: str) -> None:
        self.card.field.setFocus()
        self.qtbot.keyClicks(self.card.field, text)

    def connect_account(self, text: str) -> None:
        self.paste(text)
        self.qtbot.keyClick(self.card.field, Qt.Key.Key_Return)
        self.rest()

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    def click(self, target: QAbstractButton) -> None:
        self.qtbot.mouseClick(target, Qt.MouseButton.LeftButton)


@pytest.fixture
def front(bench: DeskBench, qtbot: QtBot) -> Front:
    return Front(bench, qtbot)


def everything_said(root: QWidget) -> str:
    """Return all words that a person or a screen reader gets from a widget."""
    words: list[str] = []
    for widget in (root, *root.findChildren(QWidget)):
        words += [widget.accessibleName(), widget.accessibleDescription(), widget.toolTip()]
        if isinstance(widget, QLabel | QAbstractButton):
            words.append(widget.text())
        elif isinstance(widget, QLineEdit):
            words += [widget.displayText(), widget.placeholderText()]
    return "\n".join(words)


def test_every_service_has_a_card_with_purpose_and_rights(front: Front) -> None:
    assert [card.title.text() for card in front.page.cards] == [f.title for f in SERVICES]
    said = everything_said(front.page)
    for facts in SERVICES:
        assert facts.purpose in said
        assert facts.rights in said


def test_pasted_token_is_checked_and_connected(front: Front) -> None:
    assert not front.card.connect_button.isEnabled()
    front.paste(f"  {GOOD.reveal()} ")
    front.click(front.card.connect_button)
    front.rest()
    assert front.card.state.text() == "Connected as tester"
    assert front.bench.secrets.get("replicate") == GOOD
    assert front.card.field.text() == ""
    assert front.card.connect_button.text() == "Replace"
    assert "Kept in memory until the app closes." in front.card.note.text()


def test_token_is_checked_as_it_is_pasted_and_not_as_it_is_typed(front: Front) -> None:
    token = "r8_" + "p" * 37
    front.paste(token)
    front.rest()
    assert front.desk.state("replicate").status is AccountStatus.UNKNOWN

    front.card.field.clear()
    front.card.field.insert(token)
    assert front.desk.state("replicate").status is AccountStatus.CHECKING
    front.rest()


def test_return_key_connects(front: Front) -> None:
    front.connect_account(GOOD.reveal())
    assert front.card.state.text() == "Connected as tester"


def test_rejected_token_is_said_and_the_old_one_returns(front: Front) -> None:
    front.connect_account(GOOD.reveal())
    front.connect_account(BAD.reveal())
    assert front.card.state.text() == "The token was not accepted"
    assert front.bench.secrets.get("replicate") == GOOD


def test_rejected_first_token_is_not_kept(front: Front) -> None:
    front.connect_account(BAD.reveal())
    assert front.bench.secrets.get("replicate") is None


def test_field_waits_while_a_token_is_checked(front: Front) -> None:
    front.paste(GOOD.reveal())
    front.click(front.card.connect_button)
    assert front.card.state.text() == "Checking…"
    assert not front.card.field.isEnabled()
    assert not front.card.connect_button.isEnabled()
    front.rest()
    assert front.card.field.isEnabled()


def test_service_that_cannot_be_asked_can_be_checked_again(front: Front) -> None:
    front.bench.backend.down = True
    front.connect_account(GOOD.reveal())
    assert front.card.state.text() == "Could not be asked now"
    front.bench.backend.down = False
    front.click(front.card.check_button)
    front.rest()
    assert front.card.state.text() == "Connected as tester"


def test_forgotten_token_is_gone(front: Front) -> None:
    front.connect_account(GOOD.reveal())
    front.click(front.card.forget_button)
    front.rest()
    assert front.card.state.text() == "Not connected"
    assert front.bench.secrets.get("replicate") is None
    assert not front.card.forget_button.isVisible()


def test_token_is_never_shown_in_clear(front: Front) -> None:
    for token in (OTHER, BAD):
        front.paste(token.reveal())
        assert front.card.field.echoMode() is QLineEdit.EchoMode.Password
        assert token.reveal() not in everything_said(front.page)
        front.qtbot.keyClick(front.card.field, Qt.Key.Key_Return)
        assert token.reveal() not in everything_said(front.page)
        front.rest()
        assert token.reveal() not in everything_said(front.page)


def test_field_is_named_for_screen_readers(front: Front) -> None:
    names = [card.field.accessibleName() for card in front.page.cards]
    assert names == ["Replicate token", "fal token", "Hugging Face token", "Together token"]


def test_where_to_get_a_token_opens_the_services_page(front: Front) -> None:
    opened = Heard(front.page.open_requested)
    for card in front.page.cards:
        front.click(card.get_button)
    assert opened.all == [facts.token_page for facts in SERVICES]
    assert all(url.startswith("https://") for url in opened.all)


def test_other_ways_are_asked_of_the_window(front: Front, qtbot: QtBot) -> None:
    with qtbot.waitSignal(front.page.practise_requested):
        front.click(front.page.practise_button)
    with qtbot.waitSignal(front.page.import_requested):
        front.click(front.page.import_button)
    with qtbot.waitSignal(front.page.go) as gone:
        front.click(front.page.done_button)
    assert gone.args == ["create", None]
