"""Number fields that keep what was asked for while models with other limits come and go."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QSlider, QSpinBox, QWidget

from fluxlora_desktop.ui.widgets import inset, row


class WholeNumber(QSpinBox):
    """A whole number; `asked(int)` when the person changed it.

    The wish outlives a model's limits: 40 steps become 12 at a model that takes 12, and 40 again
    at the next one. Without a wish the model's default is shown.
    """

    asked = Signal(int)

    def __init__(self, says: str) -> None:
        super().__init__()
        self.setAccessibleName(says)
        self.setKeyboardTracking(False)
        inset(self)
        self.wish: int | None = None
        self._setting = False
        self.valueChanged.connect(self._on_changed)

    def set_limits(self, low: int, high: int, default: int, *, step: int = 1) -> None:
        """Take a model's limits; the wish is clamped to them, not forgotten."""
        self._setting = True
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setValue(default if self.wish is None else self.wish)
        self._setting = False

    def ask(self, value: int) -> None:
        """Wish for a value, as if it had been typed."""
        self.wish = value
        self._setting = True
        self.setValue(value)
        self._setting = False

    @Slot(int)
    def _on_changed(self, value: int) -> None:
        if not self._setting:
            self.wish = value
            self.asked.emit(value)


class Fraction(QDoubleSpinBox):
    """A number with two places; keeps its wish as `WholeNumber` does."""

    asked = Signal(float)

    def __init__(self, says: str, *, step: float) -> None:
        super().__init__()
        self.setAccessibleName(says)
        self.setKeyboardTracking(False)
        inset(self)
        self.setDecimals(2)
        self.setSingleStep(step)
        self.wish: float | None = None
        self._setting = False
        self.valueChanged.connect(self._on_changed)

    def set_limits(self, low: float, high: float, default: float) -> None:
        """Take a model's limits; the wish is clamped to them, not forgotten."""
        self._setting = True
        self.setRange(low, high)
        self.setValue(default if self.wish is None else self.wish)
        self._setting = False

    def ask(self, value: float) -> None:
        """Wish for a value, as if it had been typed."""
        self.wish = value
        self._setting = True
        self.setValue(value)
        self._setting = False

    @Slot(float)
    def _on_changed(self, value: float) -> None:
        if not self._setting:
            self.wish = value
            self.asked.emit(value)


class StrengthField(QWidget):
    """A LoRA's strength as a slider and a number; `changed(float)` when the person moved either."""

    changed = Signal(float)

    def __init__(self, says: str) -> None:
        super().__init__()
        self.number = Fraction(says, step=0.05)
        self.number.setFixedWidth(84)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(f"{says}, slider")
        self.slider.setPageStep(4)
        self.setLayout(row(self.slider, self.number, spacing=8))
        self.number.asked.connect(self._on_number)
        self.number.valueChanged.connect(self._show_on_slider)
        self.slider.valueChanged.connect(self._on_slider)
        self.setFocusProxy(self.number)

    def value(self) -> float:
        """Return the strength."""
        return self.number.value()

    def set_limits(self, low: float, high: float) -> None:
        """Take a model's limits."""
        blocked = self.slider.blockSignals(True)
        self.slider.setRange(round(low * 20), round(high * 20))
        self.slider.blockSignals(blocked)
        self.number.set_limits(low, high, 1.0)
        self._show_on_slider(self.number.value())

    def ask(self, strength: float) -> None:
        """Wish for a strength, as if it had been typed."""
        self.number.ask(strength)

    @Slot(float)
    def _on_number(self, value: float) -> None:
        self.changed.emit(value)

    @Slot(float)
    def _show_on_slider(self, value: float) -> None:
        blocked = self.slider.blockSignals(True)
        self.slider.setValue(round(value * 20))
        self.slider.blockSignals(blocked)

    @Slot(int)
    def _on_slider(self, step: int) -> None:
        self.number.ask(step / 20)
        self.changed.emit(self.number.value())
