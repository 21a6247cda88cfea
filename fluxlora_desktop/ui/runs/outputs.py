"""What a training has made so far: sample pictures, and checkpoints to keep or to compare."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from fluxlora_desktop.domain.training import Checkpoint, TrainingOutputs
from fluxlora_desktop.ui.runs.samples import SampleDialog, SampleStrip
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import button, column, label, line, row
from fluxlora_desktop.ui.wording import file_size, plural

_STEP = Qt.ItemDataRole.UserRole
_LINE, _MOST_LINES = 30, 6
MOST_COMPARED = 8
"""More columns than these are not looked through."""


class CheckpointList(QWidget):
    """Checkpoints to tick; `keep_wanted(tuple)` and `compare_wanted(tuple)` of steps."""

    keep_wanted = Signal(object)
    compare_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Checkpoint, ...] = ()
        self.list = QListWidget()
        self.list.setObjectName("checkpoints")
        self.list.setAccessibleName("Checkpoints, the latest first")
        self.keep = button("", self._on_keep, symbol="library")
        self.keep.setObjectName("keep_checkpoint")
        self.compare = button("", self._on_compare, symbol="compare")
        self.compare.setObjectName("compare_checkpoints")
        self.hint = label(
            "An earlier one can be better than the last. Tick some to keep or to compare them.",
            "caption",
            wrap=True,
        )
        self.list.itemChanged.connect(self._show_buttons)
        self.setLayout(
            column(
                label("Checkpoints", "section"),
                self.hint,
                self.list,
                row(self.keep, self.compare, None),
                spacing=8,
            )
        )

    def show_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Show checkpoints, the latest first; ticks stay."""
        if tuple(checkpoints) == self._shown:
            return
        ticked = set(self.ticked())
        self._shown = tuple(checkpoints)
        blocked = self.list.blockSignals(True)
        self.list.clear()
        for item in reversed(self._shown):
            made = QListWidgetItem(f"Step {item.step:,}, {file_size(item.size_bytes)}")
            made.setData(_STEP, item.step)
            made.setFlags(made.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            checked = item.step in ticked
            made.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
            self.list.addItem(made)
        self.list.blockSignals(blocked)
        height = max(_LINE, self.list.sizeHintForRow(0)) if self._shown else _LINE
        self.list.setFixedHeight(height * min(len(self._shown), _MOST_LINES) + 12)
        self._show_buttons()

    def ticked(self) -> tuple[int, ...]:
        """Return the steps of those that are ticked, the earliest first."""
        items = map(self.list.item, range(self.list.count()))
        steps = (it.data(_STEP) for it in items if it.checkState() is Qt.CheckState.Checked)
        return tuple(sorted(steps))

    @Slot()
    def _show_buttons(self, _item: object = None) -> None:
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
