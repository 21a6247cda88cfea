"""What a training has made so far: sample pictures, and checkpoints to keep or to compare."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QWidget

from fluxlora_desktop.domain.training import Checkpoint, TrainingOutputs
from fluxlora_desktop.ui.runs.samples import SampleDialog, SampleStrip
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import button, clear, column, label, line, row
from fluxlora_desktop.ui.wording import file_size, plural

_MOST_LINES = 40
"""Trainers keep ten; of more the latest are shown."""
MOST_COMPARED = 8
"""More columns than these are not looked through."""


class CheckpointList(QWidget):
    """Checkpoints to tick; `keep_wanted(tuple)` and `compare_wanted(tuple)` of steps."""

    keep_wanted = Signal(object)
    compare_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Checkpoint, ...] = ()
        self.boxes: dict[int, QCheckBox] = {}
        self._lines = column(spacing=6)
        self.keep = button("", self._on_keep, symbol="library")
        self.keep.setObjectName("keep_checkpoint")
        self.compare = button("", self._on_compare, symbol="compare")
        self.compare.setObjectName("compare_checkpoints")
        hint = label(
            "An earlier one can be better than the last. Tick some to keep or to compare them.",
            "muted",
            wrap=True,
        )
        title = label("Checkpoints", "section")
        buttons = row(self.keep, self.compare, None)
        self.setLayout(column(title, hint, self._lines, buttons, spacing=8))

    def show_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Show checkpoints, the latest first; ticks stay."""
        latest = tuple(checkpoints)[-_MOST_LINES:]
        if latest == self._shown:
            return
        ticked = set(self.ticked())
        self._shown = latest
        clear(self._lines)
        self.boxes.clear()
        for item in reversed(latest):
            box = QCheckBox(f"Step {item.step:,}, {file_size(item.size_bytes)}")
            box.setChecked(item.step in ticked)
            box.toggled.connect(self._show_buttons)
            self.boxes[item.step] = box
            self._lines.addWidget(box)
        self._show_buttons()

    def ticked(self) -> tuple[int, ...]:
        """Return the steps of those that are ticked, the earliest first."""
        return tuple(sorted(step for step, box in self.boxes.items() if box.isChecked()))

    @Slot()
    def _show_buttons(self, _ticked: bool = False) -> None:
        count = len(self.ticked())
        these = plural(count, "checkpoint") if count > 1 else "this checkpoint"
        self.keep.setText(f"Keep {these}")
        self.keep.setEnabled(count > 0)
        self.compare.setText(f"Compare {plural(count, 'checkpoint')}" if count > 1 else "Compare")
        self.compare.setEnabled(1 < count <= MOST_COMPARED)

    @Slot()
    def _on_keep(self) -> None:
        self.keep_wanted.emit(self.ticked())

    @Slot()
    def _on_compare(self) -> None:
        self.compare_wanted.emit(self.ticked())


class OutputsPart(QWidget):
    """Samples above checkpoints; what there is none of is not shown.

    `keep_wanted(tuple)` and `compare_wanted(tuple)` of steps.
    """

    keep_wanted = Signal(object)
    compare_wanted = Signal(object)

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__()
        self._thumbs = thumbs
        self.strip = SampleStrip(thumbs)
        self.checkpoints = CheckpointList()
        self._samples = QWidget()
        self._samples.setLayout(column(label("Samples", "section"), self.strip, line(), spacing=8))
        self._kept = QWidget()
        self._kept.setLayout(column(self.checkpoints, line(), spacing=16))
        self.setLayout(column(self._samples, self._kept, spacing=16))
        self.strip.opened.connect(self._on_opened)
        self.checkpoints.keep_wanted.connect(self.keep_wanted)
        self.checkpoints.compare_wanted.connect(self.compare_wanted)
        self.show_outputs(TrainingOutputs())

    def show_outputs(self, outputs: TrainingOutputs) -> None:
        """Show what a training has made."""
        self.strip.show_samples(outputs.samples)
        self.checkpoints.show_checkpoints(outputs.checkpoints)
        self._samples.setVisible(bool(outputs.samples))
        self._kept.setVisible(bool(outputs.checkpoints))
        self.setVisible(bool(outputs.samples or outputs.checkpoints))

    @Slot(int)
    def _on_opened(self, place: int) -> None:
        samples = self.strip.samples.samples()
        self.viewing = SampleDialog(samples, place, self._thumbs, self)
        self.viewing.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.viewing.open()
