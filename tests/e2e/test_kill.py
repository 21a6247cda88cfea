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

    def __init__(self, data_dir: Path, what: str) -> None:
        env = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/e2e/drive.py"), str(data_dir), what],
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


def trainings(services: PracticeProcess) -> int:
    """Ask the service itself what it was asked for."""
    url = services.start(Context(HandClock()))["replicate"].url
    with urllib.request.urlopen(f"{url}/_practice/ledger", timeout=10) as reply:
        listed = json.loads(reply.read())
    entries = listed["entries"] if isinstance(listed, dict) else listed
    return sum(entry["kind"] == "training_created" for entry in entries)


@pytest.mark.parametrize("kill_at", ["uploading", "queued", "training"])
def test_killed_app_finishes_its_run_with_one_training(tmp_path, services, kill_at):
    first = Driven(tmp_path / "data", "start")
    for seen in first.states():
        if seen["state"] == kill_at:
            break
    first.kill()

    second = Driven(tmp_path / "data", "resume")
    ends = [seen["state"] for seen in second.states()]
    second.end()

    assert ends[-1] == "ready", ends
    assert trainings(services) == 1
