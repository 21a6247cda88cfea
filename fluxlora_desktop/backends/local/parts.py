"""What the app hands to the backends of this computer: folders, the engine, and a few questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fluxlora_desktop.domain.checkout import Checkout
from fluxlora_desktop.domain.secrets import Secret


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a training takes here: seconds before the first step, for each step, and how sure.

    `spread` widens both ends: 0.3 means from 0.7 to 1.3 times. `basis` says where it comes from.
    """

    start_seconds: float
    seconds_per_step: float
    spread: float
    basis: str


class LocalEngine(Protocol):
    """The environment that trains here; every method answers at once, from what is known."""

    def not_ready(self, base: str = "") -> str:
        """Return why nothing can be trained here now, in a sentence, "" when it can.

        `base` is the key of a base model, "" for any.
        """

    def python(self) -> Path:
        """Return the interpreter that runs the trainer.

        Raises `EngineAbsent`, `EngineBusy` while the engine is being changed.
        """

    def gpus(self, base: str = "") -> tuple[int, ...]:
        """Return the numbers of the GPUs that have room for a base, or for any; at least one.

        The largest come first. Each does one thing at a time.
        """

    def pace(self, base: str, steps: int, resolution: str) -> Pace | None:
        """Return how long a training would take, None where the computer was not measured."""


def _no_token() -> Secret | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalParts:
    """Where the backends of this computer work, and whom they ask.

    `folder` is the engine's: jobs lie in `jobs/`, base models in `models/`. `trainer` is the folder
    of the training program. `environment` returns the app's own variables without tokens;
    `hub_token` is given to the trainer alone. `model_folder` returns a local folder for a base, ""
    to take it from the hub. `checkout` returns the ai-toolkit that a person has here, None while
    there is none. `ask_before` is told whom to ask before the engine is
    changed: see `engine.LocalEngine`.
    """

    folder: Path
    trainer: Path
    engine: LocalEngine
    environment: Callable[[], Mapping[str, str]]
    hub_token: Callable[[], Secret | None] = _no_token
    model_folder: Callable[[str], str] = field(default=lambda _base: "")
    checkout: Callable[[], Checkout | None] = field(default=lambda: None)
    ask_before: Callable[[Callable[[], bool]], None] = field(default=lambda _lets_go: None)

    @property
    def jobs(self) -> Path:
        """Return the folder of all jobs."""
        return self.folder / "jobs"

    @property
    def models(self) -> Path:
        """Return the folder of the base models, the hub's cache."""
        return self.folder / "models"
