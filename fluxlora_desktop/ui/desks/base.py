"""What all desks share: work goes to the background, trouble and undo come back as signals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.workflows.tools import Tools


class Desk(QObject):
    """A group of things that a person can ask for; lives in the GUI thread.

    `failed` carries an error for the notice bar, `undoable` an `Undoable` for the undo bar, `said`
    a short sentence about what was done.
    """

    failed = Signal(object)
    undoable = Signal(object)
    said = Signal(str)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tools = tools
        self._jobs = jobs
        self._again: Callable[[], object] | None = None
        self._unsaved: list[Callable[[], Any]] = []

    def _run(
        self,
        name: str,
        work: Callable[[JobContext], Any],
        *,
        lane: str,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Any], None] | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> Job:
        """Run work in the background; trouble goes to `failed`, or to the notice bar."""
        job = self._jobs.start(name, work, lane=lane)
        if done is not None:
            job.succeeded.connect(done)
        again = partial(
            self._run, name, work, lane=lane, done=done, failed=failed, progress=progress
        )
        job.failed.connect(failed if failed is not None else partial(self._on_failed_work, again))
        if progress is not None:
            job.progressed.connect(progress)
        return job

    def _on_failed_work(self, again: Callable[[], object], error: object) -> None:
        """Tell of trouble, and remember what a person may want to try again."""
        self._again = again
        self.failed.emit(error)

    def _tell_only(self, error: object) -> None:
        """Tell of trouble with work that is not to be done again by a click on the bar."""
        self._again = None
        self.failed.emit(error)

    def retry(self) -> None:
        """Do again what failed last, once; nothing that was sent and may be paid is among it."""
        again, self._again = self._again, None
        if again is not None:
            again()

    def _save(self, name: str, write: Callable[[], Any]) -> Job:
        """Write to the library in order, in its one lane; `finish_saving` writes what was not."""
        once = partial(write)
        self._unsaved.append(once)
        return self._run(name, partial(self._write, once), lane="library")

    def _write(self, write: Callable[[], Any], _ctx: JobContext) -> Any:
        if write in self._unsaved:
            self._unsaved.remove(write)
        return write()

    def finish_saving(self) -> None:
        """Write, in order, what still waits for its turn; for the end, when no job starts more."""
        while self._unsaved:
            self._unsaved.pop(0)()
