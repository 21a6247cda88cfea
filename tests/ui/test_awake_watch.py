"""The computer stays awake while something trains on it, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import PAUSED, TrainingAbilities
from fluxlora_desktop.ui.awake import AwakeWatch
from fluxlora_desktop.ui.desks.runs import RunDesk
from tests.ui.desk_bench import DeskBench
from tests.ui.desk_fixtures import add_run
from tests.workflows.fakes import FakeBackend


class Here(FakeBackend):
    """A backend that trains on this computer."""

    def abilities(self) -> TrainingAbilities:
        return replace(super().abilities(), runs_here=True)


class Bed:
    """Keeps what was asked of it."""

    wants_gui_thread = True

    def __init__(self) -> None:
        self.wanted = False
        self.applied: list[bool] = []

    def want(self, awake: bool) -> None:
        self.wanted = awake

    def apply(self) -> None:
        self.applied.append(self.wanted)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path, backend=Here()) as made:
        yield made


def test_computer_is_awake_while_a_run_trains_here_and_a_person_wants_it(
    bench: DeskBench, qtbot: QtBot
) -> None:
    run = add_run(bench.tools.stores, "Fox", RunState.READY)
    desk, bed, owner, choice = RunDesk(bench.tools, bench.jobs), Bed(), QObject(), [True]
    watch = AwakeWatch(
        runs=desk, jobs=bench.jobs, awake=bed, allowed=lambda: choice[0], parent=owner
    )
    trains = replace(run, state=RunState.TRAINING, stage="Training", lora_id=None)

    for seen in (trains, replace(trains, step=2), replace(trains, stage=PAUSED), trains):
        desk._runs = {run.id: seen}
        desk.changed.emit(seen)
    choice[0] = False
    watch.look()

    assert bed.applied == [True, False, True, False]
    for thing in (owner, desk):
        thing.deleteLater()


def test_run_at_a_service_lets_the_computer_sleep(bench: DeskBench) -> None:
    bench.backend.__class__ = FakeBackend
    run = add_run(bench.tools.stores, "Fox", RunState.READY)
    desk, bed, owner = RunDesk(bench.tools, bench.jobs), Bed(), QObject()
    AwakeWatch(runs=desk, jobs=bench.jobs, awake=bed, allowed=lambda: True, parent=owner)

    desk._runs = {run.id: replace(run, state=RunState.TRAINING, stage="Training")}
    desk.changed.emit(run)

    assert bed.applied == []
    for thing in (owner, desk):
        thing.deleteLater()
