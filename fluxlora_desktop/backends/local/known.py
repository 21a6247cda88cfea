"""What was learned of the engine last: it answers at once, to any thread, without a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fluxlora_desktop.backends.local.parts import Pace

NOT_SET_UP = "This computer is not set up for training yet."


@dataclass(frozen=True, slots=True)
class Known:
    """One look at the engine.

    `python` is None and `reason` says why while nothing can be started. `refusals` say by base why
    it cannot be trained here, `paces` how long the others take.
    """

    python: Path | None = None
    reason: str = NOT_SET_UP
    gpus: int = 1
    refusals: Mapping[str, str] = field(default_factory=dict)
    paces: Mapping[str, Pace] = field(default_factory=dict)


class KnownEngine:
    """Fills `LocalEngine`; whoever looks at the engine tells it what was seen, by `learn`."""

    def __init__(self, known: Known | None = None) -> None:
        self._known = known or Known()

    def learn(self, known: Known) -> None:
        """Take over what was seen last."""
        self._known = known

    def not_ready(self, base: str = "") -> str:
        """Return why nothing, or not this base, can be trained here now; "" when it can."""
        known = self._known
        if known.python is None:
            return known.reason or NOT_SET_UP
        return known.refusals.get(base, "")

    def python(self) -> Path:
        """Return the interpreter that runs the trainer; one that is not there fails to start."""
        return self._known.python or Path("python-of-the-engine")

    def gpus(self) -> int:
        """Return how many trainings may run at once."""
        return max(1, self._known.gpus)

    def pace(self, base: str, steps: int, resolution: str) -> Pace | None:
        """Return how long a training would take, None where that was not reckoned."""
        return self._known.paces.get(base)
