"""A training that may have been paid for is neither given up nor ordered a second time."""

from __future__ import annotations

import errno

import pytest

from fluxlora_desktop.domain.errors import (
    DiskFull,
    OutcomeUnknown,
    SecretStoreLocked,
    ServiceUnreachable,
    TokenMissing,
    UntrustedConnection,
)
from fluxlora_desktop.domain.journal import Answered, Denied, Event, Found, NoAnswer, Sending
from fluxlora_desktop.domain.loras import HubAccount
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.carry import carry_run, set_aside
from fluxlora_desktop.workflows.launch import start_run, try_again
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

    assert run.state is RunState.READY, run.error
    assert run.attention == ""
    assert any("The training is not touched" in e.run.attention for e in bench.ctx.events)
    assert len(bench.backend.launched) == 1


def test_locked_password_store_waits_while_a_lost_launch_is_looked_for(bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    bench.backend.finds = [SecretStoreLocked("keyring"), FOUND]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY, run.error
    assert run.external_training_id == "remote-9"


def test_locked_password_store_waits_while_weights_are_fetched(bench):
    fetch, locked = bench.backend.fetch_weights, [SecretStoreLocked("keyring")]

    def fetch_weights(*arguments):
        if locked:
            raise locked.pop()
        return fetch(*arguments)

    bench.backend.fetch_weights = fetch_weights

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY


@pytest.mark.parametrize("step", ["prepare", "upload", "submit"])
def test_locked_password_store_waits_before_anything_was_started(bench, step):
    do, locked = getattr(bench.backend, step), [SecretStoreLocked("keyring")]

    def locked_once(*arguments):
        if locked:
            raise locked.pop()
        return do(*arguments)

    setattr(bench.backend, step, locked_once)

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.attention == ""
    told = [e.run.attention for e in bench.ctx.events]
    assert any("Unlock your keyring. Nothing was started" in words for words in told)
    assert len(bench.backend.launched) == 1


def test_token_that_cannot_publish_is_refused_before_anything_is_uploaded(bench):
    bench.hub.whoami = lambda: HubAccount("tester", "read", can_write=False, can_infer=True)

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert (run.state, run.error_kind) == (RunState.FAILED, "ScopeMissing")
    assert bench.backend.uploads == []
    assert bench.backend.launched == []


@pytest.mark.parametrize(
    "trouble", [ServiceUnreachable("huggingface"), TokenMissing("huggingface")]
)
def test_hub_that_cannot_be_asked_keeps_no_training_back(bench, trouble):
    asked = [trouble]
    account = bench.hub.whoami()
    bench.hub.whoami = lambda: _raise(asked.pop()) if asked else account

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY


def _raise(error):
    raise error


def test_locked_password_store_waits_before_publishing(bench):
    publish, locked = bench.hub.publish, [SecretStoreLocked("keyring")]

    def publish_once(*arguments):
        if locked:
            raise locked.pop()
        return publish(*arguments)

    bench.hub.publish = publish_once

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert (run.state, run.huggingface_status) == (RunState.READY, "verified")


def test_launch_whose_answer_could_not_be_written_down_is_looked_for(bench, monkeypatch):
    runs = bench.tools.stores.runs
    confirming = lambda _effect, event: event == Answered("remote-1")  # noqa: E731 - one use
    monkeypatch.setattr(runs, "record_effect", full_once(runs.record_effect, when=confirming))
    bench.backend.finds = [FOUND]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY, run.error
    assert run.external_training_id == "remote-9"
    assert len(bench.backend.launched) == 1


def test_launch_that_was_written_down_but_not_taken_over_is_taken_over(bench, monkeypatch):
    runs = bench.tools.stores.runs
    queueing = lambda _run, to: to is RunState.QUEUED  # noqa: E731 - one use
    monkeypatch.setattr(runs, "advance", full_once(runs.advance, when=queueing))

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY, run.error
    assert run.external_training_id == "remote-1"


def test_publication_that_could_not_be_written_down_is_tried_again(bench, monkeypatch):
    runs = bench.tools.stores.runs
    ending = lambda _run, to: to is RunState.READY  # noqa: E731 - one use
    monkeypatch.setattr(runs, "advance", full_once(runs.advance, when=ending))

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY


def stop_in_unknown(bench: Bench, outcome: Event) -> str:
    """Return a run as a kill leaves it between the journal's line and its own."""
    runs, run = bench.tools.stores.runs, start(bench)
    sent = runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None)
    for place in (RunState.UPLOADING, RunState.LAUNCHING, RunState.UNKNOWN):
        runs.advance(run.id, place)
    for event in (Sending(bench.clock.now()), NoAnswer(), outcome):
        runs.record_effect(sent.id, event)
    return run.id


def test_kill_right_after_a_lost_launch_was_found_takes_it_over(bench):
    run_id = stop_in_unknown(bench, Found("remote-9"))
    bench.backend.polls = [RunSnapshot(RemoteState.QUEUED)]

    run = carry_run(run_id, bench.tools, bench.ctx)

    assert (run.state, run.external_training_id) == (RunState.READY, "remote-9")
    assert bench.backend.launched == []


def test_kill_right_after_a_lost_launch_was_given_up_says_so(bench):
    run = carry_run(stop_in_unknown(bench, Denied()), bench.tools, bench.ctx)

    assert (run.state, run.failed_at) == (RunState.FAILED, RunState.LAUNCHING)
    assert "Nothing was charged" in run.error


def test_bug_while_the_launch_is_answered_leaves_it_to_be_looked_for(bench):
    bench.backend.submits = [ZeroDivisionError("a bug")]
    run = start(bench)

    with pytest.raises(ZeroDivisionError):
        carry_run(run.id, bench.tools, bench.ctx)

    assert set_aside(run.id, bench.tools).state is RunState.UNKNOWN
    assert effect(bench, run.id).state is EffectState.UNKNOWN
    bench.backend.finds = [FOUND]
    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 1


BEFORE = (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING)
TRAINED = (RunState.QUEUED, RunState.TRAINING)


@pytest.mark.parametrize(
    ("way", "left_in"),
    [
        (BEFORE[:1], RunState.FAILED),
        (BEFORE[:2], RunState.FAILED),
        (BEFORE, RunState.FAILED),
        ((*BEFORE, RunState.UNKNOWN), RunState.UNKNOWN),
        ((*BEFORE, RunState.QUEUED), RunState.QUEUED),
        ((*BEFORE, *TRAINED), RunState.TRAINING),
        ((*BEFORE, *TRAINED, RunState.COLLECTING), RunState.FAILED),
        ((*BEFORE, *TRAINED, RunState.COLLECTING, RunState.PUBLISHING), RunState.READY),
    ],
    ids=lambda value: value[-1].value if isinstance(value, tuple) else str(value.value),
)
def test_run_that_a_bug_stopped_can_be_taken_on_by_a_person(bench, way, left_in):
    run = start(bench)
    for place in way[1:]:
        run = bench.tools.stores.runs.advance(run.id, place)

    left = set_aside(run.id, bench.tools)

    assert left.state is left_in
    assert left.attention or left.error
    if left_in is RunState.FAILED:
        assert left.failed_at is way[-1]


def test_run_that_has_ended_is_not_set_aside(bench):
    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert set_aside(run.id, bench.tools) == run


def test_second_try_again_of_a_training_is_the_same_new_run(bench):
    bench.backend.polls = [RunSnapshot(RemoteState.FAILED, error="out of memory")]
    failed = carry_run(start(bench).id, bench.tools, bench.ctx)

    first, second = try_again(failed.id, bench.tools), try_again(failed.id, bench.tools)

    assert first.id == second.id != failed.id
    carry_run(first.id, bench.tools, bench.ctx)
    assert try_again(failed.id, bench.tools).id not in {first.id, failed.id}


@pytest.mark.parametrize("place", [RunState.UPLOADING, RunState.LAUNCHING])
def test_try_again_leaves_a_run_that_is_under_way(bench, place):
    run = start(bench)
    for to in (RunState.UPLOADING, RunState.LAUNCHING):
        run = bench.tools.stores.runs.advance(run.id, to)
        if to is place:
            break

    assert try_again(run.id, bench.tools) == run


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, "DiskFull"), (errno.EIO, "StorageError")]
)
def test_disk_that_takes_no_weights_is_named_and_they_come_when_it_does(bench, number, kind):
    fetch, trouble = bench.backend.fetch_weights, [OSError(number, "no")]

    def fetch_weights(*arguments):
        if trouble:
            raise trouble.pop()
        return fetch(*arguments)

    bench.backend.fetch_weights = fetch_weights
    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    (held,) = {event.run.error_kind for event in bench.ctx.events if event.run.error_kind}
    assert held == kind
    assert run.state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_clock_that_is_set_back_makes_no_later_row_look_older(bench):
    run = start(bench)
    bench.clock.pass_seconds(-3600)

    moved = bench.tools.stores.runs.advance(run.id, RunState.UPLOADING)
    changed = bench.tools.stores.runs.update(run.id, attention="a word")

    assert run.updated_at <= moved.updated_at <= changed.updated_at


def test_damaged_weights_are_set_aside_and_fetched_once_more(bench):
    good, damaged = bench.backend.weights, [b"cut"]

    def weights(target):
        if damaged:
            target.write_bytes(damaged.pop())
        else:
            good(target)

    bench.backend.weights = weights
    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    folder = bench.tools.stores.files.run_folder(run.id)
    assert run.state is RunState.READY
    assert (folder / "damaged" / "lora.safetensors").read_bytes() == b"cut"


def test_weights_that_arrive_damaged_twice_are_kept_and_told(bench):
    bench.backend.weights = lambda target: target.write_bytes(b"cut")

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    folder = bench.tools.stores.files.run_folder(run.id)
    assert (run.state, run.error_kind) == (RunState.FAILED, "WeightsError")
    assert sorted(path.name for path in (folder / "damaged").iterdir()) == [
        *("lora.safetensors", "lora.safetensors.damaged-1"),
    ]
    assert len(bench.backend.launched) == 1


def test_launch_is_held_when_the_connection_cannot_be_trusted(bench):
    bench.backend.submits = [UntrustedConnection("replicate", "its certificate has expired")] * 9

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert (run.state, run.error_kind) == (RunState.FAILED, "UntrustedConnection")
    assert len(bench.backend.launched) == 1
