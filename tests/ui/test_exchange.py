"""Export and import in the window: the dialog, Settings, the Library, dropped folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.exchange import Arrived, ExportChoice, Luggage
from fluxlora_desktop.ui.desks.exchange import (
    Counted,
    ExchangeDesk,
    arrived_words,
    exported_words,
)
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.exchange.card import ExchangeCard
from fluxlora_desktop.ui.exchange.dialog import ExportDialog
from fluxlora_desktop.ui.library.inspector import LoraAsk
from fluxlora_desktop.ui.library.page import LibraryPage
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.export_library import Exported
from tests.ui.desk_bench import DeskBench
from tests.ui.fakes import FolderTrash
from tests.workflows.conftest import write_lora
from tests.workflows.fakes import Context, HandClock

_HANDS = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)


class Room:
    """A library with one LoRA, the desk, and a folder dialog that answers `place`."""

    def __init__(self, bench: DeskBench, folder: Path, qtbot: QtBot) -> None:
        self.bench, self.qtbot, self.place = bench, qtbot, folder / "out"
        self.place.mkdir()
        weights = folder / "Red Fox.safetensors"
        write_lora(weights)
        self.lora = import_lora_file(weights, "", bench.tools, Context(HandClock()))
        self.desk = ExchangeDesk(bench.tools, bench.jobs, bench.owner)
        self.heard: list[str] = []
        self.errors: list[object] = []
        self.desk.said.connect(self.heard.append)
        self.desk.failed.connect(self.errors.append)

    def choose(self, _parent: object, _title: str, then: object) -> None:
        then(self.place)  # type: ignore[operator]

    def library_page(self) -> LibraryPage:
        loras = LoraDesk(
            self.bench.tools, self.bench.jobs, FolderTrash(self.place), self.bench.owner
        )
        runs = RunDesk(self.bench.tools, self.bench.jobs, self.bench.owner)
        self.desk.arrived.connect(loras.load)
        with self.qtbot.waitSignal(loras.listed):
            loras.load()
        page = LibraryPage(
            loras=loras,
            runs=runs,
            jobs=self.bench.jobs,
            exchange=self.desk,
            choose_folder=self.choose,
        )
        self.qtbot.addWidget(page)
        page.show()
        return page

    def accept(self, dialog: ExportDialog) -> None:
        self.qtbot.waitUntil(dialog.go.isEnabled)
        self.qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)


@pytest.fixture
def room(tmp_path: Path, qtbot: QtBot) -> Iterator[Room]:
    with DeskBench(tmp_path) as bench:
        made = Room(bench, tmp_path, qtbot)
        yield made
        qtbot.waitUntil(lambda: bench.jobs.live() == 0)


def test_library_goes_out_from_settings_and_comes_in_again_after_it_was_lost(room):
    card = ExchangeCard(desk=room.desk, choose=room.choose)
    room.qtbot.addWidget(card)
    card.show()
    room.qtbot.mouseClick(card.export, Qt.MouseButton.LeftButton)
    (dialog,) = card.findChildren(ExportDialog)
    with room.qtbot.waitSignal(room.desk.exported) as made:
        room.accept(dialog)
    folder = made.args[0].folder
    assert room.heard == [f"Exported to {folder.name}."]
    room.qtbot.waitUntil(card.export.isEnabled)
    with room.qtbot.waitSignal(card.reveal_requested) as shown:
        room.qtbot.mouseClick(card.show_folder, Qt.MouseButton.LeftButton)
    assert shown.args == [folder]

    stores = room.bench.tools.stores
    stores.loras.trash(room.lora.id)
    shutil.rmtree(stores.files.lora(room.lora.id).parent)
    room.place = folder
    with room.qtbot.waitSignal(room.desk.arrived):
        room.qtbot.mouseClick(card.bring_in, Qt.MouseButton.LeftButton)

    assert room.heard[-1] == "1 LoRA came in."
    assert stores.files.lora(room.lora.id).is_file()
    assert [lora.id for lora in stores.loras.all()] == [room.lora.id]


def test_dialog_counts_each_choice_and_offers_nothing_where_nothing_is(room):
    dialog = ExportDialog(room.desk, ExportChoice((room.lora.id,)), name="Red Fox")
    room.qtbot.addWidget(dialog)
    room.qtbot.waitUntil(lambda: dialog.load.text().startswith("1 LoRA: "))
    dialog.pictures.setChecked(False)
    assert dialog.choice() == ExportChoice((room.lora.id,), pictures=False)
    room.qtbot.waitUntil(dialog.go.isEnabled)
    room.desk.counted.emit(Counted(dialog.choice(), Luggage(0, 0, 0, 0)))
    assert dialog.load.text() == "There is nothing to export."
    assert not dialog.go.isEnabled()


def test_lora_is_exported_from_the_library(room):
    page = room.library_page()
    page.arrive(room.lora.id)
    page.inspector.asked.emit(LoraAsk.EXPORT)
    (dialog,) = page.findChildren(ExportDialog)
    assert dialog.windowTitle() == f"Export {room.lora.name}"
    with room.qtbot.waitSignal(room.desk.exported) as made:
        room.accept(dialog)
    assert made.args[0].folder.name == f"{room.lora.name} (FluxLoRA)"
    room.qtbot.waitUntil(page.works.isHidden)


def test_dropped_folder_is_brought_in_and_another_one_is_refused_in_words(room):
    page = room.library_page()
    room.desk.export(ExportChoice(), room.place)
    with room.qtbot.waitSignal(room.desk.exported) as made:
        pass
    with room.qtbot.waitSignal(room.desk.arrived):
        drop(page, made.args[0].folder)
    assert room.heard[-1] == "Everything in that folder is in the library already."

    with room.qtbot.waitSignal(room.desk.failed):
        drop(page, room.place)
    assert isinstance(room.errors[-1], InputError)
    assert "holds no exported library" in str(room.errors[-1])


def drop(page: LibraryPage, folder: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(folder))])
    over = QDragEnterEvent(QPointF(9, 9).toPoint(), Qt.DropAction.CopyAction, mime, *_HANDS)
    page.dragEnterEvent(over)
    assert over.isAccepted()
    page.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, mime, *_HANDS))


def test_words_name_what_came_and_what_was_left_out():
    assert arrived_words(Arrived(loras=1, runs=1, photos=6)) == (
        "1 LoRA, 1 training and 6 photos came in."
    )
    left = exported_words(Exported(Path("/x/Fox"), ("a", "b", "c", "d")))
    assert (
        left
        == "Exported to Fox. 4 files are missing or damaged here and left out: a, b, c and 1 more."
    )
    assert "1 file is missing" in exported_words(Exported(Path("/x/Fox"), ("a",)))
