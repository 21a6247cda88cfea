"""Step 5: everything once more in words, and the rights question."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QWidget

from fluxlora_desktop.domain.bases import base_named, title_of
from fluxlora_desktop.domain.recipes import PRESETS
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.ui.create.body import StepBody
from fluxlora_desktop.ui.create.goal import GoalWords
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.scrolling import scrolling
from fluxlora_desktop.ui.widgets import Card, Symbol, column, label, row
from fluxlora_desktop.ui.wording import file_size, plural, price_range, time_range
from fluxlora_desktop.workflows.plans import repo_name

_RIGHTS = "I may use these photos, and the people in them agree."

_LONGEST_SIDE = 1536  # photos in the archive are at most so many pixels long
_BYTES_PER_PIXEL = 0.24  # JPEG at quality 95: 0.21 for the sample photos, 0.26 for landscapes


class ReviewStep(StepBody):
    """Says what will be uploaded, to whom, what it costs and what comes of it."""

    hint = "Look it over. Nothing is sent and nothing is charged before you press Start."

    def __init__(self, *, draft: DraftDesk) -> None:
        super().__init__()
        self._desk = draft
        self._values: dict[str, QLabel] = {}
        self.goal_words = GoalWords(draft)
        self.rights = QCheckBox(_RIGHTS)
        self.rights.setObjectName("rights")
        self.rights.clicked.connect(self._on_rights)
        self._licence = label("", "muted", wrap=True)
        self._licence.setObjectName("licence")
        self._lay_out()

    def _lay_out(self) -> None:
        card = Card(margin=16)
        grid = QGridLayout()
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(2, 1)
        lines = (
            ("uploaded", "upload", "Uploaded"),
            ("to", "globe", "To"),
            ("training", "runs", "Training"),
            ("captions", "photos", "Captions"),
            ("price", "money", "Price"),
            ("time", "clock", "Time"),
            ("result", "library", "Afterwards"),
            ("goal", "gallery", "Use"),
        )
        top = Qt.AlignmentFlag.AlignTop
        for place, (key, symbol, title) in enumerate(lines):
            value: QWidget = self.goal_words
            if key != "goal":
                self._values[key] = value = label("", wrap=True)
            value.setObjectName(f"review_{key}")
            grid.addWidget(Symbol(symbol, "muted", 18), place, 0, top)
            grid.addWidget(label(title, "muted"), place, 1, top)
            grid.addWidget(value, place, 2, top)
        card.body.addLayout(grid)
        rights = Card(margin=16, spacing=8)
        rights.body.addWidget(self.rights)
        rights.body.addWidget(self._licence)
        area = scrolling(column(card, rights, None, spacing=12), "Review")
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setLayout(row(area))

    def show_draft(self, draft: Draft) -> None:
        """Show the draft in words."""
        plan = draft.plan
        backend = self._desk.tools.services.trainer(plan.backend)
        says = {
            "uploaded": _uploaded(draft),
            "to": f"{backend.title}, with {draft.trainer.title}",
            "training": _training(draft),
            "captions": _captions(draft),
            "price": f"{_capital(price_range(draft.estimate))}. {draft.estimate.basis}",
            "time": f"{_capital(time_range(draft.estimate))}, {_while(draft)}",
            "result": _result(draft, self._desk.tools.services.hub.title),
        }
        for key, text in says.items():
            self._values[key].setText(text)
        self.goal_words.show_draft(draft)
        self.rights.setChecked(plan.rights_confirmed)
        base = base_named(draft.trainer.base)
        self._licence.setText(base.permits if base else "")

    def text(self, key: str) -> str:
        """Return what one line says, by its key."""
        return self._values[key].text()

    def _on_rights(self, confirmed: bool) -> None:
        self._desk.set_plan(rights_confirmed=confirmed)

    def focus_field(self, field: str) -> None:
        """Bring the keyboard to the rights question."""
        self.rights.setFocus(Qt.FocusReason.OtherFocusReason)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uploaded(draft: Draft) -> str:
    count = len(draft.dataset.kept)
    if not count:
        return "No photos yet"
    if draft.way.runs_here:
        return f"Nothing: the {plural(count, 'photo')} stay on this computer"
    size = file_size(_archive_bytes(draft))
    return f"{plural(count, 'photo')}, about {size}, metadata removed, upright, sRGB"


def _while(draft: Draft) -> str:
    """Return what the window, or the computer, may do meanwhile."""
    awake = ", as long as the computer is awake" if draft.way.runs_here else ""
    return f"also while this window is closed{awake}"


def _archive_bytes(draft: Draft) -> int:
    """Guess the archive's size from the photos' pixels; the real one is made after Start."""
    seen = (item.seen.facts for item in draft.dataset.kept)
    sides = ((facts.width, facts.height) for facts in seen)
    shrunk = ((w, h, min(1.0, _LONGEST_SIDE / max(w, h))) for w, h in sides)
    return round(sum(w * h * by * by for w, h, by in shrunk) * _BYTES_PER_PIXEL)


def _training(draft: Draft) -> str:
    values = {choice.name: choice.value for choice in draft.choices}
    preset = PRESETS[draft.plan.preset].title
    steps = plural(draft.trainer.steps_of(values), "step")
    word = draft.dataset.trigger_word.strip()
    trigger = f", trigger word {word}" if word else ""
    return f"{preset}, {steps} on {title_of(draft.trainer.base)}{trigger}"


def _captions(draft: Draft) -> str:
    own = sum(bool(item.caption.strip()) for item in draft.dataset.kept)
    rest = len(draft.dataset.kept) - own
    if own and not rest:
        return f"All {own} are yours"
    source = draft.caption_source
    return f"{own} of yours, the other {rest} {source}" if own else f"All {source}"


def _result(draft: Draft, hub: str) -> str:
    plan = draft.plan
    kept = "Checked and kept on this computer"
    if not plan.publish:
        return f"{kept}; not published"
    name = repo_name(plan.repo or plan.name)
    who = "public" if plan.visibility is Visibility.PUBLIC else "private"
    named = f" as {name}" if name else ""
    return f"{kept}; published to {hub}{named}, {who}"
