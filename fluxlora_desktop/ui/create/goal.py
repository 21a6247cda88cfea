"""Whether the LoRA, as planned, can be used where it shall be used; one click mends the repo."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.ui.create.uses import places, uses_of
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.widgets import button, label, row, set_role


class GoalWords(QWidget):
    """The answer in words, and a link that publishes the LoRA for everybody where that helps."""

    def __init__(self, desk: DraftDesk) -> None:
        super().__init__()
        self._desk = desk
        self.says = label("", "muted", wrap=True)
        self.publish = button("", self._on_publish, role="link")
        self.publish.setObjectName("publish_for_goal")
        layout = row(self.says, self.publish, spacing=8)
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def show_draft(self, draft: Draft) -> None:
        """Show what the plan means for the goal; trouble in the colour of a warning."""
        goal, way = draft.plan.goal, draft.way
        reached = way.reaches(goal)
        self.says.setText(goal_words(draft))
        set_role(self.says, "muted" if reached else "warn")
        self.publish.setText("Make it public" if draft.plan.publish else "Publish it for everyone")
        self.publish.setVisible(not reached and way.reaches_in_public(goal))

    def _on_publish(self) -> None:
        self._desk.set_plan(publish=True, visibility=Visibility.PUBLIC)


def goal_words(draft: Draft) -> str:
    """Return whether the LoRA could be used at the goal, or where, for no goal at all."""
    uses = uses_of(draft.routes)
    chosen = next((use for use in uses if use.key == draft.plan.goal), None)
    if chosen is not None:
        return chosen.says
    works = {use.key: use.title for use in uses if use.works}
    return f"Will work {places(works)}." if works else "As planned, no service could use it."
