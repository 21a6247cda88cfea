"""The dialog in which one photo is cropped, straightened, turned and mirrored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from fluxlora_desktop.domain.buckets import buckets_for
from fluxlora_desktop.domain.datasets import DatasetPhoto
from fluxlora_desktop.domain.edits import PLAIN, STEEPEST, Backdrop, Edits, edited_size
from fluxlora_desktop.domain.names import shown_name
from fluxlora_desktop.domain.ports import Files
from fluxlora_desktop.ui.create.crop_canvas import CropCanvas
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import button, column, icon_button, label, row, set_role

_TENTHS = 10
_FREE, _OWN = "Free", "As it is"
_SHAPES = {
    "Square": 1.0,
    "4 : 3": 4 / 3,
    "3 : 4": 3 / 4,
    "3 : 2": 3 / 2,
    "2 : 3": 2 / 3,
    "16 : 9": 16 / 9,
    "9 : 16": 9 / 16,
}
_SMALLEST_SIDE = 64
"""Pixels; the dataset refuses photos with a shorter side."""


class CropEditor(QDialog):
    """Shows one photo; `edited(Edits)` when the person is done and something is different."""

    edited = Signal(object)

    def __init__(
        self,
        item: DatasetPhoto,
        thumbs: ThumbLoader,
        files: Files,
        resolutions: tuple[int, ...],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._item, self._resolutions = item, resolutions
        facts = item.photo.facts
        self._size = (facts.width, facts.height)
        name = shown_name(item.photo.name)
        self.setWindowTitle(f"Change {name}")
        self.setObjectName("crop_editor")
        self.resize(760, 640)
        self.canvas = CropCanvas(thumbs, files.working(item.sha256), self._size)
        self.canvas.changed.connect(self._show)
        self.says = label("", "muted")
        self.says.setObjectName("crop_says")
        self.lean = self._make_lean()
        self.lean_says = label("", "muted")
        self.lean_says.setFixedWidth(self.fontMetrics().horizontalAdvance("-15.0°") + 8)
        self.shape = self._make_shapes()
        self.backdrop = self._make_backdrop(facts.notes)
        parts = (self.canvas, self._make_turns(), self._make_leaning(), self.says)
        laid = column(*parts, 4, self._make_buttons(), spacing=12, margin=16)
        laid.setStretch(0, 1)
        self.setLayout(laid)
        for made in self.findChildren(QPushButton):
            made.setAutoDefault(made is self.done_button)  # Enter is Done wherever the keyboard is
        self.done_button.setDefault(True)
        self._show(item.edits)
        self.canvas.setFocus()

    def _make_turns(self) -> QWidget:
        quarter = self._turn
        left = button("Turn left", partial(quarter, -1), role="quiet", symbol="undo")
        right = button("Turn right", partial(quarter, 1), role="quiet", symbol="redo")
        mirror = button("Mirror", self._flip, role="quiet", symbol="refresh")
        for made, (name, keys) in zip(
            (left, right, mirror),
            (("turn_left", "Ctrl+L"), ("turn_right", "Ctrl+R"), ("mirror", "Ctrl+M")),
            strict=True,
        ):
            made.setObjectName(name)
            # A button's own shortcut presses it a tenth of a second later: Enter would be first.
            QShortcut(QKeySequence(keys), self, made.click)
            made.setToolTip(f"{made.text()} ({keys})")
        parts = QWidget()
        words = label("Shape")
        words.setBuddy(self.shape)
        laid = row(left, right, mirror, None, words, self.shape, spacing=8)
        if self.backdrop is not None:
            laid.addWidget(label("Behind it"))
            laid.addWidget(self.backdrop)
        parts.setLayout(laid)
        return parts

    def _make_lean(self) -> QSlider:
        lean = QSlider(Qt.Orientation.Horizontal)
        lean.setObjectName("straighten")
        lean.setAccessibleName("Straighten, in tenths of a degree")
        most = round(STEEPEST * _TENTHS)
        lean.setRange(-most, most)
        lean.setPageStep(_TENTHS)
        lean.valueChanged.connect(self._on_lean)
        return lean

    def _make_leaning(self) -> QWidget:
        words: QLabel = label("Straighten")
        words.setBuddy(self.lean)
        level = icon_button("close", "Level again", lambda: self.lean.setValue(0))
        level.setObjectName("level")
        parts = QWidget()
        parts.setLayout(row(words, self.lean, self.lean_says, level, spacing=8))
        return parts

    def _make_shapes(self) -> QComboBox:
        shapes = QComboBox()
        shapes.setObjectName("crop_shape")
        shapes.setAccessibleName("Shape of the crop")
        shapes.addItems([_FREE, _OWN, *_SHAPES])
        shapes.textActivated.connect(self._on_shape)
        return shapes

    def _make_backdrop(self, notes: tuple[str, ...]) -> QComboBox | None:
        """Offer what transparent parts are laid on, for photos that have some."""
        if not any("transparent" in note for note in notes):
            return None
        colours = QComboBox()
        colours.setObjectName("backdrop")
        colours.setAccessibleName("What transparent parts are laid on")
        for backdrop in Backdrop:
            colours.addItem(backdrop.value.capitalize(), backdrop)
        colours.activated.connect(self._on_backdrop)
        return colours

    def _make_buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox()
        self.anew = QPushButton("As it was")
        self.anew.setObjectName("crop_reset")
        self.anew.clicked.connect(partial(self._show, PLAIN))
        box.addButton(self.anew, QDialogButtonBox.ButtonRole.ResetRole)
        box.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.done_button = QPushButton("Done")
        self.done_button.setObjectName("crop_done")
        set_role(self.done_button, "primary")
        box.addButton(self.done_button, QDialogButtonBox.ButtonRole.AcceptRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        return box

    def _turn(self, quarters: int) -> None:
        self._show(self.canvas.edits.turned(quarters))

    def _flip(self) -> None:
        self._show(self.canvas.edits.flipped())

    def _on_lean(self, tenths: int) -> None:
        self._show(replace(self.canvas.edits, straighten=tenths / _TENTHS))

    def _on_shape(self, chosen: str) -> None:
        wide, high = self.canvas.stage_size()
        self.canvas.hold_shape(wide / high if chosen == _OWN else _SHAPES.get(chosen))

    def _on_backdrop(self) -> None:
        assert self.backdrop is not None
        self._show(replace(self.canvas.edits, backdrop=self.backdrop.currentData()))

    def _show(self, edits: Edits) -> None:
        """Show edits everywhere."""
        self.canvas.show_edits(edits)
        _quietly(self.lean, lambda: self.lean.setValue(round(edits.straighten * _TENTHS)))
        self.lean_says.setText(f"{edits.straighten:+.1f}°" if edits.straighten else "0°")
        if self.backdrop is not None:
            self.backdrop.setCurrentIndex(list(Backdrop).index(edits.backdrop))
        width, height = edited_size(edits, *self._size)
        small = min(width, height) < _SMALLEST_SIDE
        self.says.setText(_small(width, height) if small else self._kept(width, height))
        set_role(self.says, "warn" if small else "muted")
        self.done_button.setEnabled(not small)
        self.anew.setEnabled(not edits.plain)

    def _kept(self, width: int, height: int) -> str:
        largest = max(buckets_for(width, height, self._resolutions), key=lambda b: b.resolution)
        keeps = f"the trainer keeps {1 - largest.loss:.0%} of it at {largest.title}"
        return f"{width:,} x {height:,} pixels; {keeps}"

    def accept(self) -> None:
        """Hand the edits over and close."""
        if self.canvas.edits != self._item.edits:
            self.edited.emit(self.canvas.edits)
        super().accept()


def _small(width: int, height: int) -> str:
    return f"{width} x {height} pixels are too few: keep at least {_SMALLEST_SIDE} on each side."


def _quietly(widget: QWidget, change: Callable[[], object]) -> None:
    """Change a widget without hearing of it."""
    before = widget.blockSignals(True)
    change()
    widget.blockSignals(before)
