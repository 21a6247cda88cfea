"""A launch in doubt at a service whose list proves nothing: looked for until somebody knows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    InputError,
    JobCancelled,
    NotFoundAtService,
    OutcomeUnknown,
)
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.runs import EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.follow import cancel_training, say_absent, say_found
from fluxlora_desktop.workflows.launch import start_run, try_again
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

    with pytest.raises(InputError, match="has no training wrong"):
        say_found(run.id, "wrong", bench.tools)

    assert bench.tools.stores.runs.get(run.id).state is RunState.UNKNOWN


def test_id_of_another_run_is_not_taken(bench: Bench) -> None:
    other = start_run(bench.draft().id, bench.tools)
    assert carry_run(other.id, bench.tools, bench.ctx).external_training_id == "remote-1"
    run = in_doubt(bench, looks=2)

    with pytest.raises(InputError, match="another training"):
        say_found(run.id, "remote-1", bench.tools)


@pytest.mark.parametrize("say", [say_absent, lambda run, tools: say_found(run, "x", tools)])
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


def test_training_that_was_cancelled_and_forgotten_is_cancelled(bench: Bench) -> None:
    bench.backend.polls = [training(10)] * 2
    run = start_run(bench.draft().id, bench.tools)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=1))
    cancel_training(run.id, bench.tools)
    bench.backend.polls = [NotFoundAtService("replicate", "gone")]

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert run.state is RunState.CANCELLED


def test_charge_that_is_not_sure_is_shown_as_one_that_may_be(bench: Bench) -> None:
    bench.backend.polls = [
        RunSnapshot(RemoteState.FAILED, error="boom", charge_usd=Decimal("6.40"), charge_sure=False)
    ]

    carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    (charge,) = bench.tools.stores.ledger.charges()
    assert (charge.amount_usd, charge.certainty) == (Decimal("6.40"), Certainty.MAYBE)
