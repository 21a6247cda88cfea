"""Whole pictures, decoded in the background: as large as the screen first, then every pixel."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap

from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.pictures import PictureDesk

_MOST_BYTES = 160 * 2**20
"""What is kept beside the pictures that are shown: forty of 1024 x 1024."""
_MUCH_LARGER = 1.5
"""Times the screen's size from which on a smaller picture is decoded first."""


@dataclass(frozen=True, slots=True)
class Large:
    """A decoded picture; `size` is the file's own, `whole` tells that every pixel is there."""

    pixmap: QPixmap
    size: QSize
    whole: bool


@dataclass(frozen=True, slots=True)
class _Decoded:
    image: QImage
    size: QSize
    whole: bool


class LargePictures(QObject):
    """Gives whole pictures when it has them, else says `ready(id)` when it does.

    `failed(id)` when a file cannot be read. A picture much larger than the screen is ready twice.
    """

    ready = Signal(str)
    failed = Signal(str)

    def __init__(self, *, pictures: PictureDesk, jobs: JobRunner, parent: QObject) -> None:
        super().__init__(parent)
        self._pictures, self._jobs = pictures, jobs
        self._kept: OrderedDict[str, Large] = OrderedDict()
        self._loading: dict[str, bool] = {}
        self._shown: set[str] = set()

    def get(self, picture: Picture) -> Large | None:
        """Return what is decoded of a picture."""
        return self._kept.get(picture.id)

    def show(self, shown: Iterable[Picture], screen: QSize) -> None:
        """Decode every pixel of these and keep them, whatever they take, while they are shown.

        `screen` is how many pixels one of them has room for.
        """
        pictures = [p for p in shown if p.state is PictureState.DONE]
        self._shown = {picture.id for picture in pictures}
        for picture in pictures:
            kept = self._kept.get(picture.id)
            if kept is not None:
                self._kept.move_to_end(picture.id)
            if kept is None or not kept.whole:
                self._load(picture, screen, whole=True)

    def prepare(self, pictures: Iterable[Picture | None], screen: QSize) -> None:
        """Decode neighbours as large as the screen, so that they are there at the next key."""
        for picture in pictures:
            if picture is None or picture.state is not PictureState.DONE:
                continue
            if picture.id not in self._kept:
                self._load(picture, screen, whole=False)

    def _load(self, picture: Picture, screen: QSize, *, whole: bool) -> None:
        if picture.id in self._loading and self._loading[picture.id] >= whole:
            return
        path = self._pictures.file(picture)
        if path is None:
            return
        self._loading[picture.id] = whole
        work = partial(_decode, path, screen, whole)
        job = self._jobs.start("Open picture", work, lane="thumbs")
        job.progressed.connect(partial(self._on_decoded, picture.id))
        job.finished.connect(partial(self._loading.pop, picture.id, None))

    def _on_decoded(self, picture_id: str, decoded: _Decoded) -> None:
        if decoded.image.isNull():
            self.failed.emit(picture_id)
            return
        kept = self._kept.get(picture_id)
        if kept is not None and kept.whole:
            return
        pixmap = QPixmap.fromImage(decoded.image)
        self._kept[picture_id] = Large(pixmap, decoded.size, decoded.whole)
        self._kept.move_to_end(picture_id)
        self._let_go()
        self.ready.emit(picture_id)

    def _let_go(self) -> None:
        others = [name for name in self._kept if name not in self._shown]
        held = sum(_bytes_of(self._kept[name]) for name in others)
        for name in others:
            if held <= _MOST_BYTES:
                return
            held -= _bytes_of(self._kept.pop(name))


def _bytes_of(large: Large) -> int:
    return large.pixmap.width() * large.pixmap.height() * 4


def _decode(path: Path, screen: QSize, whole: bool, ctx: JobContext) -> None:
    """Report a picture upright; one that cannot be read is reported as a null image."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    share = max(size.width() / max(1, screen.width()), size.height() / max(1, screen.height()))
    if size.isValid() and share > _MUCH_LARGER:
        ctx.check()
        reader.setScaledSize(size.scaled(screen, Qt.AspectRatioMode.KeepAspectRatio))
        image = reader.read()
        ctx.report(_Decoded(image, _upright(size, image), whole=False))
        if not whole or image.isNull():
            return
        reader = QImageReader(str(path))
        reader.setAutoTransform(True)
    ctx.check()
    image = reader.read()
    ctx.report(_Decoded(image, image.size(), whole=True))


def _upright(size: QSize, image: QImage) -> QSize:
    turned = (size.width() > size.height()) != (image.width() > image.height())
    return size.transposed() if turned and not image.isNull() else size
