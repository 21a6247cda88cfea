"""The wait that a service asked for ticks down, whatever happens to the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk_fixtures import add_run
from fakes import FakeTrainer, FolderTrash, make_tools
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import Run, RunPlan, RunState
from fluxlora_desktop.jobs.runner import LANES, JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.runs.countdown import Countdown, clock_words
from fluxlora_desktop.ui.runs.page import RunsPage

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ASKS = "Replicate asks to wait."


class TwoClocks:
    """A calendar and a clock that only counts; each moves when it is told to."""

    def __init__(self) -> None:
        self.wall, self.count = NOON, 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.count

    def pass_seconds(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.count += seconds


def waiting(seconds: float, words: str = ASKS) -> Run:
    run = Run("run", "dataset", RunState.TRAINING, RunPlan(name="Fox"), NOON, NOON)
    return replace(run, attention=words, wait_until=NOON + timedelta(seconds=seconds))


@pytest.fixture
def clock() -> TwoClocks:
    return TwoClocks()


def test_wait_is_said_in_minutes_and_seconds(clock: TwoClocks) -> None:
    countdown, run = Countdown(clock), waiting(28)
    countdown.watch([run])

    assert countdown.words(run) == "Replicate asks to wait 0:28"
    clock.pass_seconds(27)
    assert countdown.words(run) == "Replicate asks to wait 0:01"
    clock.pass_seconds(5)
    assert countdown.words(run) == ASKS
    assert clock_words(899) == "14:59"


def test_wait_of_the_apps_own_says_when_it_tries_again(clock: TwoClocks) -> None:
    countdown = Countdown(clock)
    run = waiting(64, "There is no connection. Nothing was started.")
    countdown.watch([run])

    assert countdown.words(run).endswith("Nothing was started. Trying again in 1:04.")
    assert countdown.short_words(run) == "Trying again in 1:04"


@given(
    asked=st.floats(-1e7, 1e7),
    jump=st.timedeltas(timedelta(days=-30), timedelta(days=30)),
    passed=st.floats(0, 1e6),
)
def test_wait_is_never_negative_nor_longer_than_a_quarter_of_an_hour(
    asked: float, jump: timedelta, passed: float
) -> None:
    clock = TwoClocks()
    countdown, run = Countdown(clock), waiting(asked)
    countdown.watch([run])
    assert 0 <= countdown.left(run) <= 900

    clock.wall += jump
    clock.count += passed
    countdown.watch([run])

    assert 0 <= countdown.left(run) <= 900


@pytest.mark.parametrize("days", [-30, 30])
def test_calendar_that_is_set_changes_nothing(clock: TwoClocks, days: int) -> None:
    countdown, run = Countdown(clock), waiting(60)
    countdown.watch([run])

    clock.wall += timedelta(days=days)
    clock.count += 20
    countdown.watch([run])

    assert countdown.left(run) == 40


def test_timer_runs_only_while_something_waits_and_somebody_looks(
    qapp: QApplication, clock: TwoClocks
) -> None:
    countdown, run = Countdown(clock), waiting(28)
    countdown.watch([run])
    assert not countdown.ticking
    countdown.pause(False)
    assert countdown.ticking
    countdown.pause(True)
    assert not countdown.ticking
    countdown.pause(False)

    countdown.watch([replace(run, wait_until=None)])

    assert not countdown.ticking


def test_timer_stops_when_the_last_wait_is_over(qapp: QApplication, clock: TwoClocks) -> None:
    countdown = Countdown(clock)
    countdown.watch([waiting(3)])
    countdown.pause(False)
    clock.pass_seconds(4)

    countdown._on_tick()

    assert not countdown.ticking


@pytest.fixture
def stores(tmp_path: Path, clock: TwoClocks) -> Iterator[Stores]:
    library = open_library(tmp_path / "library", clock=clock)
    yield library.stores
    library.close()


def test_list_and_detail_tick_while_the_page_is_shown(
    qtbot: QtBot, tmp_path: Path, stores: Stores, clock: TwoClocks
) -> None:
    jobs = JobRunner({**LANES, "training": 0})
    tools = replace(make_tools(stores, trainer=FakeTrainer()), clock=clock)
    runs, loras = RunDesk(tools, jobs), LoraDesk(tools, jobs, FolderTrash(tmp_path / "trash"))
    until = clock.now() + timedelta(seconds=28)
    add_run(stores, "Fox", RunState.TRAINING, attention=ASKS, wait_until=until)
    with qtbot.waitSignals([runs.listed, loras.listed]):
        runs.load()
        loras.load()
    page = RunsPage(runs=runs, loras=loras, jobs=jobs)
    qtbot.addWidget(page)
    assert not page.countdown.ticking
    page.show()

    assert page.detail.strip.words.text() == "Replicate asks to wait 0:28"
    clock.pass_seconds(9)
    qtbot.waitUntil(lambda: page.detail.strip.words.text() == "Replicate asks to wait 0:19")
    assert page.list.rows.row(0).words == "Replicate asks to wait 0:19"
    page.hide()
    assert not page.countdown.ticking
    page.show()
    clock.pass_seconds(30)
    qtbot.waitUntil(lambda: page.detail.strip.words.text() == ASKS)
    assert not page.countdown.ticking
    assert jobs.shutdown(30_000)
    for thing in (runs, loras, jobs):
        thing.deleteLater()
