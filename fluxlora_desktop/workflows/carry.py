"""Carry a run to its end, from wherever it stands: after Start, and after every restart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from fluxlora_desktop.domain.errors import (
    AppError,
    DiskFull,
    PriceChanged,
    SecretStoreError,
    SecretStoreLocked,
    ServiceBusy,
    ServiceInterrupted,
    ServiceUnreachable,
    StorageError,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import AT_SERVICE, FINAL, EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import RemoteFile
from fluxlora_desktop.workflows.collect import collect_weights
from fluxlora_desktop.workflows.doubt import settle_unknown
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.follow import LONGEST_WAIT, follow_training
from fluxlora_desktop.workflows.launch import finish_launch, launch_training
from fluxlora_desktop.workflows.publish import publish_lora, published_changes
from fluxlora_desktop.workflows.room import room_words
from fluxlora_desktop.workflows.tools import Tools
from fluxlora_desktop.workflows.waiting import WaitsTold

_Step = Callable[[Run, Tools, JobContext], Run]
_HELD = AT_SERVICE | {RunState.UNKNOWN, RunState.PUBLISHING}
_SENT = frozenset({EffectState.IN_FLIGHT, EffectState.UNKNOWN, EffectState.CONFIRMED})
_UNTOUCHED = "The training is not touched; we go on as soon as it works."
_NOT_YET = "Nothing was started; we go on as soon as it works."
_STOPPED = "A fault of the app stopped its work on this run; the log has the details."
_HUB_MAY_COME_BACK = (ServiceUnreachable, ServiceInterrupted, ServiceBusy, UnexpectedReply)


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
            hold = _may_go_on(run, error, tools)
            run = _hold(run, error, tools, ctx) if hold else _fail(run, error, tools, ctx)
    if run.state in FINAL:
        _tidy_up(run, tools)
    return run


def _may_go_on(run: Run, error: AppError, tools: Tools) -> bool:
    """Tell whether trouble is one to wait out: what is paid for is not given up for a full disk."""
    if run.state is RunState.COLLECTING:
        return isinstance(error, StorageError | SecretStoreError)
    return _is_locked(error) or run.state in _HELD or was_sent(run, tools)


def _settle_launch(run: Run, tools: Tools, ctx: JobContext) -> Run:
    run = finish_launch(run, tools)
    ctx.report(RunChanged(run))
    return run


def _publish(run: Run, tools: Tools, ctx: JobContext) -> Run:
    """Publish as planned; wait for a hub that may come back, the Lora can be used meanwhile.

    A Lora that could not be published is ready all the same, and says what keeps it.
    """
    assert run.lora_id is not None
    name = run.plan.repo or run.plan.name
    waits = tools.patience.retries()
    for tries_left in reversed(range(tools.patience.launch_tries)):
        try:
            lora = publish_lora(run.lora_id, name, run.plan.visibility, tools, ctx)
        except _HUB_MAY_COME_BACK as error:
            if not tries_left:
                return _not_published(run, error, tools, ctx)
            run = _wait_for_hub(run, error, next(waits), tools, ctx)
        except SecretStoreLocked:
            raise
        except AppError as error:
            return _not_published(run, error, tools, ctx)
        else:
            assert lora.publication is not None
            return _ready(run, published_changes(lora.publication), tools, ctx)
    raise AssertionError("the last try has an end")


def _wait_for_hub(run: Run, error: AppError, wait: float, tools: Tools, ctx: JobContext) -> Run:
    title, until = tools.services.hub.title, None
    words = f"{title} cannot be reached. The LoRA is ready to use; publishing goes on by itself."
    if isinstance(error, ServiceBusy):
        wait = max(wait, min(error.retry_after, LONGEST_WAIT))
        until = tools.clock.now() + timedelta(seconds=wait)
        words = f"The LoRA is ready to use. {title} asks to wait."
    run = tools.stores.runs.update(run.id, attention=words, wait_until=until)
    ctx.report(RunChanged(run))
    ctx.pause(wait)
    return run


def _not_published(run: Run, error: AppError, tools: Tools, ctx: JobContext) -> Run:
    tools.stores.runs.add_event(run.id, "warn", f"Not published: {error}")
    return _ready(run, _unpublished(error.detail or str(error), error, tools), tools, ctx)


def _unpublished(why: str, error: AppError | None, tools: Tools) -> dict[str, object]:
    """Return the columns of a run whose Lora is here and not on the hub."""
    return {
        "huggingface_status": "failed",
        "lora_ready_for_inference": False,
        "attention": f"Trained, not yet on {tools.services.hub.title}.",
        "error": why,
        "error_kind": type(error).__name__ if error is not None else "",
    }


def _ready(run: Run, changes: dict[str, object], tools: Tools, ctx: JobContext) -> Run:
    run = tools.stores.runs.advance(
        run.id,
        RunState.READY,
        **{"finished_at": tools.clock.now(), "wait_until": None, **changes},
    )
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
            wait_until=None,
            **_unpublished(_STOPPED, None, tools),
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
    words = _held_words(run, error, tools)
    kind = type(error).__name__ if isinstance(error, StorageError) else ""
    runs = tools.stores.runs
    with suppress(StorageError):
        run = runs.update(run.id, attention=words, error_kind=kind)
    ctx.report(RunChanged(replace(run, attention=words, error_kind=kind)))
    ctx.pause(tools.patience.longest_retry)
    return runs.get(run.id)


def _is_locked(error: AppError) -> bool:
    """Tell a locked password store, which is no trouble but something to wait for."""
    return isinstance(error, SecretStoreLocked)


def _held_words(run: Run, error: AppError, tools: Tools) -> str:
    if _is_locked(error):
        sent = run.state in _HELD or was_sent(run, tools)
        rest = _UNTOUCHED if sent else _NOT_YET
        return f"The password store is locked. Unlock your keyring. {rest}"
    if isinstance(error, SecretStoreError):
        return f"This computer's password store does not answer. {_UNTOUCHED}"
    why = _why(error, tools)
    if run.state is RunState.COLLECTING:
        service = tools.services.trainer(run.external_training_service or run.plan.backend).title
        return f"{why}. What came so far is kept, and the weights wait at {service}."
    return f"This computer could not keep what happened. {why}. {_UNTOUCHED}"


def _why(error: AppError, tools: Tools) -> str:
    """Return a person's words for what ended or stopped a run, without a full stop."""
    if isinstance(error, DiskFull):
        return room_words(error, tools)
    if isinstance(error, WeightsError):
        return f"The weights failed the check: {error.reason}"
    if isinstance(error, PriceChanged):
        now = f"${error.low:.2f} to ${error.high:.2f}"
        return f"The price is now {now}, more than you agreed to. Nothing was sent"
    if isinstance(error, StorageError):
        return f"The disk did not do what was asked: {error.detail.rstrip('.')}"
    return (error.detail or str(error)).rstrip()


def _fail(run: Run, error: AppError, tools: Tools, ctx: JobContext) -> Run:
    runs = tools.stores.runs
    runs.add_event(run.id, "warn", f"{type(error).__name__}: {error}")
    run = runs.advance(
        run.id,
        RunState.FAILED,
        failed_at=run.state,
        error=_why(error, tools),
        error_kind=type(error).__name__,
        attention="",
        wait_until=None,
        finished_at=tools.clock.now(),
        **_new_price(error),
    )
    ctx.report(RunChanged(run))
    return run


def _new_price(error: AppError) -> dict[str, object]:
    """Return the price that a person is asked to agree to now, kept together with the reason."""
    if not isinstance(error, PriceChanged):
        return {}
    return {"price_low": error.low, "price_high": error.high}


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
