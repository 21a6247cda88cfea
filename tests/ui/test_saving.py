"""While the disk takes nothing, the window says so, launches nothing, and heals by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import AccessDenied, DiskFull, ServiceUnreachable, StorageError
from fluxlora_desktop.domain.pictures import PictureRequest
from fluxlora_desktop.ui.create.footer import Footer
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.save_bar import SaveBar
from fluxlora_desktop.ui.saving import LOOK_MS, SavingWatch, words_for
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.ui.window import MainWindow
from tests.ui.desk_bench import CopyingPhotos, DeskBench, Heard
from tests.ui.seen import seen


class Disk:
    """Says how full the disk is; the library's own writes fail while it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.error: StorageError | None = None
        self.root = root
        self._real = shutil.disk_usage
        self._patch = monkeypatch

    def fill(self, error: type[StorageError] = DiskFull) -> None:
        self.error = error(self.root)

    def empty(self) -> None:
        self.error = None

    def refuse(self) -> None:
        if self.error is not None:
            raise self.error


class Room:
    """Desks over a real library whose disk can be full."""

    def __init__(self, bench: DeskBench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.run = bench.draft()
        self.draft = DraftDesk(bench.tools, bench.jobs, bench.owner)
        self.runs = RunDesk(bench.tools, bench.jobs, bench.owner)
        self.pictures = PictureDesk(bench.tools, bench.jobs, bench.owner)
        with qtbot.waitSignal(self.draft.changed):
            self.draft.load()
        self.disk = Disk(monkeypatch, bench.library.data_dir)
        self._watch_writes(monkeypatch)
        self.bar = SaveBar()
        qtbot.addWidget(self.bar)
        self.watch = SavingWatch(
            desks=(self.draft, self.runs, self.pictures),
            files=bench.tools.stores.files,
            jobs=bench.jobs,
            bar=self.bar,
            needed=1000,
            parent=bench.owner,
        )

    def _watch_writes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        database, files = self.bench.library._database, self.bench.tools.stores.files
        write, require_room = database.write, files.require_room

        def writing():
            self.disk.refuse()
            return write()

        def looking(needed: int) -> None:
            self.disk.refuse()
            require_room(needed)

        monkeypatch.setattr(database, "write", writing)
        monkeypatch.setattr(files, "require_room", looking)

    def caption(self) -> str:
        dataset = self.bench.tools.stores.datasets.get(self.run.dataset_id)
        return dataset.photos[0].caption

    def type(self, words: str) -> None:
        first = self.draft.draft().dataset.photos[0].photo.sha256
        self.draft.set_caption(first, words)

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    with DeskBench(tmp_path, photos=CopyingPhotos()) as bench:
        yield Room(bench, qtbot, monkeypatch)


def test_bar_says_that_changes_are_not_saved_and_stays(room: Room) -> None:
    assert room.bar.isHidden()
    room.disk.fill()

    room.type("a fox")
    room.rest()

    assert not room.bar.isHidden()
    assert room.bar.title.text() == "Disk full: changes are not being saved (needs 1 KB)"
    assert "kept in memory" in room.bar.body.text()
    assert room.caption() == ""


def test_title_names_the_room_in_megabytes() -> None:
    title, _body = words_for(DiskFull(Path("/x")), 20_000_000, 0)
    assert title == "Disk full: changes are not being saved (needs 20 MB)"


def test_what_was_typed_meanwhile_is_saved_in_order_when_room_returns(room: Room) -> None:
    room.disk.fill()
    for words in ("a", "a fox", "a fox in the snow"):
        room.type(words)
        room.rest()
    assert room.draft.unsaved() == 3
    room.disk.empty()

    with room.qtbot.waitSignal(room.watch.healed):
        room.watch.look()

    assert room.caption() == "a fox in the snow"
    assert room.draft.unsaved() == 0
    assert room.bar.isHidden()


def test_it_heals_by_itself(room: Room) -> None:
    room.disk.fill()
    room.type("a fox")
    room.rest()
    assert room.watch._again.isActive()
    assert room.watch._again.interval() == LOOK_MS
    room.disk.empty()
    room.watch._again.setInterval(10)

    room.qtbot.waitUntil(room.bar.isHidden)

    assert room.caption() == "a fox"
    assert not room.watch._again.isActive()


def test_try_again_without_room_keeps_the_bar_and_the_words(room: Room) -> None:
    room.disk.fill()
    room.type("a fox")
    room.rest()

    room.qtbot.mouseClick(room.bar.try_again, Qt.MouseButton.LeftButton)
    room.rest()

    assert not room.bar.isHidden()
    assert room.draft.unsaved() == 1


def test_trouble_without_a_waiting_change_heals_once_there_is_room(room: Room) -> None:
    room.disk.fill()
    assert room.watch.takes(room.disk.error)
    room.watch.look()
    room.rest()
    assert not room.bar.isHidden()
    room.disk.empty()

    with room.qtbot.waitSignal(room.watch.healed):
        room.watch.look()

    assert room.bar.isHidden()


def test_nothing_is_launched_while_changes_are_not_saved(room: Room) -> None:
    room.disk.fill()
    room.type("a fox")
    room.rest()
    room.disk.empty()  # the disk would take it, but nobody has looked yet
    heard = Heard(room.runs.failed)

    room.runs.start(room.run.id)
    room.runs.try_again(room.run.id)
    room.pictures.make(PictureRequest("replicate", "base", "a fox"))
    room.rest()

    assert [type(error) for error in heard.all] == [DiskFull, DiskFull]
    assert room.bench.backend.launched == []
    assert room.bench.generator.asked == []
    assert room.bench.tools.stores.pictures.ids() == ()


def test_start_button_says_why_it_rests_and_comes_back(room: Room) -> None:
    footer = Footer()
    room.qtbot.addWidget(footer)
    room.draft.changed.connect(lambda draft: footer.show_draft(draft, Step.REVIEW, starting=False))
    room.draft.set_plan(name="Fox", rights_confirmed=True)
    room.rest()
    assert footer.start_button.isEnabled()
    room.disk.fill()

    room.type("a fox")
    room.rest()
    assert not footer.start_button.isEnabled()
    assert "not being saved" in footer.problem.text()
    assert footer.mend_button.isHidden()

    room.disk.empty()
    with room.qtbot.waitSignal(room.watch.healed):
        room.watch.look()
    assert footer.start_button.isEnabled()


def test_disk_that_became_read_only_is_told_as_such_and_heals(room: Room) -> None:
    room.disk.fill(AccessDenied)
    room.type("a fox")
    room.rest()
    assert room.bar.title.text() == "Read-only disk: changes are not being saved"
    room.disk.empty()

    with room.qtbot.waitSignal(room.watch.healed):
        room.watch.look()

    assert room.caption() == "a fox"


def test_trouble_of_others_is_not_the_librarys(room: Room, tmp_path: Path) -> None:
    elsewhere = tmp_path / "export" / "fox.png"
    for error in (DiskFull(elsewhere), AccessDenied(elsewhere), ServiceUnreachable("replicate")):
        assert not room.watch.takes(error)
    assert room.bar.isHidden()


def test_change_that_is_wrong_in_itself_does_not_hold_up_the_next(room: Room) -> None:
    heard = Heard(room.draft.failed)

    room.draft._save("Wrong", lambda: room.bench.tools.stores.datasets.set_trigger("none", "x"))
    room.type("a fox")
    room.rest()

    assert [type(error) for error in heard.all] == [KeyError]
    assert room.caption() == "a fox"
    assert room.draft.unsaved() == 0


def test_what_waits_is_written_as_the_window_closes(room: Room) -> None:
    room.disk.fill()
    room.type("a fox")
    room.rest()
    assert room.bench.jobs.shutdown(30_000)
    with pytest.raises(DiskFull):
        room.draft.finish_saving()
    room.disk.empty()

    room.draft.finish_saving()

    assert room.caption() == "a fox"


def test_window_asks_before_it_closes_with_changes_in_memory(theme: Theme, qtbot: QtBot) -> None:
    window = MainWindow(theme=theme, practice=False)
    qtbot.addWidget(window)
    window.show()
    window.save_bar.say("Disk full", "", waiting=2)

    assert not window.close()
    box = window.findChild(QMessageBox, "close_unsaved")
    assert "2 changes" in box.text()
    qtbot.mouseClick(box.defaultButton(), Qt.MouseButton.LeftButton)
    assert window.isVisible()

    window.close()
    box = seen(window, QMessageBox)[0]
    leave = next(b for b in box.buttons() if b.text() == "Close without saving")
    with qtbot.waitSignal(window.closing):
        qtbot.mouseClick(leave, Qt.MouseButton.LeftButton)
    assert not window.isVisible()


def test_window_closes_at_once_when_everything_is_saved(theme: Theme, qtbot: QtBot) -> None:
    window = MainWindow(theme=theme, practice=False)
    qtbot.addWidget(window)
    window.show()
    window.save_bar.say("Disk full", "", waiting=2)
    window.save_bar.clear()

    assert window.close()
