"""The settings that most people leave alone: exact size, steps, guidance, seed."""

from __future__ import annotations

import secrets

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFormLayout, QWidget

from fluxlora_desktop.domain.pictures import GeneratorModel, SizeRule
from fluxlora_desktop.ui.gallery.numbers import Fraction, WholeNumber
from fluxlora_desktop.ui.gallery.sizes import Size, fit_side
from fluxlora_desktop.ui.widgets import label

_SEEDS = 2**31 - 1


class MoreSettings(QWidget):
    """Width, height, steps, guidance, seed; `changed()`, and `size_typed()` for the first two."""

    changed = Signal()
    size_typed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rule = SizeRule()
        self.width_field = WholeNumber("Width in pixels")
        self.height_field = WholeNumber("Height in pixels")
        for side in (self.width_field, self.height_field):
            side.setSuffix(" px")
            side.asked.connect(self._on_size)
        self.steps = WholeNumber("Steps")
        self.guidance = Fraction("Guidance", step=0.5)
        self.seed = WholeNumber("Seed")
        self.seed.set_limits(0, _SEEDS, 0)
        self.keep_seed = QCheckBox("Keep this seed")
        self.keep_seed.setToolTip("The same seed and settings make the same picture again")
        self.steps.asked.connect(self._on_changed)
        self.guidance.asked.connect(self._on_changed)
        self.seed.asked.connect(self._on_seed)
        self.keep_seed.toggled.connect(self._on_keep)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Width", self.width_field),
            ("Height", self.height_field),
            ("Steps", self.steps),
            ("Guidance", self.guidance),
            ("Seed", self.seed),
        )
        for title, field in rows:
            words = label(title, "muted")
            words.setBuddy(field)
            form.addRow(words, field)
        form.addRow("", self.keep_seed)
        self._on_keep(False)

    def set_limits(self, model: GeneratorModel) -> None:
        """Take a model's limits; wishes are clamped, not forgotten."""
        rule = self._rule = model.size
        for field in (self.width_field, self.height_field):
            field.set_limits(rule.low, rule.high, field.value(), step=rule.multiple)
        self.steps.set_limits(*model.steps, model.default_steps)
        self.guidance.set_limits(*model.guidance, model.default_guidance)

    def wanted_size(self) -> Size:
        """Return the size as it stands."""
        return Size(self.width_field.value(), self.height_field.value())

    def ask_size(self, size: Size) -> None:
        """Wish for a size; its sides become the nearest that the model takes."""
        self.width_field.ask(fit_side(size.width, self._rule))
        self.height_field.ask(fit_side(size.height, self._rule))

    def keep(self, seed: int) -> None:
        """Hold a seed, because it made a picture that is made again."""
        self.seed.ask(seed)
        self.keep_seed.setChecked(True)

    def next_seed(self) -> int:
        """Return the seed of the next order: the kept one, else a new one, which is shown."""
        if not self.keep_seed.isChecked():
            self.seed.ask(secrets.randbelow(_SEEDS))
        return self.seed.value()

    @Slot(int)
    def _on_seed(self, _value: int) -> None:
        self.keep_seed.setChecked(True)
        self.changed.emit()

    @Slot(bool)
    def _on_keep(self, kept: bool) -> None:
        self.seed.setSpecialValueText("" if kept else "New each time")
        self.seed.setAccessibleDescription("kept" if kept else "a new one for each order")
        self.changed.emit()

    @Slot()
    def _on_changed(self) -> None:
        self.changed.emit()

    @Slot()
    def _on_size(self) -> None:
        self.ask_size(self.wanted_size())
        self.size_typed.emit()
        self.changed.emit()
