"""One editor for each kind of parameter, all with the same two verbs."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from fluxlora_desktop.domain.training import Parameter, ParameterKind, ParameterValue
from fluxlora_desktop.ui.create.body import Typing, show_text
from fluxlora_desktop.ui.create.choice_box import ChoiceBox
from fluxlora_desktop.ui.widgets import inset, row

_WIDTH = 170
_FURTHEST = 2_000_000_000


class ParameterEditor(QWidget):
    """Edits one value; `edited(object)` when a person changed it."""

    edited = Signal(object)

    def __init__(self, parameter: Parameter, field: QWidget) -> None:
        super().__init__()
        self.field = field
        field.setObjectName(f"parameter_{parameter.name}")
        field.setAccessibleName(parameter.title)
        field.setAccessibleDescription(parameter.says)
        field.setToolTip(parameter.says)
        field.setFixedWidth(_WIDTH)
        self.setLayout(row(field))
        self.setFocusProxy(field)

    def show_value(self, value: ParameterValue) -> None:
        """Show a value without saying that it was edited."""
        raise NotImplementedError

    def keep(self) -> None:
        """Hand on what was typed and not handed on yet."""

    def _on_edited(self, value: ParameterValue) -> None:
        self.edited.emit(value)


class CalmSpinBox(QSpinBox):
    """A whole number that the wheel changes only while the field has the keyboard."""

    def __init__(self) -> None:
        super().__init__()
        inset(self)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page unless the field is in use."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class CalmNumberBox(QDoubleSpinBox):
    """A number with as many places as it needs; the wheel works like in `CalmSpinBox`."""

    def __init__(self) -> None:
        super().__init__()
        inset(self)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page unless the field is in use."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def textFromValue(self, val: float) -> str:
        """Return the number without zeros at its end."""
        return f"{val:.{self.decimals()}f}".rstrip("0").rstrip(".") or "0"


def _prepare(box: QSpinBox | QDoubleSpinBox) -> None:
    box.setKeyboardTracking(False)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.lineEdit().setTextMargins(8, 0, 0, 0)


class _WholeEditor(ParameterEditor):
    def __init__(self, parameter: Parameter) -> None:
        self._box = CalmSpinBox()
        super().__init__(parameter, self._box)
        low = -_FURTHEST if parameter.low is None else round(parameter.low)
        high = _FURTHEST if parameter.high is None else round(parameter.high)
        self._box.setRange(low, high)
        usual = 50 if parameter.role == "steps" else 1
        self._box.setSingleStep(max(usual, parameter.multiple))
        _prepare(self._box)
        self._parameter = parameter
        self._box.valueChanged.connect(self._on_changed)

    def show_value(self, value: ParameterValue) -> None:
        with QSignalBlocker(self._box):
            self._box.setValue(int(value))

    def _on_changed(self, typed: int) -> None:
        """Hand on the nearest number that the trainer takes."""
        value = int(self._parameter.nearest(typed))
        self.show_value(value)
        self.edited.emit(value)

    def keep(self) -> None:
        self._box.interpretText()


class _NumberEditor(ParameterEditor):
    def __init__(self, parameter: Parameter) -> None:
        self._box = CalmNumberBox()
        super().__init__(parameter, self._box)
        small = isinstance(parameter.default, float) and 0 < parameter.default < 0.01
        self._box.setDecimals(6 if small else 3)
        self._box.setSingleStep(float(parameter.default) / 5 if small else 0.05)
        low = -_FURTHEST if parameter.low is None else parameter.low
        high = _FURTHEST if parameter.high is None else parameter.high
        self._box.setRange(low, high)
        _prepare(self._box)
        self._box.valueChanged.connect(self._on_edited)

    def show_value(self, value: ParameterValue) -> None:
        with QSignalBlocker(self._box):
            self._box.setValue(float(value))

    def keep(self) -> None:
        self._box.interpretText()


class _ChoiceEditor(ParameterEditor):
    def __init__(self, parameter: Parameter) -> None:
        self._box = ChoiceBox()
        super().__init__(parameter, self._box)
        self._box.offer([(choice, choice) for choice in parameter.choices])
        self._box.picked.connect(self._on_edited)

    def show_value(self, value: ParameterValue) -> None:
        self._box.show_value(value)


class _FlagEditor(ParameterEditor):
    def __init__(self, parameter: Parameter) -> None:
        self._box = QCheckBox("On")
        super().__init__(parameter, self._box)
        self._box.clicked.connect(self._on_edited)

    def show_value(self, value: ParameterValue) -> None:
        self._box.setChecked(bool(value))


class _TextEditor(ParameterEditor):
    def __init__(self, parameter: Parameter) -> None:
        self._line = QLineEdit()
        super().__init__(parameter, self._line)
        self._typing = Typing(self)
        self._typing.timeout.connect(self._on_pause)
        self._line.textEdited.connect(self._typing.key)
        self._line.editingFinished.connect(self._typing.flush)

    def show_value(self, value: ParameterValue) -> None:
        if not self._typing.isActive():
            show_text(self._line, str(value))

    def keep(self) -> None:
        self._typing.flush()

    def _on_pause(self) -> None:
        self.edited.emit(self._line.text())


_EDITORS = {
    ParameterKind.WHOLE: _WholeEditor,
    ParameterKind.NUMBER: _NumberEditor,
    ParameterKind.CHOICE: _ChoiceEditor,
    ParameterKind.FLAG: _FlagEditor,
    ParameterKind.TEXT: _TextEditor,
}


def editor_for(parameter: Parameter) -> ParameterEditor:
    """Return the editor for a parameter's kind."""
    return _EDITORS[parameter.kind](parameter)
