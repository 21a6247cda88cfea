"""A training outlives the app: SIGKILL while it runs, start again, one training, LoRA at home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxlora_desktop.system.places import find_places
from fluxlora_desktop.system.practice_process import PracticeProcess
from tests.workflows.fakes import Context, HandClock

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[2]


class Driven:
    """The app in a process of its own; `states` yields what its run goes through."""

    def __init__(self, data_dir: Path, *what: str) -> None:
        env = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/e2e/drive.py"), str(data_dir), *what],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def states(self) -> Iterator[dict[str, object]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=20)

    def end(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[PracticeProcess]:
    """The services that the app will find or start, ended after the test."""
    found = find_places(tmp_path / "data", practice=True)
    process = PracticeProcess(state_dir=found.practice_services, speed=40.0)
    yield process
    process.stop()


def ask(services: PracticeProcess, service: str, what: str, body: object = None) -> object:
    """Ask a practice service itself, or tell it what is to happen."""
    url = services.start(Context(HandClock()))[service].url
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{url}/_practice/{what}", data=data, timeout=10) as reply:
        return json.loads(reply.read())


def trainings(services: PracticeProcess) -> list[str]:
    """Return where trainings were launched, each launch once."""
    return [
        service
        for service in ("replicate", "fal")
        for entry in ask(services, service, "ledger")["entries"]
        if entry["kind"] == "training_created"
    ]


def run_until(driven: Driven, state: str) -> None:
    """Let the app go on until its run is in a state, and kill it there."""
    for seen in driven.states():
        if seen["state"] == state:
            break
    driven.kill()


def resume(folder: Path) -> list[str]:
    """Start the app once more and return what its run goes through to the end."""
    again = Driven(folder, "resume")
    ends = [seen["state"] for seen in again.states()]
    again.end()
    return ends


@pytest.mark.parametrize(
    ("kill_at", "goal", "trained_at"),
    [
        ("uploading", "", "replicate"),
        pytest.param("queued", "", "replicate", marks=pytest.mark.full),
        pytest.param("training", "", "replicate", marks=pytest.mark.full),
        ("training", "together", "fal"),
    ],
)
def test_killed_app_finishes_its_run_with_one_training(
    tmp_path, services, kill_at, goal, trained_at
):
    run_until(Driven(tmp_path / "data", "start", goal), kill_at)

    ends = resume(tmp_path / "data")

    assert ends[-1] == "ready", ends
    assert trainings(services) == [trained_at]


def test_launch_whose_answer_was_lost_at_fal_is_found_after_a_kill(tmp_path, services):
    lost = {"method": "POST", "path": "/fal-ai/flux-2-trainer", "drop": True, "when": "after"}
    ask(services, "fal", "faults", lost)
    run_until(Driven(tmp_path / "data", "start", "together"), "unknown")

    ends = resume(tmp_path / "data")

    assert ends[-1] == "ready", ends
    assert trainings(services) == ["fal"]
