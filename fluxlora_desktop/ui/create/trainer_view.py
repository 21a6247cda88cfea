"""What the trainer sees: the part of a photo that it keeps, and the sizes of the whole set."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fluxlora_desktop.domain.buckets import Bucket, buckets_for, histogram
from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.segments import Segments
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.widgets import clear, column, label, row
from fluxlora_desktop.ui.wording import plural

_UNKNOWN = "{} does not say how it crops. Shown is what ai-toolkit, which many run, would keep."
_BAR = 6
_MOST_LINES = 6


def bucket_of(item: DatasetPhoto, resolution: int) -> Bucket:
    """Return what is kept of a photo, with its edits, at one resolution."""
    facts = item.seen.facts
    return buckets_for(facts.width, facts.height, [resolution])[0]


class CropChoice(QWidget):
    """For one photo: the resolutions side by side, and in words what is kept at the chosen one.

    `shown(Box)` carries the part to draw, None while there is nothing to draw.
    """

    shown = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("crop_choice")
        self._item: DatasetPhoto | None = None
        self._resolutions: tuple[int, ...] = ()
        self._chosen = 0
        self._segments: Segments | None = None
        self._place = row(spacing=0)
        self.says = label("", "muted", wrap=True)
        self.says.setObjectName("crop_kept")
        self.setLayout(column(label("What the trainer sees", "strong"), self._place, self.says))

    def show_photo(self, item: DatasetPhoto, draft: Draft) -> None:
        """Show a photo of the draft."""
        self._item = item
        if draft.resolutions != self._resolutions:
            self._resolutions = draft.resolutions
            self._chosen = max(self._resolutions)
            self._make_segments()
        bucket = bucket_of(item, self._chosen)
        self.says.setText(_words(bucket, draft))
        self.shown.emit(bucket.kept)

    def _make_segments(self) -> None:
        clear(self._place)
        choices = {str(side): str(side) for side in self._resolutions}
        self._segments = Segments("resolution_shown", "Resolution", choices)
        self._segments.show_choice(str(self._chosen))
        self._segments.chosen.connect(self._on_chosen)
        self._segments.setVisible(len(choices) > 1)
        self._place.addWidget(self._segments)

    def _on_chosen(self, side: str) -> None:
        self._chosen = int(side)
        if self._item is not None:
            bucket = bucket_of(self._item, self._chosen)
            self.says.setText(_size_words(bucket))
            self.shown.emit(bucket.kept)


def _words(bucket: Bucket, draft: Draft) -> str:
    known = draft.trainer.crops_known
    return _size_words(bucket) if known else f"{_size_words(bucket)}. {_unknown(draft)}"


def _size_words(bucket: Bucket) -> str:
    kept = "all of it is kept" if bucket.loss < 0.005 else f"{1 - bucket.loss:.0%} of it is kept"
    return f"{bucket.title} pixels; {kept}"


def _unknown(draft: Draft) -> str:
    return _UNKNOWN.format(draft.trainer.title)


class SizesView(QWidget):
    """For the whole set: how many photos are trained at which size."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bucket_histogram")
        self._lines = QVBoxLayout()
        self._lines.setSpacing(4)
        self._title = label("", "strong")
        self._note = label("", "muted", wrap=True)
        self._drawn: tuple[tuple[str, int], ...] = ()
        self.setLayout(column(self._title, self._lines, self._note, spacing=6))

    def show_draft(self, draft: Draft) -> None:
        """Show the sizes at the largest resolution that is trained."""
        resolution = max(draft.resolutions)
        counts = histogram(bucket_of(item, resolution) for item in draft.dataset.kept)
        self._title.setText(f"Sizes that are trained, at {resolution}")
        self._note.setText("" if draft.trainer.crops_known else _unknown(draft))
        self._note.setVisible(not draft.trainer.crops_known)
        if counts == self._drawn:
            return
        self._drawn = counts
        clear(self._lines)
        most = max((count for _, count in counts), default=1)
        for title, count in counts[:_MOST_LINES]:
            self._lines.addWidget(_SizeLine(title, count, most))
        others = len(counts) - _MOST_LINES
        if others > 0:
            self._lines.addWidget(label(f"and {plural(others, 'other size')}", "muted"))


class _SizeLine(QWidget):
    """A size, a bar, and how many photos have it."""

    def __init__(self, title: str, count: int, most: int) -> None:
        super().__init__()
        self._share = count / most
        self.setAccessibleName(f"{title} pixels: {plural(count, 'photo')}")
        self.setMinimumHeight(20)
        self._title, self._count = title, str(count)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.CAPTION))
        metrics = painter.fontMetrics()
        words, digits = (
            metrics.horizontalAdvance("0000 x 0000") + 10,
            metrics.averageCharWidth() * 4,
        )
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(color("text"))
        painter.drawText(QRectF(0, 0, words, self.height()), middle, self._title)
        room = max(self.width() - words - digits, 1)
        bar = QRectF(words, (self.height() - _BAR) / 2, room * self._share, _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("accent"))
        painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
        painter.setPen(color("muted"))
        place = QRectF(self.width() - digits, 0, digits, self.height())
        painter.drawText(place, middle | Qt.AlignmentFlag.AlignRight, self._count)
        painter.end()
