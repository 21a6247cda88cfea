"""A server of one's own for pictures: kept as it is typed, offered at once, asked by a click."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from fluxlora_desktop.backends.openai_images.pictures import OwnPictures
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import OWN_PICTURES
from fluxlora_desktop.practice.own_pictures.app import MODEL
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.ui.desks.own_server import OwnServerDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.settings.own_server import OwnServerCard
from fluxlora_desktop.ui.settings.preferences import OwnServerChoice
from tests.ui.desk_bench import DeskBench, Heard


class Room:
    """The card over a real desk, and what is kept of it."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.kept: dict[str, str] = {}
        self.choice = self.read_again()
        own = OwnPictures(
            server=lambda: self.choice.server, token=lambda: bench.secrets.get(OWN_PICTURES)
        )
        services = bench.tools.services
        tools = bench.tools
        bench.tools = type(tools)(
            tools.stores,
            Services(services.trainers, (*services.generators, own), services.hub),
            tools.photos,
            tools.pictures,
            tools.clock,
            tools.patience,
        )
        self.qtbot, self.secrets = qtbot, bench.secrets
        self.desk = OwnServerDesk(bench.tools, bench.jobs, bench.secrets, bench.owner)
        self.pictures = PictureDesk(bench.tools, bench.jobs, bench.owner)
        self.failed = Heard(self.desk.failed)
        self.card = OwnServerCard(desk=self.desk, choice=self.choice)
        qtbot.addWidget(self.card)
        self.card.show()

    def read_again(self) -> OwnServerChoice:
        """Return what the next start of the app reads."""
        return OwnServerChoice(lambda name: self.kept.get(name, ""), self.kept.__setitem__)

    def type(self, field: QLineEdit, text: str) -> None:
        field.selectAll()
        self.qtbot.keyClicks(field, text)
        self.qtbot.keyClick(field, Qt.Key.Key_Return)

    def offered(self) -> list[str]:
        return [o.model.key for o in self.pictures.offers(()) if o.generator == OWN_PICTURES]


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    with DeskBench(tmp_path) as bench:
        yield Room(bench, qtbot)


def test_server_is_offered_as_soon_as_it_has_an_address_and_a_model(
    room: Room, qtbot: QtBot
) -> None:
    assert room.offered() == []
    assert not room.card.ask.isEnabled()

    room.type(room.card.address, "http://127.0.0.1:8080/v1/")
    with qtbot.waitSignal(room.desk.changed):
        room.type(room.card.model, "flux.1-schnell")

    assert room.offered() == ["flux.1-schnell"]
    room.card.extras.click()
    again = room.read_again().server
    assert (again.address, again.model) == ("http://127.0.0.1:8080/v1", "flux.1-schnell")
    assert not again.extras


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://example.org/v1", "Use https here"),
        ("nonsense", "This is no web address"),
        ("https://example.org/hf_" + "Qz7" * 12, "looks like a token"),
    ],
)
def test_address_that_may_not_be_used_is_not_kept(room: Room, address: str, says: str) -> None:
    room.type(room.card.address, address)

    assert says in room.card.remark.text()
    assert room.card.address.text() == ""
    assert room.kept == {}


def test_server_is_asked_with_its_key_whether_it_has_the_model(
    room: Room, qtbot: QtBot, tmp_path: Path
) -> None:
    with PracticeServices(state_dir=tmp_path / "cloud") as cloud:
        room.type(room.card.address, f"{cloud.own_pictures.url}/v1")
        room.type(room.card.model, MODEL)
        room.card.ask.click()
        qtbot.waitUntil(lambda: room.card.remark.text() == "The server could not be asked.")
        assert len(room.failed) == 1

        room.type(room.card.key, cloud.own_pictures.token)
        qtbot.waitUntil(lambda: room.secrets.get(OWN_PICTURES) == Secret(cloud.own_pictures.token))
        room.card.ask.click()
        qtbot.waitUntil(lambda: "nothing speaks against" in room.card.remark.text())

        room.type(room.card.model, "another")
        room.card.ask.click()
        qtbot.waitUntil(lambda: "does not list this model" in room.card.remark.text())

    room.card.keep_key.click()
    qtbot.waitUntil(lambda: room.secrets.get(OWN_PICTURES) is None)
