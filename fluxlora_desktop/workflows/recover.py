"""Trainings of the account that the library does not know: told apart, and taken on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from fluxlora_desktop.domain.errors import (
    AppError,
    CredentialError,
    IllegalMove,
    SecretStoreError,
    ServiceError,
    TokenMissing,
    TokenRejected,
)
from fluxlora_desktop.domain.journal import Found, NoAnswer, Sending
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.ports import JobContext, TrainingBackend
from fluxlora_desktop.domain.recovery import (
    FORGOTTEN_SINCE,
    Adoption,
    Origin,
    UnknownTraining,
    is_on_its_way,
    told_apart,
)
from fluxlora_desktop.domain.runs import (
    BEFORE_LAUNCH,
    EffectKind,
    EffectState,
    Run,
    RunPlan,
    RunState,
)
from fluxlora_desktop.domain.training import ListedTraining, Preset
from fluxlora_desktop.workflows.launch import adopt_launch
from fluxlora_desktop.workflows.plans import repo_name
from fluxlora_desktop.workflows.tools import Tools

_CLOCK_SLACK = timedelta(minutes=15)
NOT_SENT = BEFORE_LAUNCH | {RunState.LAUNCHING}
"""States in which the journal alone says that nothing was launched: a restored one may be wrong."""
LOOK_BACK = timedelta(days=365)
"""How far back the list of trainings goes that a person may take on."""
_NO_PHOTOS = "Its photos are not at the service, so they are not in this library."
_FOUND = "Found a training this library had forgotten."
_NOTES = {
    Origin.FORGOTTEN: f"{_FOUND} {_NO_PHOTOS}",
    Origin.OTHER_LIBRARY: f"Taken on from another library of this app. {_NO_PHOTOS}",
    Origin.ELSEWHERE: f"Taken on: it was started elsewhere. {_NO_PHOTOS}",
}
_SILENT = (
    "The service cannot be asked yet what it has of this library. "
    "The training starts as soon as it can; nothing was sent so far."
)
_REFUSED = (
    "The service does not accept the token, so it cannot be asked what it has of this library. "
    "Nothing was sent so far."
)
_QUIET = (CredentialError, SecretStoreError, ServiceError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the accounts have and the library does not know, the newest first.

    `asked` are the services that told, `troubles` those that did not and why; one without a token
    is in neither. `partial` are the services that may have more than they told.
    """

    trainings: tuple[UnknownTraining, ...] = ()
    asked: tuple[str, ...] = ()
    troubles: tuple[tuple[str, AppError], ...] = ()
    partial: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found.

    `asked` are the services that told, `partial` those of them that may have more, and `silent`
    those that did not tell, or told of a training that could not be taken on; `refused` are those
    of the silent that do not accept the token.
    """

    runs: tuple[Run, ...] = ()
    asked: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def unknown_trainings(tools: Tools, ctx: JobContext, *, back: timedelta = LOOK_BACK) -> Survey:
    """Ask every connected service for its trainings; return those that no run here has.

    One service in trouble hides nothing of the others. Nothing is sent but questions.
    """
    since = tools.clock.now() - back
    asked, partial, listed = list[str](), list[str](), list[ListedTraining]()
    troubles = list[tuple[str, AppError]]()
    for backend in tools.services.trainers:
        ctx.check()
        try:
            told = backend.list_trainings(since, ctx)
        except TokenMissing:
            continue
        except _QUIET as error:
            troubles.append((backend.key, error))
            continue
        asked.append(backend.key)
        listed += told.trainings
        if not told.complete:
            partial.append(backend.key)
    unknown = sorted(_unknown(listed, tools), key=_age, reverse=True)
    return Survey(tuple(unknown), tuple(asked), tuple(troubles), tuple(partial))


def _unknown(listed: Iterable[ListedTraining], tools: Tools) -> Iterable[UnknownTraining]:
    """Tell trainings apart by the journal as it stands after the services were asked.

    In this order a launch that is answered meanwhile is known, and one whose answer is still to
    come is on its way.
    """
    runs = tools.stores.runs
    journal, known = runs.attempts(EffectKind.TRAINING), runs.remote_ids()
    for one in listed:
        found = told_apart(one, runs.library_id, journal)
        if found.key not in known and not is_on_its_way(found):
            yield found


def _age(unknown: UnknownTraining) -> float:
    at = unknown.listed.created_at
    return at.timestamp() if at is not None else float("inf")


def sweep(tools: Tools, ctx: JobContext, *, carried: frozenset[str] = frozenset()) -> Swept:
    """Take back every training of the last 14 days that this library started and forgot.

    The runs that have them now are to be carried on. Those of another library, and those that
    were started elsewhere, are left alone. A service that cannot be asked is asked another time.
    `carried` are the runs whose work is under way, which settle their own launches.
    """
    survey = unknown_trainings(tools, ctx, back=FORGOTTEN_SINCE)
    now = tools.clock.now()
    own = [one for one in survey.trainings if one.comes_back(now)]
    silent, runs = [service for service, _error in survey.troubles], list[Run]()
    for one in own:
        try:
            runs.append(adopt(one, "", tools, carried=carried))
        except AppError as error:  # the others are taken on all the same
            _log.warning("a forgotten training was not taken on: %r", error)
            silent.append(one.listed.remote.service)
    refused = (service for service, why in survey.troubles if isinstance(why, CredentialError))
    return Swept(
        tuple(runs),
        survey.asked,
        tuple(dict.fromkeys(silent)),
        survey.partial,
        tuple(refused),
    )


def hold_back(run_id: str, tools: Tools, *, refused: bool) -> Run:
    """Say in a run's row why it is not launched: nobody can tell yet whether it was before.

    `refused` says that its service does not accept the token, which only a person can mend.
    """
    words, kind = (_REFUSED, TokenRejected.__name__) if refused else (_SILENT, "")
    return tools.stores.runs.update(run_id, attention=words, error_kind=kind)


def let_go(run_id: str, tools: Tools) -> Run:
    """Take back what `hold_back` said, and return the run, which may go on."""
    run = tools.stores.runs.get(run_id)
    if run.attention in {_REFUSED, _SILENT}:
        run = tools.stores.runs.update(run_id, attention="", error_kind="")
    return run


def adopt(
    unknown: UnknownTraining, name: str, tools: Tools, *, carried: frozenset[str] = frozenset()
) -> Run:
    """Make a run of a training found at its service; it starts in QUEUED and is to be carried on.

    The first look at the service then moves it to where the training stands. One that a launch of
    this library is in doubt about, or that a restored library believes not to have launched, goes
    to that run. Nothing is published, and the same training twice is one run.
    """
    if own := _run_in_doubt(unknown, tools) or _run_before_launch(unknown, tools, carried):
        return own
    listed = unknown.listed
    backend = tools.services.trainer(listed.remote.service)
    fresh = unknown.origin is Origin.FORGOTTEN and unknown.effect is None
    adoption = Adoption(
        training=listed,
        plan=_plan(listed, name.strip() or default_name(unknown, tools)),
        note=_NOTES[unknown.origin],
        mark=listed.mark if fresh else "",
        file_id=listed.file_id if unknown.origin is Origin.FORGOTTEN else "",
        estimate=_estimate(listed, backend),
    )
    return tools.stores.runs.adopt(adoption)


def _run_in_doubt(unknown: UnknownTraining, tools: Tools) -> Run | None:
    """Return the run whose launch in doubt this training is, moved on, or None when none is.

    Where the run's own search was faster, the run is returned as that left it.
    """
    effect = unknown.effect
    if effect is None or effect.state is not EffectState.UNKNOWN:
        return None
    runs, remote = tools.stores.runs, unknown.listed.remote
    with suppress(IllegalMove):
        runs.record_effect(effect.id, Found(remote.id, remote.handle, "adopted"))
    run = runs.get(effect.subject)
    if run.state is not RunState.UNKNOWN:
        return run
    runs.add_event(run.id, "note", "The training had started. Continuing.")
    return adopt_launch(run, remote.id, remote.service, tools)


def _run_before_launch(
    unknown: UnknownTraining, tools: Tools, carried: frozenset[str]
) -> Run | None:
    """Return the run of a restored library that would launch this training anew, moved on.

    Its journal is older than the truth: the run was launched, and would be paid for twice.
    """
    runs, remote = tools.stores.runs, unknown.listed.remote
    held = (one for one in runs.all() if one.state is RunState.FAILED and _was_held(one, tools))
    candidates = (*runs.open_runs(), *held)
    run = next((one for one in candidates if _would_launch(one, unknown, tools)), None)
    if run is None or run.id in carried:
        return None
    run = _led_to_launching(run, tools)
    effect = runs.live_effect(EffectKind.TRAINING, run.id)
    if effect is None or effect.state is not EffectState.PLANNED:
        effect = runs.plan_effect(
            EffectKind.TRAINING,
            run.id,
            remote.service,
            run.price_high,
            confirmation=run.confirmations,
            nonce=unknown.listed.mark if unknown.effect is None else "",
        )
    runs.record_effect(effect.id, Sending(unknown.listed.created_at or tools.clock.now()))
    runs.record_effect(effect.id, NoAnswer("the library was restored from before its launch"))
    runs.record_effect(effect.id, Found(remote.id, remote.handle, "found at the service"))
    runs.add_event(run.id, "note", _FOUND)
    return adopt_launch(run, remote.id, remote.service, tools)


def _was_held(run: Run, tools: Tools) -> bool:
    """Tell whether a run ended before its launch, by a journal that knows of none."""
    if run.failed_at not in NOT_SENT or run.external_training_id:
        return False
    effect = tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    return effect is None or effect.state is EffectState.PLANNED


def _would_launch(run: Run, unknown: UnknownTraining, tools: Tools) -> bool:
    """Tell whether a run that is not launched yet, by its journal, is the one of a training."""
    before = NOT_SENT | {RunState.FAILED}
    if run.state not in before or unknown.origin is not Origin.FORGOTTEN:
        return False
    if unknown.effect is not None:
        return unknown.effect.subject == run.id
    listed = unknown.listed
    wanted = (run.plan.backend, run.plan.trainer, run.total)
    if wanted != (listed.remote.service, listed.remote.trainer, listed.remote.steps):
        return False
    assert run.version_id is not None
    word = tools.stores.datasets.version(run.version_id).trigger_word.strip()
    if listed.trigger_word and listed.trigger_word != word:
        return False
    begun, at = run.started_at, listed.created_at
    return begun is None or at is None or at >= begun - _CLOCK_SLACK


def _led_to_launching(run: Run, tools: Tools) -> Run:
    runs = tools.stores.runs
    if run.state is RunState.FAILED:
        cleared = {"error": "", "error_kind": "", "failed_at": None, "finished_at": None}
        run = runs.advance(run.id, RunState.PACKAGING, **cleared)
    if run.state is RunState.PACKAGING:
        run = runs.advance(run.id, RunState.UPLOADING)
    if run.state is RunState.LAUNCHING:
        return run
    return runs.advance(run.id, RunState.LAUNCHING, attention="", wait_until=None)


def default_name(unknown: UnknownTraining, tools: Tools) -> str:
    """Return what an adopted training is called unless a person says otherwise."""
    listed = unknown.listed
    effect = unknown.effect
    if effect is not None:
        with suppress(KeyError):
            return tools.stores.runs.get(effect.subject).plan.name
    return listed.destination or listed.trigger_word or "Recovered LoRA"


def _plan(listed: ListedTraining, name: str) -> RunPlan:
    style = "style" in {str(value) for value in listed.parameters.values()}
    return RunPlan(
        name=name,
        preset=Preset.STYLE if style else Preset.OBJECT,
        backend=listed.remote.service,
        trainer=listed.remote.trainer,
        parameters=dict(listed.parameters),
        publish=False,
        repo=repo_name(name),
    )


def _estimate(listed: ListedTraining, backend: TrainingBackend) -> Estimate:
    trainer = backend.abilities().trainer(listed.remote.trainer)
    return trainer.price.estimate(listed.remote.steps or trainer.steps_of(listed.parameters))
