"""What happened while the app was closed is on the first screen at once, whichever that is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_fixtures import add_run
from fakes import FakeTrainer, FolderTrash, WallClock, make_tools
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import RemoteState, RunSnapshot
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import Library, open_library
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.notices import Notice, Tone
from fluxlora_desktop.ui.page import Page
from fluxlora_desktop.ui.run_watch import RunWatch
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.ui.theme import Theme
from fluxlora_desktop.ui.window import MainWindow

FAILED = RunSnapshot(RemoteState.FAILED, error="Out of memory")


class Start:
    """The app as it starts: a window on another page than Runs, and the runs read."""

    def __init__(self, library: Library, theme: Theme, qtbot: QtBot, folder: Path) -> None:
        self.trainer, self.jobs = FakeTrainer(snapshot=FAILED), JobRunner()
        tools = make_tools(library.stores, trainer=self.trainer)
        self.runs = RunDesk(tools, self.jobs)
        self.loras = LoraDesk(tools, self.jobs, FolderTrash(folder / "trash"))
        self.window = MainWindow(theme=theme, practice=False)
        qtbot.addWidget(self.window)
        RunWatch(runs=self.runs, window=self.window)
        self.window.fill({"create": lambda: Page("create", "Create"), "runs": self._page}, "create")
        self.window.show()

    def _page(self) -> RunsPage:
        return RunsPage(runs=self.runs, loras=self.loras, jobs=self.jobs)

    def close(self) -> None:
        assert self.jobs.shutdown(30_000)
        for thing in (self.runs, self.loras, self.jobs):
            thing.deleteLater()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = open_library(tmp_path / "library", clock=WallClock())
    yield opened
    opened.close()


@pytest.fixture
def start(library: Library, theme: Theme, qtbot: QtBot, tmp_path: Path) -> Iterator[Start]:
    made = Start(library, theme, qtbot, tmp_path)
    yield made
    made.close()


def test_result_of_a_run_left_open_is_told_until_it_is_read(
    start: Start, library: Library, qtbot: QtBot
) -> None:
    run = add_run(library.stores, "Fox", RunState.TRAINING)
    add_run(library.stores, "Mug", RunState.CANCELLED)
    start.runs.load()
    bar = start.window.notices

    qtbot.waitUntil(lambda: bar.title.text() == "Fox failed. Runs says why and what to do.")
    assert not bar._away.isActive()
    qtbot.mouseClick(bar.act, Qt.MouseButton.LeftButton)

    assert start.window.place() == "runs"
    page = start.window.page("runs")
    assert isinstance(page, RunsPage)
    assert page.detail.run_id == run.id


def test_several_results_are_told_together(start: Start, library: Library, qtbot: QtBot) -> None:
    for name in ("Fox", "Mug"):
        add_run(library.stores, name, RunState.TRAINING)

    start.runs.load()

    qtbot.waitUntil(lambda: start.window.notices.title.text().startswith("2 trainings ended. "))


def test_result_does_not_cover_trouble(start: Start, library: Library, qtbot: QtBot) -> None:
    run = add_run(library.stores, "Fox", RunState.TRAINING)
    start.window.notices.show_notice(Notice("The disk is full.", "", Tone.DANGER))

    start.runs.load()

    qtbot.waitUntil(lambda: start.runs.loaded and start.runs.open_count() == 0)
    assert start.window.notices.title.text() == "The disk is full."
    assert start.runs.run(run.id).state is RunState.FAILED  # type: ignore[union-attr]
