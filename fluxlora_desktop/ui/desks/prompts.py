"""The prompts desk: the history, what was saved under a name, and the wildcards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.kept_prompts import KeptPrompt
from fluxlora_desktop.domain.prompts import NO_WILDCARDS, Wildcards
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.prompts import read_wildcards, save_prompt
from fluxlora_desktop.workflows.tools import Tools


class PromptDesk(Desk):
    """Holds `prompts`, the one used last first, and `wildcards` as they were read last.

    `listed(tuple of KeptPrompt)` after every change, `wildcards_changed()` when the files say
    something else.
    """

    listed = Signal(object)
    wildcards_changed = Signal()

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self.prompts: tuple[KeptPrompt, ...] = ()
        self.wildcards: Wildcards = NO_WILDCARDS
        self._reading = False

    def load(self) -> None:
        """Read the prompts of the library."""
        self._change(lambda: None)

    def save(self, text: str, name: str) -> None:
        """Keep a prompt under a name, in place of the one that it had."""
        self._change(lambda: f"Saved as {save_prompt(text, name, self.tools).name}.")

    def remove(self, prompt: KeptPrompt) -> None:
        """Take a prompt away; the bar offers to bring it back."""
        self._change(partial(self.tools.stores.prompts.remove, prompt.text))
        says = f"{prompt.name or 'A prompt of the history'} was deleted."
        back = partial(self._change, partial(self._put, prompt))
        self.undoable.emit(Undoable(says, back))

    def _put(self, prompt: KeptPrompt) -> None:
        self.tools.stores.prompts.put(prompt)

    def _change(self, work: Callable[[], str | None]) -> None:
        def change(_ctx: object) -> tuple[str | None, tuple[KeptPrompt, ...]]:
            return work(), self.tools.stores.prompts.all()

        self._run("Prompts", change, lane="library", done=self._on_changed)

    def _on_changed(self, changed: tuple[str | None, tuple[KeptPrompt, ...]]) -> None:
        says, self.prompts = changed
        self.listed.emit(self.prompts)
        if says:
            self.said.emit(says)

    def wildcards_folder(self) -> Path:
        """Return the folder whose text files are the wildcards."""
        return self.tools.stores.files.wildcards()

    def read_wildcards(self) -> None:
        """Read the wildcards again, unless that is under way."""
        if self._reading:
            return
        self._reading = True
        job = self._run(
            "Read wildcards",
            lambda _ctx: read_wildcards(self.tools),
            lane="disk",
            done=self._on_wildcards,
            failed=_leave_as_known,
        )
        job.finished.connect(self._on_read)

    def _on_wildcards(self, wildcards: Wildcards) -> None:
        if wildcards != self.wildcards:
            self.wildcards = wildcards
            self.wildcards_changed.emit()

    def _on_read(self) -> None:
        self._reading = False


def _leave_as_known(error: object) -> None:
    """Leave the wildcards as known when the disk cannot be read: an order says so in words."""
    if isinstance(error, BaseException) and not isinstance(error, AppError):
        raise error
