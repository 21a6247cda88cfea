"""Follow a training at its service, and find one whose launch got no answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fluxlora_desktop.domain.errors import (
    CredentialError,
    InputError,
    NotFoundAtService,
    PaymentRequired,
    ServiceBusy,
    ServiceError,
    ServiceRefused,
    UnexpectedReply,
)
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.ports import JobContext, TrainingBackend
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import Mark, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.launch import adopt_launch
from fluxlora_desktop.workflows.tools import Tools

_GONE_READS = 3
_CANCEL_PATIENCE = timedelta(minutes=1)
_ODD_PATIENCE = timedelta(hours=3)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_CANCEL_TAKEN = "Cancel was asked for."


def remote_of(run: Run, tools: Tools) -> RemoteRun:
    """Return the run as its service knows it."""
    assert run.external_training_id and run.external_training_service
    effect = tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)
    return RemoteRun(
        run.external_training_service,
        run.external_training_id,
        run.plan.trainer,
        run.page,
        run.trainer_version,
        handle=effect.handle if effect is not None else "",
        steps=run.total,
    )


def follow_training(run: Run, tools: Tools, ctx: JobContext) -> Run:
    """Poll until the training ends; return the run in COLLECTING, FAILED or CANCELLED.

    Trouble with the network or the token never ends a run: the training goes on at the service, so
    the run says what it waits for and asks again.
    """
    backend = tools.services.trainer(run.external_training_service or run.plan.backend)
    follower = _Follower(run, backend, tools, ctx)
    while follower.run.state in {RunState.QUEUED, RunState.TRAINING}:
        follower.look()
    return follower.run


@dataclass(slots=True)
class _Follower:
    run: Run
    backend: TrainingBackend
    tools: Tools
    ctx: JobContext
    gone: int = 0
    gone_since: datetime | None = None
    odd_since: datetime | None = None
    wait: float = field(default=0.0)

    def look(self) -> None:
        try:
            snapshot = self.backend.poll(remote_of(self.run, self.tools))
        except NotFoundAtService as error:
            self.gone += 1
            self.gone_since = self.gone_since or self.tools.clock.now()
            often = self.gone >= _GONE_READS
            if often and self._cancel_was_taken() and self._gone_for(_CANCEL_PATIENCE):
                self._end_cancelled(**self._end_unseen())  # some forget what was cancelled
                return
            if often and self._gone_for(timedelta(seconds=self.tools.patience.settle)):
                words = f"{self.backend.title} no longer has this training. {error.detail}"
                self._fail(words, **self._end_unseen())
                return
            self._hold(
                f"{self.backend.title} does not find the training. Looking again; "
                "a token of another account cannot see it."
            )
        except ServiceBusy as error:
            self._hold(f"{self.backend.title} asks to wait.", error.retry_after)
        except PaymentRequired:
            self._hold(
                f"{self.backend.title} tells nothing while the account has no credit. "
                "Add credit there; the training is not lost."
            )
        except CredentialError:
            self._hold(
                f"{self.backend.title} does not accept the token. The training continues; "
                "replace the token in Settings."
            )
        except (ServiceRefused, UnexpectedReply) as error:
            self._wait_for_sense(error)
        except ServiceError:
            self._hold(f"{self.backend.title} cannot be reached. The training continues there.")
        else:
            self.gone, self.gone_since, self.odd_since, self.wait = 0, None, None, 0.0
            self._apply(snapshot)
            if self.run.state in {RunState.QUEUED, RunState.TRAINING}:
                self.ctx.pause(self.tools.patience.poll)

    def _wait_for_sense(self, error: ServiceError) -> None:
        """Ask again after an answer that says nothing; give up after hours of nothing else.

        A person can have the service asked once more, which costs nothing.
        """
        now = self.tools.clock.now()
        self.odd_since = self.odd_since or now
        words = f"{self.backend.title} does not say how the training stands: {error.detail}"
        if now - self.odd_since >= _ODD_PATIENCE:
            self._fail(words, **self._end_unseen())
        else:
            self._hold(f"{words.rstrip('.')}. Asking again.")

    def _cancel_was_taken(self) -> bool:
        events = self.tools.stores.runs.events(self.run.id)
        return any(event.text == _CANCEL_TAKEN for event in events)

    def _gone_for(self, long: timedelta) -> bool:
        assert self.gone_since is not None
        return self.tools.clock.now() - self.gone_since >= long

    def _hold(self, words: str, at_least: float = 0.0) -> None:
        patience = self.tools.patience
        self.wait = min(max(self.wait * 2, patience.shortest_retry), patience.longest_retry)
        if self.run.attention != words:
            self.run = self.tools.stores.runs.update(self.run.id, attention=words)
            self.ctx.report(RunChanged(self.run))
        self.ctx.pause(max(self.wait, min(at_least, 900.0)))

    def _apply(self, snapshot: RunSnapshot) -> None:
        runs = self.tools.stores.runs
        more_log = self._keep_log(snapshot.log)
        if snapshot.losses:
            runs.add_losses(self.run.id, snapshot.losses)
        if snapshot.state in {RemoteState.QUEUED, RemoteState.TRAINING}:
            self._keep_progress(snapshot)
        else:
            self._finish(snapshot)
        self.ctx.report(RunChanged(self.run, log=more_log, losses=bool(snapshot.losses)))

    def _keep_log(self, log: str) -> bool:
        runs = self.tools.stores.runs
        kept = runs.log_size(self.run.id)
        if len(log) <= kept:
            return False
        runs.append_log(self.run.id, log[kept:])
        return True

    def _keep_progress(self, snapshot: RunSnapshot) -> None:
        runs = self.tools.stores.runs
        seen = snapshot.progress
        changes = {
            "stage": seen.stage or self.run.stage,
            "step": self.run.step if seen.step is None else seen.step,
            "total": self.run.total if seen.total is None else seen.total,
            "eta_seconds": seen.eta_seconds,
            "loss": self.run.loss if seen.loss is None else seen.loss,
            "attention": "",
        }
        if snapshot.state is RemoteState.TRAINING and self.run.state is RunState.QUEUED:
            self.run = runs.advance(self.run.id, RunState.TRAINING, **changes)
        elif any(getattr(self.run, name) != value for name, value in changes.items()):
            self.run = runs.update(self.run.id, **changes)

    def _finish(self, snapshot: RunSnapshot) -> None:
        self._charge(snapshot)
        runs = self.tools.stores.runs
        common = {
            "eta_seconds": None,
            "attention": "",
            "cost_usd": snapshot.charge_usd if snapshot.charge_sure else None,
        }
        if snapshot.state is RemoteState.SUCCEEDED:
            self.run = runs.advance(
                self.run.id,
                RunState.COLLECTING,
                step=self.run.total,
                weights_address=snapshot.weights_address,
                output_version=snapshot.version,
                **common,
            )
        elif snapshot.state is RemoteState.CANCELLED:
            self._end_cancelled(**common)
        else:
            self._fail(snapshot.error or "The training failed without a reason.", **common)

    def _end_unseen(self) -> dict[str, object]:
        """Write down what a training that the service no longer tells about may have cost."""
        if self.run.state is RunState.TRAINING and self.run.price_high is not None:
            price = self.run.price_high
            self._charge(RunSnapshot(RemoteState.FAILED, charge_usd=price, charge_sure=False))
        return {"attention": "", "eta_seconds": None}

    def _end_cancelled(self, **changes: object) -> None:
        self.run = self.tools.stores.runs.advance(
            self.run.id, RunState.CANCELLED, finished_at=self.tools.clock.now(), **changes
        )
        self.ctx.report(RunChanged(self.run))

    def _fail(self, words: str, **changes: object) -> None:
        self.run = self.tools.stores.runs.advance(
            self.run.id,
            RunState.FAILED,
            failed_at=self.run.state,
            error=words,
            finished_at=self.tools.clock.now(),
            **changes,
        )
        self.ctx.report(RunChanged(self.run))

    def _charge(self, snapshot: RunSnapshot) -> None:
        if snapshot.charge_usd is None:
            return
        charge = Charge(
            id=f"training-{self.run.id}",
            service=self.backend.key,
            kind="training",
            amount_usd=snapshot.charge_usd,
            at=self.tools.clock.now(),
            certainty=Certainty.CHARGED if snapshot.charge_sure else Certainty.MAYBE,
            run_id=self.run.id,
            note=self.run.plan.name,
        )
        self.tools.stores.ledger.add(charge)


def cancel_training(run_id: str, tools: Tools) -> Run:
    """Ask the service to stop a training; following it then shows how it ended."""
    runs = tools.stores.runs
    run = runs.get(run_id)
    if run.state not in {RunState.QUEUED, RunState.TRAINING}:
        return run
    backend = tools.services.trainer(run.external_training_service or run.plan.backend)
    if not backend.cancel(remote_of(run, tools)):
        words = f"{backend.title} does not find the training, so it was not cancelled there."
        runs.add_event(run_id, "warn", words)
        return runs.update(run_id, attention=words)
    runs.add_event(run_id, "note", _CANCEL_TAKEN)
    return runs.update(run_id, stage="Cancelling")


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
    sent = effect.sent_at or run.updated_at
    for wait in tools.patience.retries():
        run = runs.get(run.id)
        if run.state is not RunState.UNKNOWN:
            return run
        try:
            found = backend.find(Mark(effect.nonce, effect.file_id), sent, ctx)
        except (CredentialError, ServiceError):
            words = f"We are asking {backend.title} whether the training started. No answer yet."
            run = runs.update(run.id, attention=words)
        else:
            first = next((one for one in found.runs if not _taken(one, run, tools)), None)
            if first is not None:
                _confirm(run, effect, first, "adopted", tools)
                return _adopt(run, first.id, backend, tools, ctx)
            if found.complete:
                effect = runs.update_effect(effect.id, reads=effect.reads + 1)
            run = runs.update(run.id, attention=_looking_words(backend, effect.reads, tools))
            old_enough = tools.clock.now() >= sent + timedelta(seconds=tools.patience.settle)
            if effect.reads >= tools.patience.settle_reads and old_enough:
                runs.move_effect(effect.id, EffectState.ABSENT)
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


def _looking_words(backend: TrainingBackend, reads: int, tools: Tools) -> str:
    unsure = "We cannot tell whether the training started."
    if backend.abilities().absence_shows:
        return (
            f"{unsure} Looking at {backend.title}: read {reads} of "
            f"{tools.patience.settle_reads}. Nothing is sent twice."
        )
    return (
        f"{unsure} {backend.title} does not list what still waits in its queue, so we go on "
        "looking until it shows, or you say that it is not there. Nothing is sent twice."
    )


def _confirm(run: Run, effect: Effect, found: RemoteRun, note: str, tools: Tools) -> None:
    """Write down that a launch without an answer did happen, before the run says so."""
    tools.stores.runs.move_effect(
        effect.id, EffectState.CONFIRMED, remote_id=found.id, handle=found.handle, note=note
    )
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
        runs.move_effect(effect.id, EffectState.ABSENT, note="a person looked and found nothing")
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
    runs.add_event(run.id, "note", "The training had started. Continuing.")
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
        attention="",
        finished_at=tools.clock.now(),
    )
