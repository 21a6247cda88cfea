"""The dialog that says what differs between two trainings: their settings and their photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.edits import PLAIN
from fluxlora_desktop.domain.lineage import Difference
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.domain.versions import DatasetDiff
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.photo_paint import paint_cover, prepare
from fluxlora_desktop.ui.desks.runs import RunComparison, RunDesk
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import clear, column, label, row
from fluxlora_desktop.ui.wording import plural

_THUMB = 48


class CompareDialog(QDialog):
    """Compares a run with another one that is chosen here."""

    def __init__(
        self, run: Run, runs: RunDesk, thumbs: ThumbLoader, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._run, self._desk, self._thumbs = run, runs, thumbs
        self.setWindowTitle(f"Compare {run.plan.name}")
        self.setObjectName("compare_runs")
        self.resize(560, 520)
        self.other = QComboBox()
        self.other.setObjectName("compare_with")
        for one in runs.runs():
            if one.id != run.id and one.version_id is not None and not one.recovered:
                self.other.addItem(f"{one.plan.name}, {one.created_at:%d %B %H:%M}", one.id)
        self.other.setAccessibleName("Compare with")
        self.other.activated.connect(self._ask)
        words = label("Compared with")
        words.setBuddy(self.other)
        self.says = label("", "muted", wrap=True)
        self.says.setObjectName("compare_says")
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        inside = QWidget()
        inside.setLayout(column(self._list, None, spacing=0))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        head = row(words, self.other, None, spacing=8)
        self.setLayout(column(head, self.says, scroll, close, spacing=12, margin=16))
        runs.compared.connect(self._on_compared)
        self._ask()

    def _ask(self) -> None:
        other = self.other.currentData()
        self.other.setEnabled(other is not None)
        if other is None:
            self.says.setText("There is no other training with photos yet.")
            return
        self.says.setText("Comparing.")
        self._desk.compare(str(other), self._run.id)

    def _on_compared(self, compared: RunComparison) -> None:
        if (compared.before, compared.after) == (self.other.currentData(), self._run.id):
            self.show_diff(compared.diff, compared.settings)

    def show_diff(self, diff: DatasetDiff, settings: Sequence[Difference] = ()) -> None:
        """Show what differs."""
        self.says.setText(words_of(diff))
        clear(self._list)
        if settings:
            self._list.addWidget(_Table(self.other.currentText(), self._run.plan.name, settings))
        for item in diff.added:
            self._list.addWidget(self._line(item, "Added"))
        for item in diff.removed:
            self._list.addWidget(self._line(item, "Not in it any more"))
        for item in diff.edited:
            self._list.addWidget(self._line(item, "Cropped or turned differently"))
        for change in diff.captions:
            before, after = (words or "no caption" for words in (change.before, change.after))
            self._list.addWidget(self._line(change.photo, f"{before}\n{after}"))

    def _line(self, item: DatasetPhoto, says: str) -> QWidget:
        files = self._desk.tools.stores.files
        edits = item.edits if item.edited else PLAIN
        name = shown_name(item.photo.name)
        line = QWidget()
        line.setAccessibleName(f"{name}: {says}")
        texts = column(label(name, "strong"), label(says, "muted", wrap=True), spacing=2)
        thumb = _Thumb(self._thumbs, files.photo_thumb(item.sha256, edits))
        laid = row(thumb, texts, spacing=10)
        laid.setAlignment(thumb, Qt.AlignmentFlag.AlignTop)
        laid.setStretch(1, 1)
        line.setLayout(laid)
        return line


class _Table(QWidget):
    """Settings and results that differ, side by side."""

    def __init__(self, before: str, after: str, settings: Sequence[Difference]) -> None:
        super().__init__()
        self.setObjectName("compare_settings")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 8)
        grid.setHorizontalSpacing(16)
        for place, title in enumerate(("", before, after)):
            grid.addWidget(label(title, "caption", wrap=True), 0, place)
        for number, one in enumerate(settings, 1):
            cells = (one.name, one.before or "none", one.after or "none")
            for place, words in enumerate(cells):
                cell = label(words, "strong" if place == 0 else "", wrap=True)
                grid.addWidget(cell, number, place, Qt.AlignmentFlag.AlignTop)
        for place in (1, 2):
            grid.setColumnStretch(place, 1)


def words_of(diff: DatasetDiff) -> str:
    """Return in one sentence what differs."""
    if diff.empty:
        return "The photos, captions and crops are the same."
    parts = []
    if diff.added:
        parts.append(f"{plural(len(diff.added), 'photo')} added")
    if diff.removed:
        parts.append(f"{plural(len(diff.removed), 'photo')} taken out")
    if diff.captions:
        parts.append(f"{plural(len(diff.captions), 'caption')} changed")
    if diff.edited:
        parts.append(f"{plural(len(diff.edited), 'photo')} cropped or turned differently")
    if diff.trigger is not None:
        parts.append(f"the trigger word {diff.trigger[0]} became {diff.trigger[1]}")
    if diff.reordered:
        parts.append("the order changed")
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


class _Thumb(QWidget):
    """A small photo."""

    def __init__(self, thumbs: ThumbLoader, path: Path) -> None:
        super().__init__()
        self._thumbs, self._path = thumbs, path
        self.setFixedSize(QSize(_THUMB, _THUMB))
        thumbs.ready.connect(self._on_ready)

    def _on_ready(self, path: str) -> None:
        if path == str(self._path):
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        prepare(painter)
        picture = self._thumbs.get(self._path, _THUMB, fill=True)
        paint_cover(painter, QRectF(self.rect()), picture, theme.THUMB_RADIUS)
        painter.end()
