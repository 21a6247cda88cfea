"""The foot of the wizard: price and time, what is missing, the way back and on."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.ui.create.steps import Step, step_of_field
from fluxlora_desktop.ui.desks.draft import Draft
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row
from fluxlora_desktop.ui.wording import price_range, time_range


class Footer(QWidget):
    """`going(int)` asks for a step, `mending()` for the input that keeps Start back, `starting()`
    is the click that costs money."""

    going = Signal(int)
    mending = Signal()
    starting = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._step = Step.PHOTOS
        self._problem = ""
        self.standing = label("", "muted")
        self.standing.setObjectName("create_standing")
        self._mark = Symbol("warning", "warn", 18)
        self.problem = label("")
        self.problem.setObjectName("create_problem")
        self.mend_button = button("", self.mending.emit, role="link")
        self.mend_button.setObjectName("create_mend")
        self.back_button = button("Back", self._on_back)
        self.back_button.setObjectName("create_back")
        self.next_button = button("Next", self._on_next, role="primary")
        self.next_button.setObjectName("create_next")
        self.start_button = button("Start training", self._on_start, role="primary")
        self.start_button.setObjectName("create_start")
        trouble = row(None, self._mark, self.problem, self.mend_button, spacing=8)
        acts = row(self.standing, None, self.back_button, self.next_button, self.start_button)
        self.setLayout(column(trouble, acts, spacing=8))

    def show_draft(self, draft: Draft | None, step: Step, *, starting: bool) -> None:
        """Show where things stand on a step; `starting` while the click is being carried out."""
        self._step = step
        last = step is Step.REVIEW
        self.back_button.setEnabled(step is not Step.PHOTOS and draft is not None)
        self.next_button.setVisible(not last)
        self.start_button.setVisible(last)
        self.next_button.setEnabled(draft is not None)
        if not last:
            self.next_button.setText(f"Next: {Step(step + 1).title}")
        self._show_money(draft, starting=starting)
        self._show_problem(draft, visible=last and not starting)

    def _show_money(self, draft: Draft | None, *, starting: bool) -> None:
        if draft is None:
            self.standing.setText("")
            self.start_button.setEnabled(False)
            return
        price = price_range(draft.estimate)
        self.standing.setText(f"{time_range(draft.estimate)}, {price}")
        self.start_button.setText("Starting" if starting else f"Start training for {price}")
        self.start_button.setEnabled(not starting and not draft.problem)

    def _show_problem(self, draft: Draft | None, *, visible: bool) -> None:
        problem = draft.problem if draft is not None and visible else ""
        for part in (self._mark, self.problem):
            part.setVisible(bool(problem))
        elsewhere = bool(problem) and draft is not None
        if draft is not None and problem:
            where = step_of_field(draft.problem_field)
            elsewhere = where is not Step.REVIEW
            self.problem.setText(problem)
            self.mend_button.setText(f"Go to {where.title}")
            self.start_button.setAccessibleDescription(problem)
        self.mend_button.setVisible(elsewhere)

    def _on_back(self) -> None:
        self.going.emit(self._step - 1)

    def _on_next(self) -> None:
        self.going.emit(self._step + 1)

    def _on_start(self) -> None:
        self.starting.emit()
