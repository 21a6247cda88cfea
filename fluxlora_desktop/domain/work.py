"""What background work sees of the outside: its owner, the time, bytes on the move.

Apart from `ports.py`, so that starting the window does not import every value of the app.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class JobContext(Protocol):
    """What background work may do to the outside."""

    def report(self, event: object) -> None:
        """Tell the owner something; a frozen value."""

    def check(self) -> None:
        """Raise `JobCancelled` when the owner asked to stop."""

    def pause(self, seconds: float) -> None:
        """Wait, waking up at once with `JobCancelled` when the owner asks to stop."""


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """Return the time of day in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A service asked to wait before a request that costs nothing is made again, in seconds."""

    service: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepsDone:
    """How far a piece of work is: `done` steps of `total`, 0 while none can be counted.

    `says` is what is done meanwhile, as the beginning of a sentence.
    """

    done: int = 0
    total: int = 0
    says: str = ""


@dataclass(frozen=True, slots=True)
class Transferred:
    """Progress of bytes: what is being moved, how many so far, of how many (0: unknown)."""

    what: str
    done: int
    total: int
