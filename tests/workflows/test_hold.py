"""What a run says and keeps while it waits, and what it needs before it is paid for."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    DiskFull,
    JobCancelled,
    NameTaken,
    NotFoundAtService,
    OutcomeUnknown,
    ServiceBusy,
    ServiceUnreachable,
    TokenRejected,
    WeightsError,
)
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.doubt import say_absent
from fluxlora_desktop.workflows.follow import cancel_training, cancel_wished, wish_cancel
from fluxlora_desktop.workflows.launch import start_run, try_again
from fluxlora_desktop.workflows.publish import publish_lora
from tests.workflows.conftest import Bench, write_lora
from tests.workflows.fakes import Context, training

MEGABYTE = 1_000_000


def start(bench: Bench, **plan: object):
    return start_run(bench.draft(**plan).id, bench.tools)


def said(bench: Bench) -> list[str]:
    return [event.run.attention for event in bench.ctx.events if event.run.attention]


def fetches(bench: Bench, *troubles: Exception) -> list[Exception]:
    """Let the next fetches raise; what is left of them is returned."""
    left, fetch = list(troubles), bench.backend.fetch_weights

    def fetch_weights(run, snapshot, folder, ctx):
        (folder / "weights.part").write_bytes(b"half")
        if left:
            raise left.pop(0)
        return fetch(run, snapshot, folder, ctx)

    bench.backend.fetch_weights = fetch_weights
    return left


def test_full_disk_while_fetching_holds_the_run_until_there_is_room(bench):
    full = DiskFull("x", needed=120 * MEGABYTE, free=30 * MEGABYTE)
    fetches(bench, full, full)

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    (words, *_) = (text for text in said(bench) if "disk" in text)
    assert "needs 120 MB, 30 MB free" in words
    assert "weights wait at Replicate" in words
    assert (run.attention, run.error_kind) == ("", "")
    assert len(bench.backend.launched) == 1


def test_full_disk_keeps_what_came_so_far(bench):
    fetches(bench, *[DiskFull("x")] * 9)
    run = start(bench)

    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=3))

    held = bench.tools.stores.runs.get(run.id)
    assert (held.state, held.error_kind) == (RunState.COLLECTING, "DiskFull")
    assert (bench.tools.stores.files.run_folder(run.id) / "weights.part").is_file()


def test_weights_that_the_service_lost_are_never_called_ready(bench):
    fetches(bench, NotFoundAtService("replicate", "gone", status=404))

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert (run.state, run.failed_at) == (RunState.FAILED, RunState.COLLECTING)
    assert run.error == "Replicate no longer has the weights of this training"
    assert run.error_kind == "NotFoundAtService"
    assert run.lora_id is None


def test_damaged_weights_are_put_aside_and_fetched_anew(bench):
    bench.backend.weights = lambda path: write_lora(path, nan=True)
    run = carry_run(start(bench).id, bench.tools, bench.ctx)
    folder = bench.tools.stores.files.run_folder(run.id)
    assert run.error.startswith("The weights failed the check: ")
    assert str(folder) not in run.error
    assert (folder / "damaged" / "lora.safetensors").is_file()
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["photos.zip"]

    bench.backend.weights = write_lora
    again = carry_run(try_again(run.id, bench.tools).id, bench.tools, bench.ctx)

    assert again.state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_archive_that_came_broken_is_fetched_once_more_by_itself(bench):
    left = fetches(bench, WeightsError("weights.tar", "the archive cannot be read"))

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY
    assert left == []


def test_archive_that_comes_broken_twice_waits_for_a_person(bench):
    broken = WeightsError("weights.tar", "the archive cannot be read")
    left = fetches(bench, *[broken] * 3)

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.failed_at is RunState.COLLECTING
    assert run.error_kind == "WeightsError"
    assert len(left) == 1


def test_service_that_asks_to_wait_for_the_weights_is_waited_for(bench):
    fetches(bench, ServiceBusy("replicate", "", retry_after=28))

    run = carry_run(start(bench, publish=False).id, bench.tools, bench.ctx)

    waits = [event.run for event in bench.ctx.events if event.run.wait_until]
    assert waits[0].attention == "Replicate asks to wait."
    assert 28 in bench.ctx.pauses
    assert (run.state, run.wait_until) == (RunState.READY, None)


def test_service_that_asks_to_wait_for_the_photos_is_waited_for_and_counts_down(bench):
    bench.backend.upload_replies = [ServiceBusy("replicate", retry_after=400)] * 2

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert [pause for pause in bench.ctx.pauses if pause >= 400] == [400, 400]
    waits = [e.run for e in bench.ctx.events if e.run.wait_until]
    assert {(wait.attention, wait.state) for wait in waits} == {
        ("Replicate asks to wait.", RunState.UPLOADING)
    }
    assert (run.attention, run.wait_until) == ("", None)
    assert len(bench.backend.launched) == 1


def test_service_that_never_takes_the_photos_ends_the_run_before_anything_is_charged(bench):
    bench.backend.upload_replies = [ServiceBusy("replicate", retry_after=400)] * 100

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert (run.state, run.failed_at) == (RunState.FAILED, RunState.UPLOADING)
    assert len(bench.backend.uploads) == bench.tools.patience.launch_tries + 1
    assert bench.backend.launched == []


def test_hub_that_is_down_for_a_while_is_waited_out(bench):
    bench.hub.trouble = [
        ServiceUnreachable("huggingface"),
        ServiceBusy("huggingface", "", retry_after=77),
    ]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.lora_ready_for_inference
    assert any("publishing goes on by itself" in text for text in said(bench))
    assert 77 in bench.ctx.pauses
    assert (run.attention, run.error, run.wait_until) == ("", "", None)


def test_hub_that_stays_down_leaves_a_ready_lora_after_a_while(bench):
    bench.hub.trouble = [ServiceUnreachable("huggingface", "no route")] * 99

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.attention == "Trained, not yet on Hugging Face."
    assert (run.error, run.error_kind) == ("no route", "ServiceUnreachable")
    assert sum(bench.ctx.pauses) > 600


def test_refusal_of_the_hub_is_not_waited_out(bench):
    bench.hub.trouble = [NameTaken("huggingface", "tester/fox holds something else already.")]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.error_kind == "NameTaken"
    assert bench.hub.trouble == []


def test_run_knows_when_its_lora_was_published_later(bench):
    bench.hub.trouble = [NameTaken("huggingface", "taken")]
    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    publish_lora(run.lora_id, "other", run.plan.visibility, bench.tools, bench.ctx)

    now = bench.tools.stores.runs.get(run.id)
    assert now.lora_ready_for_inference
    assert (now.huggingface_repo, now.huggingface_status) == ("tester/other", "verified")
    assert (now.attention, now.error, now.error_kind) == ("", "", "")


def test_training_is_refused_before_the_upload_where_its_weights_would_not_fit(bench):
    run = start(bench)
    bench.tools.stores.files.free_bytes = lambda: 5 * MEGABYTE

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert (run.state, run.error_kind) == (RunState.FAILED, "DiskFull")
    assert run.error == "The disk is full: needs 528 MB, 5 MB free"
    assert bench.backend.uploads == bench.backend.launched == []


def test_training_that_costs_more_by_now_asks_anew_before_the_upload(bench):
    run = start(bench)
    dearer = Estimate(Decimal(4), Decimal(6), 60, 90, "a test")
    bench.backend.estimate = lambda spec: dearer

    asked = carry_run(run.id, bench.tools, bench.ctx)

    assert (asked.state, asked.error_kind) == (RunState.FAILED, "PriceChanged")
    assert (asked.price_low, asked.price_high) == (Decimal(4), Decimal(6))
    assert asked.error.startswith("The price is now $4.00 to $6.00")
    assert bench.backend.uploads == []

    again = carry_run(try_again(run.id, bench.tools).id, bench.tools, bench.ctx)
    assert (again.id, again.state) == (run.id, RunState.READY)
    assert len(bench.backend.launched) == 1


def test_training_that_costs_less_by_now_goes_on(bench):
    run = start(bench)
    cheap = Estimate(Decimal("0.01"), Decimal("0.02"), 60, 90, "a test")
    bench.backend.estimate = lambda spec: cheap

    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY


def in_doubt(bench: Bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "the connection broke")]
    run = start(bench)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=3))
    return bench.tools.stores.runs.get(run.id)


def test_doubt_tells_when_the_order_was_sent_and_how_often_it_was_looked_for(bench):
    sent = f"{bench.clock.now().astimezone():%H:%M}"

    run = in_doubt(bench)

    assert run.attention == (
        f"We sent the order at {sent} and got no answer. "
        "Looking at your Replicate account (read 3 of 5). Nothing will be ordered twice."
    )


def test_training_is_cancelled_as_soon_as_it_is_found_when_a_person_wished_so(bench):
    run = wish_cancel(in_doubt(bench).id, True, bench.tools)
    bench.backend.finds = [
        FoundRuns((), True),
        FoundRuns((RemoteRun("replicate", "remote-9", "fake/trainer"),), True),
    ]
    bench.backend.polls = [training(10)] * 3

    run = carry_run(run.id, bench.tools, bench.ctx)

    assert run.state is RunState.CANCELLED
    assert run.error == ""
    assert any("cancelled at once" in text for text in said(bench))
    assert len(bench.backend.launched) == 1


def test_doubt_with_a_refused_token_says_which_trouble_it_is_and_ends_without_it(bench):
    run = in_doubt(bench)
    bench.backend.finds = [TokenRejected("replicate")]

    run = carry_run(run.id, bench.tools, bench.ctx)

    held = next(event.run for event in bench.ctx.events if event.run.error_kind)
    assert (held.state, held.error_kind) == (RunState.UNKNOWN, "TokenRejected")
    assert "cannot be asked now" in held.attention
    assert (run.state, run.failed_at, run.error_kind) == (
        RunState.FAILED,
        RunState.LAUNCHING,
        "",
    )


def test_word_of_a_person_ends_the_trouble_with_the_token_too(bench):
    run = in_doubt(bench)
    bench.backend.finds = [TokenRejected("replicate")] * 9
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=1))
    assert bench.tools.stores.runs.get(run.id).error_kind == "TokenRejected"

    assert say_absent(run.id, bench.tools).error_kind == ""


def test_wish_is_asked_again_until_the_service_takes_it(bench):
    run = wish_cancel(in_doubt(bench).id, True, bench.tools)
    bench.backend.finds = [FoundRuns((RemoteRun("replicate", "r9", "fake/trainer"),), True)]
    bench.backend.polls = [training(10)] * 3
    cancel, troubles = bench.backend.cancel, [ServiceUnreachable("replicate"), None]

    def stubborn(remote):
        trouble = troubles.pop(0)
        if trouble is not None:
            raise trouble
        return cancel(remote)

    bench.backend.cancel = stubborn

    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.CANCELLED
    assert troubles == []


def test_wish_that_was_taken_back_lets_the_training_go_on(bench):
    run = in_doubt(bench)
    wish_cancel(run.id, True, bench.tools)
    wish_cancel(run.id, False, bench.tools)
    bench.backend.finds = [FoundRuns((RemoteRun("replicate", "r9", "fake/trainer"),), True)]

    assert not cancel_wished(bench.tools.stores.runs.events(run.id))
    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY


def test_training_cancelled_at_the_service_says_that_it_was_not_from_here(bench):
    bench.backend.polls = [training(10), RunSnapshot(RemoteState.CANCELLED)]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.CANCELLED
    assert run.error == "It was cancelled at Replicate, not from here."


def test_training_cancelled_from_here_does_not_say_so(bench):
    bench.backend.polls = [training(10)] * 3
    run = start(bench)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=1))

    cancel_training(run.id, bench.tools)

    assert carry_run(run.id, bench.tools, bench.ctx).error == ""


def test_refused_token_says_that_costs_run_on_and_is_forgotten_when_it_works(bench):
    bench.backend.polls = [training(10), TokenRejected("replicate"), training(20)]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    held = next(event.run for event in bench.ctx.events if event.run.error_kind)
    assert held.error_kind == "TokenRejected"
    assert "costs run on" in held.attention
    assert (run.state, run.error_kind) == (RunState.READY, "")


def test_wait_that_a_service_asked_for_ends_where_it_said(bench):
    bench.backend.polls = [training(10), ServiceBusy("replicate", "", retry_after=28)]

    carry_run(start(bench).id, bench.tools, bench.ctx)

    held = next(event.run for event in bench.ctx.events if event.run.wait_until)
    assert held.attention == "Replicate asks to wait."
    assert timedelta() < held.wait_until - held.updated_at <= timedelta(seconds=28)


def test_price_is_the_same_when_only_the_library_rounded_it(bench):
    exact = Estimate(Decimal("1.00000049"), Decimal("2.00000049"), 60, 90, "a test")
    bench.backend.estimate = lambda spec: exact

    assert carry_run(start(bench).id, bench.tools, bench.ctx).state is RunState.READY
