"""Photos of a pair: two small ones on a remark, or one of two large ones that are compared."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget

from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.pairs import sharpness_of, sharpness_words
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_model import copy_of
from fluxlora_desktop.ui.create.photo_paint import PhotoView, paint_cover, prepare
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row, set_mark
from fluxlora_desktop.ui.wording import file_size

_SMALL = QSize(72, 54)
_GAP = 6
_LARGE = 900
"""Logical pixels that are loaded of a large photo's longer side."""
_SMALLEST = QSize(280, 220)
_HEAD = 20
_SHARPNESS = (
    "How strong the edges are in the sharpest places, at 1,024 pixels. "
    "Below 40 is soft, from 160 on sharp."
)


class PairThumbs(QWidget):
    """Two photos small and side by side; `pressed()` by mouse, the keyboard has a button for it."""

    pressed = Signal()

    def __init__(self, thumbs: ThumbLoader, paths: tuple[Path, ...]) -> None:
        super().__init__()
        self._thumbs, self._paths = thumbs, paths
        self.setObjectName("pair_thumbs")
        self.setFixedSize(2 * _SMALL.width() + _GAP, _SMALL.height())
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Compare them")
        thumbs.ready.connect(self._on_ready)

    @Slot(str)
    def _on_ready(self, path: str) -> None:
        if path in map(str, self._paths):
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both photos."""
        painter = QPainter(self)
        prepare(painter)
        for place, path in enumerate(self._paths):
            left = place * (_SMALL.width() + _GAP)
            box = QRectF(left, 0, _SMALL.width(), _SMALL.height())
            picture = self._thumbs.get(path, _SMALL.width(), fill=True)
            paint_cover(painter, box, picture, theme.THUMB_RADIUS)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Press by mouse."""
        if self.rect().contains(event.position().toPoint()):
            self.pressed.emit()


class NameLabel(QLabel):
    """A file's name in one line, cut in the middle where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "strong")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much of the name as there is room for."""
        painter = QPainter(self)
        painter.setPen(theme.color("text"))
        cut = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, cut)


class PhotoSide(QFrame):
    """One of two photos: large, its name, its size, how sharp it is, and a button that keeps it.

    `choosing()` when it is pressed by mouse, `keeping()` by its button or Enter.
    """

    choosing = Signal()
    keeping = Signal()

    def __init__(self, name: str, thumbs: ThumbLoader, files: Files) -> None:
        super().__init__()
        self._files = files
        self.setObjectName(name)
        self.setProperty("role", "side")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.picture = PhotoView(thumbs, _LARGE)
        self.picture.setMinimumSize(_SMALLEST)
        self.name = NameLabel()
        self.facts = label("", "muted")
        self.sharpness = label("", "muted")
        self.sharpness.setToolTip(_SHARPNESS)
        self.name.setMinimumHeight(_HEAD)
        self._mark = Symbol("check", "ok", 18)
        self._sharper = label("Sharper", "ok")
        self.keep = button("Keep this one", self.keeping.emit)
        self.keep.setObjectName(f"keep_{name}")
        head = row(self.name, self._mark, self._sharper, spacing=4)
        head.setStretch(0, 1)
        words = column(self.facts, self.sharpness, spacing=2)
        laid = column(self.picture, head, row(words, None, self.keep), spacing=8, margin=12)
        laid.setStretch(0, 1)
        self.setLayout(laid)

    def show_photo(self, item: DatasetPhoto, *, sharper: bool) -> None:
        """Show a photo with its edits; mark it where it is the sharper of the two."""
        facts, name = item.seen.facts, shown_name(item.photo.name)
        self.picture.show_photo(copy_of(item, self._files), name)
        self.name.setText(name)
        self.name.setToolTip(name)
        changed = () if item.edits.plain else ("changed",)
        size = f"{facts.width:,} x {facts.height:,} pixels"
        self.facts.setText(" · ".join((size, file_size(item.photo.size_bytes), *changed)))
        sharpness = sharpness_of(item)
        self.sharpness.setText(f"Sharpness {sharpness:,}, {sharpness_words(sharpness)}")
        self._mark.setVisible(sharper)
        self._sharper.setVisible(sharper)
        marked = " The sharper one." if sharper else ""
        says = f"{name}. {self.facts.text()}. {self.sharpness.text()}.{marked}"
        self.setAccessibleName(says)
        self.keep.setAccessibleName(f"Keep {name}")

    def set_chosen(self, chosen: bool) -> None:
        """Mark this photo as the one that Enter keeps, or not."""
        set_mark(self, "chosen", "true" if chosen else "false")
        self.setAccessibleDescription("chosen" if chosen else "not chosen")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose by mouse."""
        self.choosing.emit()
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep by Enter."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.keeping.emit()
        else:
            super().keyPressEvent(event)
