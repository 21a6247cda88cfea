"""The way of one run as a list of stages, each with its mark and its times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fluxlora_desktop.domain.runs import BEFORE_LAUNCH, Run, RunEvent, RunState
from fluxlora_desktop.ui.wording import STATE_WORDS, run_words


class StageMark(StrEnum):
    """How a stage stands; the value is what a screen reader says."""

    DONE = "done"
    CURRENT = "under way"
    TODO = "to do"
    FAILED = "failed"
    STOPPED = "cancelled"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run; `ended` is set when it is over, `began` when it was entered."""

    title: str
    mark: StageMark
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """Return how long the stage took, or None while that is not known."""
        if self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True, slots=True)
class _Step:
    state: RunState
    todo: str
    done: str


_S = RunState
_WAY = (
    _Step(_S.PACKAGING, "Pack the photos", "Packed"),
    _Step(_S.UPLOADING, "Upload", "Uploaded"),
    _Step(_S.QUEUED, "Wait in the queue", "Queued"),
    _Step(_S.TRAINING, "Train", "Trained"),
    _Step(_S.COLLECTING, "Fetch the weights", "Collected"),
    _Step(_S.PUBLISHING, "Publish", "Published"),
)
_ORDER = (
    _S.PACKAGING,
    _S.UPLOADING,
    _S.LAUNCHING,
    _S.UNKNOWN,
    _S.QUEUED,
    _S.TRAINING,
    _S.COLLECTING,
    _S.PUBLISHING,
    _S.READY,
)
_SHOWN_AS = {_S.LAUNCHING: _S.UPLOADING, _S.UNKNOWN: _S.QUEUED, _S.DRAFT: _S.PACKAGING}
_ENDS = frozenset({_S.FAILED, _S.CANCELLED})
_NAMES = {state.value: state for state in RunState}


def stages_of(run: Run, events: Iterable[RunEvent], *, published: bool) -> tuple[Stage, ...]:
    """Return the stages of a run in their order; the times come from its history.

    `published` tells whether the Lora is on the hub by now, which may have happened later by hand.
    """
    entered = _entered(events)
    way = [s for s in _WAY if s.state is not _S.PUBLISHING or run.plan.publish or published]
    if run.recovered:  # it was packed and uploaded by somebody else
        way = [s for s in way if s.state not in BEFORE_LAUNCH]
    standing = _standing(run, entered)
    at = next((i for i, step in enumerate(way) if step.state is standing), len(way))
    stages = []
    for place, step in enumerate(way):
        began = entered.get(step.state)
        if place < at:
            stages.append(Stage(step.done, StageMark.DONE, began, _left(step.state, run, entered)))
        elif place > at:
            stages.append(Stage(step.todo, StageMark.TODO))
        else:
            stages.append(Stage(*_here(run, step), began=began, ended=run.finished_at))
    if run.state is _S.READY and run.plan.publish and not published:
        stages[-1] = Stage("Not published", StageMark.FAILED, entered.get(_S.PUBLISHING))
    return tuple(stages)


def _entered(events: Iterable[RunEvent]) -> dict[RunState, datetime]:
    """Return when each state was entered last; going back forgets what came after."""
    entered: dict[RunState, datetime] = {}
    for event in events:
        state = _NAMES.get(event.text) if event.kind == "state" else None
        if state is None:
            continue
        if state in _ORDER:
            for later in _ORDER[_ORDER.index(state) :]:
                entered.pop(later, None)
            for end in _ENDS:
                entered.pop(end, None)
        entered[state] = event.at
    return entered


def _standing(run: Run, entered: dict[RunState, datetime]) -> RunState:
    state = run.state
    if state in _ENDS:
        reached = [known for known in _ORDER if known in entered]
        state = run.failed_at or (reached[-1] if reached else _S.PACKAGING)
        if _in_doubt(state, entered):
            state = _S.UNKNOWN
    return _SHOWN_AS.get(state, state)


def _in_doubt(state: RunState, entered: dict[RunState, datetime]) -> bool:
    """Tell whether a run ended after its launch had got no answer: the photos were there."""
    return state is _S.LAUNCHING and _S.UNKNOWN in entered


def _here(run: Run, step: _Step) -> tuple[str, StageMark]:
    if run.state is _S.FAILED and run.failed_at is _S.LAUNCHING and step.state is _S.QUEUED:
        return "Start: not found", StageMark.FAILED
    if run.state is _S.FAILED:
        return f"{step.todo}: failed", StageMark.FAILED
    if run.state is _S.CANCELLED:
        return f"{step.todo}: cancelled", StageMark.STOPPED
    if run.state is _S.TRAINING:
        return run_words(run), StageMark.CURRENT
    return STATE_WORDS[run.state], StageMark.CURRENT


def _left(state: RunState, run: Run, entered: dict[RunState, datetime]) -> datetime | None:
    """Return when a stage was left: when the first later state was entered."""
    own_names = {state} | {name for name, shown in _SHOWN_AS.items() if shown is state}
    later = (name for name in _ORDER[_ORDER.index(state) + 1 :] if name not in own_names)
    return next((entered[name] for name in later if name in entered), run.finished_at)
