"""Small pictures of files, decoded in the background and kept while they are looked at."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

from PySide6.QtCore import QObject, QSize, Signal, Slot
from PySide6.QtGui import QGuiApplication, QImage, QImageReader, QPixmap

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import Job, JobRunner

_MOST_BYTES = 48 * 2**20
"""What the pixmaps of a loader may take: two screens of a large window at scale 2, ten at 1."""
_MOST_KNOWN = 4000
"""Files that are remembered at most, with those that cannot be read."""
_TELL_S = 0.008
_A_JOB = 128
"""Files that one job decodes, before other loaders have their turn in the lane."""
_HELPED = 8
"""Files in the queue that a second job is begun for."""
_MOVING_S = 0.1
_LINGER_S = 0.1
"""How long a job waits for more: to begin one takes the window as long as painting ten pictures."""


class _Key(NamedTuple):
    """What was asked for: the box's side is in pixels of the screen."""

    path: str
    side: int
    fill: bool


@dataclass(frozen=True, slots=True)
class _Loaded:
    key: _Key
    image: QImage


class ThumbLoader(QObject):
    """Gives thumbnails at once when it has them, else says `ready(path)` when it does.

    Files are decoded in a job (lane "thumbs"), in the order in which they were asked for; one that
    cannot be read stays None until `forget` is called for it. A second job helps with what is asked
    for at once, but not while what is in sight changes all the time (`drop_waiting`): where there
    are two processors it then takes from the window what it gives. `came(paths)` names all that
    came together. Until a file is decoded in the size that is asked for, it shows in the
    one it had, or another file stands in for it (`inherit`).
    `locate` finds a file by its name, in the job; it may raise `StorageError`.
    """

    ready = Signal(str)
    came = Signal(object)

    def __init__(
        self,
        jobs: JobRunner,
        parent: QObject | None = None,
        *,
        locate: Callable[[str], Path] = Path,
    ) -> None:
        super().__init__(parent)
        self._jobs, self._locate = jobs, locate
        self._kept: OrderedDict[_Key, QPixmap | None] = OrderedDict()
        self._bytes = 0
        self._latest: dict[str, _Key] = {}
        self._wanted: set[_Key] = set()
        self._queue = _Queue()
        self._working = self._helped = self._moving = False
        self._dropped_at = 0.0
        self._stand_ins: dict[str, str] = {}

    def get(self, path: Path | str, size: int, *, fill: bool = False) -> QPixmap | None:
        """Return the file's picture in a square of `size` logical pixels, or None for now.

        The whole picture lies inside the square; with `fill` it covers the square instead and
        the caller cuts off what sticks out. Never larger than the file's own pixels.
        """
        return self.finder(size, fill=fill)(path)

    def finder(self, size: int, *, fill: bool = False) -> Callable[[Path | str], QPixmap | None]:
        """Return what does the same for many files, in less time for each."""
        side, kept = round(size * _screen_ratio()), self._kept

        def find(path: Path | str) -> QPixmap | None:
            key = _Key(str(path), side, fill)
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
            self._ask(key)
            return self._instead(key)

        return find

    def _ask(self, key: _Key) -> None:
        if key not in self._wanted:
            self._wanted.add(key)
            self._queue.put(key)
            self._work_on()

    def _instead(self, key: _Key) -> QPixmap | None:
        """Return what shows until a file is decoded."""
        other = self._latest.get(key.path)
        if other is not None and other.fill == key.fill:
            return self._kept.get(other)
        stand_in = self._stand_ins.get(key.path)
        return self._kept.get(key._replace(path=stand_in)) if stand_in else None

    def has(self, path: Path | str, size: int, *, fill: bool = False) -> bool:
        """Tell whether a file is decoded in this size; asks for nothing."""
        return _Key(str(path), round(size * _screen_ratio()), fill) in self._kept

    def drop_waiting(self, in_sight: Collection[str], size: int, *, fill: bool = False) -> None:
        """Forget what was asked for and is not being decoded, but for files in sight of this size.

        What stays keeps its turn: it is not painted, and so not asked for, again.
        """
        now = time.perf_counter()
        self._moving, self._dropped_at = now - self._dropped_at < _MOVING_S, now
        waiting = [*self._queue.take_all()][::-1]
        self._wanted.difference_update(waiting)
        side = round(size * _screen_ratio())
        for key in waiting:
            if key.path in in_sight and (key.side, key.fill) == (side, fill):
                self._ask(key)

    @Slot()
    def _forget_waiting(self) -> None:
        self._wanted.difference_update(self._queue.take_all())

    def inherit(self, path: Path | str, old: Path | str) -> None:
        """Show for a file, until it is decoded, what another one showed."""
        self._stand_ins[str(path)] = str(old)

    def forget(self, path: Path | str) -> None:
        """Let go of what is known about a file, because it was written anew."""
        for key in [key for key in self._kept if key.path == str(path)]:
            self._let_go(key)

    def _work_on(self) -> None:
        """Have a job as long as there is work for it, and a second one for much at once."""
        if not self._working and self._queue:
            self._working = True
            self._start(_LINGER_S).finished.connect(self._on_finished)
        elif not self._helped and not self._moving and len(self._queue) >= _HELPED:
            self._helped = True
            self._start(0.0).finished.connect(self._on_helper_finished)

    def _start(self, linger_s: float) -> Job:
        work = partial(_decode, self._queue, self._locate, linger_s)
        job = self._jobs.start("Thumbnails", work, lane="thumbs")
        job.progressed.connect(self._on_loaded)
        job.cancelled.connect(self._forget_waiting)
        return job

    @Slot()
    def _on_finished(self) -> None:
        self._working = False
        self._work_on()

    @Slot()
    def _on_helper_finished(self) -> None:
        self._helped = False

    @Slot(object)
    def _on_loaded(self, several: list[_Loaded]) -> None:
        for loaded in several:
            self._keep(loaded)
        self.came.emit(frozenset(loaded.key.path for loaded in several))

    def _keep(self, loaded: _Loaded) -> None:
        key = loaded.key
        self._wanted.discard(key)
        pixmap = None
        if not loaded.image.isNull():
            # A copy lies with the window's own memory. What a job's thread has allocated keeps the
            # rest of that thread's memory from being given back: twice as much as the pixmaps take.
            pixmap = QPixmap.fromImage(loaded.image.copy())
            pixmap.setDevicePixelRatio(_screen_ratio())
        if key in self._kept:
            self._let_go(key)
        self._kept[key] = pixmap
        self._latest[key.path] = key
        self._bytes += _bytes_of(pixmap)
        self._stand_ins.pop(key.path, None)
        while self._bytes > _MOST_BYTES or len(self._kept) > _MOST_KNOWN:
            self._let_go(next(iter(self._kept)))
        self.ready.emit(key.path)

    def _let_go(self, key: _Key) -> None:
        self._bytes -= _bytes_of(self._kept.pop(key))
        if self._latest.get(key.path) == key:
            del self._latest[key.path]


class _Queue:
    """What is to be decoded; the window's thread puts in and a job takes."""

    def __init__(self) -> None:
        self._keys: deque[_Key] = deque()
        self._more = Event()

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: _Key) -> None:
        """Add a key at the end."""
        self._keys.append(key)
        self._more.set()

    def take(self) -> _Key | None:
        """Return the first key, or None."""
        self._more.clear()
        try:
            return self._keys.popleft()
        except IndexError:
            return None

    def take_all(self) -> Iterator[_Key]:
        """Take what is there, the last one first."""
        while self._keys:
            try:
                yield self._keys.pop()
            except IndexError:  # a job took it meanwhile
                return

    def wait(self, seconds: float) -> bool:
        """Wait until something is put in; tell whether it was."""
        return self._more.wait(seconds)


def _decode(queue: _Queue, locate: Callable[[str], Path], linger_s: float, ctx: JobContext) -> None:
    """Decode what stands first in the queue, and wait a little for more.

    What is decoded within half a frame is told at once: each telling costs the window's thread
    as much as painting a picture does.
    """
    several, told = list[_Loaded](), time.perf_counter()
    for _ in range(_A_JOB):
        ctx.check()
        key = queue.take()
        if key is None:
            if several:
                ctx.report(several)
                several = []
            if not queue.wait(linger_s):
                break
            told = time.perf_counter()
            continue
        several.append(_Loaded(key, _load(key, locate)))
        if time.perf_counter() - told > _TELL_S:
            ctx.report(several)
            several, told = [], time.perf_counter()
    if several:
        ctx.report(several)


def _load(key: _Key, locate: Callable[[str], Path]) -> QImage:
    try:
        reader = QImageReader(str(locate(key.path)))
    except StorageError:
        return QImage()
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and not size.isEmpty():
        reader.setScaledSize(_scaled(size, key))
    return reader.read()


def _scaled(size: QSize, key: _Key) -> QSize:
    """Scale to the square; turning by 90 degrees afterwards fits as well, since it is one."""
    sides = (size.width(), size.height())
    side = min(sides) if key.fill else max(sides)
    share = min(1.0, key.side / side)
    return QSize(max(1, round(sides[0] * share)), max(1, round(sides[1] * share)))


def _bytes_of(pixmap: QPixmap | None) -> int:
    return 0 if pixmap is None else pixmap.width() * pixmap.height() * 4


def _screen_ratio() -> float:
    app = QGuiApplication.instance()
    return app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
