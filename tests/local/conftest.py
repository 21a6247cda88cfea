"""One computer for each test, with a job or two."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxlora_desktop.backends.local.trainers import TRAINERS
from fluxlora_desktop.backends.local.training import LocalTraining
from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.training import Destination, RemoteRun, TrainingSpec
from tests.local.ground import Ground, quiet_ground


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with quiet_ground(tmp_path / "engine") as made:
        yield made


class Here:
    """A context for background work that keeps what was reported."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def report(self, event: object) -> None:
        self.events.append(event)

    def check(self) -> None:
        return

    def pause(self, seconds: float) -> None:
        return


def spec(steps: int = 8, **parameters: object) -> TrainingSpec:
    """Return a training of a few steps, with samples and checkpoints every fourth."""
    chosen = {item.name: item.default for item in TRAINERS[0].parameters}
    chosen |= {"steps": steps, "sample_every": 10, "checkpoint_every": 10, **parameters}
    return TrainingSpec("run1", TRAINERS[0].key, TRAINERS[0].base, "TOK", 3, "fox", chosen)


def archive(folder: Path, **members: bytes) -> Archive:
    """Write an archive of three photos, the first with a caption, and whatever else is named."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "photos.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number in range(3):
            opened.writestr(f"img_{number:03d}.jpg", bytes([number]) * 500)
        opened.writestr("img_000.txt", "a fox in the snow")
        for name, data in members.items():
            opened.writestr(name, data)
    data = path.read_bytes()
    return Archive(path, len(data), hashlib.sha256(data).hexdigest())


def launch(
    backend: LocalTraining, ground: Ground, nonce: str, order: TrainingSpec | None = None
) -> RemoteRun:
    """Send a training on its way, as the workflow does."""
    photos = archive(ground.folder / "library" / nonce)
    data = backend.upload(photos, nonce, Here())
    return backend.submit(order or spec(steps=20), Destination(""), data, nonce)
