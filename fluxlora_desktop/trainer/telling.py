"""What is told of a step, once its loss is ready: how far it is, how good, how fast."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .events import EventLog
from .exits import BadInput
from .families.base import Tensor


class StepTeller:
    """Tells each step while the next one is computed: the GPU need not be awaited for its loss.

    `memory` returns the most bytes that were in use.
    """

    def __init__(self, events: EventLog, steps: int, memory: Callable[[], int]) -> None:
        self._events = events
        self._steps = steps
        self._memory = memory
        self._untold: tuple[int, Tensor, float] | None = None
        self._began = 0.0
        self._pace = 0.0

    def begin(self) -> None:
        """Measure from here: what lies between two steps, such as samples, is no part of one."""
        self._began = time.monotonic()

    def note(self, step: int, loss: Tensor, rate: float) -> None:
        """Take a step that was just sent on its way, and tell the one before it."""
        self.tell()
        self._untold = (step, loss, rate)
        now = time.monotonic()
        took, self._began = now - self._began, now
        self._pace = 0.9 * self._pace + 0.1 * took if self._pace else took

    def tell(self) -> None:
        """Tell the last step now; raises `BadInput` when the training has run away."""
        if self._untold is None:
            return
        (step, loss, rate), self._untold = self._untold, None
        value = float(loss)
        if not math.isfinite(value):
            raise ran_away(step)
        self._events.tell(
            "step",
            step=step,
            of=self._steps,
            loss=round(value, 6),
            lr=rate,
            s_per_step=round(self._pace, 4),
            memory_bytes=self._memory(),
        )


def ran_away(step: int) -> BadInput:
    """Return what ends a training that learns no numbers any more."""
    return BadInput(
        f"The training ran away at step {step}: what it learnt are no numbers any more.",
        "Set learning_rate lower; the last checkpoint is kept.",
    )
