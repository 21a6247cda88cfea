"""Captions by a model: each is journalled, charged and kept; nothing is sent again by itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.captioning import FREE, CaptionOrder, WrittenCaption
from fluxlora_desktop.domain.errors import (
    DiskFull,
    InputError,
    JobCancelled,
    ModelWithdrawn,
    NotFoundAtService,
    OutcomeUnknown,
    PaymentRequired,
    SecretStoreLocked,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
    TokenRejected,
)
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.workflows.captioning import (
    doubtful_photos,
    order_captions,
    write_captions,
)
from fluxlora_desktop.workflows.events import CaptionFailed, CaptionWaits, CaptionWritten
from tests.workflows.conftest import Bench
from tests.workflows.fakes import Context


@pytest.fixture
def dataset_id(bench: Bench) -> str:
    """A dataset of three photos without captions."""
    dataset_id = bench.draft(3).dataset_id
    for sha256 in bench.tools.stores.datasets.get(dataset_id).hashes():
        bench.tools.stores.datasets.set_caption(dataset_id, sha256, "")
    return dataset_id


def order(bench: Bench, dataset_id: str, **changes: object) -> CaptionOrder:
    photos = bench.tools.stores.datasets.get(dataset_id).photos
    made = order_captions(
        dataset_id,
        {item.photo.sha256: item.caption for item in photos},
        captioner="together",
        model="eyes",
        prompt="Describe TOK.",
        trigger="TOK",
    )
    return replace(made, **changes)


def captions(bench: Bench, dataset_id: str) -> list[str]:
    return [item.caption for item in bench.tools.stores.datasets.get(dataset_id).photos]


def states(bench: Bench) -> dict[EffectState, int]:
    found = {
        state: [e for e in bench.tools.stores.runs.effects(state) if e.kind is EffectKind.CAPTION]
        for state in EffectState
    }
    return {state: len(effects) for state, effects in found.items() if effects}


def ledger(bench: Bench) -> list[tuple[str, Certainty, Decimal]]:
    return [(c.kind, c.certainty, c.amount_usd) for c in bench.tools.stores.ledger.charges()]


def test_every_photo_is_described_journalled_charged_and_kept(bench, dataset_id):
    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert captions(bench, dataset_id) == [f"TOK, a fox, side {n}" for n in (1, 2, 3)]
    assert (report.written, report.failed, report.not_sent) == (3, (), 0)
    assert states(bench) == {EffectState.CONFIRMED: 3}
    assert ledger(bench) == [("caption", Certainty.CHARGED, Decimal("0.101"))] * 3
    assert [asked.prompt for asked in bench.captioner.asked] == ["Describe TOK."] * 3
    assert len({asked.image for asked in bench.captioner.asked}) == 3


def test_journal_and_intent_are_on_the_disk_before_the_request_leaves(bench, dataset_id):
    seen = []
    bench.captioner.while_writing = lambda: seen.append(
        (states(bench), [text for text in captions(bench, dataset_id) if text])
    )

    write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    flying, done = EffectState.IN_FLIGHT, EffectState.CONFIRMED
    assert [state for state, _ in seen] == [
        {flying: 1},
        {flying: 1, done: 1},
        {flying: 1, done: 2},
    ]
    assert [len(texts) for _, texts in seen] == [0, 1, 2]  # each is kept before the next is sent


def test_journal_names_model_and_photo_and_holds_no_words_of_the_prompt(bench, dataset_id):
    write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    effect = bench.tools.stores.runs.effects(EffectState.CONFIRMED)[0]
    assert "eyes" in effect.request
    assert "Describe" not in effect.request


def test_captioner_of_ones_own_is_journalled_and_costs_nothing(bench, dataset_id):
    bench.captioner.price = FREE
    bench.captioner.replies = [OutcomeUnknown("together", "cut")]

    write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert states(bench) == {EffectState.UNKNOWN: 1, EffectState.CONFIRMED: 2}
    assert ledger(bench) == []


def test_lost_answer_may_have_been_charged_and_the_rest_goes_on(bench, dataset_id):
    bench.captioner.replies = [OutcomeUnknown("together", "cut")]

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    first = bench.tools.stores.datasets.get(dataset_id).hashes()[0]
    assert captions(bench, dataset_id)[0] == ""
    assert (report.written, [it.sha256 for it in report.failed]) == (2, [first])
    assert states(bench) == {EffectState.UNKNOWN: 1, EffectState.CONFIRMED: 2}
    maybe = [it for it in ledger(bench) if it[1] is Certainty.MAYBE]
    assert len(maybe) == 1 and maybe[0][2] > 0
    assert len(bench.captioner.asked) == 3


def test_photo_whose_answer_was_lost_is_known_until_it_has_a_caption(bench, dataset_id):
    bench.captioner.replies = [OutcomeUnknown("together", "cut")]
    write_captions(order(bench, dataset_id), bench.tools, bench.ctx)
    store = bench.tools.stores.datasets
    first = store.get(dataset_id).hashes()[0]

    assert doubtful_photos(store.get(dataset_id), bench.tools) == {first}
    store.set_caption(dataset_id, first, "mine")
    assert doubtful_photos(store.get(dataset_id), bench.tools) == frozenset()


def test_new_click_may_send_a_photo_whose_answer_was_lost(bench, dataset_id):
    bench.captioner.replies = [OutcomeUnknown("together", "cut")] * 3
    write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert report.written == 3
    assert len(bench.captioner.asked) == 6


def test_same_order_twice_is_refused_by_the_journal(bench, dataset_id):
    once = order(bench, dataset_id)
    write_captions(once, bench.tools, bench.ctx)

    report = write_captions(once, bench.tools, bench.ctx)

    assert (report.written, len(report.failed)) == (0, 3)
    assert len(bench.captioner.asked) == 3


def test_wait_that_the_service_asks_for_is_told_and_waited(bench, dataset_id):
    bench.captioner.replies = [ServiceBusy("together", retry_after=7.0)] * 2

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert report.written == 3
    assert bench.ctx.pauses == [7.0, 7.0]
    waits = [event.seconds for event in bench.ctx.events if isinstance(event, CaptionWaits)]
    assert waits == [7.0, 0, 7.0, 0]
    assert states(bench) == {EffectState.REFUSED: 2, EffectState.CONFIRMED: 3}


def test_service_that_never_has_time_is_given_up_for_that_photo(bench, dataset_id):
    bench.captioner.replies = [ServiceBusy("together", retry_after=1.0)] * 20

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert (report.written, len(report.failed)) == (2, 1)


def test_stop_while_waiting_keeps_what_is_done_and_sends_no_more(bench, dataset_id):
    bench.captioner.replies = [WrittenCaption("a fox"), ServiceBusy("together", retry_after=60.0)]
    ctx = Context(bench.clock, stop_after_pauses=1)

    with pytest.raises(JobCancelled):
        write_captions(order(bench, dataset_id), bench.tools, ctx)

    assert captions(bench, dataset_id) == ["TOK, a fox", "", ""]
    assert len(bench.captioner.asked) == 2
    assert states(bench) == {EffectState.CONFIRMED: 1, EffectState.REFUSED: 1}


@pytest.mark.parametrize(
    "trouble",
    [
        TokenRejected("together"),
        PaymentRequired("together"),
        ServiceUnreachable("together"),
        ModelWithdrawn("together", "eyes"),
        NotFoundAtService("together", "no such model"),
        SecretStoreLocked("keyring"),
    ],
)
def test_trouble_of_the_account_or_the_model_ends_the_order(bench, dataset_id, trouble):
    bench.captioner.replies = [WrittenCaption("a fox", "", 1, 1), trouble]

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert (report.written, report.not_sent, report.ended) == (1, 1, trouble)
    assert len(bench.captioner.asked) == 2
    assert len(ledger(bench)) == 1


def test_refusal_of_one_photo_costs_nothing_and_the_rest_goes_on(bench, dataset_id):
    bench.captioner.replies = [ServiceRefused("together", "not this one", status=422)]

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert (report.written, report.not_sent, report.ended) == (2, 0, None)
    assert not report.failed[0].paid
    assert len(ledger(bench)) == 2


@pytest.mark.parametrize("text", ["", "I'm sorry, I can't do that.", "TOK hf_" + "aB3" * 12])
def test_answer_that_cannot_be_used_is_charged_and_not_kept(bench, dataset_id, text):
    bench.captioner.replies = [WrittenCaption(text, "remote", 1000, 1)]

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert captions(bench, dataset_id)[0] == ""
    assert report.failed[0].paid
    assert states(bench) == {EffectState.CONFIRMED: 3}
    assert len(ledger(bench)) == 3


def test_words_that_a_person_wrote_meanwhile_stay(bench, dataset_id):
    store = bench.tools.stores.datasets
    first = store.get(dataset_id).hashes()[0]
    bench.captioner.while_writing = lambda: store.set_caption(dataset_id, first, "my own words")

    write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert captions(bench, dataset_id)[0] == "my own words"
    written = [event for event in bench.ctx.events if isinstance(event, CaptionWritten)]
    assert [event.kept for event in written] == [False, True, True]
    assert written[0].text == "TOK, a fox, side 1"


def test_caption_that_the_disk_does_not_take_is_told_with_its_words(bench, dataset_id, monkeypatch):
    def full(*_arguments, **_more):
        raise DiskFull("library.db")

    monkeypatch.setattr(bench.tools.stores.datasets, "set_caption", full)
    only = bench.tools.stores.datasets.get(dataset_id).hashes()[0]

    report = write_captions(order(bench, dataset_id, captions={only: ""}), bench.tools, bench.ctx)

    assert report.written == 1
    assert CaptionWritten(only, "TOK, a fox, side 1") in bench.ctx.events


def test_nothing_is_sent_when_the_journal_cannot_be_written(bench, dataset_id, monkeypatch):
    def full(*_arguments, **_more):
        raise DiskFull("library.db")

    monkeypatch.setattr(bench.tools.stores.runs, "plan_effect", full)

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert isinstance(report.ended, DiskFull)
    assert bench.captioner.asked == []


def test_photo_whose_copy_is_gone_fails_alone(bench, dataset_id, monkeypatch):
    first, *_ = bench.tools.stores.datasets.get(dataset_id).hashes()
    shrink = bench.tools.photos.shrink

    def sometimes(working, side):
        if first in str(working):
            raise InputError("photo", "it is no longer there")
        return shrink(working, side)

    monkeypatch.setattr(bench.tools.photos, "shrink", sometimes)

    report = write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert report.written == 2
    assert any(isinstance(event, CaptionFailed) for event in bench.ctx.events)


def test_fault_of_the_app_counts_as_possibly_charged(bench, dataset_id):
    bench.captioner.replies = [ValueError("a bug")]

    with pytest.raises(ValueError, match="a bug"):
        write_captions(order(bench, dataset_id), bench.tools, bench.ctx)

    assert states(bench) == {EffectState.UNKNOWN: 1}
    assert [certainty for _, certainty, _ in ledger(bench)] == [Certainty.MAYBE]


def test_order_needs_a_model_and_a_photo(bench, dataset_id):
    more = {"captioner": "together", "prompt": "x", "trigger": "TOK"}
    with pytest.raises(InputError):
        order_captions(dataset_id, {"a": ""}, model=" ", **more)
    with pytest.raises(InputError):
        order_captions(dataset_id, {}, model="eyes", **more)


@pytest.mark.parametrize(
    ("dies", "certainty"),
    [("plan", None), ("write", Certainty.MAYBE), ("charge", Certainty.CHARGED)],
)
def test_app_that_dies_on_the_way_counts_what_was_sent_and_sends_nothing_again(
    bench, dataset_id, monkeypatch, dies, certainty
):
    class Killed(BaseException):
        pass

    def die(*_arguments, **_more):
        raise Killed

    stores = bench.tools.stores
    if dies == "write":
        # As a kill does: not even the handlers of the workflow write anything down.
        monkeypatch.setattr(bench.captioner, "while_writing", die)
    elif dies == "charge":
        monkeypatch.setattr(stores.ledger, "add", die)
    else:
        monkeypatch.setattr(stores.runs, "record_effect", die)
    with pytest.raises(Killed):
        write_captions(order(bench, dataset_id), bench.tools, bench.ctx)
    bench.library.close()
    asked = len(bench.captioner.asked)

    reopened = open_library(bench.library.data_dir, clock=bench.clock)

    charges = reopened.stores.ledger.charges()
    expected = [] if certainty is None else [certainty]
    assert [charge.certainty for charge in charges] == expected
    assert all(charge.note == "eyes" and charge.amount_usd > 0 for charge in charges)
    assert len(bench.captioner.asked) == asked
    reopened.close()
    again = open_library(bench.library.data_dir, clock=bench.clock)
    assert len(again.stores.ledger.charges()) == len(charges)
    again.close()
