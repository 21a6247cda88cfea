"""The recover desk: trainings that the library does not know are looked for and taken on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.recovery import UnknownTraining
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.accounts import AccountState, AccountStatus
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.workflows.recover import (
    Survey,
    Swept,
    adopt,
    default_name,
    sweep,
    unknown_trainings,
)
from fluxlora_desktop.workflows.tools import Tools

Wanted = tuple[UnknownTraining, str]
"""A training to take on, and the name that it gets."""
_TICK_S = 60
_SLEPT = timedelta(minutes=5)
_DAILY = timedelta(days=1)
_HOURLY = timedelta(hours=1)
"""Where a service lists a training only once it has begun."""
_SOON = timedelta(minutes=5)
_AT_ONCE = timedelta(minutes=1)
_LANE = "recover"
_log = logging.getLogger(__name__)


class RecoverDesk(Desk):
    """Sweeps quietly at start, after sleep, daily and for a new account; lists when asked to.

    `found()` when the library took trainings back by itself, `surveyed()` when there is more to
    say about the list, `adopted(tuple[Run, ...])` when a person took some on.
    """

    found = Signal()
    surveyed = Signal()
    adopted = Signal(object)

    def __init__(
        self, tools: Tools, jobs: JobRunner, runs: RunDesk, parent: QObject | None = None
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._runs = runs
        self._ticks = QTimer(self, interval=_TICK_S * 1000)
        self._ticks.timeout.connect(self.tick)
        self._ticked = self._due = tools.clock.now()
        self._began = self._sweeping = self._once_more = False
        self._carried: frozenset[str] = frozenset()
        self._asked: set[str] = set()
        self._names: dict[str, str] = {}
        self._found: list[str] = []
        self._proposed: dict[tuple[str, str], str] = {}
        self.survey: Survey | None = None
        self.looking = False
        self.trouble: object = None
        self.adopting: frozenset[tuple[str, str]] = frozenset()

    def begin(self) -> None:
        """Sweep once the runs are known, and from then on; before the runs are loaded.

        Until the first sweep is over no run goes on to a launch that it may have made already.
        """
        self._began = True
        self._runs.await_sweep()
        self._runs.listed.connect(self._on_first_list)
        self._ticks.start()

    @Slot()
    def _on_first_list(self) -> None:
        if self._runs.loaded:
            self._runs.listed.disconnect(self._on_first_list)
            self.sweep()

    @Slot()
    def tick(self) -> None:
        """Sweep when the computer slept since the last tick, or when it is time."""
        now, before = self.tools.clock.now(), self._ticked
        self._ticked = now
        if not self._sweeping and (now - before > _SLEPT or now >= self._due):
            self.sweep()

    @Slot(object)
    def account_changed(self, state: AccountState) -> None:
        """Sweep for an account that was not asked so far."""
        service = state.service
        if service not in {backend.key for backend in self.tools.services.trainers}:
            return
        if state.status in {AccountStatus.NONE, AccountStatus.REJECTED}:
            self._asked.discard(service)
            self._names.pop(service, None)
        if state.status is AccountStatus.CONNECTED:
            known = self._names.get(service)
            self._names[service] = state.name
            if service not in self._asked or known not in {None, state.name}:
                self.sweep()

    def sweep(self) -> None:
        """Take back what this library forgot, in the background; a service in trouble waits."""
        if not self._began or not self._runs.loaded:
            return
        if self._sweeping:
            self._once_more = True
            return
        self._sweeping, self._carried = True, self._runs.carried()
        self._run(
            "Look for forgotten trainings",
            self._sweep,
            lane=_LANE,
            done=self._on_swept,
            failed=self._on_not_swept,
        )

    def _sweep(self, ctx: JobContext) -> Swept:
        return sweep(self.tools, ctx, carried=self._carried)

    def _on_swept(self, swept: Swept) -> None:
        self._asked |= set(swept.asked)
        back = [run for run in swept.runs if run.id not in self._carried]
        for run in swept.runs:
            self._runs.take_in(run)
        self._end_sweep(_next_wait(swept), swept.silent, swept.refused)
        if back:
            self._found += [run.id for run in back if run.id not in self._found]
            self._forget({_key_of(run) for run in back})
            self.found.emit()

    def _on_not_swept(self, error: object) -> None:
        _log.warning("the look for forgotten trainings failed: %r", error)
        every = tuple(trainer.key for trainer in self.tools.services.trainers)
        self._end_sweep(_SOON, every)

    def _end_sweep(
        self, wait: timedelta, away: Sequence[str] = (), refused: Sequence[str] = ()
    ) -> None:
        self._sweeping = False
        self._due = self.tools.clock.now() + wait
        self._runs.release_launches(away, refused)
        if self._once_more:
            self._once_more = False
            self.sweep()

    def found_runs(self) -> tuple[Run, ...]:
        """Return the runs that came back by themselves and that nobody has seen yet."""
        runs = (self._runs.run(run_id) for run_id in self._found)
        return tuple(run for run in runs if run is not None)

    def found_seen(self) -> None:
        """Forget what came back: a person has seen it."""
        self._found.clear()
        self.found.emit()

    def look(self) -> None:
        """Ask every connected service for its trainings; `surveyed` brings the answer."""
        if self.looking:
            return
        self.looking, self.trouble = True, None
        self._run(
            "List trainings",
            self._survey,
            lane=_LANE,
            done=self._on_survey,
            failed=self._on_no_survey,
        )
        self.surveyed.emit()

    def _survey(self, ctx: JobContext) -> tuple[Survey, dict[tuple[str, str], str]]:
        survey = unknown_trainings(self.tools, ctx)
        return survey, {one.key: default_name(one, self.tools) for one in survey.trainings}

    def _on_survey(self, told: tuple[Survey, dict[tuple[str, str], str]]) -> None:
        self.survey, self._proposed = told
        self.looking = False
        self.surveyed.emit()

    def _on_no_survey(self, error: object) -> None:
        self.looking, self.trouble = False, error
        self.surveyed.emit()

    def proposed_name(self, unknown: UnknownTraining) -> str:
        """Return what a listed training is called unless a person says otherwise."""
        return self._proposed.get(unknown.key, "")

    def adopt(self, wanted: Sequence[Wanted]) -> None:
        """Take trainings on, each under a name; what is being taken on is not taken twice."""
        fresh = [one for one in wanted if one[0].key not in self.adopting]
        if not fresh:
            return
        keys = frozenset(unknown.key for unknown, _name in fresh)
        self.adopting |= keys
        job = self._run("Adopt trainings", partial(self._adopt, fresh), lane="library")
        job.succeeded.connect(self._on_adopted)
        job.finished.connect(partial(self._on_adopting_over, keys))
        self.surveyed.emit()

    def _adopt(self, wanted: Sequence[Wanted], _ctx: JobContext) -> tuple[Run, ...]:
        carried = self._runs.carried()
        return tuple(adopt(unknown, name, self.tools, carried=carried) for unknown, name in wanted)

    def _on_adopted(self, runs: tuple[Run, ...]) -> None:
        for run in runs:
            self._runs.take_in(run)
        self._forget({_key_of(run) for run in runs})
        self.adopted.emit(runs)
        names = " and ".join(run.plan.name for run in runs)
        if len(runs) > 2:
            names = f"{len(runs)} trainings"
        self.said.emit(f"{names} {'is' if len(runs) == 1 else 'are'} in Runs now.")

    def _on_adopting_over(self, keys: frozenset[tuple[str, str]]) -> None:
        self.adopting -= keys
        self.surveyed.emit()

    def _forget(self, keys: set[tuple[str, str]]) -> None:
        """Take trainings off the list: the library knows them now."""
        if self.survey is not None:
            kept = tuple(one for one in self.survey.trainings if one.key not in keys)
            self.survey = replace(self.survey, trainings=kept)
            self.surveyed.emit()


def _next_wait(swept: Swept) -> timedelta:
    if swept.silent:
        return _AT_ONCE
    return _HOURLY if swept.partial else _DAILY


def _key_of(run: Run) -> tuple[str, str]:
    return run.external_training_service or "", run.external_training_id or ""
