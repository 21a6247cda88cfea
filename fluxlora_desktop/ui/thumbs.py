"""Small pictures of files, decoded in the background and kept while they are looked at."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal, Slot
from PySide6.QtGui import QGuiApplication, QImage, QImageReader, QPixmap

from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import JobRunner

_KEPT = 400
"""How many pixmaps stay in memory; at 168 px and scale 2 about 180 MB at the very most."""


@dataclass(frozen=True, slots=True)
class _Key:
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

    Files are decoded in jobs (lane "thumbs"); a file that cannot be read stays None until
    `forget` is called for it. Until a file is decoded another may stand in for it (`inherit`).
    """

    ready = Signal(str)

    def __init__(self, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._kept: OrderedDict[_Key, QPixmap | None] = OrderedDict()
        self._wanted: set[_Key] = set()
        self._stand_ins: dict[str, str] = {}

    def get(self, path: Path | str, size: int, *, fill: bool = False) -> QPixmap | None:
        """Return the file's picture in a square of `size` logical pixels, or None for now.

        The whole picture lies inside the square; with `fill` it covers the square instead and
        the caller cuts off what sticks out. Never larger than the file's own pixels.
        """
        key = _Key(str(path), round(size * _screen_ratio()), fill)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key not in self._wanted:
            self._wanted.add(key)
            job = self._jobs.start(
                f"Thumbnail {Path(path).name}", partial(_load, key), lane="thumbs"
            )
            job.succeeded.connect(self._on_loaded)
        stand_in = self._stand_ins.get(key.path, "")
        return self._kept.get(replace(key, path=stand_in))

    def inherit(self, path: Path | str, old: Path | str) -> None:
        """Show for a file, until it is decoded, what another one showed."""
        self._stand_ins[str(path)] = str(old)

    def forget(self, path: Path | str) -> None:
        """Let go of what is known about a file, because it was written anew."""
        for key in [key for key in self._kept if key.path == str(path)]:
            del self._kept[key]

    @Slot(object)
    def _on_loaded(self, loaded: _Loaded) -> None:
        self._wanted.discard(loaded.key)
        pixmap = None
        if not loaded.image.isNull():
            pixmap = QPixmap.fromImage(loaded.image)
            pixmap.setDevicePixelRatio(_screen_ratio())
        self._kept[loaded.key] = pixmap
        self._stand_ins.pop(loaded.key.path, None)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self.ready.emit(loaded.key.path)


def _load(key: _Key, ctx: JobContext) -> _Loaded:
    ctx.check()
    reader = QImageReader(key.path)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and not size.isEmpty():
        reader.setScaledSize(_scaled(size, key))
    return _Loaded(key, reader.read())


def _scaled(size: QSize, key: _Key) -> QSize:
    """Scale to the square; turning by 90 degrees afterwards fits as well, since it is one."""
    sides = (size.width(), size.height())
    side = min(sides) if key.fill else max(sides)
    share = min(1.0, key.side / side)
    return QSize(max(1, round(sides[0] * share)), max(1, round(sides[1] * share)))


def _screen_ratio() -> float:
    app = QGuiApplication.instance()
    return app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0
