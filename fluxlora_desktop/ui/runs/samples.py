"""The samples of a training: a strip of small pictures by step, each of them large on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from fluxlora_desktop.domain.training import Sample
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.row_paint import paint_cover, paint_ground
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import button, column, label, row

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_ROLE = Qt.ItemDataRole.UserRole + 1
_SIDE, _PAD, _WORDS = 96, 6, 20
_LARGE = 640


class SampleModel(QAbstractListModel):
    """The samples in the order of their steps."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._samples: tuple[Sample, ...] = ()

    def show_samples(self, samples: Sequence[Sample]) -> bool:
        """Take samples over; what is added at the end keeps the rest. False for no change."""
        fresh, known = tuple(samples), self._samples
        if fresh == known:
            return False
        if known and fresh[: len(known)] == known:
            self.beginInsertRows(_NOWHERE, len(known), len(fresh) - 1)
            self._samples = fresh
            self.endInsertRows()
        else:
            self.beginResetModel()
            self._samples = fresh
            self.endResetModel()
        return True

    def samples(self) -> tuple[Sample, ...]:
        """Return them all."""
        return self._samples

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many there are."""
        return 0 if parent.isValid() else len(self._samples)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a sample, or its words."""
        if not index.isValid() or index.row() >= len(self._samples):
            return None
        sample = self._samples[index.row()]
        if role == _ROLE:
            return sample
        if role == Qt.ItemDataRole.DisplayRole:
            return step_words(sample)
        if role in {Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole}:
            return f"{step_words(sample)}: {sample.prompt}"
        return None


def step_words(sample: Sample) -> str:
    """Return after which step a sample was made."""
    return f"Step {sample.step:,}" if sample.step else "Before"


class _SampleDelegate(QStyledItemDelegate):
    def __init__(self, view: QListView, thumbs: ThumbLoader) -> None:
        super().__init__(view)
        self._thumbs = thumbs

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(_SIDE + 2 * _PAD, _SIDE + 2 * _PAD + _WORDS)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        sample = index.data(_ROLE)
        if not isinstance(sample, Sample):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        rect: QRect = option.rect
        paint_ground(painter, QRectF(rect).adjusted(2, 2, -2, -2), option.state)
        box = QRect(rect.left() + _PAD, rect.top() + _PAD, _SIDE, _SIDE)
        paint_cover(painter, box, self._thumbs.get(sample.path, _SIDE, fill=True))
        painter.setFont(theme.font(theme.CAPTION))
        painter.setPen(color("muted"))
        words = QRect(rect.left(), box.bottom() + 1, rect.width(), _WORDS)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignCenter), str(index.data()))
        painter.restore()


class SampleStrip(QListView):
    """One row of samples, the oldest first; `opened(int)` with the place of one to see large."""

    opened = Signal(int)

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__()
        self.setAccessibleName("Samples, the oldest first")
        self.setObjectName("sample_strip")
        self.samples = SampleModel(self)
        self.setModel(self.samples)
        self.setItemDelegate(_SampleDelegate(self, thumbs))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(_SIDE + 2 * _PAD + _WORDS + bar + 2)
        self.clicked.connect(self._on_clicked)
        thumbs.ready.connect(self._on_ready)

    def show_samples(self, samples: Sequence[Sample]) -> None:
        """Show samples; a strip that stands at its end stays there."""
        bar = self.horizontalScrollBar()
        at_end = bar.value() >= bar.maximum()
        if self.samples.show_samples(samples) and at_end and samples:
            self.scrollTo(self.samples.index(len(samples) - 1, 0))

    @Slot(str)
    def _on_ready(self, _path: str) -> None:
        self.viewport().update()

    def _on_clicked(self, index: QModelIndex) -> None:
        self.opened.emit(index.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open a sample by Enter or Space."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            index = self.currentIndex()
            if index.isValid():
                self.opened.emit(index.row())
            return
        super().keyPressEvent(event)


class SampleDialog(QDialog):
    """One sample, large: left and right lead through the steps, up and down to other prompts."""

    def __init__(
        self, samples: Sequence[Sample], place: int, thumbs: ThumbLoader, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Sample")
        self._samples, self._thumbs = tuple(samples), thumbs
        self.sample = self._samples[place]
        self.picture = QLabel()
        self.picture.setFixedSize(_LARGE, _LARGE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = label("", "section")
        self.prompt = label("", "muted", wrap=True)
        self.prompt.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.earlier = button("Earlier", self._on_earlier, symbol="chevron-left")
        self.later = button("Later", self._on_later, symbol="chevron-right")
        close = button("Close", self.accept)
        for made in (self.earlier, self.later, close):
            made.setAutoDefault(False)
        foot = row(self.earlier, self.later, None, close)
        self.setLayout(column(self.picture, self.title, self.prompt, foot, spacing=12, margin=16))
        thumbs.ready.connect(self._on_ready)
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move by arrows."""
        moves = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1),
                 Qt.Key.Key_Down: (0, 1)}  # fmt: skip
        move = moves.get(Qt.Key(event.key()))
        if move is None:
            super().keyPressEvent(event)
        else:
            self._move(*move)

    @Slot()
    def _on_earlier(self) -> None:
        self._move(-1, 0)

    @Slot()
    def _on_later(self) -> None:
        self._move(1, 0)

    def _move(self, steps: int, prompts: int) -> None:
        other = self._beside(steps, prompts)
        if other is not None:
            self.sample = other
            self._show()

    def _beside(self, steps: int, prompts: int) -> Sample | None:
        """Return the sample of the next step with this prompt, or the next prompt of this step."""
        if steps:
            line = [item for item in self._samples if item.index == self.sample.index]
            place = line.index(self.sample) + steps
        else:
            line = [item for item in self._samples if item.step == self.sample.step]
            place = line.index(self.sample) + prompts
        return line[place] if 0 <= place < len(line) else None

    @Slot(str)
    def _on_ready(self, path: str) -> None:
        if path == str(self.sample.path):
            self._show()

    def _show(self) -> None:
        sample = self.sample
        picture = self._thumbs.get(sample.path, _LARGE)
        if picture is None:
            self.picture.clear()
        else:
            self.picture.setPixmap(picture)
        self.picture.setAccessibleName(f"{step_words(sample)}: {sample.prompt}")
        seed = f" · seed {sample.seed}" if sample.seed else ""
        self.title.setText(f"{step_words(sample)}{seed}")
        self.prompt.setText(sample.prompt)
        self.earlier.setEnabled(self._beside(-1, 0) is not None)
        self.later.setEnabled(self._beside(1, 0) is not None)
