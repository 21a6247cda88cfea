"""One run in detail: where it stands, its stages, cost, losses, log, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QScrollArea, QWidget

from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.runs import LossPoint, Run, RunState
from fluxlora_desktop.domain.training import TrainingOutputs
from fluxlora_desktop.ui.desks.money import Cost
from fluxlora_desktop.ui.runs.actions import Offer, question_for
from fluxlora_desktop.ui.runs.asks import AskBar, AskLinks
from fluxlora_desktop.ui.runs.curve import LossCurve
from fluxlora_desktop.ui.runs.exits import Ask
from fluxlora_desktop.ui.runs.facts import facts_of, transfer_words, trouble_words
from fluxlora_desktop.ui.runs.log import LogPart
from fluxlora_desktop.ui.runs.model import eta_words
from fluxlora_desktop.ui.runs.outputs import OutputsPart
from fluxlora_desktop.ui.runs.stages import Stage
from fluxlora_desktop.ui.runs.strip import Strip
from fluxlora_desktop.ui.runs.timeline import Timeline
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.widgets import (
    Card,
    ProgressLine,
    clear,
    column,
    label,
    line,
    row,
    set_role,
)
from fluxlora_desktop.ui.wording import needs_person, run_share, run_words

_MARGIN, _GAP, _FACT_COLUMNS = 20, 24, 3
_LINK_INSET = 5
"""How far a link's icon lies inside its button; the facts above line up with it."""

_ROLES = {RunState.READY: "ok", RunState.FAILED: "danger", RunState.CANCELLED: "warn"}


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything that the detail shows of a run as it stands."""

    run: Run
    trained_at: str
    stages: tuple[Stage, ...]
    offers: tuple[Offer, ...]
    attention: str
    next_step: str
    cost: Cost | None = None
    kept_bytes: int = 0


class RunDetail(Card):
    """Shows one run; `asked(Ask)` when a person asks for something, some of it after a yes."""

    asked = Signal(object)

    def __init__(self, thumbs: ThumbLoader) -> None:
        super().__init__(margin=0, spacing=0)
        self.setAccessibleName("The training in detail")
        self._view: RunView | None = None
        self.name = label("", "title", wrap=True)
        self.words = label("", "strong")
        self.eta = label("", "muted")
        self.progress = ProgressLine("Progress of the training")
        self.bytes = label("", "caption")
        self.next = label("", "muted", wrap=True)
        self.strip = Strip()
        self.timeline = Timeline()
        self._facts = QGridLayout()
        self._facts_shown: tuple[tuple[str, str], ...] = ()
        self._beside = QWidget()
        self._way = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._scroll = QScrollArea()
        self.links = AskLinks()
        self.curve = LossCurve()
        self.outputs = OutputsPart(thumbs)
        self.log = LogPart()
        self.asks = AskBar()
        self.links.asked.connect(self._on_asked)
        self.asks.asked.connect(self._on_asked)
        self.asks.confirmed.connect(self.asked)
        self._lay_out()
        self.body.addWidget(self._scroll, 1)
        self.body.addWidget(line())
        self.body.addWidget(self.asks)

    def _lay_out(self) -> None:
        stand = row(self.words, None, self.eta)
        head = column(self.name, stand, self.progress, self.bytes, self.next, spacing=6)
        self._beside.setLayout(column(self._facts, 4, self.links, None, spacing=6))
        self._facts.setContentsMargins(_LINK_INSET, 0, 0, 0)
        self._facts.setSpacing(6)
        self._way.setSpacing(_GAP)
        self._way.addLayout(column(self.timeline, None), 3)
        self._way.addWidget(self._beside, 2)
        parts = column(head, self.strip, self._way, line(), spacing=16, margin=_MARGIN)
        for part in (self.outputs, self.curve, line(), self.log):
            parts.addWidget(part)
        parts.addStretch(1)
        inside = QWidget()
        inside.setLayout(parts)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the facts below the stages where both do not fit beside each other."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        room = self._scroll.viewport().width() - 2 * _MARGIN
        parts = (self.timeline, self._beside)
        needed = sum(part.minimumSizeHint().width() for part in parts) + _GAP
        ways = QBoxLayout.Direction
        way = ways.LeftToRight if room >= needed else ways.TopToBottom
        if way != self._way.direction():
            self._way.setDirection(way)
            self._show_facts(self._facts_shown)

    @property
    def run_id(self) -> str:
        """Return the id of the run that is shown, or nothing."""
        return self._view.run.id if self._view else ""

    def show_view(self, view: RunView, now: datetime) -> None:
        """Show a run as it stands; another run than before starts with an empty log and curve."""
        if view.run.id != self.run_id:
            self.show_losses(())
            self.outputs.show_outputs(TrainingOutputs())
            self.log.show_log("")
            self.show_transfer(None)
        elif self._view is not None and view.run.state is not self._view.run.state:
            self.show_transfer(None)
        self._view = view
        run = view.run
        self.name.setText(run.plan.name or "Unnamed")
        self.words.setText(run_words(run))
        role = "warn" if needs_person(run) else _ROLES.get(run.state, "strong")
        set_role(self.words, role)
        left = eta_words(run)
        self.eta.setText(f"{left} left" if left else "")
        self.progress.setVisible(run.open)
        self.progress.show_share(run_share(run))
        self.next.setText(view.next_step)
        self.next.setVisible(bool(self.next.text()))
        self._show_strip(view)
        self.timeline.show_stages(view.stages, now.astimezone().date())
        facts = facts_of(run, view.trained_at, view.cost, view.kept_bytes)
        if facts != self._facts_shown:
            self._show_facts(facts)
        self.links.show_offers([offer for offer in view.offers if not offer.main])
        self.asks.show_offers(run.id, [offer for offer in view.offers if offer.main])
        self._arrange()

    def show_wait(self, words: str) -> None:
        """Show anew what the run waits for: the time that is left went on."""
        if self._view is not None and words != self._view.attention:
            self._view = replace(self._view, attention=words)
            self._show_strip(self._view)

    def _show_strip(self, view: RunView) -> None:
        trouble = trouble_words(view.run)
        if trouble:
            failed = view.run.state is RunState.FAILED and not needs_person(view.run)
            self.strip.show_words(trouble, "danger" if failed else "warn")
        elif view.attention:
            self.strip.show_words(view.attention, "warn")
        else:
            self.strip.hide()

    def _show_facts(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Show facts one below the other beside the stages, else in columns below them."""
        self._facts_shown = facts
        clear(self._facts)
        beside = self._way.direction() == QBoxLayout.Direction.LeftToRight
        columns = 1 if beside else _FACT_COLUMNS
        for place, (name, value) in enumerate(facts):
            said = label(value)
            said.setAccessibleName(f"{name}: {value}")
            pair = column(label(name, "caption"), said, spacing=0)
            self._facts.addLayout(pair, place // columns, place % columns)
            said.show()

    def show_transfer(self, moved: Transferred | None) -> None:
        """Show bytes on the move, or that none are."""
        self.bytes.setText(transfer_words(self._view.run, moved) if moved and self._view else "")
        self.bytes.setVisible(bool(self.bytes.text()))

    def show_losses(self, points: Sequence[LossPoint]) -> None:
        """Show the loss curve as it is known so far."""
        self.curve.show_losses(points)

    def _on_asked(self, ask: Ask) -> None:
        view = self._view
        question = question_for(ask, view.run, view.trained_at) if view is not None else None
        if question is not None:
            self.asks.confirm(ask, question)
        else:
            self.asked.emit(ask)
