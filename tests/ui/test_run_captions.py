"""Captions that a trainer wrote are read in Runs, copied, and used again in Create."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from desk_fixtures import WAYS, nameless
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.create.caption_dialogs import WrittenDialog
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.runs.captions import CaptionsDialog
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.workflows.captioning import keep_trainer_captions
from fluxlora_desktop.workflows.launch import start_run
from tests.ui.desk_bench import DeskBench, Heard
from tests.ui.seen import seen

LONG = "a photo of TOK, " + "a red fox that stands in deep snow between birches, " * 6 + "at dawn"
CTRL = Qt.KeyboardModifier.ControlModifier


@dataclass
class Room:
    """Runs and Create beside each other, with a finished run whose trainer wrote captions."""

    qtbot: QtBot
    bench: DeskBench
    draft: DraftDesk
    runs: RunDesk
    loras: LoraDesk
    create: CreatePage
    page: RunsPage
    said: Heard
    asked: list[object] = field(default_factory=list)

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0 and not self.draft.checking())

    def click(self, widget: QWidget) -> None:
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def captions(self) -> list[str]:
        return [item.caption for item in self.draft.draft().dataset.photos]

    def stored(self) -> list[str]:
        dataset = self.bench.tools.stores.datasets.get(self.draft.draft().dataset.id)
        return [item.caption for item in dataset.photos]

    def sha(self, place: int) -> str:
        return self.draft.draft().dataset.hashes()[place]

    def take_in(self, *numbers: int) -> None:
        self.draft.add_files([self.bench.inbox / f"{n}.jpg" for n in numbers])
        self.rest()

    def train(self, *, own: dict[int, str] | None = None, trigger: str = "TOK") -> Run:
        """Finish a run of six photos; its trainer writes for those without own captions."""
        for number in range(6):
            self.bench.photo(f"{number}.jpg", caption=(own or {}).get(number, ""))
        self.take_in(*range(6))
        self.draft.set_trigger(trigger)
        self.draft.set_plan(name="Rusty", rights_confirmed=True)
        self.rest()
        tools, run_id = self.bench.tools, self.draft.draft().run.id
        start_run(run_id, tools)
        for state in WAYS[RunState.READY][1:]:
            tools.stores.runs.advance(run_id, state)
        version = tools.stores.datasets.freeze(tools.stores.runs.get(run_id).dataset_id, ())
        run = tools.stores.runs.update(run_id, version_id=version.id)
        found = [
            (f"img_{n:03d}", LONG if n == 0 else f"a photo of {trigger}, {n}") for n in range(6)
        ]
        keep_trainer_captions(run, found, tools)
        self.draft.load_next()
        self.rest()
        self.runs.load()
        self.rest()
        return run

    def open(self) -> CaptionsDialog:
        """Press the quiet button of the run."""
        made = seen(self.page, QPushButton, "run_captions")
        assert len(made) == 1
        assert made[0].text() == "Captions the trainer wrote"
        self.click(made[0])
        return self.page.reading

    def use(self) -> None:
        """Press the button that uses the captions of the run."""
        self.click(self.open().use_button)

    def until(self, captions: list[str]) -> None:
        """Wait until the draft has these captions, on the screen and in the library."""
        self.qtbot.waitUntil(lambda: self.captions() == captions)
        self.rest()
        assert self.stored() == captions


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    with DeskBench(tmp_path) as bench:
        draft = DraftDesk(bench.tools, bench.jobs, bench.owner)
        runs = RunDesk(bench.tools, bench.jobs, bench.owner)
        loras = LoraDesk(bench.tools, bench.jobs, bench.trash, bench.owner)
        asked: list[object] = []
        create = CreatePage(
            draft=draft, runs=runs, jobs=bench.jobs, ask=lambda _page, go: asked.append(go)
        )
        page = RunsPage(runs=runs, loras=loras, jobs=bench.jobs)
        page.go.connect(lambda _name, what: create.arrive(what))
        for widget in (create, page):
            qtbot.addWidget(widget)
            widget.resize(1000, 760)
            widget.show()
        made = Room(qtbot, bench, draft, runs, loras, create, page, Heard(draft.said), asked)
        draft.load()
        made.rest()
        yield made


def test_run_without_such_captions_offers_none(room: Room) -> None:
    room.train(own={n: f"TOK mine {n}" for n in range(6)})
    assert seen(room.page, QPushButton, "run_use_photos")
    assert not seen(room.page, QPushButton, "run_captions")


def test_captions_are_read_whole_beside_their_photos(room: Room) -> None:
    room.train(own={1: "TOK mine"})
    dialog = room.open()
    model = dialog.list.model()
    texts = [model.index(n, 0).data() for n in range(model.rowCount())]
    assert texts == [LONG, *(f"a photo of TOK, {n}" for n in (2, 3, 4, 5))]
    assert dialog.says.text() == "Rusty, 5 photos without a caption of your own."
    spoken = model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "2.jpg: a photo of TOK, 2"
    heights = [dialog.list.visualRect(model.index(n, 0)).height() for n in (0, 1)]
    assert heights[0] > heights[1]
    dialog.reject()


def test_captions_are_copied_by_key_and_by_button(room: Room) -> None:
    room.train()
    dialog = room.open()
    assert nameless(dialog) == []
    assert dialog.focusWidget() is dialog.list
    room.qtbot.keyClick(dialog.list, Qt.Key.Key_Down)
    room.qtbot.keySequence(dialog.list, QKeySequence.StandardKey.Copy)
    assert QGuiApplication.clipboard().text() == "a photo of TOK, 1"
    assert dialog.says.text() == "1 caption copied, each in a line."
    room.click(dialog.copy_button)
    assert QGuiApplication.clipboard().text().splitlines()[0] == LONG
    assert len(QGuiApplication.clipboard().text().splitlines()) == 6
    room.qtbot.keyClick(dialog.list, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert room.captions() == []


def test_captions_go_into_the_draft_that_holds_the_photos(room: Room) -> None:
    room.train()
    room.bench.photo("other.jpg")
    room.draft.add_files([room.bench.inbox / "other.jpg"])
    room.rest()
    room.take_in(3, 2)
    room.use()
    room.until(["", "a photo of TOK, 3", "a photo of TOK, 2"])
    assert room.create.step() is Step.CAPTIONS
    assert room.said.last == "2 captions changed. Undo takes it back."
    room.qtbot.keyClick(room.create.captions.list, Qt.Key.Key_Z, CTRL)
    assert room.captions() == ["", "", ""]


def test_trigger_word_of_the_draft_takes_the_place_of_the_runs(room: Room) -> None:
    room.train(trigger="RSTY")
    room.take_in(3)
    room.draft.set_trigger("GLZ")
    room.use()
    room.until(["a photo of GLZ, 3"])


def test_photos_of_the_run_are_used_anew_where_the_draft_has_none_of_them(room: Room) -> None:
    run = room.train()
    room.use()
    room.until([LONG, *(f"a photo of TOK, {n}" for n in range(1, 6))])
    assert room.asked == []
    assert room.create.step() is Step.CAPTIONS
    assert room.draft.draft().run.id != run.id
    room.draft.undo_stack.undo()
    room.until([""] * 6)


def test_draft_of_other_photos_is_given_up_only_when_the_person_says_so(room: Room) -> None:
    room.train()
    room.bench.photo("other.jpg")
    room.draft.add_files([room.bench.inbox / "other.jpg"])
    room.rest()
    room.use()
    assert len(room.asked) == 1
    assert room.captions() == [""]
    room.asked[0]()  # type: ignore[operator]  # the question's yes
    room.until([LONG, *(f"a photo of TOK, {n}" for n in range(1, 6))])


def dialog_of(room: Room) -> WrittenDialog:
    dialog = room.create.captions.tools.dialog
    assert isinstance(dialog, WrittenDialog)
    return dialog


@pytest.mark.parametrize("every", [False, True], ids=["only the empty ones", "all"])
def test_person_chooses_whether_captions_that_are_there_go_away(room: Room, every: bool) -> None:
    room.train()
    room.take_in(1, 2, 3)
    room.draft.set_caption(room.sha(1), "TOK that I wrote")
    before = room.captions()
    room.use()
    dialog = dialog_of(room)
    assert nameless(dialog) == []
    assert room.captions() == before, "nothing is changed before it was seen"
    assert dialog.apply_button.text() == "Change 2 captions"
    assert "None that is there goes away." in dialog.count.text()
    if every:
        room.qtbot.keyClick(QApplication.focusWidget() or dialog, Qt.Key.Key_Right)
        room.click(dialog.which.choice("all"))
        assert "1 caption that you have now goes away." in dialog.count.text()
    room.qtbot.keyClick(dialog, Qt.Key.Key_Return)
    room.rest()
    kept = "a photo of TOK, 2" if every else "TOK that I wrote"
    assert room.captions() == ["a photo of TOK, 1", kept, "a photo of TOK, 3"]
    assert room.stored() == room.captions()
    room.draft.undo_stack.undo()
    assert room.captions() == before
    room.draft.undo_stack.redo()
    assert room.captions()[1] == kept
    room.rest()


def test_only_replacing_is_offered_where_no_caption_is_missing(room: Room) -> None:
    room.train()
    room.take_in(1)
    room.draft.set_caption(room.sha(0), "TOK that I wrote")
    room.use()
    dialog = dialog_of(room)
    assert not dialog.which.choice("missing").isEnabled()
    assert dialog.which.choice("all").isChecked()
    room.qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert room.captions() == ["TOK that I wrote"]
    room.rest()


def test_captions_that_are_there_already_are_said_to_be(room: Room) -> None:
    room.train()
    room.take_in(1)
    room.use()
    room.until(["a photo of TOK, 1"])
    count = room.draft.undo_stack.count()
    room.use()
    assert room.said.last == "The photos have these captions already."
    assert room.draft.undo_stack.count() == count
