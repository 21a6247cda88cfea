"""Carry a run to its end, from wherever it stands: after Start, and after every restart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from fluxlora_desktop.domain.errors import (
    AppError,
    SecretStoreError,
    SecretStoreLocked,
    StorageError,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import AT_SERVICE, FINAL, EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import RemoteFile
from fluxlora_desktop.workflows.collect import collect_weights
from fluxlora_desktop.workflows.doubt import settle_unknown
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.follow import follow_training
from fluxlora_desktop.workflows.launch import finish_launch, launch_training
from fluxlora_desktop.workflows.publish import publish_lora
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.waiting import WaitsTold

_Step = Callable[[Run, Tools, JobContext], Run]
_HELD = AT_SERVICE | {RunState.UNKNOWN, RunState.PUBLISHING}
_SENT = frozenset({EffectState.IN_FLIGHT, EffectState.UNKNOWN, EffectState.CONFIRMED})
_UNTOUCHED = "The training is not touched; we go on as soon as it works."
_NOT_YET = "Nothing was started; we go on as soon as it works."
_STOPPED = "A fault of the app stopped its work on this run; the log has the details."
_NOT_ON_THE_HUB = "The LoRA is trained and safe here. It is not on the hub yet."


def carry_run(run_id: str, tools: Tools, ctx: JobContext) -> Run:
    """Do every step that is left, each leaving its result in the store before the next begins.

    Expected trouble becomes the run's state and words; `JobCancelled` passes through and leaves the
    run where it stands, to be carried on at the next start. A run whose training may be paid for is
    never failed by trouble on this computer: it says what it waits for and goes on.
    """
    run = tools.stores.runs.get(run_id)
    ctx = WaitsTold(run_id, tools, ctx)
    while run.open:
        step = _STEPS[run.state]
        try:
            run = step(run, tools, ctx)
        except AppError as error:
            run = tools.stores.runs.get(run_id)
            wait = run.state in _HELD or was_sent(run, tools) or _is_locked(error)
            run = _hold(run, error, tools, ctx) if wait else _fail(run, error, tools, ctx)
    if run.state in FINAL:
        _tidy_up(run, tools)
    return run


def _settle_launch(run: Run, tools: Tools, ctx: JobContext) -> Run:
    run = finish_launch(run, tools)
    ctx.report(RunChanged(run))
    return run


def _publish(run: Run, tools: Tools, ctx: JobContext) -> Run:
    """Publish as planned. A Lora that could not be published is ready all the same."""
    runs = tools.stores.runs
    assert run.lora_id is not None
    changes: dict[str, object]
    try:
        lora = publish_lora(
            run.lora_id, run.plan.repo or run.plan.name, run.plan.visibility, tools, ctx
        )
    except SecretStoreLocked:
        raise
    except AppError as error:
        runs.add_event(run.id, "warn", f"Not published: {error}")
        changes = {
            "huggingface_status": "failed",
            "attention": _NOT_ON_THE_HUB,
            "error": str(error),
        }
    else:
        assert lora.publication is not None
        changes = {
            "huggingface_repo": lora.publication.repo,
            "huggingface_status": lora.publication.status.value,
            "lora_ready_for_inference": True,
            "attention": "",
        }
    run = runs.advance(run.id, RunState.READY, finished_at=tools.clock.now(), **changes)
    ctx.report(RunChanged(run))
    return run


def _tidy_up(run: Run, tools: Tools) -> None:
    """Delete what was uploaded for the training; it is of no use any more."""
    effect = tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    if effect is None or effect.state is not EffectState.CONFIRMED or not effect.file_id:
        return
    try:
        tools.services.trainer(effect.service).clean_up(RemoteFile(effect.file_id, "", ""))
    except AppError as error:
        tools.stores.runs.add_event(
            run.id, "note", f"The uploaded photos were not deleted: {error}"
        )


def set_aside(run_id: str, tools: Tools) -> Run:
    """Leave a run that a bug stopped where a person can take it on; nothing is sent.

    What was not sent, and weights that are not here yet, fail with a way to try again; a training
    that may be paid for stays as it is and says so.
    """
    runs = tools.stores.runs
    run = runs.get(run_id)
    if was_sent(run, tools):
        run = finish_launch(run, tools)
    if run.state is RunState.PUBLISHING:
        return runs.advance(
            run.id,
            RunState.READY,
            finished_at=tools.clock.now(),
            huggingface_status="failed",
            attention=_NOT_ON_THE_HUB,
            error=_STOPPED,
        )
    if run.state in _HELD:
        words = f"{_STOPPED} The training is not touched: look again, or start the app anew."
        return runs.update(run.id, attention=words)
    if not run.open:
        return run
    return runs.advance(
        run.id,
        RunState.FAILED,
        failed_at=run.state,
        error=_STOPPED,
        finished_at=tools.clock.now(),
    )


def was_sent(run: Run, tools: Tools) -> bool:
    """Tell whether a run in LAUNCHING has sent its launch, whatever came of it."""
    if run.state is not RunState.LAUNCHING:
        return False
    effect = tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    return effect is not None and effect.state in _SENT


def _hold(run: Run, error: AppError, tools: Tools, ctx: JobContext) -> Run:
    """Say what a run waits for, wait, and return it as it stands; a full disk keeps no words."""
    if _is_locked(error):
        sent = run.state in _HELD or was_sent(run, tools)
        rest = _UNTOUCHED if sent else _NOT_YET
        words = f"The password store is locked. Unlock your keyring. {rest}"
    elif isinstance(error, SecretStoreError):
        words = f"This computer's password store does not answer. {_UNTOUCHED}"
    else:
        words = f"This computer could not keep what happened: {error}. {_UNTOUCHED}"
    runs = tools.stores.runs
    with suppress(StorageError):
        run = runs.update(run.id, attention=words)
    ctx.report(RunChanged(replace(run, attention=words)))
    ctx.pause(tools.patience.longest_retry)
    return runs.get(run.id)


def _is_locked(error: AppError) -> bool:
    """Tell a locked password store, which is no trouble but something to wait for."""
    return isinstance(error, SecretStoreLocked)


def _fail(run: Run, error: AppError, tools: Tools, ctx: JobContext) -> Run:
    runs = tools.stores.runs
    runs.add_event(run.id, "warn", f"{type(error).__name__}: {error}")
    run = runs.advance(
        run.id,
        RunState.FAILED,
        failed_at=run.state,
        error=error.detail or str(error),
        error_kind=type(error).__name__,
        finished_at=tools.clock.now(),
    )
    ctx.report(RunChanged(run))
    return run


_STEPS: dict[RunState, _Step] = {
    RunState.PACKAGING: launch_training,
    RunState.UPLOADING: launch_training,
    RunState.LAUNCHING: _settle_launch,
    RunState.UNKNOWN: settle_unknown,
    RunState.QUEUED: follow_training,
    RunState.TRAINING: follow_training,
    RunState.COLLECTING: collect_weights,
    RunState.PUBLISHING: _publish,
}
