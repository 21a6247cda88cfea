"""While the disk takes no changes: a bar that stays, nothing is launched, and it heals by itself.

What was changed meanwhile is kept in memory by the desks, in order, and written when there is room.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from fluxlora_desktop.domain.errors import AccessDenied, DiskFull, StorageError
from fluxlora_desktop.domain.library import NEEDED_ROOM
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.save_bar import SaveBar
from fluxlora_desktop.ui.units import file_size

LOOK_MS = 5000


class SavingWatch(QObject):
    """Joins the desks to the bar; lives as long as the session.

    `needed` is the room in bytes from which on changes count as safe again. The disk is looked at
    in the background, every five seconds, and only while there is trouble.
    """

    healed = Signal()

    def __init__(
        self,
        *,
        desks: Iterable[Desk],
        files: Files,
        jobs: JobRunner,
        bar: SaveBar,
        needed: int = NEEDED_ROOM,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._desks, self._files, self._jobs, self._bar = tuple(desks), files, jobs, bar
        self._needed = needed
        self.trouble: StorageError | None = None
        self._looking = False
        self._again = QTimer(self, interval=LOOK_MS)
        self._again.timeout.connect(self.look)
        bar.retry_requested.connect(self.look)
        for desk in self._desks:
            desk.not_saved.connect(self._on_not_saved)
            desk.saved.connect(self._on_saved)

    def takes(self, error: object) -> bool:
        """Take trouble with the library's own disk, and say whether it was that."""
        full = isinstance(error, DiskFull | AccessDenied)
        if not full or not _is_inside(error, self._files.root):
            return False
        self._on_not_saved(error)
        return True

    def _on_not_saved(self, error: object) -> None:
        assert isinstance(error, StorageError)
        self.trouble = error
        waiting = sum(desk.unsaved() for desk in self._desks)
        title, body = words_for(error, self._needed, waiting)
        self._bar.say(title, body, waiting=waiting)
        for desk in self._desks:
            desk.hold_launches(error)
        self._again.start()

    def look(self) -> None:
        """Try what waits, or whether a file can be written; a job, never two at once."""
        if self.trouble is None or self._looking:
            return
        self._looking = True
        job = self._jobs.start("Look for room", self._look, lane="disk")
        job.succeeded.connect(self._on_room)
        job.failed.connect(self._on_no_room)
        job.finished.connect(self._on_looked)

    def _look(self, _ctx: JobContext) -> None:
        self._files.require_room(self._needed)

    def _on_looked(self) -> None:
        self._looking = False

    def _on_no_room(self, error: object) -> None:
        if isinstance(error, StorageError):
            self._on_not_saved(error)

    def _on_room(self, _nothing: object) -> None:
        waiting = [desk for desk in self._desks if desk.unsaved()]
        for desk in waiting:
            desk.save_again()
        if not waiting:
            self._heal()

    def _on_saved(self) -> None:
        if self.trouble is not None and not any(desk.unsaved() for desk in self._desks):
            self._heal()

    def _heal(self) -> None:
        self.trouble = None
        self._again.stop()
        self._bar.clear()
        for desk in self._desks:
            desk.hold_launches(None)
        self.healed.emit()


def words_for(error: StorageError, needed: int, waiting: int) -> tuple[str, str]:
    """Return what the bar says of trouble with the disk."""
    kept = "What you change is kept in memory and saved as soon as the disk takes it."
    if not waiting:
        kept = "What was saved is safe."
    body = f"{kept} Nothing is launched until then."
    if isinstance(error, DiskFull):
        return f"Disk full: changes are not being saved (needs {_whole_mb(needed)})", body
    if isinstance(error, AccessDenied):
        return "Read-only disk: changes are not being saved", body
    return "Changes are not being saved: the disk does not do what is asked", body


def _whole_mb(count: int) -> str:
    return f"{count // 1_000_000} MB" if count >= 1_000_000 else file_size(count)


def _is_inside(error: object, root: Path) -> bool:
    path = getattr(error, "path", Path())
    return path.is_absolute() and path.is_relative_to(root)
