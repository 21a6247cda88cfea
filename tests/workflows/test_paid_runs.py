"""A training that may have been paid for is neither given up nor ordered a second time."""

from __future__ import annotations

import pytest

from fluxlora_desktop.domain.errors import (
    DiskFull,
    OutcomeUnknown,
    SecretStoreLocked,
)
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run
from tests.workflows.conftest import Bench
from tests.workflows.fakes import training

FOUND = FoundRuns((RemoteRun("replicate", "remote-9", "fake/trainer"),), True)


def start(bench: Bench, **plan: object):
    return start_run(bench.draft(**plan).id, bench.tools)


def effect(bench: Bench, run_id: str):
    return bench.tools.stores.runs.live_effect(EffectKind.TRAINING, run_id)


def full_once(write, *, when):
    """Return `write`, which finds the disk full the first time that `when(*arguments)` holds."""
    full = [True]

    def writing(*arguments, **changes):
        if full and when(*arguments):
            full.clear()
            raise DiskFull("library.db")
        return write(*arguments, **changes)

    return writing


@pytest.mark.parametrize("trouble", [SecretStoreLocked("keyring"), DiskFull("library.db")])
def test_trouble_on_this_computer_never_ends_a_training(bench, trouble):
    bench.backend.polls = [training(10), trouble, training(20)]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.attention == ""
    assert any("The training is not touched" in e.run.attention for e in bench.ctx.events)
    assert len(bench.backend.launched) == 1


def test_locked_password_store_waits_while_a_lost_launch_is_looked_for(bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    bench.backend.finds = [SecretStoreLocked("keyring"), FOUND]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.external_training_id == "remote-9"


def test_locked_password_store_waits_while_weights_are_fetched(bench):
    fetch, locked = bench.backend.fetch_weights, [SecretStoreLocked("keyring")]

    def fetch_weights(*arguments):
        if locked:
            raise locked.pop()
        return fetch(*arguments)

    bench.backend.fetch_weights = fetch_weights

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY


def test_launch_whose_answer_could_not_be_written_down_is_looked_for(bench, monkeypatch):
    runs = bench.tools.stores.runs
    confirming = lambda _effect, to: to is EffectState.CONFIRMED  # noqa: E731 - one use
    monkeypatch.setattr(runs, "move_effect", full_once(runs.move_effect, when=confirming))
    bench.backend.finds = [FOUND]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.external_training_id == "remote-9"
    assert len(bench.backend.launched) == 1


def test_launch_that_was_written_down_but_not_taken_over_is_taken_over(bench, monkeypatch):
    runs = bench.tools.stores.runs
    queueing = lambda _run, to: to is RunState.QUEUED  # noqa: E731 - one use
    monkeypatch.setattr(runs, "advance", full_once(runs.advance, when=queueing))

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.external_training_id == "remote-1"


def test_publication_that_could_not_be_written_down_is_tried_again(bench, monkeypatch):
    runs = bench.tools.stores.runs
    ending = lambda _run, to: to is RunState.READY  # noqa: E731 - one use
    monkeypatch.setattr(runs, "advance", full_once(runs.advance, when=ending))

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY


def stop_in_unknown(bench: Bench, outcome: EffectState) -> str:
    """Return a run as a kill leaves it between the journal's line and its own."""
    runs, run = bench.tools.stores.runs, start(bench)
    sent = runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None)
    for place in (RunState.UPLOADING, RunState.LAUNCHING, RunState.UNKNOWN):
        runs.advance(run.id, place)
    runs.move_effect(sent.id, EffectState.IN_FLIGHT, sent_at=bench.clock.now())
    runs.move_effect(sent.id, EffectState.UNKNOWN)
    runs.move_effect(sent.id, outcome, remote_id="remote-9")
    return run.id


def test_kill_right_after_a_lost_launch_was_found_takes_it_over(bench):
    run_id = stop_in_unknown(bench, EffectState.CONFIRMED)
    bench.backend.polls = [RunSnapshot(RemoteState.QUEUED)]

    run = carry_run(run_id, bench.tools, bench.ctx)

    assert (run.state, run.external_training_id) == (RunState.READY, "remote-9")
    assert bench.backend.launched == []


def test_kill_right_after_a_lost_launch_was_given_up_says_so(bench):
    run = carry_run(stop_in_unknown(bench, EffectState.ABSENT), bench.tools, bench.ctx)

    assert (run.state, run.failed_at) == (RunState.FAILED, RunState.LAUNCHING)
    assert "Nothing was charged" in run.error
