"""This computer as tests know it: a folder, a fake trainer, and an engine that is set up or not."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.local.notes import Wish
from fluxlora_desktop.backends.local.parts import LocalParts, Pace
from fluxlora_desktop.backends.local.process import Starter
from fluxlora_desktop.backends.local.queue import Job, LocalQueue, Standing
from fluxlora_desktop.backends.local.training import LocalTraining
from fluxlora_desktop.domain.errors import EngineBusy
from fluxlora_desktop.domain.secrets import Secret

FAKE_TRAINER = Path(__file__).with_name("fake_trainer")
PATIENCE_S = 30.0


@dataclass
class SetUp:
    """An engine that says what a test tells it to."""

    reason: str = ""
    refused: str = ""
    cards: tuple[int, ...] = (0,)
    changing: bool = False
    python_path: Path = Path(sys.executable)
    known: Pace | None = None

    def not_ready(self, base: str = "") -> str:
        refused = f"{self.refused} is too large for this computer." if self.refused else ""
        return self.reason or (refused if base == self.refused else "")

    def python(self) -> Path:
        if self.changing:
            raise EngineBusy("The engine is being changed.")
        return self.python_path

    def gpus(self, _base: str = "") -> tuple[int, ...]:
        return self.cards

    def pace(self, base: str, steps: int, resolution: str) -> Pace | None:
        return self.known


@dataclass
class Ground:
    """One computer; `backend()` is what an app finds there each time that it starts."""

    folder: Path
    engine: SetUp = field(default_factory=SetUp)
    freed: list[int] = field(default_factory=list)
    token: Secret | None = None

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    def script(self, *starts: dict[str, Any]) -> None:
        """Say what the trainers of this computer do, start by start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "fake.json").write_text(json.dumps(starts or ({},)))

    def parts(self) -> LocalParts:
        return LocalParts(
            folder=self.folder,
            trainer=FAKE_TRAINER,
            engine=self.engine,
            environment=lambda: {**os.environ, "FAKE_TRAINER": str(self.folder / "fake.json")},
            hub_token=lambda: self.token,
        )

    def queue(self, **more: Any) -> LocalQueue:
        parts = self.parts()
        return LocalQueue(parts.jobs, gpus=self.engine.gpus, free_gpu=self.freed.append, **more)

    def backend(self, queue: LocalQueue | None = None) -> LocalTraining:
        """Return the backend as a freshly started app has it."""
        return LocalTraining(self.parts(), queue or self.queue())

    def starts(self, nonce: str) -> list[int]:
        """Return the process ids of the trainers that took the job's lock."""
        said = self.jobs / nonce / "out" / "starts.txt"
        return [int(line) for line in said.read_text().split()] if said.exists() else []

    def quiet(self) -> None:
        """End every trainer that still lives."""
        queue = self.queue()
        starter = Starter()
        for job in queue.jobs():
            queue.ask(job.nonce, Wish.CANCEL)
            starter.end(job.out)
            until(lambda out=job.out: not starter.lives(out))


@contextmanager
def quiet_ground(folder: Path) -> Iterator[Ground]:
    """Lend a computer, and leave no trainer behind."""
    ground = Ground(folder)
    ground.script()
    try:
        yield ground
    finally:
        ground.quiet()


def until(done: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "it did not come in time"
        threading.Event().wait(0.01)


def job_until(queue: LocalQueue, nonce: str, *standings: Standing) -> Job:
    """Move a queue on until a job stands as it shall, and return it."""
    seen: list[Job] = []

    def stands() -> bool:
        queue.move_on()
        job = queue.job(nonce)
        assert job is not None
        seen.append(job)
        return job.standing in standings

    until(stands)
    return seen[-1]
