"""The real app over a database that is older than the truth: nothing is paid for twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.system.places import find_places
from tests.e2e.test_kill import Driven, resume, run_until, services, trainings

__all__ = ["services"]
pytestmark = pytest.mark.heavy


def database(folder: Path) -> Path:
    return find_places(folder, practice=True).data_dir / "library.db"


def states_of_runs(folder: Path) -> list[RunState]:
    """Return how every run stands that the library has."""
    library = open_library(database(folder).parent, clock=SystemClock())
    try:
        return [run.state for run in library.stores.runs.all()]
    finally:
        library.close()


@pytest.mark.parametrize("goal", ["", pytest.param("together", marks=pytest.mark.full)])
def test_app_brings_back_a_training_that_the_restored_database_lacks(tmp_path, services, goal):
    data, backup = tmp_path / "data", tmp_path / "yesterday.db"
    open_library(database(data).parent, clock=SystemClock()).close()
    shutil.copyfile(database(data), backup)
    run_until(Driven(data, "start", goal), "ready")
    shutil.copyfile(backup, database(data))

    ends = resume(data)

    assert ends[-1] == "ready", ends
    assert states_of_runs(data) == [RunState.READY]
    assert len(trainings(services)) == 1


def test_app_launches_no_second_training_for_a_run_restored_from_before_its_launch(
    tmp_path, services
):
    data, backup = tmp_path / "data", tmp_path / "minutes-ago.db"
    run_until(Driven(data, "start"), "uploading")
    shutil.copyfile(database(data), backup)
    assert resume(data)[-1] == "ready"
    shutil.copyfile(backup, database(data))

    ends = resume(data)

    assert ends[-1] == "ready", ends
    assert states_of_runs(data) == [RunState.READY]
    assert trainings(services) == ["replicate"]
