"""SIGKILL at any instant of the whole way, with faults of the services in between, again and again.

A worker has a forge and services of its own. It walks one way after another: each life is killed at
a random call, the next goes on; after so many kills the way is let go to its end and judged.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.forge import Forge, can_trace
from tests.faults.judge import Broken, judge, leaks
from tests.faults.lives import told_of
from tests.faults.person import Scene
from tests.faults.photos import make_photos
from tests.faults.services import Cloud

KILLS_A_WAY = 30
MOST_CALLS = 270
LONGEST_TIMED_S = 0.5
FAULTY_LIVES = 0.3
WAYS_A_CLOUD = 40
MOST_LIVES = 100
TIMED_SHARE = 0.15
"""Kills by the clock, where strace is used for the others: they also fall into computing."""

_WAIT = {"status": 429, "headers": {"retry-after": "0"}}
_CREATE, _COMMIT = "/api/repos/create", ".*/commit/.*"
LAUNCH = r"/v1/models/[^/]+/[^/]+/versions/[^/]+/trainings"
ORDER = r"/v1/predictions"
FAULTS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("replicate", {"method": "POST", "path": LAUNCH, "when": "after", "drop": True}),
    ("replicate", {"method": "POST", "path": LAUNCH, "when": "before", "drop": True}),
    ("replicate", {"method": "POST", "path": LAUNCH, "when": "after", "status": 500}),
    ("replicate", {"method": "POST", "path": LAUNCH, "when": "before", "status": 502}),
    ("replicate", {"method": "POST", "path": LAUNCH, "cut_after": 12}),
    (
        "replicate",
        {"method": "POST", "path": LAUNCH, **_WAIT},
    ),
    ("replicate", {"method": "POST", "path": LAUNCH, "body": "<html>", "when": "after"}),
    ("replicate", {"method": "GET", "path": "/v1/trainings", "status": 500, "times": 3}),
    ("replicate", {"method": "GET", "path": "/v1/trainings/.*", "drop": True, "times": 2}),
    ("replicate", {"method": "POST", "path": "/v1/models", "when": "after", "drop": True}),
    ("replicate", {"method": "POST", "path": "/v1/files", "when": "after", "status": 500}),
    ("replicate", {"method": "POST", "path": ORDER, "when": "after", "drop": True}),
    ("replicate", {"method": "POST", "path": ORDER, "when": "after", "status": 504}),
    (
        "replicate",
        {"method": "POST", "path": ORDER, **_WAIT},
    ),
    ("huggingface", {"method": "POST", "path": _CREATE, "when": "after", "drop": True}),
    ("huggingface", {"method": "POST", "path": _COMMIT, "when": "after", "drop": True}),
    ("huggingface", {"method": "POST", "path": _COMMIT, "when": "before", "status": 500}),
)


@dataclass(slots=True)
class Tally:
    """What a sweep came to."""

    kills: int = 0
    ways: int = 0
    lives: int = 0
    broken: list[tuple[str, Broken]] = field(default_factory=list)

    def count(self, *invariants: str) -> int:
        """Return how often one of these did not hold."""
        return sum(it.invariant in invariants for _, it in self.broken)


class Sweep:
    """Kills until there were enough; `say` is told how it goes."""

    def __init__(
        self,
        folder: Path,
        kills: int,
        *,
        seed: int,
        workers: int = 2,
        broken: str = "",
        say: Callable[[str], None] = print,
        seconds: float = 0.0,
    ) -> None:
        self._folder, self._wanted, self._seed = folder, kills, seed
        self._workers, self._rule, self._say = workers, broken, say
        self._until = time.monotonic() + seconds if seconds else 0.0
        self._traced = can_trace()
        self._lock = threading.Lock()
        self.tally = Tally()
        self.photos = make_photos(folder / "photos")

    def run(self) -> Tally:
        """Walk ways on every worker until enough lives were killed, and return what came of it."""
        self._say(f"kills {'between system calls, by strace' if self._traced else 'by the clock'}")
        with ThreadPoolExecutor(self._workers) as pool:
            for work in [pool.submit(self._work, number) for number in range(self._workers)]:
                work.result()
        return self.tally

    @property
    def _enough(self) -> bool:
        late = bool(self._until) and time.monotonic() > self._until
        return late or self.tally.kills >= self._wanted

    def _work(self, worker: int) -> None:
        chance = random.Random(f"{self._seed}-{worker}")  # chance, not secrets
        forge, number = Forge(self._rule), 0
        try:
            while not self._enough:
                folder = self._folder / f"cloud-{worker}-{number}"
                cloud = Cloud(folder)
                try:
                    for _ in range(WAYS_A_CLOUD):
                        if self._enough:
                            break
                        number += 1
                        self._walk(forge, cloud, f"way-{worker}-{number:04d}", chance)
                finally:
                    cloud.close()
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            forge.close()

    def _walk(self, forge: Forge, cloud: Cloud, name: str, chance: random.Random) -> None:
        folder = self._folder / name
        folder.mkdir()
        scene = Scene(name, folder, self.photos, cloud.connections)
        kills = lives = 0
        said = ""
        while said != "done" and lives < MOST_LIVES:
            lives += 1
            if chance.random() < FAULTY_LIVES:
                service, fault = chance.choice(FAULTS)
                cloud.fault(service, **fault)
            ended = forge.life(told_of(scene), **self._death(kills, chance))
            kills += ended.killed
            said = ended.said
            if said.startswith(("crashed", "hung")):
                break
        cloud.calm()
        found = [*judge(scene, cloud, whole=said == "done"), *leaks(cloud)]
        if said != "done":
            found.append(Broken("I8", f"after {lives} lives: {said[-800:] or 'killed'}"))
        self._add(name, kills, lives, found)
        if not found:
            shutil.rmtree(folder, ignore_errors=True)

    def _death(self, kills: int, chance: random.Random) -> dict[str, Any]:
        """Choose where the next life ends: nowhere once the way had its kills."""
        if kills >= KILLS_A_WAY:
            return {}
        if self._traced and chance.random() > TIMED_SHARE:
            return {"nth": chance.randint(1, MOST_CALLS)}
        return {"after": chance.uniform(0.01, LONGEST_TIMED_S)}

    def _add(self, name: str, kills: int, lives: int, found: list[Broken]) -> None:
        with self._lock:
            self.tally.kills += kills
            self.tally.lives += lives
            self.tally.ways += 1
            self.tally.broken += [(name, it) for it in found]
            for it in found:
                self._say(f"{name}: {it.invariant} {it.seen}")
            if self.tally.ways % 20 == 0:
                self._say(f"{self.tally.kills} kills in {self.tally.ways} ways")
