"""The desk of the ai-toolkit that a person has on this computer: look at it, keep it, forget it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.checkout import Checkout, CheckoutFinder
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.settings.preferences import CheckoutChoice
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.tools import Tools


class CheckoutDesk(Desk):
    """Looks at a folder with its Python, in the background, and keeps what can be used.

    `looking(bool)` while it does, `changed()` when another checkout counts, or none does,
    `refused(InputError)` when the folder or the Python cannot be used; its `field` names which.
    """

    looking = Signal(bool)
    changed = Signal()
    refused = Signal(object)

    def __init__(
        self,
        tools: Tools,
        jobs: JobRunner,
        finder: CheckoutFinder,
        choice: CheckoutChoice,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._finder, self._choice = finder, choice
        self._job: Job | None = None

    @property
    def checkout(self) -> Checkout | None:
        """Return the checkout that counts now."""
        return self._choice.checkout

    def look(self, folder: str, python: str) -> None:
        """Look at a folder, and keep it when it can be used; "" takes the Python inside it."""
        if self._job is not None:
            return
        place = Path(folder.strip()).expanduser()
        own = Path(python.strip()).expanduser() if python.strip() else None
        self._job = self._run(
            "Look at ai-toolkit",
            partial(self._look, place, own),
            lane="disk",
            done=self._on_found,
            failed=self._on_refused,
        )
        self._job.finished.connect(self._on_finished)
        self.looking.emit(True)

    def _look(self, folder: Path, python: Path | None, ctx: JobContext) -> Checkout:
        if not folder.is_absolute():
            raise InputError("folder", "Choose the folder of your ai-toolkit.")
        return self._finder.look(folder, python, ctx)

    def stop(self) -> None:
        """Stop looking; what counted before still does."""
        if self._job is not None:
            self._job.cancel()

    def forget(self) -> None:
        """Let no checkout count; the folder itself stays as it is."""
        kept = self.checkout
        if kept is None:
            return
        self._set(None)
        self.undoable.emit(Undoable("ai-toolkit is forgotten", partial(self._set, kept)))

    def _set(self, checkout: Checkout | None) -> None:
        self._choice.set_checkout(checkout)
        self.changed.emit()

    def _on_found(self, checkout: object) -> None:
        assert isinstance(checkout, Checkout)
        self._set(checkout)

    def _on_refused(self, error: object) -> None:
        if isinstance(error, InputError):
            self.refused.emit(error)
        else:
            self._tell_only(error)

    def _on_finished(self) -> None:
        self._job = None
        self.looking.emit(False)
