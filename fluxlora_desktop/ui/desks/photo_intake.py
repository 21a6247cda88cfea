"""Photos on their way into the draft: a first thumbnail of each, then the photo itself."""

from __future__ import annotations

import time
from bisect import bisect, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.workflows.photos import (
    TakenPhoto,
    glimpse_photo,
    take_in_bytes,
    take_in_photo,
)
from fluxlora_desktop.workflows.tools import Tools

_AT_ONCE = 3
"""Jobs given to the lane, which runs two: the third begins without a turn through this thread."""
_AHEAD = 48
"""How many first thumbnails may be made before the photos are: about what a large window shows."""
_LOT_MS = 60
"""Photos that come within this time are shown together: each time costs a look at the whole set."""
_SHARE = 8
"""Showing a lot may take at most about one part in so many of the window's time."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Photos that are being taken in: how many are done, of how many.

    `thumbs` are the first thumbnails of those that are still to come, in their order, with None
    where there is none yet; behind the last none is known.
    """

    done: int
    total: int
    thumbs: tuple[Path | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A photo that was taken in: its place among all that ever came, what came with it, from where.

    `glimpse` is the first thumbnail that stood for it, if any.
    """

    place: int
    batch: int
    path: Path
    taken: TakenPhoto
    glimpse: Path | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that could not be taken in."""

    path: Path
    error: AppError


@dataclass(frozen=True, slots=True)
class _Coming:
    place: int
    batch: int
    path: Path
    work: Callable[[JobContext], TakenPhoto]


class PhotoIntake(Desk):
    """Takes photos in, and hands them over in small lots.

    `arriving(Arrivals)` when their number changes, `arrived(tuple of Arrived)` for each lot,
    `refused(tuple of Refused)` at the end when files were left out.
    """

    arriving = Signal(object)
    arrived = Signal(object)
    refused = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self._to_glimpse: deque[_Coming] = deque()
        self._to_take: list[_Coming] = []
        self._looked_at: dict[Job, _Coming] = {}
        self._taken: set[Job] = set()
        self._waiting: list[int] = []
        self._glimpses: dict[int, Path] = {}
        self._lot: list[Arrived] = []
        self._left_out: list[Refused] = []
        self._announced: dict[int, int] = {}
        self._done = self._total = self._place = self._batch = self._ticket = 0
        self._soon = QTimer(self, singleShot=True, interval=_LOT_MS)
        self._soon.timeout.connect(self._hand_over)

    def prepare(self) -> None:
        """Make ready for photos that are about to come; nothing happens when they do not."""
        for _worker in range(2):
            self._run("Make ready for photos", self._warm, lane="photos", failed=_say_nothing)

    def _warm(self, _ctx: JobContext) -> None:
        self.tools.photos.make_ready()

    def busy(self) -> bool:
        """Tell whether photos are on their way, or came and are not handed over yet."""
        return self._done < self._total or bool(self._lot) or self._soon.isActive()

    def coming(self) -> int:
        """Return how many photos are on their way, as far as is known."""
        return self._total - self._done + len(self._lot)

    def announce(self, count: int) -> int:
        """Say that about so many photos will come; `add` or `withdraw` follows with the ticket."""
        self._ticket += 1
        self._announced[self._ticket] = count
        self._expect(count)
        return self._ticket

    def withdraw(self, ticket: int) -> None:
        """Take an announcement back."""
        self._expect(-self._announced.pop(ticket, 0))

    def add(self, photos: Sequence[Path], ticket: int) -> None:
        """Take announced files in, in their order; nothing when that was stopped meanwhile."""
        announced = self._announced.pop(ticket, None)
        if announced is None:
            return
        self._expect(len(photos) - announced)
        self._batch += 1
        for path in photos:
            coming = self._coming(path, partial(_take_file, path, self.tools))
            self._to_glimpse.append(coming)
        self._go_on()

    def add_picture(self, data: bytes, name: str) -> None:
        """Take a picture without a file in."""
        self._expect(1)
        self._batch += 1
        coming = self._coming(Path(name), partial(_take_bytes, data, name, self.tools))
        self._line_up(coming)
        self._go_on()

    def stop(self) -> None:
        """Take in no more of what waits; what is in stays."""
        waiting = (*self._to_glimpse, *self._to_take, *self._looked_at.values())
        gone = len(waiting) + sum(self._announced.values())
        for job in (*self._looked_at, *self._taken):
            job.cancel()
        for line in (self._to_glimpse, self._to_take, self._looked_at, self._announced):
            line.clear()
        for one in waiting:
            self._leave(one.place)
        self._total -= gone
        self._hand_over()
        self.said.emit(f"Stopped: {plural(gone, 'photo was', 'photos were')} not taken in.")

    def leave_out(self, path: Path, error: AppError) -> None:
        """Name a file that is not taken in, with the others at the end."""
        self._left_out.append(Refused(path, error))

    def _expect(self, count: int) -> None:
        if self._done == self._total:
            self._done = self._total = 0
        self._total += count
        self._tell()

    def _coming(self, path: Path, work: Callable[[JobContext], TakenPhoto]) -> _Coming:
        self._place += 1
        self._waiting.append(self._place)
        return _Coming(self._place, self._batch, path, work)

    def _tell(self) -> None:
        known = bisect(self._waiting, max(self._glimpses, default=0))
        thumbs = tuple(self._glimpses.get(place) for place in self._waiting[:known])
        self.arriving.emit(Arrivals(self._done, self._total, thumbs))

    def _go_on(self) -> None:
        """Give the lane what is next: first thumbnails go ahead of the photos, but not far."""
        while len(self._looked_at) + len(self._taken) < _AT_ONCE:
            glimpses, photos = self._to_glimpse, self._to_take
            if glimpses and (not photos or glimpses[0].place - photos[0].place < _AHEAD):
                self._glimpse(glimpses.popleft())
            elif photos:
                self._take(photos.pop(0))
            else:
                return

    def _glimpse(self, coming: _Coming) -> None:
        name = f"Glimpse {shown_name(coming.path.name)}"
        work = partial(_glimpse_file, coming.path, self.tools)
        job = self._run(
            name,
            work,
            lane="photos",
            done=partial(self._on_glimpsed, coming),
            failed=_leave_to_taking,
        )
        self._looked_at[job] = coming
        job.finished.connect(partial(self._on_look_over, job))

    def _on_look_over(self, job: Job) -> None:
        coming = self._looked_at.pop(job, None)
        if coming is not None:  # else it was stopped
            self._line_up(coming)
        self._go_on()

    def _line_up(self, coming: _Coming) -> None:
        """Let a photo be taken in when those before it are."""
        insort(self._to_take, coming, key=attrgetter("place"))

    def _on_glimpsed(self, coming: _Coming, thumb: Path | None) -> None:
        if thumb is not None and coming in self._looked_at.values():
            self._glimpses[coming.place] = thumb
            self._hand_over_soon()

    def _take(self, coming: _Coming) -> None:
        glimpse = self._glimpses.get(coming.place)
        job = self._run(
            f"Take in {shown_name(coming.path.name)}",
            partial(_take_instead_of, glimpse, coming.work),
            lane="photos",
            done=partial(self._on_taken, coming),
            failed=partial(self._on_refused, coming.path),
        )
        job.finished.connect(partial(self._on_one_over, coming.place))
        self._taken.add(job)
        job.finished.connect(partial(self._on_take_over, job))

    def _on_take_over(self, job: Job) -> None:
        self._taken.discard(job)
        self._go_on()

    def _on_taken(self, coming: _Coming, taken: TakenPhoto) -> None:
        glimpse = self._glimpses.get(coming.place)
        self._lot.append(Arrived(coming.place, coming.batch, coming.path, taken, glimpse))

    def _on_refused(self, path: Path, error: object) -> None:
        if isinstance(error, AppError):
            self.leave_out(path, error)
        else:
            self.failed.emit(error)

    def _on_one_over(self, place: int) -> None:
        self._done += 1
        self._leave(place)
        if self._done == self._total:
            self._hand_over()
        else:
            self._hand_over_soon()

    def _leave(self, place: int) -> None:
        """Wait for a photo no more."""
        self._waiting.remove(place)
        self._glimpses.pop(place, None)

    def _hand_over_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def _hand_over(self) -> None:
        self._soon.stop()
        lot, self._lot = tuple(self._lot), []
        began = time.perf_counter()
        if lot:
            self.arrived.emit(lot)
        self._tell()
        took_ms = round((time.perf_counter() - began) * 1000)
        self._soon.setInterval(max(_LOT_MS, took_ms * _SHARE))
        if self._done == self._total and self._left_out:
            left_out, self._left_out = tuple(self._left_out), []
            self.refused.emit(left_out)


def _say_nothing(_error: object) -> None:
    """Say nothing: photos that come later meet the same trouble, and say so."""


def _leave_to_taking(error: object) -> None:
    """Say nothing of trouble: taking the photo in meets it too, and says so; a bug is a bug."""
    if isinstance(error, BaseException) and not isinstance(error, AppError):
        raise error


def _glimpse_file(path: Path, tools: Tools, ctx: JobContext) -> Path | None:
    return glimpse_photo(path, tools, ctx)


def _take_instead_of(
    glimpse: Path | None, work: Callable[[JobContext], TakenPhoto], ctx: JobContext
) -> TakenPhoto:
    """Take a photo in; its first thumbnail is not needed any more."""
    try:
        return work(ctx)
    finally:
        if glimpse is not None:
            glimpse.unlink(missing_ok=True)


def _take_file(path: Path, tools: Tools, ctx: JobContext) -> TakenPhoto:
    return take_in_photo(path, tools, ctx)


def _take_bytes(data: bytes, name: str, tools: Tools, _ctx: JobContext) -> TakenPhoto:
    return take_in_bytes(data, name, tools)
