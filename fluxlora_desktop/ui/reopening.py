"""What follows when the library did not open: the page in words, and the way a person chooses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from fluxlora_desktop.domain.errors import AppError, DamagedLibrary
from fluxlora_desktop.domain.library import Backup, LibraryCare
from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.not_open import NotOpenPage, Way, trouble_for
from fluxlora_desktop.ui.window import MainWindow


class Reopening(QObject):
    """Shows why the library is not open, mends it by a click, and opens it again.

    `care` is asked in the background only; `reopen` begins the opening anew.
    """

    def __init__(
        self,
        *,
        window: MainWindow,
        jobs: JobRunner,
        care: Callable[[], LibraryCare],
        folder: Path,
        reopen: Callable[[], object],
    ) -> None:
        super().__init__(window)
        self._window, self._jobs = window, jobs
        self._care, self._folder, self._reopen = care, folder, reopen
        self.page: NotOpenPage | None = None

    def show(self, error: object) -> None:
        """Say why the library is not open; a bug of the app goes to the notice bar."""
        if not isinstance(error, AppError):
            self._window.notices.show_error(error)
            self._window.say_not_open()
        elif isinstance(error, DamagedLibrary):
            self._window.say_opening("Looking for a good backup…")
            job = self._start("Look for a backup", lambda care: care.newest_backup())
            job.succeeded.connect(partial(self._show, error))
            job.failed.connect(lambda _trouble: self._show(error, None))
        else:
            self._show(error, None)

    def _show(self, error: AppError, backup: Backup | None) -> None:
        self.page = NotOpenPage(trouble_for(error, self._folder, backup))
        self.page.chosen.connect(partial(self._on_chosen, backup))
        self.page.reveal_requested.connect(self._window.reveal_requested)
        self._window.show_in_the_middle(self.page)
        self.page.act.setFocus()

    def _on_chosen(self, backup: Backup | None, way: Way) -> None:
        self._window.notices.clear()
        if way is Way.RETRY:
            self._open_again()
            return
        assert self.page is not None
        self.page.say_working("Restoring…" if way is Way.RESTORE else "Starting anew…")
        if way is Way.RESTORE and backup is not None:
            job = self._start("Restore backup", lambda care: care.restore(backup))
        else:
            job = self._start("Start new library", lambda care: care.start_anew())
        job.succeeded.connect(self._on_mended)
        job.failed.connect(self._on_not_mended)

    def _on_mended(self, _aside: object) -> None:
        self._open_again()

    def _open_again(self) -> None:
        self._window.say_opening()
        self._reopen()

    def _on_not_mended(self, error: object) -> None:
        """Keep the page: the damaged library is where it was."""
        self._window.notices.show_error(error)
        if self.page is not None:
            self.page.rest()

    def _start(self, name: str, ask: Callable[[LibraryCare], Any]) -> Any:
        def work(_ctx: JobContext) -> Any:
            return ask(self._care())

        return self._jobs.start(name, work, lane="library")
