"""Trainings on this computer, with a trainer that speaks the same folder and events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from training_contract import TrainingBackendContract

from fluxlora_desktop.backends.local.trainers import TRAINERS
from fluxlora_desktop.domain.training import RemoteRun
from tests.local.ground import Ground, quiet_ground


class LocalService:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.trainer = TRAINERS[0]
        self.backend = ground.backend()

    def launches(self) -> int:
        return sum(len(self.ground.starts(job.name)) for job in self.ground.jobs.iterdir())

    def keep_waiting(self) -> None:
        self.ground.script({"wait_at": 1})

    def weights_of(self, run: RemoteRun) -> bytes:
        return (self.ground.jobs / run.id / "out" / "lora.safetensors").read_bytes()


class TestLocal(TrainingBackendContract):
    @pytest.fixture
    def service(self, tmp_path: Path) -> Iterator[LocalService]:
        with quiet_ground(tmp_path / "engine") as ground:
            yield LocalService(ground)
