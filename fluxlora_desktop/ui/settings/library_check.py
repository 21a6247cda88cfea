"""Settings: look whether everything in the library fits together, and mend what can be mended."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout

from fluxlora_desktop.domain.library import FilesLookedAt, Inconsistency, TakenIn
from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.remarks import notice_of_taken, words_of
from fluxlora_desktop.ui.widgets import Card, Symbol, button, clear, column, label, row
from fluxlora_desktop.ui.wording import plural

_SHOWN = 6
_SAYS = "Compares every entry with its file, byte for byte. It changes nothing."


class LibraryCheckCard(Card):
    """Runs a check in the background and shows what it found.

    `check` and `take_in` run in a job's thread; `taken()` when files came back into rows.
    """

    taken = Signal()

    def __init__(
        self,
        *,
        jobs: JobRunner,
        check: Callable[[JobContext], tuple[Inconsistency, ...]],
        take_in: Callable[[JobContext], TakenIn],
    ) -> None:
        super().__init__()
        self.setObjectName("library_check")
        self._jobs, self._check, self._take_in = jobs, check, take_in
        self._found: tuple[Inconsistency, ...] = ()
        self.result = label("", wrap=True)
        self._lines = column(spacing=8)
        self.check_button = button("Check the library", self._on_check)
        self.mend_button = button("Take in what lies on the disk", self._on_take_in)
        self.copy_button = button("Copy", self._copy, role="quiet", symbol="copy")
        self.copy_button.setAccessibleName("Copy what was found")
        self.body.addWidget(label("Check", "section"))
        self.body.addWidget(label(_SAYS, "muted", wrap=True))
        self.body.addWidget(self.result)
        self.body.addLayout(self._lines)
        self.body.addLayout(
            row(self.check_button, self.mend_button, self.copy_button, None, spacing=8)
        )
        self.result.hide()
        self.mend_button.hide()
        self.copy_button.hide()

    def _on_check(self) -> None:
        self._begin("Checking…")
        job = self._jobs.start("Check library", self._check, lane="disk")
        job.succeeded.connect(self._show)
        job.failed.connect(self._on_failed)

    def _begin(self, words: str) -> None:
        self._say(words)
        clear(self._lines)
        for part in (self.check_button, self.mend_button, self.copy_button):
            part.setEnabled(False)

    def _say(self, words: str) -> None:
        self.result.setText(words)
        self.result.show()

    def _end(self) -> None:
        for part in (self.check_button, self.mend_button, self.copy_button):
            part.setEnabled(True)
        self.mend_button.setVisible(bool(self._found))
        self.copy_button.setVisible(bool(self._found))

    def _show(self, found: tuple[Inconsistency, ...]) -> None:
        self._found = found
        grave = sum(not finding.harmless for finding in found)
        if not found:
            self._say("Everything fits together.")
        elif not grave:
            self._say(f"{plural(len(found), 'remark')}, all harmless.")
        else:
            self._say(f"{plural(grave, 'thing')} to look at, {len(found) - grave} harmless.")
        for finding in found[:_SHOWN]:
            self._lines.addLayout(_line(finding))
        if len(found) > _SHOWN:
            more = f"and {len(found) - _SHOWN:,} more; Copy takes them all"
            self._lines.addWidget(label(more, "caption"))
        self._end()

    def _on_failed(self, error: object) -> None:
        self._found = ()
        self._say(f"The check could not be made: {error}")
        self._end()

    def _on_take_in(self) -> None:
        self._begin("Looking at the files…")
        job = self._jobs.start("Take in files", self._take_in, lane="library")
        job.progressed.connect(self._on_progress)
        job.succeeded.connect(self._on_taken)
        job.failed.connect(self._on_failed)

    def _on_progress(self, event: object) -> None:
        if isinstance(event, FilesLookedAt):
            self._say(words_of(event))

    def _on_taken(self, taken: TakenIn) -> None:
        self._found = ()
        self._say(notice_of_taken(taken).body)
        self.taken.emit()
        self._end()

    def _copy(self) -> None:
        lines = (f"{found.what}: {found.says} {found.mend}" for found in self._found)
        QGuiApplication.clipboard().setText("\n".join(lines))


def _line(finding: Inconsistency) -> QHBoxLayout:
    """Return a finding as a symbol with what it is and what mends it."""
    symbol, tint = ("info", "muted") if finding.harmless else ("warning", "warn")
    words = column(
        label(finding.says, wrap=True), label(finding.mend, "caption", wrap=True), spacing=2
    )
    mark = Symbol(symbol, tint, 18)
    made = row(mark, words, spacing=10)
    made.setStretch(1, 1)
    made.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
    return made
