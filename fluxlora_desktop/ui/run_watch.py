"""Tells the window's frame of runs: the badge and line in the sidebar, a word when one ends."""

from __future__ import annotations

from PySide6.QtCore import QObject

from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.notices import Action, Notice, Tone
from fluxlora_desktop.ui.window import MainWindow
from fluxlora_desktop.ui.wording import needs_person, plural, run_share


class RunWatch(QObject):
    """Lives as long as the window.

    What went on while the app was closed is told at once and stays until it is read; what ends
    while somebody is here is a short word.
    """

    def __init__(self, *, runs: RunDesk, window: MainWindow) -> None:
        super().__init__(window)
        self._runs, self._window = runs, window
        self._left_open: frozenset[str] | None = None
        self._ended: list[Run] = []
        runs.listed.connect(self._on_listed)
        runs.changed.connect(self._on_runs)
        runs.ended.connect(self._on_ended)

    def _on_listed(self) -> None:
        if self._left_open is None:
            self._left_open = frozenset(run.id for run in self._runs.runs() if run.open)
        self._on_runs()

    def _on_runs(self, _run: object = None) -> None:
        shares = [run_share(run) or 0.0 for run in self._runs.runs() if run.open]
        self._window.sidebar.show_runs(len(shares), max(shares, default=0.0))

    def _on_ended(self, run: Run) -> None:
        if run.id in (self._left_open or ()):
            self._ended.append(run)
            self._window.notices.tell(self._notice())
        elif self._window.place() != "runs" or run.state is RunState.READY:
            self._window.notices.say(end_words(run))

    def _notice(self) -> Notice:
        """Return what happened to the runs that the last start left open."""
        *_, last = self._ended
        if len(self._ended) == 1:
            title, button = end_words(last), "Show it"
        else:
            title = f"{plural(len(self._ended), 'training')} ended. {end_words(last)}"
            button = "Show them"
        fine = all(run.state is RunState.READY for run in self._ended)
        tone = Tone.OK if fine else Tone.INFO
        body = "It was under way when the app was opened."
        return Notice(title, body, tone, Action.RUNS, button, last.id)


def end_words(run: Run) -> str:
    """Return how a run ended, in a sentence."""
    if run.state is RunState.CANCELLED:
        return f"{run.plan.name} was cancelled."
    if needs_person(run):
        return f"{run.plan.name} needs you. Runs says why and what to do."
    if run.state is RunState.FAILED:
        return f"{run.plan.name} failed. Runs says why and what to do."
    if run.huggingface_status == "failed":
        return f"{run.plan.name} is trained, not yet on the hub."
    return f"{run.plan.name} is ready."
