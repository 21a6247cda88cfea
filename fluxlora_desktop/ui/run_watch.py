"""Tells the window's frame of runs: the badge and line in the sidebar, a word when one ends."""

from __future__ import annotations

from PySide6.QtCore import QObject

from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.window import MainWindow
from fluxlora_desktop.ui.wording import run_share


class RunWatch(QObject):
    """Lives as long as the window."""

    def __init__(self, *, runs: RunDesk, window: MainWindow) -> None:
        super().__init__(window)
        self._runs, self._window = runs, window
        runs.listed.connect(self._on_runs)
        runs.changed.connect(self._on_runs)
        runs.ended.connect(self._on_ended)

    def _on_runs(self, _run: object = None) -> None:
        shares = [run_share(run) or 0.0 for run in self._runs.runs() if run.open]
        self._window.sidebar.show_runs(len(shares), max(shares, default=0.0))

    def _on_ended(self, run: Run) -> None:
        words = {
            RunState.READY: f"{run.plan.name} is ready.",
            RunState.FAILED: f"{run.plan.name} failed. Runs says why and what to do.",
            RunState.CANCELLED: f"{run.plan.name} was cancelled.",
        }
        if self._window.place() != "runs" or run.state is RunState.READY:
            self._window.notices.say(words[run.state])
