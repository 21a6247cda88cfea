"""A launch in doubt at a service whose list proves nothing: looked for until somebody knows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    InputError,
    JobCancelled,
    NotFoundAtService,
    OutcomeUnknown,
    PaymentRequired,
    ServiceRefused,
    UnexpectedReply,
)
from fluxlora_desktop.domain.journal import Found
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.runs import EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.doubt import say_absent, say_found, settle_unknown
from fluxlora_desktop.workflows.follow import cancel_training
from fluxlora_desktop.workflows.launch import look_again, start_run, try_again
from tests.workflows.conftest import Bench
from tests.workflows.fakes import Context, training

LOST = OutcomeUnknown("replicate", "cut")
NOTHING = FoundRuns((), False)
FOUND = FoundRuns((RemoteRun("replicate", "remote-9", "fake/trainer", handle="where"),), False)


def effect_of(bench: Bench, run: Run):
    return bench.tools.stores.runs.live_effect(EffectKind.TRAINING, run.id)


def in_doubt(bench: Bench, *, looks: int) -> Run:
    """Lose the launch's answer, look so many times, and stop looking."""
    bench.backend.submits, bench.backend.absence_shows = [LOST], False
    bench.backend.finds = [NOTHING] * looks
    run = start_run(bench.draft().id, bench.tools)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=looks))
    return bench.tools.stores.runs.get(run.id)


def test_launch_stays_in_doubt_however_often_nothing_is_found(bench: Bench) -> None:
    run = in_doubt(bench, looks=60)

    assert run.state is RunState.UNKNOWN
    assert effect_of(bench, run).state is EffectState.UNKNOWN
    assert "or you say that it is not there" in run.attention
    assert len(bench.backend.launched) == 1


def test_launch_is_found_when_it_leaves_the_queue(bench: Bench) -> None:
    run = in_doubt(bench, looks=3)
    bench.backend.finds = [NOTHING, FOUND]

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.external_training_id == "remote-9"
    assert bench.backend.polled[0].handle == "where"
    assert len(bench.backend.launched) == 1


def test_persons_word_ends_the_doubt_and_sends_nothing(bench: Bench) -> None:
    run = say_absent(in_doubt(bench, looks=2).id, bench.tools)

    assert (run.state, run.failed_at) == (RunState.FAILED, RunState.LAUNCHING)
    assert effect_of(bench, run).state is EffectState.ABSENT
    assert len(bench.backend.launched) == 1
    again = try_again(run.id, bench.tools)
    assert carry_run(again.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 2


def test_training_that_a_person_found_is_taken_on(bench: Bench) -> None:
    run = say_found(in_doubt(bench, looks=2).id, " 764f ", bench.tools)

    assert (run.state, run.external_training_id) == (RunState.QUEUED, "764f")
    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_id_that_the_service_does_not_know_is_not_taken(bench: Bench) -> None:
    run = in_doubt(bench, looks=2)
    bench.backend.polls = [NotFoundAtService("replicate", "no such request")]

    with pytest.raises(InputError, match="has no training wrong-1"):
        say_found(run.id, "wrong-1", bench.tools)

    assert bench.tools.stores.runs.get(run.id).state is RunState.UNKNOWN


def test_id_of_another_run_is_not_taken(bench: Bench) -> None:
    other = start_run(bench.draft().id, bench.tools)
    assert carry_run(other.id, bench.tools, bench.ctx).external_training_id == "remote-1"
    run = in_doubt(bench, looks=2)

    with pytest.raises(InputError, match="another training"):
        say_found(run.id, "remote-1", bench.tools)


@pytest.mark.parametrize("say", [say_absent, lambda run, tools: say_found(run, "x1", tools)])
def test_word_about_a_run_that_is_not_in_doubt_changes_nothing(bench: Bench, say) -> None:
    run = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    assert say(run.id, bench.tools) == run


def test_handle_of_the_launch_and_its_steps_come_back_with_every_look(bench: Bench) -> None:
    bench.backend.handle = "status, result, cancel"
    bench.backend.polls = [training(10)]

    run = start_run(bench.draft().id, bench.tools)
    carry_run(run.id, bench.tools, bench.ctx)

    assert {seen.handle for seen in bench.backend.polled} == {"status, result, cancel"}
    assert bench.backend.polled[0].steps == run.total


GONE = NotFoundAtService("replicate", "gone")


def stopped_while_training(bench: Bench) -> Run:
    bench.backend.polls = [training(10)] * 2
    run = start_run(bench.draft().id, bench.tools)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=1))
    return run


def test_training_that_was_cancelled_and_forgotten_is_cancelled(bench: Bench) -> None:
    run = stopped_while_training(bench)
    cancel_training(run.id, bench.tools)
    bench.backend.polls = [GONE] * 8
    begun = bench.clock.now()

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert (run.state, run.attention, run.cost_usd) == (RunState.CANCELLED, "", None)
    assert timedelta(minutes=1) <= bench.clock.now() - begun < timedelta(minutes=5)
    (charge,) = bench.tools.stores.ledger.charges()
    assert (charge.certainty, charge.amount_usd) == (Certainty.MAYBE, run.price_high)


def test_one_look_that_finds_nothing_does_not_end_a_cancelled_training(bench: Bench) -> None:
    run = stopped_while_training(bench)
    cancel_training(run.id, bench.tools)
    bench.backend.polls = [GONE] * 4

    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY


def test_cancel_that_the_service_cannot_place_is_no_cancel(bench: Bench) -> None:
    run = stopped_while_training(bench)
    bench.backend.knows = False

    told = cancel_training(run.id, bench.tools)
    bench.backend.polls = [GONE] * 60
    run = carry_run(run.id, bench.tools, bench.ctx)

    assert "does not find the training" in told.attention
    assert run.state is RunState.FAILED
    (charge,) = bench.tools.stores.ledger.charges()
    assert (charge.certainty, charge.amount_usd) == (Certainty.MAYBE, run.price_high)


def test_cancelled_training_that_had_finished_is_fetched_when_asked_for(bench: Bench) -> None:
    run = stopped_while_training(bench)
    cancel_training(run.id, bench.tools)
    run = carry_run(run.id, bench.tools, bench.ctx)
    assert run.state is RunState.CANCELLED

    again = look_again(run.id, bench.tools)

    assert carry_run(again.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_training_that_ran_unseen_and_is_gone_may_have_been_charged(bench: Bench) -> None:
    bench.backend.polls = [GONE] * 60

    run = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    assert (run.state, run.failed_at) == (RunState.FAILED, RunState.QUEUED)
    (charge,) = bench.tools.stores.ledger.charges()
    assert (charge.certainty, charge.amount_usd) == (Certainty.MAYBE, run.price_high)


def test_two_answers_without_sense_around_a_long_sleep_end_nothing(bench: Bench) -> None:
    bench.backend.polls = [ServiceRefused("replicate", "no result")] * 2

    class Asleep(Context):
        def pause(self, seconds: float) -> None:
            super().pause(seconds + 8 * 3600)

    run = start_run(bench.draft().id, bench.tools)

    assert carry_run(run.id, bench.tools, Asleep(bench.clock)).state is RunState.READY


@pytest.mark.parametrize(
    "answer", [ServiceRefused("replicate", "no result"), UnexpectedReply("replicate", "a", "b")]
)
def test_answer_without_sense_is_asked_for_again_and_after_hours_given_up(
    bench: Bench, answer: Exception
) -> None:
    run = stopped_while_training(bench)
    bench.backend.polls = [answer] * 3
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=2))
    assert "does not say how" in bench.tools.stores.runs.get(run.id).attention
    bench.backend.polls = [answer] * 400

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert (run.state, run.may_be_looked_for) == (RunState.FAILED, True)
    assert [charge.certainty for charge in bench.tools.stores.ledger.charges()] == [Certainty.MAYBE]
    bench.backend.polls = []
    again = look_again(run.id, bench.tools)
    assert carry_run(again.id, bench.tools, bench.ctx).state is RunState.READY


def test_training_of_an_account_without_credit_is_waited_for(bench: Bench) -> None:
    bench.backend.polls = [PaymentRequired("replicate", "Exhausted balance.")] * 3
    run = start_run(bench.draft().id, bench.tools)

    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=2))
    assert "Add credit" in bench.tools.stores.runs.get(run.id).attention

    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_training_that_ended_without_weights_can_be_asked_for_once_more(bench: Bench) -> None:
    bench.backend.polls = [RunSnapshot(RemoteState.FAILED, error="odd")]
    failed = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)
    assert failed.may_be_looked_for

    again = look_again(failed.id, bench.tools)

    assert (again.state, again.error) == (RunState.QUEUED, "")
    assert carry_run(again.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_only_a_training_that_the_service_knows_can_be_asked_for(bench: Bench) -> None:
    absent = say_absent(in_doubt(bench, looks=2).id, bench.tools)
    ready = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    for run in (absent, ready):
        assert not run.may_be_looked_for
        assert look_again(run.id, bench.tools) == run


def test_training_of_another_run_is_not_adopted(bench: Bench) -> None:
    other = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)
    bench.tools.stores.runs.hide(other.id)
    run = in_doubt(bench, looks=1)
    theirs = RemoteRun("replicate", "remote-1", "fake/trainer")
    bench.backend.finds = [FoundRuns((theirs,), False), FoundRuns((theirs, *FOUND.runs), False)]

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert run.external_training_id == "remote-9"


def test_looking_ends_when_a_person_settled_the_doubt_meanwhile(bench: Bench) -> None:
    run = in_doubt(bench, looks=2)
    say_found(run.id, "764f", bench.tools)

    seen = settle_unknown(run, bench.tools, bench.ctx)

    assert (seen.state, seen.external_training_id) == (RunState.QUEUED, "764f")


def test_looking_ends_when_the_doubt_is_settled_between_two_looks(bench: Bench) -> None:
    run = in_doubt(bench, looks=2)
    bench.backend.finds = [NOTHING] * 5

    class Told(Context):
        def pause(self, seconds: float) -> None:
            super().pause(seconds)
            say_found(run.id, "764f", bench.tools)

    seen = settle_unknown(run, bench.tools, Told(bench.clock, stop_after_pauses=5))

    assert (seen.state, seen.external_training_id) == (RunState.QUEUED, "764f")
    assert len(bench.backend.finds) == 4


@pytest.mark.parametrize("say", [say_absent, lambda run, tools: say_found(run, "x1", tools)])
def test_word_about_a_launch_that_the_journal_knows_takes_it_on(bench: Bench, say) -> None:
    run = in_doubt(bench, looks=1)
    effect = effect_of(bench, run)
    bench.tools.stores.runs.record_effect(effect.id, Found("remote-7"))

    run = say(run.id, bench.tools)

    assert (run.state, run.external_training_id) == (RunState.QUEUED, "remote-7")


@pytest.mark.parametrize(
    "given",
    ["", "../x1", "a 1", "https://fal.ai/", "https://fal.ai/m/requests", "1" * 129, "status"],
)
def test_text_that_is_no_id_is_refused_before_anything_is_asked(bench: Bench, given: str) -> None:
    run = in_doubt(bench, looks=1)
    asked = len(bench.backend.polled)

    with pytest.raises(InputError):
        say_found(run.id, given, bench.tools)

    assert len(bench.backend.polled) == asked


UUID = "764f6a00-4a2b-4d3e-9a6e-0123456789ab"


@pytest.mark.parametrize(
    ("given", "remote_id"),
    [
        ("https://replicate.com/p/q1w2e3?tab=logs", "q1w2e3"),
        (f"https://fal.ai/models/fal-ai/x/requests?request_id={UUID}", UUID),
        (f"https://queue.fal.run/fal-ai/x/requests/{UUID}/status", UUID),
    ],
)
def test_training_is_taken_on_by_the_address_of_its_page(
    bench: Bench, given: str, remote_id: str
) -> None:
    run = in_doubt(bench, looks=1)

    run = say_found(run.id, given, bench.tools)

    assert (run.external_training_id, run.page) == (remote_id, f"http://replicate/{remote_id}")


def test_charge_that_is_not_sure_is_shown_as_one_that_may_be(bench: Bench) -> None:
    bench.backend.polls = [
        RunSnapshot(RemoteState.FAILED, error="boom", charge_usd=Decimal("6.40"), charge_sure=False)
    ]

    carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    (charge,) = bench.tools.stores.ledger.charges()
    assert (charge.amount_usd, charge.certainty) == (Decimal("6.40"), Certainty.MAYBE)
