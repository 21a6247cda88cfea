"""Keeps the computer awake while something trains on it and the app is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Slot

from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.training import STANDS_STILL
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.runs import RunDesk


class StaysAwake(Protocol):
    """What holds the computer awake."""

    wants_gui_thread: bool

    @property
    def wanted(self) -> bool:
        """Tell what was asked for last."""

    def want(self, awake: bool) -> None:
        """Say whether the computer shall stay awake."""

    def apply(self) -> None:
        """See to it; may take a moment."""


class AwakeWatch(QObject):
    """Watches the runs; `allowed` is a person's choice, asked at each change."""

    def __init__(
        self,
        *,
        runs: RunDesk,
        jobs: JobRunner,
        awake: StaysAwake,
        allowed: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runs, self._jobs, self._awake, self._allowed = runs, jobs, awake, allowed
        runs.listed.connect(self.look)
        runs.changed.connect(self.look)
        self.look()

    @Slot()
    def look(self, _run: object = None) -> None:
        """Ask for what the runs and the choice want now."""
        wanted = self._allowed() and any(map(self._trains_here, self._runs.runs()))
        if wanted is self._awake.wanted:
            return
        self._awake.want(wanted)
        if self._awake.wants_gui_thread:
            self._awake.apply()
        else:
            self._jobs.start("Stay awake", lambda _ctx: self._awake.apply(), lane="disk")

    def _trains_here(self, run: Run) -> bool:
        if run.state is not RunState.TRAINING or run.stage in STANDS_STILL:
            return False
        try:
            backend = self._runs.tools.services.trainer(run.external_training_service or "")
        except KeyError:
            return False
        return backend.abilities().runs_here
