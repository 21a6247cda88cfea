"""The line from photo to picture on screen: what it says, and where its stops lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from desk_fixtures import add_lora, add_run
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from fluxlora_desktop.domain.gallery import PictureFilter, PictureQuery
from fluxlora_desktop.domain.lineage import Difference
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.versions import DatasetDiff
from fluxlora_desktop.ui.desks.lineage import LineageDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.lineage.dialog import LineageDialog
from fluxlora_desktop.ui.runs.compare import CompareDialog
from fluxlora_desktop.ui.thumbs import ThumbLoader
from tests.ui.desk_bench import DeskBench
from tests.ui.seen import seen

PICTURE = Picture(
    **{"id": "p", "order_id": "o", "state": PictureState.DONE, "generator": "g", "model": "m"},
    **{"base": "flux.1-dev", "prompt": "a fox", "width": 8, "height": 8, "steps": 1, "seed": 7},
    loras=(PictureLora("fox", "Fox", 0.8), PictureLora("gone", "Ink", 1.0, "ab" * 32)),
    guidance=3.0,
    created_at=datetime(2026, 11, 23, tzinfo=UTC),
)


class Room:
    """A library with a trained LoRA and a picture of it, the desk, and its dialogs."""

    def __init__(self, bench, qtbot) -> None:
        self.bench, self.qtbot = bench, qtbot
        stores = bench.tools.stores
        run = add_run(stores, "Fox", RunState.READY, trainer_version="cafe" * 5)
        self.lora = add_lora(stores, "fox", "Fox", run_id=run.id)
        self.run = stores.runs.update(run.id, lora_id="fox")
        stores.pictures.add([PICTURE])
        self.desk = LineageDesk(bench.tools, bench.jobs, bench.owner)

    def open(self, ask) -> LineageDialog:
        with self.qtbot.waitSignal(self.desk.found) as found:
            ask(self.desk)
        files = self.bench.tools.stores.files
        dialog = LineageDialog(found.args[0], files=files, jobs=self.bench.jobs)
        self.qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    def press(self, dialog: LineageDialog, says: str) -> None:
        made = next(b for b in dialog.findChildren(QPushButton) if b.text() == says)
        self.qtbot.mouseClick(made, Qt.MouseButton.LeftButton)


@pytest.fixture
def room(tmp_path, qtbot):
    with DeskBench(tmp_path) as bench:
        yield Room(bench, qtbot)
        qtbot.waitUntil(lambda: bench.jobs.live() == 0)


def words(dialog) -> str:
    return "\n".join(part.text() for part in seen(dialog, QLabel))


def test_every_stop_says_what_it_is_and_leads_to_its_page(room):
    for says, went in (
        ("Show the training", ["runs", room.run]),
        ("Show in library", ["library", "fox"]),
        ("Show them in the gallery", ["gallery", PictureFilter(PictureQuery(lora_id="fox"))]),
    ):
        dialog = room.open(lambda desk: desk.of_lora("fox", "Fox"))
        said = words(dialog)
        for part in ("1 photo", "Training: Fox", "AutoV3 a1b2c3d4e5f6", "1 picture made with it"):
            assert part in said
        assert "Trainer version cafecafecafe" in said
        with room.qtbot.waitSignal(dialog.went) as told:
            room.press(dialog, says)
        assert told.args == went
        assert not dialog.isVisible()


def test_picture_with_two_loras_lets_a_person_choose_the_line(room):
    dialog = room.open(lambda desk: desk.of_picture(PICTURE))
    assert dialog.choice.count() == 2
    assert "Training: Fox" in words(dialog)

    dialog.choice.setCurrentIndex(1)
    dialog.choice.activated.emit(1)

    said = words(dialog)
    assert "LoRA: Ink" in said and "not in the library any more" in said
    assert not dialog.train.isVisible() and not dialog.compare.isVisible()


def test_picture_without_a_lora_and_photo_without_a_training_say_so(room):
    plain = room.open(lambda desk: desk.of_picture(replace(PICTURE, loras=())))
    assert "No LoRA was in this picture" in words(plain)
    unused = room.open(lambda desk: desk.of_photo("0" * 64, "new.jpg"))
    assert "No training has used this photo yet" in words(unused)
    used = room.open(lambda desk: desk.of_photo("ab" * 32, "a.jpg"))
    assert used.windowTitle() == "What a.jpg was used for"
    assert used.line().run == room.run


def test_line_leads_to_training_again_and_to_comparing(room):
    dialog = room.open(lambda desk: desk.of_run(room.run.id, "Fox"))
    with room.qtbot.waitSignal(dialog.compare_requested) as compared:
        room.press(dialog, "Compare with another training…")
    assert compared.args == [room.run]
    with room.qtbot.waitSignal(dialog.train_requested) as asked:
        room.press(dialog, "Train again with changes")
    assert asked.args[0].run == room.run


def test_comparing_two_trainings_shows_settings_and_photos(room):
    desk = RunDesk(room.bench.tools, room.bench.jobs, room.bench.owner)
    other = add_run(room.bench.tools.stores, "Fox again", RunState.READY, loss=0.25)
    with room.qtbot.waitSignal(desk.listed):
        desk.load()
    dialog = CompareDialog(other, desk, ThumbLoader(room.bench.jobs, room.bench.owner))
    room.qtbot.addWidget(dialog)
    with room.qtbot.waitSignal(desk.compared) as told:
        dialog.show()
    assert told.args[0].settings == (Difference("Last loss", "", "0.2500"),)
    said = words(dialog)
    assert "The photos, captions and crops are the same." in said
    assert "Last loss" in said and "0.2500" in said and "none" in said
    dialog.show_diff(DatasetDiff())
    assert "Last loss" not in words(dialog)
