"""The dialog for a card's pictures: choose, order, take out, send; from the Library page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk_fixtures import add_lora, publish
from fakes import FakeHub, FakeTrainer, FolderTrash, WallClock, make_tools
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.loras import HubStatus
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.library.card_dialog import CardDialog
from fluxlora_desktop.ui.library.page import LibraryPage
from fluxlora_desktop.ui.library.publication import HubAsk
from fluxlora_desktop.workflows.card import MOST_ON_CARD

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Room:
    """A library with the published Lora "Fox", pictures made with it, and the page."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        self.qtbot, self.jobs, self.hub = qtbot, JobRunner(), FakeHub()
        self.library = open_library(folder / "library", clock=WallClock())
        self.stores = self.library.stores
        tools = make_tools(self.stores, trainer=FakeTrainer(), hub=self.hub)
        self.runs = RunDesk(tools, self.jobs)
        self.loras = LoraDesk(tools, self.jobs, FolderTrash(folder / "trash"))
        weights = b"weights"
        lora = add_lora(self.stores, "fox", "Fox", sha256=hashlib.sha256(weights).hexdigest())
        path = self.stores.files.lora("fox")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(weights)
        self.lora = publish(self.stores, lora)
        self.hub.repos[self.lora.publication.repo] = HubStatus(True, Visibility.PRIVATE)
        self.page: LibraryPage | None = None

    def paint(self, *names: str) -> None:
        """Put pictures of the Lora into the gallery, the first one last."""
        files = self.stores.files
        use = PictureLora("fox", "Fox", 1.0)
        for number, name in enumerate(reversed(names)):
            at = _NOON + timedelta(seconds=number)
            target, thumb = files.picture(name, at), files.picture_thumb(name)
            for path in (target, thumb):
                path.parent.mkdir(parents=True, exist_ok=True)
                image = QImage(64, 64, QImage.Format.Format_RGB32)
                image.fill(QColor.fromHsv(number * 29 % 360, 160, 200))
                assert image.save(str(path), "PNG")
            picture = Picture(
                **{"id": name, "order_id": "o", "state": PictureState.DONE, "generator": "g"},
                **{"model": "m", "base": "flux.1-dev", "prompt": f"a fox, {name}", "loras": (use,)},
                **{"width": 64, "height": 64, "steps": 28, "guidance": 3.5, "seed": 7},
                created_at=at,
            )
            picture = replace(picture, file=files.relative(target), thumb=files.relative(thumb))
            self.stores.pictures.add([picture])

    def open(self) -> CardDialog:
        """Show the page, ask for the card's pictures, wait until they are offered."""
        if self.page is None:
            with self.qtbot.waitSignal(self.loras.listed):
                self.loras.load()
            self.page = LibraryPage(loras=self.loras, runs=self.runs, jobs=self.jobs)
            self.qtbot.addWidget(self.page)
            self.page.show()
            self.page.arrive("fox")
        with self.qtbot.waitSignal(self.loras.pictures_found):
            self.page.inspector.publication.asked.emit(HubAsk.CARD)
        (dialog,) = self.page.findChildren(CardDialog)
        return dialog

    def on_card(self) -> tuple[str, ...]:
        return self.stores.loras.get("fox").publication.pictures

    def toggle(self, dialog: CardDialog, name: str) -> None:
        """Click a picture of the grid."""
        place = dialog.grid.visualRect(dialog.model.index(dialog.model.row_of(name))).center()
        self.qtbot.mouseClick(dialog.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)


@pytest.fixture
def room(tmp_path: Path, qtbot: QtBot) -> Iterator[Room]:
    made = Room(tmp_path, qtbot)
    yield made
    qtbot.waitUntil(lambda: made.jobs.live() == 0)
    assert made.jobs.shutdown()
    for thing in (made.runs, made.loras, made.jobs):
        thing.deleteLater()
    made.library.close()


def test_chosen_pictures_go_to_the_card_in_the_order_of_clicks_and_come_off_by_undo(room):
    room.paint("den", "snow", "moss")
    dialog = room.open()
    assert not dialog.put.isEnabled()

    room.toggle(dialog, "moss")
    room.toggle(dialog, "den")
    assert dialog.put.text() == "Put 2 pictures on the card"
    with room.qtbot.waitSignal(room.loras.undoable) as told:
        room.qtbot.mouseClick(dialog.put, Qt.MouseButton.LeftButton)

    assert told.args[0].says == "The card of Fox shows 2 pictures now."
    assert room.on_card() == ("moss", "den")
    room.qtbot.waitUntil(lambda: not room.loras.busy("fox"))
    card = room.page.inspector.publication.card
    room.qtbot.waitUntil(lambda: card.text() == "2 pictures on the card")
    told.args[0].undo()
    room.qtbot.waitUntil(lambda: room.on_card() == ())


def test_pictures_on_the_card_are_chosen_when_the_dialog_opens(room):
    room.paint("den", "snow", "moss")
    room.stores.loras.publish(replace(room.lora.publication, pictures=("snow", "den")))
    dialog = room.open()
    assert dialog.ids() == ("snow", "den")

    room.toggle(dialog, "snow")
    room.toggle(dialog, "den")

    assert dialog.ids() == ()
    assert dialog.put.text() == "Take all pictures off the card"
    assert dialog.put.isEnabled()
    dialog.reject()


def test_keys_order_the_pictures_and_take_them_out(room):
    room.paint("den", "snow", "moss")
    dialog = room.open()
    room.qtbot.waitActive(dialog)
    for _ in range(3):
        room.qtbot.keyClick(dialog.grid, Qt.Key.Key_Space)
        room.qtbot.keyClick(dialog.grid, Qt.Key.Key_Right)
    assert sorted(dialog.ids()) == ["den", "moss", "snow"]
    first, second, third = dialog.ids()

    dialog.chosen.setFocus()
    dialog.chosen.setCurrentRow(0)
    room.qtbot.keyClick(dialog.chosen, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert dialog.ids() == (second, first, third)
    room.qtbot.keyClick(dialog.chosen, Qt.Key.Key_Delete)
    assert dialog.ids() == (second, third)
    room.qtbot.keyClick(dialog.chosen, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert dialog.ids() == (third, second)
    dialog.reject()


def test_no_more_are_taken_than_a_card_shows(room):
    room.paint(*(f"p{number}" for number in range(MOST_ON_CARD + 2)))
    dialog = room.open()
    dialog.grid.selectAll()
    assert len(dialog.ids()) == MOST_ON_CARD
    assert len(dialog.grid.selectionModel().selectedIndexes()) == MOST_ON_CARD
    assert "take one out to choose another" in dialog.count.text()
    dialog.reject()


def test_lora_without_pictures_leads_to_the_gallery(room):
    dialog = room.open()
    assert not dialog.put.isEnabled()
    with room.qtbot.waitSignal(room.page.go) as went:
        make = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Make pictures")
        room.qtbot.mouseClick(make, Qt.MouseButton.LeftButton)
    assert went.args == ["gallery", "fox"]
