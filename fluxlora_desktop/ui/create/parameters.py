"""Advanced: every parameter of the trainer with its value, unit, range and reason."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from fluxlora_desktop.domain.training import Choice, Parameter, ParameterKind, ParameterValue
from fluxlora_desktop.ui.create.parameter_editors import editor_for
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.widgets import Card, column, follow, icon_button, label, set_role


class ParameterLine(QObject):
    """The parts of one line; `edited(str, object)` and `returned(str)` name the parameter."""

    edited = Signal(str, object)
    returned = Signal(str)

    def __init__(self, parameter: Parameter, parent: QObject) -> None:
        super().__init__(parent)
        self._name = parameter.name
        self._limits = limits_of(parameter)
        self.title = label(parameter.title, "strong")
        self.title.setToolTip(parameter.says)
        self.editor = editor_for(parameter)
        self.title.setBuddy(self.editor.field)
        self.limits = label(self._limits, "caption", wrap=True)
        self.why = label("", "muted", wrap=True)
        says = f"Set {parameter.title} back to the recipe's value"
        self.back = icon_button("undo", says, self._on_back)
        self.back.setObjectName(f"reset_{parameter.name}")
        self.editor.edited.connect(self._on_edited)

    def show_choice(self, choice: Choice, *, by_hand: bool, trouble: str) -> None:
        """Show the value, why it is so, and what is wrong with it."""
        self.editor.show_value(choice.value)
        self.why.setText(choice.why)
        self.back.setVisible(by_hand)
        self.limits.setText(f"Not possible: {trouble.rstrip('.')}." if trouble else self._limits)
        self.limits.setVisible(bool(self.limits.text()))
        set_role(self.limits, "danger" if trouble else "caption")

    def _on_edited(self, value: ParameterValue) -> None:
        self.edited.emit(self._name, value)

    def _on_back(self) -> None:
        self.editor.field.setFocus()
        self.returned.emit(self._name)


def limits_of(parameter: Parameter) -> str:
    """Return the allowed range with its unit, in words."""
    unit = f" {parameter.unit}" if parameter.unit else ""
    unit += f", in steps of {parameter.multiple}" if parameter.multiple > 1 else ""
    if parameter.kind in {ParameterKind.WHOLE, ParameterKind.NUMBER}:
        low, high = (_number(end) for end in (parameter.low, parameter.high))
        if low and high:
            return f"{low} to {high}{unit}"
        if low or high:
            return f"at least {low}{unit}" if low else f"at most {high}{unit}"
    return parameter.unit


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:f}".rstrip("0")


class ParameterTable(Card):
    """All lines, rebuilt only when another trainer is chosen; every change goes to the desk.

    Tab leads to them from `follows`, the part of the page that stands before them.
    """

    def __init__(self, desk: DraftDesk) -> None:
        super().__init__()
        self.setObjectName("parameter_table")
        self._desk = desk
        self.follows: QWidget | None = None
        self._trainer = ""
        self._lines: dict[str, ParameterLine] = {}
        self._holder: QWidget | None = None

    def show_draft(self, draft: Draft) -> None:
        """Show the values that the draft's recipe and hand-made changes mean."""
        if draft.trainer.key != self._trainer:
            self._build(draft)
        for choice in draft.choices:
            trouble = draft.troubles.get(choice.name, "")
            by_hand = choice.name in draft.plan.parameters
            self._lines[choice.name].show_choice(choice, by_hand=by_hand, trouble=trouble)

    def _build(self, draft: Draft) -> None:
        self._trainer = draft.trainer.key
        if self._holder is not None:
            self.body.removeWidget(self._holder)
            self._holder.hide()
            self._holder.deleteLater()
        self._holder = QWidget()
        grid = QGridLayout(self._holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(14)
        grid.setColumnStretch(2, 1)
        self._lines = {}
        for place, parameter in enumerate(draft.trainer.parameters):
            made = ParameterLine(parameter, self._holder)
            self._lines[parameter.name] = made
            made.edited.connect(self._on_edited)
            made.returned.connect(self._on_returned)
            words = column(made.why, made.limits, spacing=2)
            grid.addWidget(made.title, place, 0)
            grid.addWidget(made.editor, place, 1)
            grid.addLayout(words, place, 2)
            grid.addWidget(made.back, place, 3)
        self.body.addWidget(self._holder)
        if self.follows is not None:
            follow(self.follows, self._holder)

    def keep(self) -> None:
        """Save what was typed."""
        for one in self._lines.values():
            one.editor.keep()

    def focus_parameter(self, name: str) -> None:
        """Bring the keyboard to one parameter."""
        if name in self._lines:
            self._lines[name].editor.field.setFocus()

    def _on_edited(self, name: str, value: ParameterValue) -> None:
        kept = self._desk.draft().plan.parameters
        self._desk.set_plan(parameters={**kept, name: value})

    def _on_returned(self, name: str) -> None:
        kept = self._desk.draft().plan.parameters
        self._desk.set_plan(parameters={key: kept[key] for key in kept if key != name})
