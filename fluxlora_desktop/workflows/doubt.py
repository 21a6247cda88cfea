"""A launch that got no answer: look for it, or take a person's word; nothing is sent again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from fluxlora_desktop.domain.errors import (
    CredentialError,
    InputError,
    NotFoundAtService,
    ServiceError,
    UnexpectedReply,
)
from fluxlora_desktop.domain.journal import Denied, Found, Looked
from fluxlora_desktop.domain.ports import JobContext, TrainingBackend
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import FoundRuns, Mark, RemoteRun
from fluxlora_desktop.workflows.accounts import foreign_account
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.follow import cancel_wished
from fluxlora_desktop.workflows.launch import adopt_launch
from fluxlora_desktop.workflows.tools import Tools

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def settle_unknown(run: Run, tools: Tools, ctx: JobContext) -> Run:
    """Ask the service for a launch that got no answer until it is found or surely absent.

    Returns the run in QUEUED, or in FAILED with a button when enough complete reads over enough
    time found nothing. Where the service's list proves no absence, it looks until the launch is
    found or a person decides. Nothing is ever sent again here. A run that left UNKNOWN meanwhile,
    by a person's word, is returned as it is.
    """
    runs = tools.stores.runs
    run = runs.get(run.id)
    if run.state is not RunState.UNKNOWN:
        return run
    backend = tools.services.trainer(run.plan.backend)
    effect = runs.live_effect(EffectKind.TRAINING, run.id)
    if effect is None:
        return _absent(run, "Nothing was sent.", tools, ctx)
    absent = f"{backend.title} has no such training. Nothing was charged."
    if effect.state is EffectState.CONFIRMED:  # the app ended before the run's own row said so
        return _adopt(run, effect.remote_id, backend, tools, ctx)
    if effect.state is EffectState.ABSENT:
        return _absent(run, absent, tools, ctx)
    since = effect.server_date or effect.sent_at or run.updated_at
    for wait in tools.patience.retries():
        run = runs.get(run.id)
        if run.state is not RunState.UNKNOWN:
            return run
        try:
            other = foreign_account(run, backend)
            found = backend.find(Mark(effect.nonce, effect.file_id), since, ctx)
        except (CredentialError, ServiceError) as error:
            words = (
                f"{_unsure(effect)} {backend.title} cannot be asked now, so we go on asking. "
                "Nothing will be ordered twice."
            )
            kind = type(error).__name__ if isinstance(error, CredentialError) else ""
            run = runs.update(run.id, attention=words, error_kind=kind)
        else:
            run = runs.get(run.id)
            if run.state is not RunState.UNKNOWN:  # found by the sweep meanwhile
                return run
            first = next((one for one in found.runs if not _taken(one, run, tools)), None)
            if first is not None:
                _confirm(run, effect, first, "adopted", tools)
                return _adopt(run, first.id, backend, tools, ctx)
            look = _look_at(found, tools)
            complete = look.complete and not other  # another account's list proves nothing
            look = replace(look, complete=complete)
            effect = runs.record_effect(effect.id, look, tools.patience.settling)
            words = other or _looking_words(backend, effect, tools)
            if cancel_wished(runs.events(run.id)):
                words = f"{words} If it is found, it is cancelled at once."
            kind = CredentialError.__name__ if other else ""
            run = runs.update(run.id, attention=words, error_kind=kind)
            if effect.state is EffectState.ABSENT:
                return _absent(run, absent, tools, ctx)
        ctx.report(RunChanged(run))
        ctx.pause(wait)
    raise AssertionError("retries never end")


def _id_in(text: str) -> str:
    """Return the id that a person gave, by itself or within the address of a page."""
    uuid = _UUID.search(text)
    path = re.match(r"https?://[^/?]*/([^?#]*)", text)
    given = uuid[0] if uuid else (path[1].rstrip("/").rpartition("/")[2] if path else text)
    if not _ID.fullmatch(given) or not any(letter.isdigit() for letter in given):
        raise InputError("training_id", f"There is no id in {text[:80] or 'nothing'}.")
    return given


def _taken(found: RemoteRun, run: Run, tools: Tools) -> bool:
    """Tell whether a training at the service belongs to another run of this library."""
    return any(
        (effect.service, effect.remote_id) == (found.service, found.id) and effect.subject != run.id
        for effect in tools.stores.runs.effects(EffectState.CONFIRMED)
    )


def _look_at(found: FoundRuns, tools: Tools) -> Looked:
    """Return what a look at the service proves, by the service's own clock where it tells it."""
    at = found.at or tools.clock.now()
    return Looked(at, found.complete, by_server=found.at is not None)


def _looking_words(backend: TrainingBackend, effect: Effect, tools: Tools) -> str:
    unsure = _unsure(effect)
    if backend.abilities().absence_shows:
        return (
            f"{unsure} Looking at your {backend.title} account ({_reads(effect, tools)}). "
            "Nothing will be ordered twice."
        )
    return (
        f"{unsure} {backend.title} does not list what still waits in its queue, so we go on "
        "looking until it shows, or you say that it is not there. Nothing is sent twice."
    )


def _unsure(effect: Effect) -> str:
    """Return that no answer came, with the local time of sending."""
    at = f" at {_local(effect.sent_at)}" if effect.sent_at is not None else ""
    return f"We sent the order{at} and got no answer."


def _reads(effect: Effect, tools: Tools) -> str:
    """Return how far the looking is, in looks and then in time."""
    patience = tools.patience
    if effect.reads < patience.settle_reads or effect.sent_at is None:
        return f"read {effect.reads} of {patience.settle_reads}"
    until = effect.sent_at + timedelta(seconds=effect.deadline_s + patience.settle)
    return f"read {effect.reads}, until {_local(until)}"


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M}"


def _confirm(run: Run, effect: Effect, found: RemoteRun, note: str, tools: Tools) -> None:
    """Write down that a launch without an answer did happen, before the run says so."""
    tools.stores.runs.record_effect(effect.id, Found(found.id, found.handle, note))
    tools.stores.runs.update(run.id, page=found.page)


def say_absent(run_id: str, tools: Tools) -> Run:
    """Take a person's word that a launch without an answer did not happen; nothing is sent.

    The run fails with a way to start it again. One that the journal knows to have started is taken
    on instead; any run that is not in doubt is left alone.
    """
    runs = tools.stores.runs
    run = runs.get(run_id)
    effect = runs.live_effect(EffectKind.TRAINING, run_id)
    if run.state is not RunState.UNKNOWN or effect is None:
        return run
    title = tools.services.trainer(effect.service).title
    if effect.state is EffectState.CONFIRMED:
        return adopt_launch(run, effect.remote_id, effect.service, tools)
    if effect.state is EffectState.UNKNOWN:
        runs.record_effect(effect.id, Denied())
    words = f"You found no such training at {title}. If one did start, it is charged there."
    return _end_absent(run, words, tools)


def say_found(run_id: str, remote_id: str, tools: Tools) -> Run:
    """Take on the training that a person found at the service for a launch without an answer.

    `remote_id` may be the address of a page that ends with the id. Raises `InputError` when the
    service has no training of that id, or another run has it.
    """
    runs = tools.stores.runs
    run = runs.get(run_id)
    effect = runs.live_effect(EffectKind.TRAINING, run_id)
    if run.state is not RunState.UNKNOWN or effect is None:
        return run
    backend = tools.services.trainer(effect.service)
    if effect.state is EffectState.CONFIRMED:
        return adopt_launch(run, effect.remote_id, effect.service, tools)
    given = _id_in(remote_id.strip())
    found = RemoteRun(
        effect.service,
        given,
        run.plan.trainer,
        backend.page_of(given, run.plan.trainer),
        steps=run.total,
    )
    if _taken(found, run, tools):
        raise InputError("training_id", f"{given} belongs to another training of this library.")
    try:
        backend.poll(found)
    except (NotFoundAtService, UnexpectedReply) as error:
        raise InputError("training_id", f"{backend.title} has no training {given}.") from error
    if effect.state is EffectState.UNKNOWN:
        _confirm(run, effect, found, "a person found it", tools)
    runs.add_event(run_id, "note", "You found the training. Continuing.")
    return adopt_launch(runs.get(run_id), found.id, effect.service, tools)


def _adopt(
    run: Run, remote_id: str, backend: TrainingBackend, tools: Tools, ctx: JobContext
) -> Run:
    runs = tools.stores.runs
    runs.add_event(run.id, "note", "It had started. Continuing.")
    run = adopt_launch(runs.get(run.id), remote_id, backend.key, tools)
    ctx.report(RunChanged(run))
    return run


def _absent(run: Run, words: str, tools: Tools, ctx: JobContext) -> Run:
    run = _end_absent(run, words, tools)
    ctx.report(RunChanged(run))
    return run


def _end_absent(run: Run, words: str, tools: Tools) -> Run:
    return tools.stores.runs.advance(
        run.id,
        RunState.FAILED,
        failed_at=RunState.LAUNCHING,
        error=words,
        error_kind="",
        attention="",
        finished_at=tools.clock.now(),
    )
