"""Settings: look, addresses, accounts, spending, folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.spending import Month
from fluxlora_desktop.ui.desks.accounts import AccountDesk
from fluxlora_desktop.ui.desks.money import MoneyDesk
from fluxlora_desktop.ui.settings.page import SettingsPage
from fluxlora_desktop.ui.settings.preferences import Computer, ModelChoice
from fluxlora_desktop.ui.theme import Scheme
from tests.ui.desk_bench import DeskBench, Heard
from tests.workflows.fakes import HandClock


@dataclass
class Kept:
    """Preferences in memory."""

    look: Scheme = Scheme.SYSTEM
    addresses: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    awake: bool = True

    def scheme(self) -> Scheme:
        return self.look

    def set_scheme(self, scheme: Scheme) -> None:
        self.look = scheme

    def address(self, service: str) -> str:
        return self.addresses.get(service, "")

    def set_address(self, service: str, address: str) -> None:
        self.addresses[service] = address

    def model_ids(self) -> tuple[ModelChoice, ...]:
        given = self.models.get("flux.2-dev", "")
        return (ModelChoice("together", "flux.2-dev", given, "black-forest-labs/FLUX.2-dev"),)

    def keep_awake(self) -> bool:
        return self.awake

    def set_keep_awake(self, awake: bool) -> None:
        self.awake = awake

    def set_model_id(self, base: str, model: str) -> None:
        self.models[base] = model

    def default_address(self, service: str) -> str:
        return f"https://{service}.example"


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path) as made:
        yield made


class Room:
    """The settings page over a real desk."""

    def __init__(
        self, bench: DeskBench, qtbot: QtBot, *, practice: bool = False, lasting: bool = True
    ) -> None:
        self.bench, self.qtbot, self.kept = bench, qtbot, Kept()
        self.clock = HandClock()  # no month ends between a charge and the sum
        bench.tools = replace(bench.tools, clock=self.clock)
        self.desk = AccountDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
        self.computer = Computer(
            data_dir=bench.folder / "library",
            logs_dir=bench.folder / "logs",
            version="0.1",
            practice=practice,
            lasting_tokens=lasting,
            token_place="this computer's password store",
        )
        self.money = MoneyDesk(bench.tools, bench.jobs, bench.owner)
        self.page = SettingsPage(
            accounts=self.desk,
            money=self.money,
            preferences=self.kept,
            computer=self.computer,
        )
        qtbot.addWidget(self.page)
        self.page.resize(900, 700)
        self.page.show()

    def button(self, words: str) -> QAbstractButton:
        found = [
            made
            for made in self.page.findChildren(QAbstractButton)
            if words in {made.text(), made.accessibleName()}
        ]
        assert len(found) == 1, words
        return found[0]

    def click(self, words: str) -> None:
        self.qtbot.mouseClick(self.button(words), Qt.MouseButton.LeftButton)

    def says(self) -> str:
        return "\n".join(made.text() for made in self.page.findChildren(QLabel))

    def visible(self) -> list[str]:
        labels = self.page.findChildren(QLabel)
        return [made.text() for made in labels if made.isVisibleTo(self.page)]

    def spend(self, name: str, amount: str, certainty: Certainty = Certainty.CHARGED) -> None:
        self.clock.pass_seconds(0.001)
        charge = Charge(
            name, "replicate", "picture", Decimal(amount), self.clock.now(), certainty, note=name
        )
        self.bench.tools.stores.ledger.add(charge)

    def shown(self) -> None:
        with self.qtbot.waitSignal(self.money.spending_ready):
            self.page.shown()


@pytest.fixture
def room(bench: DeskBench, qtbot: QtBot) -> Room:
    return Room(bench, qtbot)


@pytest.mark.parametrize(
    ("words", "scheme"),
    [("Light", Scheme.LIGHT), ("Dark", Scheme.DARK), ("As the system", Scheme.SYSTEM)],
)
def test_chosen_look_is_kept(room: Room, words: str, scheme: Scheme) -> None:
    room.kept.look = Scheme.LIGHT if scheme is not Scheme.LIGHT else Scheme.DARK
    room.click(words)
    assert room.kept.look is scheme
    assert room.button(words).isChecked()


def test_look_in_force_is_marked(room: Room) -> None:
    assert room.button("As the system").isChecked()


def type_address(room: Room, text: str) -> None:
    address = room.page.addresses.fields["together"]
    address.clear()
    address.setFocus()
    room.qtbot.keyClicks(address, text)
    room.qtbot.keyClick(address, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    "text", ["https://proxy.example/v1", "http://127.0.0.1:8080", "http://localhost:1234", ""]
)
def test_web_address_is_kept(room: Room, text: str) -> None:
    room.kept.addresses["together"] = "https://before.example"
    type_address(room, text)
    assert room.kept.address("together") == text
    assert room.page.addresses.remark.text() == "Kept. The new address counts from the next start."


@pytest.mark.parametrize(
    "text", ["proxy", "http://example.com", "ftp://example.com", "https://", "javascript:x"]
)
def test_what_is_no_safe_address_is_not_kept_and_named(room: Room, text: str) -> None:
    type_address(room, text)
    assert room.kept.addresses == {}
    assert text in room.page.addresses.remark.text()
    assert "not kept" in room.page.addresses.remark.text()


@pytest.mark.parametrize(
    "text",
    ["https://me:pass@proxy.example", "https://proxy.example?api_key=x", "r8_" + "Qz7" * 12],
)
def test_address_that_bears_a_secret_is_not_kept_and_not_shown(room: Room, text: str) -> None:
    type_address(room, text)
    assert room.kept.addresses == {}
    assert text not in room.says()
    assert room.page.addresses.fields["together"].text() == ""
    assert "never holds a token" in room.page.addresses.remark.text()


def test_token_in_place_of_a_model_is_not_kept(room: Room) -> None:
    field = room.page.addresses.models["flux.2-dev"]
    field.setText("hf_" + "Qz7" * 12)
    field.editingFinished.emit()
    assert room.kept.models == {}
    assert field.text() == ""


def test_refused_token_leaves_the_field_so_that_the_next_is_checked_as_it_is_pasted(
    room: Room,
) -> None:
    card = room.page.cards[0]
    card.field.setText("hf_" + "Qz7" * 12)
    assert "This is a token of Hugging Face" in card.note.text()
    assert card.field.text() == ""
    card.field.setText("r8_" + "Qz7" * 12)
    room.qtbot.waitUntil(lambda: card.state.text().startswith("Connected"))


def test_diagnostics_are_asked_for(room: Room) -> None:
    asked = Heard(room.page.diagnostics_requested)
    room.click("Copy diagnostics…")
    assert len(asked) == 1


def test_empty_field_shows_the_services_own_address(room: Room) -> None:
    field = room.page.addresses.fields["replicate"]
    assert field.placeholderText() == "https://replicate.example"
    assert field.accessibleName() == "Address of Replicate"


def test_spending_is_told_by_month_and_in_all_with_the_unsure_apart(room: Room) -> None:
    room.spend("a fox", "1.20")
    room.spend("a mug", "0.25", Certainty.MAYBE)
    room.shown()
    month = Month.of(room.bench.clock.now()).title
    card = room.page.spending
    assert card.spent.text() == (
        f"{month}: $1.20 charged. $0.25 may have been charged: the answer was lost."
    )
    assert card.whole.text() == "In all: $1.20 charged, $0.25 may have been charged."
    assert "No limit is set." in card.remark.text()
    assert card.progress.isHidden()


def test_every_charge_is_a_click_away(room: Room) -> None:
    asked = Heard(room.page.go)
    room.click("See every charge")
    assert asked.all == [("spending", None)]


def test_this_computer_is_a_click_away(room: Room) -> None:
    asked = Heard(room.page.go)
    room.click("Open This computer")
    assert asked.all == [("computer", None)]


def type_limit(room: Room, text: str) -> None:
    field = room.page.spending.field
    field.setFocus()
    field.selectAll()
    room.qtbot.keyClick(field, Qt.Key.Key_Delete)
    room.qtbot.keyClicks(field, text)
    room.qtbot.keyClick(field, Qt.Key.Key_Return)


def test_limit_is_kept_shown_and_taken_away_again(room: Room) -> None:
    room.spend("a fox", "12")
    kept = list[Decimal | None]()
    room.bench.tools.budget._keep = kept.append
    card = room.page.spending

    type_limit(room, "$20,50")

    assert kept == [Decimal("20.5")]
    room.qtbot.waitUntil(lambda: card.remark.text().startswith("$8.50 left of $20.50."))
    assert card.field.text() == "20.50"
    assert not card.progress.isHidden()
    assert card.progress.value() == round(1000 * 12 / 20.5)
    type_limit(room, "10")
    room.qtbot.waitUntil(lambda: "The limit of $10.00 is passed" in card.remark.text())
    type_limit(room, "")
    room.qtbot.waitUntil(lambda: "No limit is set." in card.remark.text())
    assert kept == [Decimal("20.5"), Decimal(10), None]


def test_what_is_no_amount_changes_no_limit_and_is_named(room: Room) -> None:
    type_limit(room, "5")
    room.qtbot.waitUntil(lambda: room.bench.jobs.live() == 0)
    type_limit(room, "much")
    assert room.money.limit == Decimal(5)
    assert room.page.spending.remark.text() == (
        "Give an amount in dollars, such as 20 or 12.50. It stays at $5.00."
    )


def test_notice_about_the_limit_leads_to_its_field(room: Room, qtbot: QtBot) -> None:
    room.page.activateWindow()
    room.page.arrive("spending")
    qtbot.waitUntil(room.page.spending.field.hasFocus)


def test_practice_money_is_told_as_such(bench: DeskBench, qtbot: QtBot) -> None:
    room = Room(bench, qtbot, practice=True)
    room.shown()
    assert "nothing was really charged" in room.page.spending.whole.text()
    assert "Practise with sample photos" not in room.says()


def test_where_tokens_are_kept_is_said(room: Room) -> None:
    assert "Tokens are kept in this computer's password store" in room.says()


def test_missing_password_store_is_said(bench: DeskBench, qtbot: QtBot) -> None:
    says = Room(bench, qtbot, lasting=False).says()
    assert "no password store" in says
    assert "Nothing is written to disk." in says


def test_missing_password_store_can_be_mended_as_the_page_explains(
    bench: DeskBench, qtbot: QtBot
) -> None:
    room = Room(bench, qtbot, lasting=False)
    how, remedy = (
        room.page.findChild(kind, name)
        for kind, name in ((QPushButton, "fix_keyring"), (QLabel, "keyring_remedy"))
    )
    assert how is not None
    assert remedy is not None
    assert remedy.isHidden()
    qtbot.mouseClick(how, Qt.MouseButton.LeftButton)
    assert not remedy.isHidden()
    assert "start the app anew" in remedy.text()


def test_password_store_that_works_needs_no_mending(room: Room) -> None:
    assert room.page.findChild(QPushButton, "fix_keyring") is None


def test_named_account_comes_into_view_ready_to_type(room: Room, qtbot: QtBot) -> None:
    room.page.activateWindow()
    room.page.arrive("together")
    card = next(card for card in room.page.cards if card.objectName() == "account_together")
    qtbot.waitUntil(card.field.hasFocus)
    top = card.field.mapTo(room.page.area.viewport(), card.field.rect().topLeft())
    assert room.page.area.viewport().rect().contains(top)


def test_unknown_account_changes_nothing(room: Room) -> None:
    room.page.arrive("nobody")
    assert room.page.area.verticalScrollBar().value() == 0


def test_folders_can_be_opened(room: Room) -> None:
    asked = Heard(room.page.reveal_requested)
    room.click("Open the folder of the library")
    room.click("Open the folder of the logs")
    assert asked.all == [room.computer.data_dir, room.computer.logs_dir]


def test_import_and_practice_are_asked_of_the_window(room: Room, qtbot: QtBot) -> None:
    with qtbot.waitSignal(room.page.import_requested):
        room.click("Import from environment or .env…")
    with qtbot.waitSignal(room.page.practice_requested):
        room.click("Practise with sample photos")


def test_another_model_at_together_is_kept(room: Room) -> None:
    model = room.page.addresses.models["flux.2-dev"]
    assert model.placeholderText() == "black-forest-labs/FLUX.2-dev"
    assert model.accessibleName() == "Together's model for LoRAs of FLUX.2-dev"
    assert "FLUX.2-dev at Together" in room.says()
    model.setFocus()
    room.qtbot.keyClicks(model, "me/own-FLUX.2-dev")
    room.qtbot.keyClick(model, Qt.Key.Key_Return)
    assert room.kept.models == {"flux.2-dev": "me/own-FLUX.2-dev"}
