"""The list of runs as rows of text, for views and screen readers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.wording import duration, needs_person, run_share, run_words


class RunTone(StrEnum):
    """How a run's words are tinted; the words say the same."""

    MUTED = "muted"
    OK = "ok"
    WARN = "warn"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the list; `share` is None while nothing is under way or the end is unknown."""

    id: str
    name: str
    words: str
    eta: str
    share: float | None
    tone: RunTone
    cover: Path | None

    @property
    def says(self) -> str:
        """Return the line as a screen reader says it."""
        left = f"{self.eta} left" if self.eta else ""
        return ", ".join(part for part in (self.name, self.words, left) if part)


def row_of(run: Run, cover: Path | None, waits: str = "") -> RunRow:
    """Return a run as a line of the list; `waits` is what it waits for, with the time left."""
    return RunRow(
        id=run.id,
        name=run.plan.name or "Unnamed",
        words=waits or run_words(run),
        eta=eta_words(run),
        share=run_share(run) if run.open else None,
        tone=_tone(run),
        cover=cover,
    )


def eta_words(run: Run) -> str:
    """Return how long a run still takes, or nothing when that is not known."""
    if not run.open or run.eta_seconds is None:
        return ""
    return duration(run.eta_seconds)


def _tone(run: Run) -> RunTone:
    if run.state is RunState.READY:
        return RunTone.OK
    if run.state is RunState.FAILED:
        return RunTone.WARN if needs_person(run) else RunTone.DANGER
    if run.attention or run.state is RunState.UNKNOWN:
        return RunTone.WARN
    return RunTone.MUTED
