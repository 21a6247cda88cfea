"""The one way that a paid request takes: into the journal, out, and into the ledger.

Its row is `planned`, then `in_flight`, which is synced to the disk before the first byte leaves.
What comes then decides:

- an answer: the caller keeps it and calls `confirm`; the row is `confirmed`, the charge is sure;
- a refusal, or a connection that was never made: the row says so, and nothing is charged;
- "please wait": a refusal for now. After the whole wait it is asked anew, with a row of its own.
  Nothing else is ever sent again by itself;
- anything else, a lost answer, a stop or a bug: it may be paid for. The row is `unknown`, a maybe
  stands in the ledger, and the caller gets `InDoubt`. Only a lost answer lets an order go on.

What the app's end or a full disk leaves in flight or uncounted, the next start counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from fluxlora_desktop.domain.errors import (
    AppError,
    CredentialError,
    JobCancelled,
    LimitReached,
    ModelWithdrawn,
    OutcomeUnknown,
    PaymentRequired,
    SecretStoreError,
    ServiceBusy,
    ServiceUnreachable,
    StorageError,
)
from fluxlora_desktop.domain.journal import Answered, NoAnswer, Sending, outcome_of
from fluxlora_desktop.domain.money import NOTHING, Certainty, Charge
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import Effect, EffectKind
from fluxlora_desktop.workflows.spending import let_through
from fluxlora_desktop.workflows.tools import Tools

T = TypeVar("T")

ENDS_ORDER = (
    *(CredentialError, PaymentRequired, ServiceUnreachable, ModelWithdrawn),
    *(SecretStoreError, StorageError, LimitReached),
)
"""Trouble that the next request of an order would meet as well."""
_BUSY_TRIES = 20


@dataclass(frozen=True, slots=True)
class Paid:
    """One thing that is paid for, as the journal and the ledger call it.

    `price_usd` counts while nobody knows what it cost. `request` is what is asked for, without
    secrets, `done` the word for what the service does ("made"), `note` what the ledger says.
    `order` is what was let through as a whole; what belongs to none is let through by itself.
    """

    kind: EffectKind
    subject: str
    service: str
    price_usd: Decimal
    request: Mapping[str, object]
    done: str
    note: str
    picture_id: str | None = None
    order: str = ""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A paid request left and no answer came: it counts as possibly charged.

    `why` is what came instead, `uncounted` what kept the charge from being written down, if
    anything did.
    """

    why: Exception
    uncounted: StorageError | None = None

    def lost_answer(self) -> OutcomeUnknown:
        """Return what lost the answer; raise what ends an order instead: a stop, a bug."""
        if isinstance(self.why, OutcomeUnknown):
            return self.why
        raise self.why


def send_paid(
    paid: Paid, send: Callable[[], T], say: Callable[[float], None], tools: Tools, ctx: JobContext
) -> tuple[Effect, T] | InDoubt:
    """Send a paid request; return its row, still in flight, and the answer, for `confirm`.

    `say` hears how many seconds the service asks to wait, and 0 when that is over. What is raised
    was not charged: `JobCancelled` comes from a wait alone, `LimitReached` before it is sent.
    """
    if not tools.budget.is_through(paid.order):
        let_through(paid.subject, paid.price_usd, tools)
    runs, tries = tools.stores.runs, 0
    while True:
        effect = runs.plan_effect(
            paid.kind, paid.subject, paid.service, paid.price_usd, request=paid.request
        )
        runs.record_effect(effect.id, Sending(tools.clock.now(), tools.patience.deadline))
        try:
            return effect, send()
        except OutcomeUnknown as error:
            return _in_doubt(paid, effect, error, str(error), tools)
        except AppError as error:
            runs.record_effect(effect.id, outcome_of(error, effect.kind))
            tries += 1
            if not isinstance(error, ServiceBusy) or tries >= _BUSY_TRIES:
                raise
            wait = error.retry_after
        except JobCancelled as stop:
            why = f"stopped while it was {paid.done}"
            return _in_doubt(paid, effect, stop, why, tools)
        except Exception as bug:  # noqa: BLE001  carried to the caller, who ends the order with it
            return _in_doubt(paid, effect, bug, "a fault of the app", tools)
        say(wait)
        ctx.pause(wait)
        say(0)


def _in_doubt(paid: Paid, effect: Effect, error: Exception, why: str, tools: Tools) -> InDoubt:
    with suppress(StorageError):
        tools.stores.runs.record_effect(effect.id, NoAnswer(why))
    try:
        _charge(paid, paid.price_usd, Certainty.MAYBE, tools)
    except StorageError as trouble:
        return InDoubt(error, trouble)
    return InDoubt(error)


def confirm(paid: Paid, effect: Effect, remote_id: str, cost_usd: Decimal, tools: Tools) -> None:
    """Write down that the service answered, and count what it took.

    Raises `StorageError` where the charge cannot be written down.
    """
    with suppress(StorageError):  # what is paid for is worth more than the journal's line
        tools.stores.runs.record_effect(effect.id, Answered(remote_id))
    _charge(paid, cost_usd, Certainty.CHARGED, tools)


def _charge(paid: Paid, amount: Decimal, certainty: Certainty, tools: Tools) -> None:
    """Add to the ledger; only a picture has a line there even where it costs nothing."""
    if amount == NOTHING and paid.picture_id is None:
        return
    tools.stores.ledger.add(
        Charge(
            id=f"{paid.kind}-{paid.subject}",
            service=paid.service,
            kind=paid.kind,
            amount_usd=amount,
            at=tools.clock.now(),
            certainty=certainty,
            picture_id=paid.picture_id,
            note=paid.note[:80],
        )
    )
