"""What the trainer's tests share; they run in the engine's environment, apart from all others.

One process trains nearly everything, since torch takes seconds to import; the hub is a loopback
server, and no real token is in the environment.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TRAINER = Path(__file__).resolve().parents[2] / "fluxlora_desktop" / "trainer"
for _name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
    del os.environ[_name]
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(scope="session", autouse=True)
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serve a hub on loopback; huggingface_hub reads its address when it is first imported."""
    from hub_server import HubServer

    assert "huggingface_hub" not in sys.modules
    with HubServer() as server:
        os.environ["HF_ENDPOINT"] = server.url
        os.environ["HF_HOME"] = str(tmp_path_factory.mktemp("hf"))
        yield server


@pytest.fixture(scope="session", autouse=True)
def one_thread(hub: Any) -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny FLUX.1."""
    from tiny import make_flux1

    return make_flux1(tmp_path_factory.mktemp("base"))


@pytest.fixture
def job_of(tmp_path: Path, base: Path) -> Callable[..., Path]:
    """Make a job's folder; fields of `job.json` are given by name."""
    from tiny import make_job

    made: list[Path] = []

    def make(**fields: Any) -> Path:
        made.append(make_job(tmp_path / f"job{len(made)}", base, **fields))
        return made[-1]

    return make


class Watched(io.StringIO):
    """A stream of events that does something when one of them comes by."""

    def __init__(self, event: str = "", step: int = 0, act: Callable[[], None] = lambda: None):
        super().__init__()
        self._awaited = (event, step)
        self._act = act

    def write(self, text: str) -> int:
        told = json.loads(text)
        if (told["event"], told.get("step")) == self._awaited:
            self._act()
        return super().write(text)


def train(folder: Path, stream: io.StringIO | None = None, **how: Any) -> int:
    """Train in this process and return the exit code."""
    from fluxlora_desktop.trainer.training import train

    return train(folder, stream=stream or io.StringIO(), **how)


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the trainer as the app does: as a folder, by another interpreter."""
    return subprocess.Popen(
        [sys.executable, str(TRAINER), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )


def change_job(folder: Path, **fields: Any) -> None:
    """Change fields of a job."""
    path = folder / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


def events_of(folder: Path, event: str = "") -> list[dict[str, Any]]:
    """Return the events of a job, or those of one name."""
    lines = (folder / "out" / "events.jsonl").read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    return [each for each in told if event in ("", each["event"])]


def result_of(folder: Path) -> dict[str, Any]:
    """Return the result of a job."""
    found: dict[str, Any] = json.loads((folder / "out" / "result.json").read_text("utf-8"))
    return found


def state_of(folder: Path) -> dict[str, Any]:
    """Return the kept state of a job."""
    import torch

    found: dict[str, Any] = torch.load(folder / "out" / "state.pt", weights_only=True)
    return found


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Return where two states differ, to the bit."""
    import torch

    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [path]
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        return [d for key in one for d in differences(one[key], other[key], f"{path}/{key}")]
    if isinstance(one, list | tuple):
        assert len(one) == len(other), path
        pairs = zip(one, other, strict=True)
        return [d for at, (a, b) in enumerate(pairs) for d in differences(a, b, f"{path}/{at}")]
    return [] if one == other else [path]
