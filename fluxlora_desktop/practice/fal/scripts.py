"""What a test wants the next training to become."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FalScript:
    """The course of one training; the default one succeeds. Seconds are those of a real one."""

    outcome: Literal["succeeded", "failed"] = "succeeded"
    error: str = "CUDA out of memory. Tried to allocate 2.00 GiB"
    """The message of a failure."""
    fails_after: float = 0.5
    """The part of the steps, 0 to 1, after which it fails."""
    queue_seconds: float | None = None
    """How long it waits in the queue."""
    run_seconds: float | None = None
    """How long its run would take to the end."""
