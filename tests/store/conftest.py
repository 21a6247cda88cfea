from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fluxlora_desktop.domain.datasets import Photo, PhotoFacts
from fluxlora_desktop.domain.ports import Stores
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.store.library import Library, open_library


class SteppingClock:
    """A clock that goes on by one second whenever it is asked."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


class Shelf:
    """A data folder whose library can be closed and opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SteppingClock()
        self.library: Library = open_library(folder, clock=self.clock)

    @property
    def stores(self) -> Stores:
        return self.library.stores

    def reopen(self) -> Stores:
        self.library.close()
        self.library = open_library(self.folder, clock=self.clock)
        return self.library.stores

    def draft(self, plan: RunPlan | None = None) -> Run:
        dataset = self.stores.datasets.create()
        return self.stores.runs.create(dataset.id, plan or RunPlan(name="Fox"))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "data")
    yield made
    made.library.close()


def photo(letter: str, dhash: int = 7) -> Photo:
    facts = PhotoFacts("JPEG", 1024, 768, letter * 64, dhash, 80.5, 0.01, 0.6, ("was upside down",))
    return Photo(letter * 64, f"{letter}.jpg", 1234, facts)
