"""The end of a wait that a service asked for, ticking down; no I/O, and no trust in the calendar.

How long is left is read off the wall clock once, when a wait is first seen; from then on the
monotonic clock counts, so that a clock that is set forth or back changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from PySide6.QtCore import QObject, QTimer, Signal

from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.domain.work import Clock
from fluxlora_desktop.workflows.follow import LONGEST_WAIT

_TICK_MS = 1000
_ASKS = "asks to wait."


class Countdown(QObject):
    """Knows how long each run still waits; `ticked()` each second while one does.

    It ticks only while `watch` was told of a run that waits, and not while it is `paused`.
    """

    ticked = Signal()

    def __init__(self, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._ends: dict[str, tuple[datetime, float]] = {}
        self._seen = False
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._on_tick)

    @property
    def ticking(self) -> bool:
        """Tell whether the timer runs."""
        return self._timer.isActive()

    def watch(self, runs: Iterable[Run]) -> None:
        """Keep the ends of these runs' waits, and forget all others."""
        before, self._ends = self._ends, {}
        for run in runs:
            until = run.wait_until
            if until is None or not run.open:
                continue
            known = before.get(run.id)
            if known is None or known[0] != until:
                known = until, self._clock.monotonic() + self._span(until)
            self._ends[run.id] = known
        self._run_timer()

    def pause(self, paused: bool) -> None:
        """Stop ticking while nobody looks."""
        self._seen = not paused
        self._run_timer()

    def left(self, run: Run) -> int:
        """Return the whole seconds that a run still waits: from 0 to the longest wait."""
        known = self._ends.get(run.id)
        if known is None or known[0] != run.wait_until:
            return 0
        return max(0, min(math.ceil(known[1] - self._clock.monotonic()), int(LONGEST_WAIT)))

    def words(self, run: Run) -> str:
        """Return what a run waits for, with the time that is left where it waits for a time."""
        left, says = self.left(run), run.attention
        if not left:
            return says
        if says.endswith(_ASKS):
            return f"{says.removesuffix('.')} {clock_words(left)}"
        return f"{says} Trying again in {clock_words(left)}."

    def short_words(self, run: Run) -> str:
        """Return the time that is left for a line of the list, "" where nothing is waited for."""
        left = self.left(run)
        if not left:
            return ""
        last = self.words(run).rpartition(". ")[2]
        return last.removesuffix(".")

    def _span(self, until: datetime) -> float:
        return max(0.0, min((until - self._clock.now()).total_seconds(), LONGEST_WAIT))

    def _run_timer(self) -> None:
        now = self._clock.monotonic()
        waits = self._seen and any(end > now for _until, end in self._ends.values())
        if waits and not self._timer.isActive():
            self._timer.start()
        elif not waits:
            self._timer.stop()

    def _on_tick(self) -> None:
        self.ticked.emit()
        self._run_timer()


def clock_words(seconds: int) -> str:
    """Return seconds as minutes and seconds."""
    return f"{seconds // 60}:{seconds % 60:02d}"
