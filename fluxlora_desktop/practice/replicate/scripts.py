"""What a test wants the next trainings to become."""

import threading
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TrainingScript:
    """The course of one training; the default one succeeds."""

    outcome: Literal["succeeded", "failed", "aborted"] = "succeeded"
    error: str = "CUDA out of memory. Tried to allocate 2.00 GiB"
    """The message of a failure."""
    fails_after: float = 0.5
    """The part of the steps, 0 to 1, after which it fails."""
    nan_loss_from_step: int | None = None
    output_missing: bool = False
    """It succeeds, but its output stays null, which happened at the real service."""
    queue_seconds: float | None = None
    """How long it waits in the queue, in seconds of a real one."""


class TrainingScripts:
    """The scripts that wait for trainings, in order; may be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[TrainingScript] = []

    def add(self, script: TrainingScript) -> None:
        """Let the next training that no other script waits for go like this."""
        with self._lock:
            self._waiting.append(script)

    def take(self) -> TrainingScript:
        """Return and forget the next script; the one of a success when none waits."""
        with self._lock:
            return self._waiting.pop(0) if self._waiting else TrainingScript()

    def reset(self) -> None:
        """Forget the scripts that no training has taken."""
        with self._lock:
            self._waiting.clear()
