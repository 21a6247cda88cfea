"""Step 3: what the photos show, where the LoRA shall be used, and everything that follows."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from fluxlora_desktop.domain.recipes import PRESETS
from fluxlora_desktop.domain.training import Preset, Quality, Visibility
from fluxlora_desktop.ui.create.body import StepBody
from fluxlora_desktop.ui.create.choice_box import ChoiceBox
from fluxlora_desktop.ui.create.goal import GoalWords
from fluxlora_desktop.ui.create.parameters import ParameterTable
from fluxlora_desktop.ui.create.saved import SavedRecipes
from fluxlora_desktop.ui.create.segments import Segments
from fluxlora_desktop.ui.create.ways import WayList
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import (
    Card,
    ChoiceCard,
    button,
    column,
    label,
    row,
)
from fluxlora_desktop.ui.wording import plural
from fluxlora_desktop.workflows.plans import goals_of

_QUALITIES = {
    Quality.QUICK: "Quick",
    Quality.NORMAL: "Normal",
    Quality.THOROUGH: "Thorough",
}
_VISIBILITIES = {Visibility.PRIVATE: "Private", Visibility.PUBLIC: "Public"}
_SAYS_VISIBILITY = {
    Visibility.PRIVATE: "Only you see it. It can be made public later.",
    Visibility.PUBLIC: "Everyone can see and use it.",
}
_ANYWHERE = "Wherever it works"


class RecipeStep(StepBody):
    """Four large choices, three simple ones, the trainers that fit them, and every parameter.

    `set_up_wanted(str)` asks for the page where this computer is set up, or for what Settings name.
    """

    set_up_wanted = Signal(str)
    hint = "What do the photos show? Everything else follows from that, and can be changed."

    def __init__(self, *, draft: DraftDesk) -> None:
        super().__init__()
        self._desk = draft
        self.presets = {p: ChoiceCard(f.title, f"{f.says}. {f.ideal}.") for p, f in PRESETS.items()}
        self.goal = ChoiceBox()
        self.goal_words = GoalWords(draft)
        self.quality = Segments("quality", "Quality", _titles(_QUALITIES))
        self.visibility = Segments("visibility", "Who may see it", _titles(_VISIBILITIES))
        self.ways = WayList(follows=self.visibility.choice(Visibility.PUBLIC.value))
        self._says = {name: label("", "muted", wrap=True) for name in ("quality", "visibility")}
        self.table = ParameterTable(draft)
        self.table.hide()
        self.saved = SavedRecipes(draft.recipes, lambda: draft.draft().plan)
        self.table.follows = self.saved
        self.advanced = self._make_toggle()
        self._goals: tuple[tuple[str, str], ...] = ()
        self._lay_out()
        self._connect()

    def _make_toggle(self) -> QPushButton:
        made = button("Advanced: every parameter", role="quiet", symbol="chevron-right")
        made.setObjectName("advanced")
        made.setCheckable(True)
        return made

    def _lay_out(self) -> None:
        cards = row(spacing=12)
        for preset, card in self.presets.items():
            card.setObjectName(f"preset_{preset}")
            cards.addWidget(card, 1)
        title = label("How it is trained", "section")
        ways = column(title, self.ways, spacing=8)
        parts = (
            cards,
            self._make_simple(),
            ways,
            row(self.advanced, None, self.saved),
            self.table,
            None,
        )
        area = scrolling(column(*parts, spacing=12), "Recipe")
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setLayout(column(area))

    def _make_simple(self) -> Card:
        card = Card()
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(12)
        grid.setColumnStretch(2, 1)
        fields: tuple[tuple[str, str, QWidget], ...] = (
            ("goal", "&Use it at", self.goal),
            ("quality", "Quality", self.quality),
            ("visibility", "Who may see it", self.visibility),
        )
        for place, (name, title, field) in enumerate(fields):
            words = label(title, "strong")
            words.setBuddy(field)
            field.setAccessibleName(title.replace("&", ""))
            grid.addWidget(words, place, 0)
            grid.addWidget(field, place, 1)
            grid.addWidget(self._says.get(name, self.goal_words), place, 2)
        self.goal.setObjectName("goal")
        self.goal.setMinimumWidth(270)
        card.body.addLayout(grid)
        return card

    def _connect(self) -> None:
        for preset, card in self.presets.items():
            card.chosen.connect(partial(self._desk.set_plan, preset=preset))
        self.ways.chosen.connect(self._desk.choose_way)
        self.ways.mend_wanted.connect(self.set_up_wanted)
        self.goal.picked.connect(self._desk.choose_goal)
        self.quality.chosen.connect(self._on_quality)
        self.visibility.chosen.connect(self._on_visibility)
        self.advanced.toggled.connect(self._on_advanced)
        self.saved.used.connect(self._desk.use_recipe)

    def show_draft(self, draft: Draft) -> None:
        """Show the draft's choices and what they mean."""
        plan = draft.plan
        for preset, card in self.presets.items():
            card.set_chosen(preset is plan.preset)
        self._show_goal(draft)
        leading = [way for way in draft.ways if way.could_reach(plan.goal)]
        self.ways.show_ways(leading or draft.ways, draft.way)
        self.quality.show_choice(plan.quality)
        self.quality.setEnabled(plan.preset is not Preset.QUICK)
        self._says["quality"].setText(_steps(draft))
        self.visibility.show_choice(plan.visibility)
        self._says["visibility"].setText(_SAYS_VISIBILITY[plan.visibility])
        self.table.show_draft(draft)

    def _show_goal(self, draft: Draft) -> None:
        goals = goals_of(draft.ways)
        if goals != self._goals:
            self._goals = goals
            self.goal.offer([("", _ANYWHERE), *goals])
        self.goal.show_value(draft.plan.goal)
        self.goal_words.show_draft(draft)

    def _on_quality(self, key: str) -> None:
        self._desk.set_plan(quality=Quality(key))

    def _on_visibility(self, key: str) -> None:
        self._desk.set_plan(visibility=Visibility(key))

    def _on_advanced(self, shown: bool) -> None:
        self.table.setVisible(shown)
        symbol = "chevron-down" if shown else "chevron-right"
        self.advanced.setProperty("symbol", symbol)
        self.advanced.setIcon(icon(symbol))

    def keep(self) -> None:
        """Save what was typed."""
        self.table.keep()

    def focus_field(self, field: str) -> None:
        """Bring the keyboard to a parameter, opening Advanced for it, or to the preset."""
        if not field:
            self.presets[self._desk.draft().plan.preset].setFocus()
        elif field == "trainer":
            self.ways.focus_way(self._desk.draft().way)
        else:
            self.advanced.setChecked(True)
            self.table.focus_parameter(field)


def _titles(choices: dict[Quality, str] | dict[Visibility, str]) -> dict[str, str]:
    return {key.value: title for key, title in choices.items()}


def _steps(draft: Draft) -> str:
    values = {choice.name: choice.value for choice in draft.choices}
    steps = draft.trainer.with_role("steps")
    if steps is None or steps.name not in values:
        return ""
    why = next(choice.why for choice in draft.choices if choice.name == steps.name)
    return f"{plural(int(values[steps.name]), 'step')}. {why}"
