"""The card of one's own ai-toolkit, over the real look at a folder that looks like one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.backends.aitoolkit.checkout import OwnCheckoutFinder
from fluxlora_desktop.ui.computer.own_checkout import OwnCheckoutCard
from fluxlora_desktop.ui.desks.checkout import CheckoutDesk
from fluxlora_desktop.ui.settings.preferences import CheckoutChoice
from fluxlora_desktop.ui.undoable import Undoable
from tests.local.standin import StandIn
from tests.ui.desk_bench import DeskBench, Heard


class Room:
    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.stand_in = StandIn(bench.folder)
        self.kept: dict[str, str] = {}
        self.choice = self.read_again()
        finder = OwnCheckoutFinder(lambda: dict(os.environ))
        self.desk = CheckoutDesk(bench.tools, bench.jobs, finder, self.choice, bench.owner)
        self.undoable = Heard(self.desk.undoable)
        self.picked = self.stand_in.folder
        self.card = OwnCheckoutCard(
            desk=self.desk,
            choose=self.pick,
            choose_python=lambda _parent, _title, then: then(self.stand_in.python),
        )
        qtbot.addWidget(self.card)
        self.card.show()

    def pick(self, _parent: QWidget, _title: str, then: Callable[[Path], None]) -> None:
        then(self.picked)

    def read_again(self) -> CheckoutChoice:
        """Return what the next start of the app reads."""
        return CheckoutChoice(lambda: self.kept.get("text", ""), self.keep)

    def keep(self, text: str) -> None:
        self.kept["text"] = text

    def says(self) -> str:
        return self.card.remark.text()


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    with DeskBench(tmp_path) as bench:
        yield Room(bench, qtbot)


def test_folder_and_python_are_asked_for_looked_at_and_kept(room: Room, qtbot: QtBot) -> None:
    card = room.card
    assert not card.check.isEnabled()

    card.pick_folder.click()
    qtbot.waitUntil(lambda: "no venv" in room.says())
    qtbot.waitUntil(card.python.hasFocus)
    card.pick_python.click()
    qtbot.waitUntil(lambda: "It trains FLUX.1-dev and FLUX.2-dev." in room.says())

    assert "ai-toolkit 0.12.26 (27a03a9)" in room.says()
    again = room.read_again().checkout
    assert again is not None and again.folder == room.stand_in.folder
    assert again == room.desk.checkout
    assert card.forget.isVisible()


def test_wrong_folder_is_told_and_what_counted_still_does(room: Room, qtbot: QtBot) -> None:
    room.desk.look(str(room.stand_in.folder), str(room.stand_in.python))
    qtbot.waitUntil(lambda: room.desk.checkout is not None)

    room.card.folder.selectAll()
    qtbot.keyClicks(room.card.folder, str(room.stand_in.modules))
    qtbot.keyClick(room.card.folder, Qt.Key.Key_Return)

    qtbot.waitUntil(lambda: "no run.py" in room.says())
    assert room.card.remark.property("role") == "danger"
    assert room.desk.checkout is not None
    assert room.card.folder.isEnabled()


def test_look_can_be_stopped(room: Room, qtbot: QtBot) -> None:
    (room.stand_in.modules / "torch.py").write_text("import time; time.sleep(60)")
    room.card.folder.setText(str(room.stand_in.folder))
    room.card.python.setText(str(room.stand_in.python))
    room.card.check.click()
    qtbot.waitUntil(room.card.stop.isVisible)

    room.card.stop.click()

    qtbot.waitUntil(room.card.check.isVisible)
    qtbot.waitUntil(lambda: room.says() == "Choose the folder that holds its run.py.")
    assert room.desk.checkout is None
    assert room.card.folder.text() == str(room.stand_in.folder)  # what was typed stays


def test_forgotten_checkout_comes_back_by_undo(room: Room, qtbot: QtBot) -> None:
    room.desk.look(str(room.stand_in.folder), str(room.stand_in.python))
    qtbot.waitUntil(room.card.forget.isVisible)
    found = room.desk.checkout

    room.card.forget.click()
    forgotten = room.read_again().checkout
    assert isinstance(room.undoable.last, Undoable)
    room.undoable.last.undo()

    assert forgotten is None
    assert room.read_again().checkout == found
    assert room.card.folder.text() == str(room.stand_in.folder)
