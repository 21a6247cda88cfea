"""Photos and contexts that the imaging tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fluxlora_desktop.domain.errors import JobCancelled


@dataclass
class RecordingContext:
    """Keeps what was reported; cancels at the given check."""

    cancel_at: int = 1_000_000
    events: list[object] = field(default_factory=list)
    checks: int = 0

    def report(self, event: object) -> None:
        self.events.append(event)

    def check(self) -> None:
        self.checks += 1
        if self.checks >= self.cancel_at:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        self.check()


@pytest.fixture
def context() -> RecordingContext:
    return RecordingContext()


@pytest.fixture
def scene() -> Callable[..., Image.Image]:
    """Return a painter of detailed pictures; another seed gives another picture."""

    def paint(width: int = 1200, height: int = 900, seed: int = 1) -> Image.Image:
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(30, 226, (12, 16, 3), dtype=np.uint8))
        large = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        grain = rng.integers(-14, 15, (height, width, 1))
        return Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))

    return paint


@pytest.fixture
def save_photo(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves a picture in the folder of the test."""

    def save(image: Image.Image, name: str, **options: object) -> Path:
        path = tmp_path / name
        image.save(path, **options)
        return path

    return save
