"""A run from Start to the published LoRA, and every way off that line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    InputError,
    JobCancelled,
    NotFoundAtService,
    OutcomeUnknown,
    PaymentRequired,
    ScopeMissing,
    ServiceBusy,
    ServiceUnreachable,
    TokenRejected,
    TooFewPhotos,
)
from fluxlora_desktop.domain.loras import PublicationStatus
from fluxlora_desktop.domain.runs import MOVES, EffectKind, EffectState, RunState
from fluxlora_desktop.domain.spending import LedgerQuery
from fluxlora_desktop.domain.training import (
    FoundRuns,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    TrainingProgress,
)
from fluxlora_desktop.workflows import carry
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.follow import cancel_training
from fluxlora_desktop.workflows.launch import abandon_run, start_run, try_again
from tests.workflows.conftest import Bench, write_lora
from tests.workflows.fakes import Context, training


def start(bench: Bench, **plan: object):
    return start_run(bench.draft(**plan).id, bench.tools)


def effect(bench: Bench, run_id: str):
    return bench.tools.stores.runs.live_effect(EffectKind.TRAINING, run_id)


def test_run_ends_ready_with_verified_weights_and_publication(bench):
    bench.backend.polls = [RunSnapshot(RemoteState.QUEUED), training(10), training(99)]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    lora = bench.tools.stores.loras.get(run.lora_id)
    assert run.state is RunState.READY
    assert run.lora_ready_for_inference
    assert run.huggingface_repo == "tester/fox"
    assert lora.publication.status is PublicationStatus.VERIFIED
    assert lora.publication.sha256 == lora.sha256
    assert lora.base == "flux.1-dev"
    assert lora.output_version == "tester/x:1"
    assert bench.backend.launched == bench.backend.uploads
    assert len(bench.backend.launched) == 1
    assert bench.backend.cleaned == [f"file-{bench.backend.launched[0]}"]


def test_history_log_and_losses_are_kept_once(bench):
    bench.backend.polls = [training(10), training(10), training(20)]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    runs = bench.tools.stores.runs
    assert runs.log(run.id) == "x" * 20
    assert [point.step for point in runs.losses(run.id)] == [10, 20]
    states = [e.text for e in runs.events(run.id) if e.kind == "state"]
    assert states == [
        *("packaging", "uploading", "launching", "queued", "training"),
        *("collecting", "publishing", "ready"),
    ]


def test_what_the_last_answer_tells_of_the_steps_is_kept(bench):
    seen = TrainingProgress(step=40, total=40, loss=0.125)
    done = RunSnapshot(RemoteState.SUCCEEDED, seen, weights_address="w")
    bench.backend.polls = [training(10), done]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert (run.step, run.total, run.loss) == (40, 40, 0.125)


def test_start_writes_down_the_trainer_that_was_offered_first(bench):
    assert start(bench, trainer="").plan.trainer == "fake/trainer"


def test_start_freezes_photos_and_captions(bench):
    run = start(bench)
    stores = bench.tools.stores
    stores.datasets.set_caption(run.dataset_id, stores.datasets.get(run.dataset_id).hashes()[0], "")

    version = stores.datasets.version(run.version_id)

    assert [item.caption for item in version.photos] == [f"on table {n}" for n in range(6)]


@pytest.mark.parametrize(
    ("plan", "field"), [({"name": " "}, "name"), ({"rights_confirmed": False}, "rights_confirmed")]
)
def test_start_refuses_a_plan_with_gaps(bench, plan, field):
    draft = bench.draft(**plan)

    with pytest.raises(InputError) as caught:
        start_run(draft.id, bench.tools)

    assert caught.value.field == field
    assert bench.tools.stores.runs.get(draft.id).state is RunState.DRAFT


def test_start_refuses_too_few_photos(bench):
    with pytest.raises(TooFewPhotos):
        start_run(bench.draft(photos=4).id, bench.tools)


def test_starting_twice_is_one_run(bench):
    draft = bench.draft()

    assert (
        start_run(draft.id, bench.tools).version_id == start_run(draft.id, bench.tools).version_id
    )


def test_journal_says_in_flight_before_the_launch_is_sent(bench):
    seen = []
    bench.backend.seen_at_submit = lambda run_id: seen.append(
        (bench.tools.stores.runs.get(run_id).state, effect(bench, run_id).state)
    )

    carry_run(start(bench).id, bench.tools, bench.ctx)

    assert seen == [(RunState.LAUNCHING, EffectState.IN_FLIGHT)]


def test_lost_answer_is_adopted_and_never_sent_again(bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "the connection broke")]
    bench.backend.finds = [
        FoundRuns((), True),
        FoundRuns((RemoteRun("replicate", "remote-9", "fake/trainer"),), True),
    ]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.external_training_id == "remote-9"
    assert len(bench.backend.launched) == 1
    assert effect(bench, run.id).note == "adopted"


def test_absent_launch_waits_for_a_person(bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "the connection broke")]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.FAILED
    assert run.failed_at is RunState.LAUNCHING
    assert "Nothing was charged" in run.error
    assert len(bench.backend.launched) == 1
    assert sum(bench.ctx.pauses) >= bench.tools.patience.settle - 60


def test_incomplete_reads_prove_nothing(bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "the connection broke")]
    bench.backend.finds = [FoundRuns((), False)] * 100
    ctx = Context(bench.clock, stop_after_pauses=60)

    with pytest.raises(JobCancelled):
        carry_run(start(bench).id, bench.tools, ctx)

    assert bench.tools.stores.runs.open_runs()[0].state is RunState.UNKNOWN
    assert sum(ctx.pauses) > 2 * bench.tools.patience.settle


def test_absent_launch_tried_again_is_the_same_run_and_one_more_order(bench):
    bench.backend.submits = [OutcomeUnknown("replicate", "the connection broke")]
    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    again = carry_run(try_again(run.id, bench.tools).id, bench.tools, bench.ctx)

    assert again.id == run.id
    assert again.state is RunState.READY
    assert len(bench.backend.launched) == 2


def test_launch_that_never_left_is_sent_when_the_network_is_back(bench):
    bench.backend.submits = [
        ServiceUnreachable("replicate"),
        ServiceBusy("replicate", "", retry_after=28),
    ]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert 28 in bench.ctx.pauses
    assert len(set(bench.backend.uploads)) == 3


def test_refused_launch_fails_with_the_services_words(bench):
    bench.backend.submits = [PaymentRequired("replicate", "You have insufficient credit")]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.FAILED
    assert run.error == "You have insufficient credit"
    assert run.error_kind == "PaymentRequired"
    assert effect(bench, run.id).state is EffectState.REFUSED


@pytest.mark.parametrize(
    "trouble",
    [
        ServiceUnreachable("replicate"),
        TokenRejected("replicate"),
        ServiceBusy("replicate", "", retry_after=3),
        NotFoundAtService("replicate", "not yet"),
    ],
)
def test_trouble_while_following_never_ends_a_run(bench, trouble):
    bench.backend.polls = [training(10), trouble, training(20)]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.attention == ""


def test_training_gone_at_the_service_for_long_fails(bench):
    bench.backend.polls = [training(10), *[NotFoundAtService("replicate", "gone")] * 50]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.FAILED
    assert "no longer has this training" in run.error


def test_training_hidden_by_a_token_of_another_account_is_found_again(bench):
    bench.backend.polls = [training(10), *[NotFoundAtService("replicate", "gone")] * 9]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert any("token of another account" in e.run.attention for e in bench.ctx.events)


def test_failed_training_keeps_words_and_charge(bench):
    bench.backend.polls = [
        training(10),
        RunSnapshot(RemoteState.FAILED, error="no images found", charge_usd=Decimal("0.12")),
    ]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.error == "no images found"
    assert run.cost_usd == Decimal("0.12")
    assert bench.tools.stores.ledger.sum(LedgerQuery(run_id=run.id)).charged == Decimal("0.12")


@pytest.mark.parametrize("end", [RemoteState.FAILED, RemoteState.CANCELLED])
def test_uploaded_photos_are_deleted_however_a_training_ends(bench, end):
    bench.backend.polls = [RunSnapshot(end, error="over")]

    carry_run(start(bench).id, bench.tools, bench.ctx)

    assert bench.backend.cleaned == [f"file-{bench.backend.launched[0]}"]


def test_trying_a_started_training_again_is_a_run_of_its_own(bench):
    bench.backend.polls = [RunSnapshot(RemoteState.FAILED, error="no images found")]
    failed = carry_run(start(bench).id, bench.tools, bench.ctx)

    again = carry_run(try_again(failed.id, bench.tools).id, bench.tools, bench.ctx)

    assert again.id != failed.id
    assert again.version_id == failed.version_id
    assert again.state is RunState.READY
    assert bench.tools.stores.runs.get(failed.id).state is RunState.FAILED


def test_weights_that_are_no_numbers_fail_and_can_be_fetched_again(bench):
    bench.backend.weights = lambda path: write_lora(path, nan=True)
    run = carry_run(start(bench).id, bench.tools, bench.ctx)
    assert run.failed_at is RunState.COLLECTING
    assert "no usable numbers" in run.error

    bench.backend.weights = write_lora
    again = carry_run(try_again(run.id, bench.tools).id, bench.tools, bench.ctx)

    assert again.id == run.id
    assert again.state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_publishing_that_fails_leaves_a_ready_lora(bench):
    bench.hub.trouble = [ScopeMissing("huggingface", "repo.write")]

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert run.huggingface_status == "failed"
    assert not run.lora_ready_for_inference
    assert run.attention == "Trained, not yet on Hugging Face."
    assert run.error_kind == "ScopeMissing"


def test_hub_that_holds_other_bytes_is_not_called_published(bench):
    bench.hub.corrupt = True

    run = carry_run(start(bench).id, bench.tools, bench.ctx)

    assert run.huggingface_status == "failed"
    assert bench.tools.stores.loras.get(run.lora_id).publication is None


def test_plan_without_publishing_ends_ready(bench):
    run = carry_run(start(bench, publish=False).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert bench.hub.repos == {}


def test_stopped_app_carries_on_where_the_run_stands(bench):
    bench.backend.polls = [training(10), training(20)]
    run = start(bench)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=1))
    assert bench.tools.stores.runs.get(run.id).state is RunState.TRAINING

    again = carry_run(run.id, bench.tools, bench.ctx)

    assert again.state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_cancel_asks_the_service_and_the_run_ends_cancelled(bench):
    bench.backend.polls = [training(10)] * 3
    run = start(bench)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, Context(bench.clock, stop_after_pauses=1))

    cancel_training(run.id, bench.tools)

    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.CANCELLED


def test_run_not_yet_launched_is_abandoned_for_nothing(bench):
    run = start(bench)

    gone = abandon_run(run.id, bench.tools)

    assert gone.state is RunState.CANCELLED
    assert gone.cost_usd == 0


def test_every_open_state_has_a_step():
    for state, leads in MOVES.items():
        if leads and state not in {RunState.DRAFT, RunState.FAILED, RunState.CANCELLED}:
            assert state in carry._STEPS
