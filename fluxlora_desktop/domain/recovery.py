"""Trainings that an account has and the library does not know: whose they are. No I/O here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState, RunPlan
from fluxlora_desktop.domain.training import ListedTraining

FORGOTTEN_SINCE = timedelta(days=14)
"""How old a forgotten training may be to come back by itself; an older one takes a click."""
_MARK = re.compile(r"fluxlora-([0-9a-f]{8})-[0-9a-f]{12}(?![0-9a-f])")


class Origin(StrEnum):
    """Who started a training that the library does not know."""

    FORGOTTEN = "forgotten"
    OTHER_LIBRARY = "other_library"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class UnknownTraining:
    """A training of the account that no run of the library has.

    `effect` is the attempt of the journal that it turned out to be: one that counted as not sent,
    as not there, or that nobody knows about yet.
    """

    listed: ListedTraining
    origin: Origin
    effect: Effect | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return the service and the id there, which tell it from all others."""
        return self.listed.remote.service, self.listed.remote.id

    @property
    def adoptable(self) -> bool:
        """Tell whether taking it on could bring anything home."""
        return not self.listed.gone

    def comes_back(self, now: datetime) -> bool:
        """Tell whether the library takes it back without being asked: its own, and not old."""
        at = self.listed.created_at
        return self.origin is Origin.FORGOTTEN and (at is None or now - at <= FORGOTTEN_SINCE)


@dataclass(frozen=True, slots=True)
class Adoption:
    """A training that becomes a run: everything that the run's row and its journal will say.

    `mark` is the mark that its launch bore, where this library made it and its journal lacks it.
    `file_id` is the file that this library uploaded for it. `note` is what the history will say.
    """

    training: ListedTraining
    plan: RunPlan
    note: str
    mark: str = ""
    file_id: str = ""
    estimate: Estimate | None = None


def mark_of_run(library_id: str, run_id: str) -> str:
    """Return a mark for what a run makes at a service before its launch, such as a model."""
    digits = hashlib.sha256(run_id.encode()).hexdigest()
    return f"fluxlora-{library_id}-{digits[:12]}"


def mark_in(text: str) -> str:
    """Return the mark of a launch of this app within a text, or ""."""
    found = _MARK.search(text)
    return found[0] if found else ""


def told_apart(
    listed: ListedTraining, library_id: str, journal: Iterable[Effect]
) -> UnknownTraining:
    """Tell who started a training, by the mark or the uploaded file that it bears."""
    effect = next((one for one in journal if _same_launch(one, listed)), None)
    if effect is not None:
        return UnknownTraining(listed, Origin.FORGOTTEN, effect)
    marked = _MARK.fullmatch(listed.mark)
    if marked is None:
        return UnknownTraining(listed, Origin.ELSEWHERE)
    own = marked[1] == library_id
    return UnknownTraining(listed, Origin.FORGOTTEN if own else Origin.OTHER_LIBRARY)


def is_on_its_way(unknown: UnknownTraining) -> bool:
    """Tell whether its launch waits for an answer right now, so that it will be known by itself."""
    effect = unknown.effect
    return effect is not None and effect.state is EffectState.IN_FLIGHT


def _same_launch(effect: Effect, listed: ListedTraining) -> bool:
    if effect.kind is not EffectKind.TRAINING or effect.service != listed.remote.service:
        return False
    by_file = bool(effect.file_id) and effect.file_id == listed.file_id
    return by_file or (bool(listed.mark) and effect.nonce == listed.mark)
