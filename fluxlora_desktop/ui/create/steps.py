"""The five steps of the wizard and the line that shows them."""

from __future__ import annotations

from enum import IntEnum

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QWidget

from fluxlora_desktop.ui.widgets import Symbol, button, row


class Step(IntEnum):
    """A step of the wizard, in the order in which they are walked."""

    PHOTOS = 0
    CAPTIONS = 1
    RECIPE = 2
    DESTINATION = 3
    REVIEW = 4

    @property
    def title(self) -> str:
        """Return how the step is called on screen."""
        return self.name.capitalize()


_FIELDS = {
    "photos": Step.PHOTOS,
    "trigger_word": Step.CAPTIONS,
    "name": Step.DESTINATION,
    "repo": Step.DESTINATION,
    "rights_confirmed": Step.REVIEW,
    "disk": Step.REVIEW,  # no input: the bar at the bottom has the buttons
}


def step_of_field(field: str) -> Step:
    """Return the step on which an input stands; parameters of trainers stand in Recipe."""
    return _FIELDS.get(field, Step.RECIPE)


class StepLine(QWidget):
    """The steps side by side; `chosen(int)` when one is pressed, the current one is marked."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("create_steps")
        self._group = QButtonGroup(self)
        layout = row(spacing=4)
        for step in Step:
            made = button(f"{step + 1}  {step.title}", role="quiet")
            made.setObjectName(f"create_step_{step.name.lower()}")
            made.setAccessibleName(f"Step {step + 1} of {len(Step)}: {step.title}")
            made.setCheckable(True)
            self._group.addButton(made, step)
            layout.addWidget(made)
            if step is not Step.REVIEW:
                layout.addWidget(Symbol("chevron-right", "muted", 14))
        layout.addStretch(1)
        self.setLayout(layout)
        self._group.idClicked.connect(self._on_clicked)

    def show_step(self, step: Step) -> None:
        """Mark a step as the current one."""
        made = self._group.button(step)
        made.setChecked(True)

    @Slot(int)
    def _on_clicked(self, step: int) -> None:
        self.chosen.emit(step)
