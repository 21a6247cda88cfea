"""The way of a paid request: on the disk before it leaves, sent once, counted whatever comes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    DiskFull,
    IllegalMove,
    JobCancelled,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
)
from fluxlora_desktop.domain.journal import NoAnswer
from fluxlora_desktop.domain.money import NOTHING, Certainty
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.workflows.paid import InDoubt, Paid, confirm, send_paid
from tests.workflows.conftest import Bench
from tests.workflows.fakes import Context

PRICE, COST = Decimal("0.50"), Decimal("0.20")
THING = Paid(EffectKind.CAPTION, "a", "together", PRICE, {"model": "m"}, done="written", note="m")
BUSY = ServiceBusy("together", retry_after=30.0)
LOST = OutcomeUnknown("together", "cut")


class Sender:
    """A request whose outcomes are scripted; it counts how often it left."""

    def __init__(self, *outcomes: object) -> None:
        self.left, self.outcomes = 0, list(outcomes)

    def __call__(self) -> object:
        self.left += 1
        outcome = self.outcomes.pop(0) if self.outcomes else "answer"
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def send(
    bench: Bench,
    sender: Callable[[], object],
    paid: Paid = THING,
    *,
    said: list[float] | None = None,
    ctx: Context | None = None,
):
    hear = (said if said is not None else []).append
    return send_paid(paid, sender, hear, bench.tools, ctx or bench.ctx)


def rows(bench: Bench) -> list[tuple[str, str]]:
    """Read the journal as any other process would see it: what is not committed is not there."""
    with closing(sqlite3.connect(bench.library.data_dir / "library.db")) as raw:
        return raw.execute("SELECT state, note FROM effects ORDER BY attempt").fetchall()


def ledger(bench: Bench) -> list[tuple[str, Certainty, Decimal]]:
    return [(c.id, c.certainty, c.amount_usd) for c in bench.tools.stores.ledger.charges()]


def full(*_arguments: object) -> None:
    raise DiskFull("library.db")


def test_row_is_kept_in_flight_before_the_request_leaves_and_until_it_is_confirmed(bench):
    effect, seen = send(bench, lambda: rows(bench))

    assert [state for state, _ in seen] == [EffectState.IN_FLIGHT]
    assert [state for state, _ in rows(bench)] == [EffectState.IN_FLIGHT]
    assert ledger(bench) == []
    confirm(THING, effect, "remote", COST, bench.tools)
    assert [state for state, _ in rows(bench)] == [EffectState.CONFIRMED]
    assert ledger(bench) == [("caption-a", Certainty.CHARGED, COST)]


@pytest.mark.parametrize(
    ("why", "note"),
    [
        (LOST, "cut"),
        (JobCancelled(), "stopped while it was written"),
        (ValueError("a bug"), "a fault of the app"),
    ],
)
def test_whatever_comes_instead_of_an_answer_counts_as_a_maybe_and_is_not_sent_again(
    bench, why, note
):
    sender = Sender(why)

    doubt = send(bench, sender)

    assert doubt == InDoubt(why)
    assert sender.left == 1
    assert rows(bench) == [(EffectState.UNKNOWN, note)]
    assert ledger(bench) == [("caption-a", Certainty.MAYBE, PRICE)]
    with pytest.raises(IllegalMove):
        send(bench, sender)
    assert sender.left == 1


def test_order_goes_on_after_a_lost_answer_and_not_after_a_stop_or_a_bug():
    assert InDoubt(LOST).lost_answer() is LOST
    for end in (JobCancelled(), ValueError("a bug")):
        with pytest.raises(type(end)) as raised:
            InDoubt(end).lost_answer()
        assert raised.value is end


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (ServiceRefused("together", "no"), EffectState.REFUSED),
        (PaymentRequired("together", "no"), EffectState.REFUSED),
        (ServiceUnreachable("together", "no"), EffectState.PLANNED),
    ],
)
def test_what_the_service_did_not_take_costs_nothing_and_is_not_sent_again(bench, trouble, state):
    sender = Sender(trouble)

    with pytest.raises(type(trouble)):
        send(bench, sender)

    assert sender.left == 1
    assert rows(bench) == [(state, "no")]
    assert ledger(bench) == []


def test_wait_is_waited_out_in_full_and_the_next_attempt_has_a_row_of_its_own(bench):
    sender, said = Sender(BUSY), []

    send(bench, sender, said=said)

    assert (sender.left, said, bench.ctx.pauses) == (2, [30.0, 0], [30.0])
    assert [state for state, _ in rows(bench)] == [EffectState.REFUSED, EffectState.IN_FLIGHT]


def test_stop_during_a_wait_leaves_nothing_in_doubt(bench):
    with pytest.raises(JobCancelled):
        send(bench, Sender(BUSY), ctx=Context(bench.clock, stop_after_pauses=1))

    assert [state for state, _ in rows(bench)] == [EffectState.REFUSED]
    assert ledger(bench) == []


def test_nothing_leaves_when_the_journal_cannot_be_written(bench, monkeypatch):
    sender = Sender()
    monkeypatch.setattr(bench.tools.stores.runs, "record_effect", full)

    with pytest.raises(DiskFull):
        send(bench, sender)

    assert sender.left == 0


@pytest.mark.parametrize("why", [LOST, JobCancelled(), ValueError("a bug")])
def test_maybe_is_counted_also_when_the_journal_cannot_say_so(bench, monkeypatch, why):
    runs, record = bench.tools.stores.runs, bench.tools.stores.runs.record_effect
    monkeypatch.setattr(
        runs, "record_effect", lambda i, e: full() if isinstance(e, NoAnswer) else record(i, e)
    )

    assert send(bench, Sender(why)) == InDoubt(why)

    assert ledger(bench) == [("caption-a", Certainty.MAYBE, PRICE)]


def test_maybe_that_the_disk_does_not_take_is_told(bench, monkeypatch):
    monkeypatch.setattr(bench.tools.stores.ledger, "add", full)

    doubt = send(bench, Sender(LOST))

    assert doubt.why is LOST
    assert isinstance(doubt.uncounted, DiskFull)
    assert rows(bench) == [(EffectState.UNKNOWN, "cut")]


def test_what_is_free_has_no_line_in_the_ledger_unless_it_is_a_picture(bench):
    send(bench, Sender(LOST), replace(THING, price_usd=NOTHING))
    assert ledger(bench) == []

    picture = replace(THING, kind=EffectKind.PICTURE, subject="p", price_usd=NOTHING)
    send(bench, Sender(LOST), replace(picture, picture_id="p"))
    assert ledger(bench) == [("picture-p", Certainty.MAYBE, NOTHING)]
