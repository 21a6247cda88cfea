"""The import desk: pictures of other programs on their way into the gallery."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from fluxlora_desktop.domain.errors import PicturesLeftOut
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.workflows.events import PicturesLookedAt
from fluxlora_desktop.workflows.import_pictures import ImportedPictures, import_pictures
from fluxlora_desktop.workflows.tools import Tools

_REST_MS = 1000
"""Between two looks at all rows while pictures come in."""
TakeOut = Callable[[Sequence[str]], None]


class PictureImportDesk(Desk):
    """Brings pictures in, one lot after another; the undo bar offers to move them out again.

    `looking(PicturesLookedAt)` while files are looked at, `over()` when none is any more,
    `came_in(tuple of Picture)` for each lot, `grew()` now and then while a long one goes on.
    `take_out` moves pictures to the trash.
    """

    looking = Signal(object)
    grew = Signal()
    over = Signal()
    came_in = Signal(object)

    def __init__(
        self, tools: Tools, jobs: JobRunner, take_out: TakeOut, parent: QObject | None = None
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._take_out = take_out
        self._waiting: deque[tuple[Path, ...]] = deque()
        self._job: Job | None = None
        self._shown = 0
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)

    def busy(self) -> bool:
        """Tell whether files are being looked at."""
        return self._job is not None

    def bring(self, paths: Sequence[Path]) -> None:
        """Bring in the pictures among files and folders, after those that are on their way."""
        if paths:
            self._waiting.append(tuple(paths))
            self._go_on()

    def stop(self) -> None:
        """Look at no more files; what came in stays, and can be undone as a whole."""
        self._waiting.clear()
        if self._job is not None:
            self._job.cancel()

    def _go_on(self) -> None:
        if self._job is not None or not self._waiting:
            return
        self._shown = 0
        paths = self._waiting.popleft()
        self._job = self._run(
            "Import pictures",
            partial(_import, paths, self.tools),
            lane="photos",
            done=self._on_done,
            failed=self._tell_only,
            progress=self._on_progress,
        )
        self._job.finished.connect(self._on_over)

    def _on_progress(self, event: object) -> None:
        if isinstance(event, PicturesLookedAt):
            self.looking.emit(event)
            if event.came_in > self._shown and not self._rest.isActive():
                self._shown = event.came_in
                self._rest.start()
                self.grew.emit()

    def _on_done(self, result: ImportedPictures) -> None:
        says = summary(result)
        if result.pictures:
            self.came_in.emit(result.pictures)
            ids = tuple(picture.id for picture in result.pictures)
            self.undoable.emit(Undoable(says, partial(self._take_out, ids)))
        else:
            self.said.emit(says)
        if result.left_out:
            reasons = ((error.path.name, error.reason) for error in result.left_out)
            self.failed.emit(PicturesLeftOut(tuple(reasons)))

    def _on_over(self) -> None:
        self._job = None
        if self._waiting:
            self._go_on()
        else:
            self.over.emit()


def _import(paths: tuple[Path, ...], tools: Tools, ctx: JobContext) -> ImportedPictures:
    return import_pictures(paths, tools, ctx)


def summary(result: ImportedPictures) -> str:
    """Return what became of a lot in one sentence."""
    came, known, left_out = len(result.pictures), result.known, len(result.left_out)
    if not (came or known or left_out):
        stopped = "You stopped before a picture came in."
        return stopped if result.stopped else "There are no PNG, JPEG or WebP pictures in there."
    parts = [f"{plural(came, 'picture')} came in"] if came or not known else []
    if known:
        noun = f"{known}" if parts else plural(known, "picture")
        parts.append(f"{noun} {'was' if known == 1 else 'were'} there already")
    if left_out:
        name = f": {shown_name(result.left_out[0].path.name)}" if left_out == 1 else ""
        parts.append(f"{left_out} could not be read{name}")
    rest = " You stopped the rest." if result.stopped else ""
    return f"{', '.join(parts)}.{rest}"
