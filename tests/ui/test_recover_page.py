"""Lost trainings on screen: listed by who started them, adopted, brought home in the window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import (
    ServiceInterrupted,
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
)
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import ListedTraining, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.ui.recover.page import RecoverPage
from fluxlora_desktop.ui.recover.row import LostRow
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.ui.theme import Theme
from tests.ui.desk_bench import DeskBench, Heard
from tests.ui.fakes import OTHER_TRAINER, TRAINER, FakeTrainer
from tests.ui.furnished import House
from tests.ui.seen import seen
from tests.workflows.conftest import write_lora


@dataclass
class Room:
    """The window over a library and two services that train."""

    house: House
    first: FakeTrainer
    second: FakeTrainer

    @property
    def library_mark(self) -> str:
        return f"fluxlora-{self.house.bench.tools.stores.runs.library_id}-0123456789a"

    def lists(self, remote_id: str, **facts: object) -> None:
        """Let the first service list a training that succeeded three days ago."""
        one = ListedTraining(
            RemoteRun(self.first.key, remote_id, TRAINER.key, "https://page", steps=700),
            RemoteState.SUCCEEDED,
            created_at=datetime.now(UTC) - timedelta(days=3),
            owner="tester",
            base="flux.1-dev",
            trigger_word="GLZFOX",
            parameters={"steps": 700},
            destination=f"fox-{remote_id}",
            has_weights=True,
            charge_usd=Decimal("1.04"),
        )
        self.first.listed.append(replace(one, **facts))

    def show(self) -> RecoverPage:
        page = self.house.show("recover")
        assert isinstance(page, RecoverPage)
        self.rest()
        return page

    def rest(self) -> None:
        """Wait for jobs, and for parts that Qt shows a turn after they were laid out."""
        self.house.rest()
        QCoreApplication.sendPostedEvents()


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path, theme: Theme) -> Iterator[Room]:
    first = FakeTrainer(
        snapshot=RunSnapshot(RemoteState.SUCCEEDED, weights_address="w"), weights=write_lora
    )
    second = FakeTrainer(key="fal", title="fal", trainers=(OTHER_TRAINER,))
    with DeskBench(tmp_path) as bench:
        services = Services((first, second), (bench.generator,), bench.hub)
        bench.tools = replace(bench.tools, services=services)
        yield Room(House.build(bench, qtbot, theme, empty=True), first, second)


def rows(page: RecoverPage) -> list[LostRow]:
    return seen(page, LostRow)


def texts(page: RecoverPage) -> str:
    return "\n".join(made.text() for made in seen(page, QLabel))


def visible_button(page: RecoverPage, words: str) -> QPushButton:
    return next(made for made in seen(page, QPushButton) if made.text() == words)


def click(room: Room, made: QPushButton) -> None:
    room.house.qtbot.mouseClick(made, Qt.MouseButton.LeftButton)


def test_trainings_are_listed_by_who_started_them(room: Room) -> None:
    room.lists("a", mark=f"{room.library_mark}b")
    room.lists("b", mark="fluxlora-ffffffff-0123456789ab", state=RemoteState.TRAINING)
    room.lists("c", has_weights=False)
    page = room.show()

    assert [made.unknown.listed.remote.id for made in rows(page)] == ["a", "b", "c"]
    said = texts(page)
    for words in (
        "Started by this library",
        "Started by another library of this app",
        "Started elsewhere",
        "Training now",
        "Finished, but the service no longer has its weights",
        "FLUX LoRA trainer at Replicate · FLUX.1-dev · trigger word GLZFOX · 700 steps · "
        "cost $1.04",
    ):
        assert words in said
    assert not rows(page)[2].adopt.isVisible()
    assert rows(page)[0].name.text() == "fox-a"


def test_adopted_training_comes_home_in_the_window(room: Room) -> None:
    room.lists("b", mark="fluxlora-ffffffff-0123456789ab")
    page = room.show()
    (lost,) = rows(page)
    lost.name.setFocus()
    lost.name.selectAll()
    room.house.qtbot.keyClicks(lost.name, "My fox")
    room.house.qtbot.keyClick(lost.name, Qt.Key.Key_Return)
    room.rest()

    (run,) = room.house.desks.runs.runs()
    assert (run.state, run.plan.name, run.recovered) == (RunState.READY, "My fox", True)
    assert room.first.launched == []
    assert page.states.currentWidget() is page.empty
    library = room.house.show("library")
    assert [one.name for one in room.house.desks.loras.loras()] == ["My fox"]
    said = "\n".join(made.text() for made in seen(library, QLabel))
    assert "a training found at its service" in said


def test_all_of_this_library_are_adopted_at_once_and_no_others(room: Room) -> None:
    old = datetime.now(UTC) - timedelta(days=30)
    for place in "ab":
        mark = f"{room.library_mark}{place}"
        room.lists(place, mark=mark, created_at=old, state=RemoteState.FAILED)
    room.lists("c")
    room.first.snapshot = RunSnapshot(RemoteState.FAILED, error="out of memory")
    page = room.show()

    click(room, visible_button(page, "Adopt all of this library's"))
    room.rest()

    assert {run.external_training_id for run in room.house.desks.runs.runs()} == {"a", "b"}
    assert [made.unknown.listed.remote.id for made in rows(page)] == ["c"]


def test_what_was_typed_stays_when_another_one_is_adopted(room: Room) -> None:
    room.lists("a")
    room.lists("b", destination="mug")
    page = room.show()
    rows(page)[1].name.setText("Mug of mine")

    click(room, rows(page)[0].adopt)
    room.rest()

    (left,) = rows(page)
    assert left.name.text() == "Mug of mine"


def test_training_without_a_name_is_not_adopted(room: Room) -> None:
    room.lists("a")
    (lost,) = rows(room.show())

    lost.name.setText("  ")

    assert not lost.adopt.isEnabled()


def test_page_says_that_nothing_is_lost(room: Room) -> None:
    page = room.show()

    assert page.states.currentWidget() is page.empty
    assert "Every training of your accounts is in this library." in texts(page)


def test_page_leads_to_settings_when_no_account_is_connected(room: Room) -> None:
    room.first.list_trouble = TokenMissing("replicate")
    room.second.list_trouble = TokenMissing("fal")
    page = room.show()

    assert page.states.currentWidget() is page.unconnected
    click(room, visible_button(page, "Connect an account"))
    assert room.house.window.place() == "settings"


def test_page_says_that_there_is_no_connection_and_tries_again(room: Room) -> None:
    room.first.list_trouble = ServiceUnreachable("replicate")
    room.second.list_trouble = ServiceUnreachable("fal")
    page = room.show()
    assert page.states.currentWidget() is page.offline
    room.first.list_trouble = room.second.list_trouble = None
    room.lists("a")

    click(room, visible_button(page, "Try again"))
    room.rest()

    assert len(rows(page)) == 1


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (TokenRejected("fal"), "fal does not accept the token, so its trainings are not listed."),
        (ServiceInterrupted("fal", "500"), "fal could not tell its trainings: 500"),
    ],
)
def test_one_service_in_trouble_hides_nothing_of_the_other(
    room: Room, trouble: Exception, words: str
) -> None:
    room.second.list_trouble = trouble
    room.lists("a")
    page = room.show()

    assert len(rows(page)) == 1
    assert words in texts(page)
    room.first.listed.clear()
    page.shown()
    room.rest()
    assert page.states.currentWidget() is page.failed
    assert words in texts(page)


def test_service_that_does_not_list_everything_says_so(room: Room) -> None:
    room.second.absence_shows = False
    page = room.show()

    assert "fal may have more than it lists" in texts(page)


@pytest.mark.parametrize("place", ["runs", "library"])
def test_empty_pages_lead_to_the_lost_trainings(room: Room, place: str) -> None:
    page = room.house.show(place)
    found = next(
        made for made in seen(page, QPushButton) if made.text().startswith("Find lost trainings")
    )

    click(room, found)
    room.rest()

    assert room.house.window.place() == "recover"
    assert room.house.window.sidebar.buttons["runs"].isChecked()


def test_bar_tells_what_came_back_by_itself_and_shows_it(room: Room) -> None:
    desks = room.house.desks
    desks.recover.begin()
    room.lists("a", mark=f"{room.library_mark}b")
    found = Heard(desks.recover.found)
    desks.runs.load()
    room.rest()
    page = room.house.show("runs")
    assert isinstance(page, RunsPage)

    assert len(found) == 1
    words = "Found a training this library had forgotten: fox-a. It is followed again."
    assert page.found.words.text() == words
    click(room, page.found.show_button)
    assert not page.found.isVisible()
    run = page.selected()
    assert run is not None and run.external_training_id == "a"
    assert room.first.launched == []
