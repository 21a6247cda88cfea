"""Step 4: what the LoRA is called, where it goes, who may see it, where it can be used."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.ui import theme
from fluxlora_desktop.ui.create.body import StepBody, Typing, show_text
from fluxlora_desktop.ui.create.uses import Use, uses_of
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import (
    Card,
    ChoiceCard,
    Symbol,
    clear,
    column,
    label,
    line,
    row,
    set_role,
)
from fluxlora_desktop.workflows.plans import repo_name

_VISIBILITIES = {
    Visibility.PRIVATE: ("Private", "Only you see it, with your token. Can be made public later."),
    Visibility.PUBLIC: ("Public", "Everyone can see it, use it and make pictures with it."),
}


class UsesCard(Card):
    """Where the finished LoRA could be used: a tick or a cross for each service, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("uses")
        self._shown: tuple[str, tuple[Use, ...]] | None = None
        self._list = QVBoxLayout()
        self._list.setSpacing(12)
        self.body.addWidget(label("Where you can use it afterwards", "section", wrap=True))
        self.body.addLayout(self._list)
        self.body.addStretch(1)

    def show_draft(self, draft: Draft) -> None:
        """Show every service's answer."""
        uses, goal = uses_of(draft.routes), draft.plan.goal
        if (goal, uses) == self._shown:
            return
        self._shown = (goal, uses)
        clear(self._list)
        for use in uses:
            self._list.addWidget(_use_line(use, chosen=use.key == goal))
        if not uses:
            self._list.addWidget(label("No connected service takes LoRAs.", "muted", wrap=True))


def _use_line(use: Use, *, chosen: bool) -> QWidget:
    made = QWidget()
    mark = Symbol("check", "ok", 18) if use.works else Symbol("close", "danger", 18)
    title = row(label(use.title, "strong"), label("your choice" if chosen else "", "caption"), None)
    words = column(title, label(use.says, "muted", wrap=True), spacing=2)
    layout = row(spacing=8)
    layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
    layout.addLayout(words, 1)
    made.setLayout(layout)
    says = f"{use.title}{', your choice' if chosen else ''}: {'yes' if use.works else 'no'}"
    made.setAccessibleName(f"{says}. {use.says}")
    return made


class DestinationStep(StepBody):
    """The name fills the repo's name until that is edited by hand."""

    hint = "Name your LoRA and say where it goes. Its file always lands on this computer too."

    def __init__(self, *, draft: DraftDesk) -> None:
        super().__init__()
        self._desk = draft
        self.name, self.repo = QLineEdit(), QLineEdit()
        self.publish = QCheckBox(f"Publish it to {draft.tools.services.hub.title} when it is ready")
        self.publish.setObjectName("publish")
        self._name_check = label("", "caption", wrap=True)
        self._repo_check = label("", "caption", wrap=True)
        self._repo_check.setObjectName("repo_check")
        self.visibilities = {v: ChoiceCard(*words) for v, words in _VISIBILITIES.items()}
        self.uses = UsesCard()
        self._typing = {
            "name": self._follow(self.name, "name"),
            "repo": self._follow(self.repo, "repo"),
        }
        self._lay_out()
        self.publish.clicked.connect(self._on_publish)
        for visibility, card in self.visibilities.items():
            card.setObjectName(f"visibility_{visibility}")
            card.chosen.connect(partial(draft.set_plan, visibility=visibility))

    def _follow(self, edit: QLineEdit, field: str) -> Typing:
        edit.setObjectName("lora_name" if field == "name" else "repo_name")
        edit.setMaxLength(80)
        typing = Typing(self)
        typing.timeout.connect(partial(self._save, field))
        edit.textEdited.connect(typing.key)
        edit.editingFinished.connect(typing.flush)
        return typing

    def _lay_out(self) -> None:
        card = Card()
        name_title, repo_title = label("&Name", "strong"), label("&Repo on the hub", "strong")
        name_title.setBuddy(self.name)
        repo_title.setBuddy(self.repo)
        self.name.setAccessibleName("Name of the LoRA")
        self.name.setPlaceholderText("For example Rusty the fox")
        self.repo.setAccessibleName("Name of the repo on the hub")
        choices = row(*self.visibilities.values(), spacing=12)
        for place in range(len(self.visibilities)):
            choices.setStretch(place, 1)
        card.body.addLayout(column(name_title, self.name, self._name_check, spacing=4))
        card.body.addWidget(line())
        card.body.addWidget(self.publish)
        card.body.addLayout(column(repo_title, self.repo, self._repo_check, spacing=4))
        card.body.addWidget(line())
        card.body.addWidget(label("Who may see it", "strong"))
        card.body.addLayout(choices)
        card.body.addStretch(1)
        self.right = column(self.uses, spacing=12)
        beside = scrolling(self.right, "Where it can be used, and accounts")
        beside.setFixedWidth(theme.INSPECTOR_WIDTH)
        left = scrolling(row(card), "Name and place")
        for area in (left, beside):
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        sides = row(left, beside, spacing=12)
        sides.setStretch(0, 1)
        self.setLayout(sides)

    def show_draft(self, draft: Draft) -> None:
        """Show the draft's destination; what is being typed is left alone."""
        plan = draft.plan
        if not self._typing["name"].isActive():
            show_text(self.name, plan.name)
        if not self._typing["repo"].isActive():
            show_text(self.repo, plan.repo or repo_name(plan.name))
        self.publish.setChecked(plan.publish)
        self.repo.setEnabled(plan.publish)
        self._check_name(plan.name)
        self._check_repo(plan.repo or plan.name, plan.publish, here=draft.way.runs_here)
        for visibility, card in self.visibilities.items():
            card.set_chosen(visibility is plan.visibility)
        self.uses.show_draft(draft)

    def _check_name(self, name: str) -> None:
        trouble = "" if name.strip() else "Give the LoRA a name."
        self._name_check.setText(trouble or "How it is called in your library.")
        set_role(self._name_check, "warn" if trouble else "caption")

    def _check_repo(self, wanted: str, publish: bool, *, here: bool) -> None:
        name = repo_name(wanted)
        trouble = bool(wanted.strip()) and not name
        if not publish and here:
            says = "It stays on this computer."
        elif not publish:
            says = "It stays on this computer and at the service that trained it."
        elif trouble:
            says = "Use letters a to z, digits and dashes."
        elif name:
            says = f"It will be called {name}, under your account."
        else:
            says = "Follows the name above."
        self._repo_check.setText(says)
        set_role(self._repo_check, "danger" if trouble and publish else "caption")

    def _save(self, field: str) -> None:
        if field == "name":
            self._desk.set_plan(name=self.name.text())
            return
        text = self.repo.text().strip()
        by_hand = "" if text == repo_name(self._desk.draft().plan.name) else text
        self._desk.set_plan(repo=by_hand)

    def _on_publish(self, publish: bool) -> None:
        self._desk.set_plan(publish=publish)

    def keep(self) -> None:
        """Save what was typed."""
        for typing in self._typing.values():
            typing.flush()

    def focus_field(self, field: str) -> None:
        """Bring the keyboard to the name or the repo."""
        target = self.repo if field == "repo" else self.name
        target.setFocus(Qt.FocusReason.OtherFocusReason)
