"""What all desks share: work goes to the background, trouble and undo come back as signals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.errors import LimitReached, StorageError
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Something that was not sent since it would pass the monthly limit.

    `go_on` asks for it once more, with what a person agreed to, or None under another limit.
    `waits` tells what stays as it is when nobody agrees, "" where that needs no word.
    """

    error: LimitReached
    go_on: Callable[[Agreement | None], object]
    waits: str = ""


class Desk(QObject):
    """A group of things that a person can ask for; lives in the GUI thread.

    `failed` carries an error for the notice bar, `undoable` an `Undoable` for the undo bar, `said`
    a short sentence about what was done. `not_saved` carries the disk's trouble while changes wait
    in memory, `saved()` tells that some are on the disk now, `held_changed()` that `held` is new:
    what keeps everything that costs money from being sent. `over_limit(OverLimit)` asks for a
    person's yes to pass the monthly limit.
    """

    failed = Signal(object)
    undoable = Signal(object)
    said = Signal(str)
    not_saved = Signal(object)
    saved = Signal()
    held_changed = Signal()
    over_limit = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tools = tools
        self._jobs = jobs
        self._again: Callable[[], object] | None = None
        self._unsaved: list[Callable[[], Any]] = []
        self._writing = threading.RLock()
        self.held: StorageError | None = None

    def _run(
        self,
        name: str,
        work: Callable[[JobContext], Any],
        *,
        lane: str,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Any], None] | None = None,
        progress: Callable[[Any], None] | None = None,
        agreeable: Callable[[Agreement | None], object] | None = None,
        waits: str = "",
    ) -> Job:
        """Run work in the background; trouble goes to `failed`, or to the notice bar.

        `agreeable` does the same with a person's yes to pass the monthly limit; see `OverLimit`.
        """
        job = self._jobs.start(name, work, lane=lane)
        if done is not None:
            job.succeeded.connect(done)
        again = partial(
            self._run,
            name,
            work,
            lane=lane,
            done=done,
            failed=failed,
            progress=progress,
            agreeable=agreeable,
            waits=waits,
        )
        tell = failed if failed is not None else partial(self._on_failed_work, again)
        if agreeable is not None:
            tell = partial(self._on_maybe_over_limit, agreeable, waits, tell)
        job.failed.connect(tell)
        if progress is not None:
            job.progressed.connect(progress)
        return job

    def _on_maybe_over_limit(
        self,
        go_on: Callable[[Agreement | None], object],
        waits: str,
        tell: Callable[[Any], None],
        error: object,
    ) -> None:
        """Ask a person where the limit is the trouble, who may not have to click anew."""
        if isinstance(error, LimitReached):
            self.over_limit.emit(OverLimit(error, go_on, waits))
        else:
            tell(error)

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
        self._unsaved.append(partial(write))
        return self._write_out(name)

    def _write_out(self, name: str) -> Job:
        return self._run(
            name,
            self._write_waiting,
            lane="library",
            done=self._on_saved,
            failed=partial(self._on_not_saved, name),
        )

    def _write_waiting(self, _ctx: JobContext) -> None:
        self.finish_saving()

    def _on_saved(self, _nothing: object) -> None:
        self.saved.emit()

    def _on_not_saved(self, name: str, error: object) -> None:
        """Tell that changes wait in memory; what is no trouble of the disk's is told as usual."""
        if isinstance(error, StorageError):
            self.not_saved.emit(error)
        else:
            self._on_failed_work(partial(self._write_out, name), error)

    def unsaved(self) -> int:
        """Return how many changes are not on the disk yet."""
        return len(self._unsaved)

    def save_again(self) -> None:
        """Write what waits, now that there may be room."""
        self._write_out("Save again")

    def finish_saving(self) -> None:
        """Write, in order, what still waits for its turn; also at the end, when no job starts more.

        What the disk does not take stays first in the line, so that no later change overtakes it.
        """
        with self._writing:
            while self._unsaved:
                try:
                    self._unsaved[0]()
                except StorageError:
                    raise
                except Exception:
                    self._unsaved.pop(0)
                    raise
                self._unsaved.pop(0)

    def hold_launches(self, error: StorageError | None) -> None:
        """Refuse what costs money while the disk cannot keep that it was sent; None: go on."""
        changed = type(self.held) is not type(error)
        self.held = error
        if changed:
            self.held_changed.emit()

    def _may_launch(self) -> bool:
        """Tell whether a launch may begin; says in words why not."""
        if self.held is not None:
            self._tell_only(self.held)
        return self.held is None
