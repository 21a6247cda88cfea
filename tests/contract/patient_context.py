"""A context for background work that keeps what was reported and never waits."""

from __future__ import annotations

from fluxlora_desktop.domain.errors import JobCancelled


class PatientContext:
    def __init__(self) -> None:
        self.events: list[object] = []
        self.pauses: list[float] = []
        self.cancelled = False

    def report(self, event: object) -> None:
        self.events.append(event)

    def check(self) -> None:
        if self.cancelled:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        self.check()
        self.pauses.append(seconds)
