"""Follow a training at its service until it ends, and ask for its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fluxlora_desktop.domain.errors import (
    CredentialError,
    NotFoundAtService,
    PaymentRequired,
    ServiceBusy,
    ServiceError,
    ServiceRefused,
    UnexpectedReply,
)
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.ports import JobContext, TrainingBackend
from fluxlora_desktop.domain.runs import EffectKind, Run, RunEvent, RunState
from fluxlora_desktop.domain.services import at_place
from fluxlora_desktop.domain.training import RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.accounts import foreign_account
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.tools import Tools

_GONE_READS = 3
_CANCEL_PATIENCE = timedelta(minutes=1)
_ODD_READS, _ODD_PATIENCE = 30, timedelta(hours=3)  # a computer may sleep between two reads
LONGEST_WAIT = 900.0
"""Seconds that a service may ask to wait at most."""

_CLEARED: Mapping[str, object] = {
    "attention": "",
    "error_kind": "",
    "eta_seconds": None,
    "wait_until": None,
}
_CANCEL_TAKEN = "Cancel was asked for."
_CANCEL_WISHED = "It shall be cancelled if it is found."
_WISH_TAKEN_BACK = "It shall go on if it is found."


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
    odd: int = 0
    odd_since: datetime | None = None
    wait: float = field(default=0.0)

    def look(self) -> None:
        try:
            self._grant_wish()
            snapshot = self.backend.poll(remote_of(self.run, self.tools))
        except NotFoundAtService as error:
            if other := self._other_account():
                self._hold(other, kind=CredentialError.__name__)
                return
            self.gone += 1
            self.gone_since = self.gone_since or self.tools.clock.now()
            often = self.gone >= _GONE_READS
            if often and self._cancel_was_taken() and self._gone_for(_CANCEL_PATIENCE):
                if self.run.state is RunState.TRAINING:
                    self._charge_unseen()
                self._end_cancelled(**_CLEARED)  # some services forget what was cancelled
                return
            if often and self._gone_for(timedelta(seconds=self.tools.patience.settle)):
                self._charge_unseen()
                words = f"{self.backend.title} no longer has this training. {error.detail}"
                self._fail(words, **_CLEARED)
                return
            self._hold(
                f"{self.backend.title} does not find the training. Looking again; "
                "a token of another account cannot see it."
            )
        except ServiceBusy as error:
            self._hold(f"{self.backend.title} asks to wait.", error.retry_after, asked=True)
        except PaymentRequired:
            self._hold(
                f"{self.backend.title} tells nothing while the account has no credit. "
                "Add credit there; the training is not lost.",
                kind=PaymentRequired.__name__,
            )
        except CredentialError as error:
            self._hold(
                f"{self.backend.title} no longer accepts the token. The training continues there "
                "and costs run on. Replace the token to follow it; nothing is started again.",
                kind=type(error).__name__,
            )
        except (ServiceRefused, UnexpectedReply) as error:
            self._wait_for_sense(error)
        except ServiceError:
            self._hold(f"{self.backend.title} cannot be reached. The training continues there.")
        else:
            self.gone = self.odd = 0
            self.gone_since = self.odd_since = None
            self.wait = 0.0
            self._apply(snapshot)
            if self.run.state in {RunState.QUEUED, RunState.TRAINING}:
                self.ctx.pause(self.tools.patience.poll)

    def _wait_for_sense(self, error: ServiceError) -> None:
        """Ask again after an answer that says nothing; give up after hours of nothing else.

        A person can have the service asked once more, which costs nothing.
        """
        now = self.tools.clock.now()
        self.odd += 1
        self.odd_since = self.odd_since or now
        words = f"{self.backend.title} does not say how the training stands: {error.detail}"
        if self.odd >= _ODD_READS and now - self.odd_since >= _ODD_PATIENCE:
            self._charge_unseen()
            self._fail(words, **_CLEARED)
        else:
            self._hold(f"{words.rstrip('.')}. Asking again.")

    def _cancel_was_taken(self) -> bool:
        events = self.tools.stores.runs.events(self.run.id)
        return any(event.text == _CANCEL_TAKEN for event in events)

    def _gone_for(self, long: timedelta) -> bool:
        assert self.gone_since is not None
        return self.tools.clock.now() - self.gone_since >= long

    def _other_account(self) -> str:
        """Return in words that another account's token is in use, which sees nothing of the run."""
        try:
            return foreign_account(self.run, self.backend)
        except (CredentialError, ServiceError):
            return ""

    def _grant_wish(self) -> None:
        """Cancel a training that was to be cancelled if it is found."""
        runs = self.tools.stores.runs
        if cancel_wished(runs.events(self.run.id)):
            _cancel(self.run, self.backend, self.tools)

    def _hold(
        self, words: str, at_least: float = 0.0, *, asked: bool = False, kind: str = ""
    ) -> None:
        """Say what the run waits for and wait; `asked` when the service named the time.

        `kind` is the name of the error that a person can do something about.
        """
        patience = self.tools.patience
        self.wait = min(max(self.wait * 2, patience.shortest_retry), patience.longest_retry)
        wait = max(self.wait, min(at_least, LONGEST_WAIT))
        until = self.tools.clock.now() + timedelta(seconds=wait) if asked else None
        changes = {"attention": words, "wait_until": until, "error_kind": kind}
        if any(getattr(self.run, name) != value for name, value in changes.items()):
            self.run = self.tools.stores.runs.update(self.run.id, **changes)
            self.ctx.report(RunChanged(self.run))
        self.ctx.pause(wait)

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
            "wait_until": None,
            "error_kind": "",
        }
        if snapshot.state is RemoteState.TRAINING and self.run.state is RunState.QUEUED:
            self.run = runs.advance(self.run.id, RunState.TRAINING, **changes)
        elif any(getattr(self.run, name) != value for name, value in changes.items()):
            self.run = runs.update(self.run.id, **changes)

    def _finish(self, snapshot: RunSnapshot) -> None:
        self._charge(snapshot)
        runs, seen = self.tools.stores.runs, snapshot.progress
        total = self.run.total if seen.total is None else seen.total
        common = {
            **_CLEARED,
            "total": total,
            "loss": self.run.loss if seen.loss is None else seen.loss,
            "cost_usd": snapshot.charge_usd if snapshot.charge_sure else None,
        }
        if snapshot.state is RemoteState.SUCCEEDED:
            self.run = runs.advance(
                self.run.id,
                RunState.COLLECTING,
                step=total,
                weights_address=snapshot.weights_address,
                output_version=snapshot.version,
                **common,
            )
        elif snapshot.state is RemoteState.CANCELLED:
            self._end_cancelled(**common)
        else:
            words = snapshot.error or "The training failed without a reason."
            self._fail(words, **{**common, "error_kind": snapshot.error_kind})

    def _charge_unseen(self) -> None:
        """Write down what a training that the service no longer tells about may have cost."""
        price = self.run.price_high
        self._charge(RunSnapshot(RemoteState.FAILED, charge_usd=price, charge_sure=False))

    def _end_cancelled(self, **changes: object) -> None:
        words = f"It was cancelled {at_place(self.backend.key, self.backend.title)}, not from here."
        self.run = self.tools.stores.runs.advance(
            self.run.id,
            RunState.CANCELLED,
            finished_at=self.tools.clock.now(),
            error="" if self._cancel_was_taken() else words,
            **changes,
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
        if not snapshot.charge_usd:  # what costs nothing has no line
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
    if not _cancel(run, backend, tools):
        words = f"{backend.title} does not find the training, so it was not cancelled there."
        runs.add_event(run_id, "warn", words)
        return runs.update(run_id, attention=words)
    return runs.get(run_id)


def _cancel(run: Run, backend: TrainingBackend, tools: Tools) -> bool:
    """Ask the service to stop a training; False when it does not find it."""
    if not backend.cancel(remote_of(run, tools)):
        return False
    tools.stores.runs.add_event(run.id, "note", _CANCEL_TAKEN)
    tools.stores.runs.update(run.id, stage="Cancelling")
    return True


def wish_cancel(run_id: str, wanted: bool, tools: Tools) -> Run:
    """Keep that a training whose launch got no answer is to be cancelled at once if it is found."""
    runs = tools.stores.runs
    runs.add_event(run_id, "note", _CANCEL_WISHED if wanted else _WISH_TAKEN_BACK)
    return runs.get(run_id)


def cancel_wished(events: Iterable[RunEvent]) -> bool:
    """Tell from a run's history whether it is to be cancelled, and the service was not asked."""
    said = {_CANCEL_WISHED, _WISH_TAKEN_BACK, _CANCEL_TAKEN}
    words = [event.text for event in events if event.kind == "note" and event.text in said]
    return bool(words) and words[-1] == _CANCEL_WISHED
