"""What a test wants the next trainings to become."""

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
