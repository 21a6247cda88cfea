"""Trainings that the library does not know: found, told apart, taken on once, brought home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event

from fluxlora_desktop.domain.errors import (
    JobCancelled,
    OutcomeUnknown,
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
)
from fluxlora_desktop.domain.journal import Denied, NoAnswer, Prepared, Refused, Sending
from fluxlora_desktop.domain.recovery import Origin, UnknownTraining
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import (
    ListedTraining,
    ListedTrainings,
    RemoteRun,
    RemoteState,
    RunSnapshot,
)
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.follow import cancel_training
from fluxlora_desktop.workflows.launch import start_run, try_again
from fluxlora_desktop.workflows.recover import adopt, default_name, sweep, unknown_trainings
from tests.workflows.conftest import Bench, write_lora
from tests.workflows.fakes import TRAINER, Context, training


def listed(bench: Bench, remote_id: str = "lost-1", **facts: object) -> ListedTraining:
    """Let the service list a training of three days ago that succeeded."""
    one = ListedTraining(
        RemoteRun("replicate", remote_id, TRAINER.key, "http://page/lost", steps=700),
        RemoteState.SUCCEEDED,
        created_at=bench.clock.now() - timedelta(days=3),
        owner="tester",
        base="flux.1-dev",
        trigger_word="GLZFOX",
        parameters={"steps": 700, "lora_rank": 32},
        destination="grey-fox",
        version="tester/grey-fox:1",
        has_weights=True,
    )
    one = replace(one, **facts)
    bench.backend.listed.append(one)
    return one


def own_mark(bench: Bench) -> str:
    return f"fluxlora-{bench.tools.stores.runs.library_id}-0123456789ab"


def one_unknown(bench: Bench) -> UnknownTraining:
    (found,) = unknown_trainings(bench.tools, bench.ctx).trainings
    return found


def training_effects(bench: Bench) -> list:
    runs = bench.tools.stores.runs
    effects = [one for state in EffectState for one in runs.effects(state)]
    return [one for one in effects if one.kind is EffectKind.TRAINING]


@pytest.mark.parametrize(
    ("mark", "origin"),
    [
        ("", Origin.ELSEWHERE),
        ("fluxlora-something-else", Origin.ELSEWHERE),
        ("fluxlora-ffffffff-0123456789ab", Origin.OTHER_LIBRARY),
        ("own", Origin.FORGOTTEN),
    ],
)
def test_unknown_training_is_told_apart_by_its_mark(bench: Bench, mark, origin) -> None:
    listed(bench, mark=own_mark(bench) if mark == "own" else mark)

    assert one_unknown(bench).origin is origin


def test_known_trainings_are_not_among_the_unknown_ones(bench: Bench) -> None:
    run = start_run(bench.draft().id, bench.tools)
    carry_run(run.id, bench.tools, bench.ctx)
    listed(bench, "remote-1")
    bench.tools.stores.runs.hide(run.id)

    assert unknown_trainings(bench.tools, bench.ctx).trainings == ()


def test_forgotten_training_comes_home_by_itself_and_nothing_is_launched(bench: Bench) -> None:
    listed(bench, mark=own_mark(bench), file_id="file-7")
    bench.backend.polls = [
        RunSnapshot(RemoteState.SUCCEEDED, weights_address="w", charge_usd=Decimal("1.04"))
    ]

    (found,) = sweep(bench.tools, bench.ctx).runs
    run = carry_run(found.id, bench.tools, bench.ctx)

    assert (found.state, found.recovered) == (RunState.QUEUED, True)
    assert (run.state, run.plan.name, run.total) == (RunState.READY, "grey-fox", 700)
    lora = bench.tools.stores.loras.get(run.lora_id)
    assert (lora.source, lora.trigger_word, lora.run_id) == ("recovered", "GLZFOX", run.id)
    assert bench.tools.stores.files.lora(lora.id).is_file()
    assert bench.tools.stores.ledger.sum().charged == Decimal("1.04")
    assert bench.backend.cleaned == ["file-7"]
    assert bench.backend.launched == []
    assert bench.hub.repos == {}
    assert own_mark(bench) in bench.tools.stores.runs.nonces()
    said = [event.text for event in bench.tools.stores.runs.events(run.id)]
    assert said[0].startswith("Found a training this library had forgotten.")


def test_sweep_twice_finds_it_once(bench: Bench) -> None:
    listed(bench, mark=own_mark(bench))

    assert len(sweep(bench.tools, bench.ctx).runs) == 1
    assert sweep(bench.tools, bench.ctx).runs == ()
    assert len(bench.tools.stores.runs.all()) == 1


@pytest.mark.parametrize("mark", ["", "fluxlora-ffffffff-0123456789ab"])
def test_sweep_never_touches_what_this_library_did_not_start(bench: Bench, mark) -> None:
    listed(bench, mark=mark)

    assert sweep(bench.tools, bench.ctx).runs == ()
    assert bench.tools.stores.runs.all() == ()


def test_old_forgotten_training_takes_a_click(bench: Bench) -> None:
    listed(bench, mark=own_mark(bench), created_at=bench.clock.now() - timedelta(days=20))

    assert sweep(bench.tools, bench.ctx).runs == ()
    assert one_unknown(bench).origin is Origin.FORGOTTEN


@pytest.mark.parametrize("ends", [Refused("no"), NoAnswer("cut")], ids=["refused", "absent"])
def test_training_that_the_journal_believes_not_to_be_there_is_adopted(bench: Bench, ends) -> None:
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    run = start_run(bench.draft().id, bench.tools)
    runs = bench.tools.stores.runs
    effect = runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None, confirmation=1)
    runs.record_effect(effect.id, Prepared("file-1"))
    runs.record_effect(effect.id, Sending(bench.clock.now()))
    effect = runs.record_effect(effect.id, ends)
    if effect.state is EffectState.UNKNOWN:
        runs.record_effect(effect.id, Denied())
    runs.advance(run.id, RunState.CANCELLED)
    listed(bench, mark="", file_id="file-1")

    (found,) = sweep(bench.tools, bench.ctx).runs

    assert found.id != run.id
    assert (found.recovered, found.plan.name) == (True, "Fox")
    assert runs.live_effect(EffectKind.TRAINING, found.id).state is EffectState.CONFIRMED


def test_launch_in_doubt_gets_its_own_training_back(bench: Bench) -> None:
    bench.backend.submits = [OutcomeUnknown("replicate", "cut")]
    run = start_run(bench.draft().id, bench.tools)
    stopped = Context(bench.clock, stop_after_pauses=1)
    with pytest.raises(JobCancelled):
        carry_run(run.id, bench.tools, stopped)
    listed(bench, mark=bench.backend.launched[0], created_at=bench.clock.now())

    (found,) = sweep(bench.tools, bench.ctx).runs

    assert (found.id, found.state, found.recovered) == (run.id, RunState.QUEUED, False)
    assert len(training_effects(bench)) == 1
    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY
    assert len(bench.backend.launched) == 1


def test_launch_whose_answer_is_on_its_way_is_left_alone(bench: Bench) -> None:
    def look(run_id: str) -> None:
        (effect,) = bench.tools.stores.runs.effects(EffectState.IN_FLIGHT)
        listed(bench, "remote-1", mark=effect.nonce, created_at=bench.clock.now())
        assert sweep(bench.tools, bench.ctx).runs == ()

    bench.backend.seen_at_submit = look
    run = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)

    assert run.state is RunState.READY
    assert len(bench.tools.stores.runs.all()) == 1


@pytest.mark.parametrize("state", ["packaging", "planned", "launching"])
def test_restored_run_that_was_launched_since_is_not_launched_again(bench: Bench, state) -> None:
    runs = bench.tools.stores.runs
    run = start_run(bench.draft().id, bench.tools)
    mark = own_mark(bench)
    if state != "packaging":
        runs.advance(run.id, RunState.UPLOADING)
        mark = runs.plan_effect(
            EffectKind.TRAINING, run.id, "replicate", None, confirmation=1
        ).nonce
    if state == "launching":
        runs.advance(run.id, RunState.LAUNCHING)
    listed(
        bench,
        mark=mark,
        created_at=bench.clock.now() + timedelta(minutes=2),
        trigger_word="",
        remote=RemoteRun("replicate", "lost-1", TRAINER.key, steps=run.total),
    )

    (found,) = sweep(bench.tools, bench.ctx).runs
    ended = carry_run(run.id, bench.tools, bench.ctx)

    assert (found.id, found.state) == (run.id, RunState.QUEUED)
    assert (ended.state, ended.external_training_id) == (RunState.READY, "lost-1")
    assert bench.backend.launched == []
    assert len(runs.all()) == 1


@pytest.mark.parametrize("at", [RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING])
def test_run_that_a_restore_held_back_gets_the_training_that_was_launched_since(
    bench: Bench, at: RunState
) -> None:
    runs = bench.tools.stores.runs
    run = start_run(bench.draft().id, bench.tools)
    listed(
        bench,
        mark=own_mark(bench),
        created_at=bench.clock.now(),
        trigger_word="",
        remote=RemoteRun("replicate", "lost-1", TRAINER.key, steps=run.total),
    )
    runs.advance(run.id, RunState.FAILED, failed_at=at, error="restored", error_kind="AppError")

    (found,) = sweep(bench.tools, bench.ctx).runs
    ended = carry_run(run.id, bench.tools, bench.ctx)

    assert (found.id, found.error, found.failed_at) == (run.id, "", None)
    assert (ended.state, ended.external_training_id) == (RunState.READY, "lost-1")
    assert len(runs.all()) == 1
    assert bench.backend.launched == []


def test_run_whose_launch_the_journal_knows_as_refused_gets_no_training_of_another(
    bench: Bench,
) -> None:
    runs = bench.tools.stores.runs
    run = start_run(bench.draft().id, bench.tools)
    effect = runs.plan_effect(EffectKind.TRAINING, run.id, "replicate", None, confirmation=1)
    runs.record_effect(effect.id, Sending(bench.clock.now()))
    runs.record_effect(effect.id, Refused("no credit"))
    runs.advance(run.id, RunState.FAILED, failed_at=RunState.LAUNCHING, error="no credit")
    listed(
        bench,
        mark=own_mark(bench),
        created_at=bench.clock.now(),
        trigger_word="",
        remote=RemoteRun("replicate", "lost-1", TRAINER.key, steps=run.total),
    )

    (found,) = sweep(bench.tools, bench.ctx).runs

    assert found.id != run.id
    assert runs.get(run.id).error == "no credit"


class Killed(Exception):
    """The process ended here."""


@contextmanager
def killed_before(write: int) -> Iterator[None]:
    """Let the process end before the n-th transaction that writes."""
    seen = 0

    def kill(_connection: Any, _cursor: Any, sql: str, *_more: object) -> None:
        nonlocal seen
        seen += sql == "BEGIN IMMEDIATE"
        if seen == write:
            raise Killed(sql)

    event.listen(Engine, "before_cursor_execute", kill)
    try:
        with suppress(Killed):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", kill)


@pytest.mark.parametrize("planned", [False, True], ids=["packaging", "planned"])
@pytest.mark.parametrize("write", range(1, 9))
def test_kill_while_a_restored_run_is_mended_launches_nothing(
    bench: Bench, planned: bool, write: int
) -> None:
    runs, mark = bench.tools.stores.runs, own_mark(bench)
    run = start_run(bench.draft().id, bench.tools)
    if planned:
        runs.advance(run.id, RunState.UPLOADING)
        mark = runs.plan_effect(
            EffectKind.TRAINING, run.id, "replicate", None, confirmation=1
        ).nonce
    listed(
        bench,
        mark=mark,
        created_at=bench.clock.now(),
        trigger_word="",
        remote=RemoteRun("replicate", "lost-1", TRAINER.key, steps=run.total),
    )
    with killed_before(write):
        sweep(bench.tools, bench.ctx)
    bench.library.close()

    library = open_library(bench.library.data_dir, clock=bench.clock)
    try:
        tools = replace(bench.tools, stores=library.stores)
        sweep(tools, bench.ctx)
        ended = carry_run(run.id, tools, bench.ctx)
        kept = library.stores.runs.all()
    finally:
        library.close()

    assert (ended.state, ended.external_training_id) == (RunState.READY, "lost-1")
    assert [one.id for one in kept] == [run.id]
    assert bench.backend.launched == []


def test_run_that_is_carried_is_not_taken_for_a_forgotten_one(bench: Bench) -> None:
    run = start_run(bench.draft().id, bench.tools)
    listed(
        bench,
        mark=own_mark(bench),
        created_at=bench.clock.now(),
        remote=RemoteRun("replicate", "lost-1", TRAINER.key, steps=run.total),
        trigger_word="",
    )

    (found,) = sweep(bench.tools, bench.ctx, carried=frozenset({run.id})).runs

    assert found.id != run.id
    assert bench.tools.stores.runs.get(run.id).state is RunState.PACKAGING


def test_training_from_elsewhere_is_adopted_under_a_name_of_its_own(bench: Bench) -> None:
    listed(bench, state=RemoteState.TRAINING, destination="", version="", has_weights=False)
    found = one_unknown(bench)
    bench.backend.polls = [training(40, 700)]

    run = adopt(found, " My fox ", bench.tools)
    again = adopt(found, "Another", bench.tools)

    assert again == run
    assert (run.plan.name, run.plan.repo, run.plan.publish) == ("My fox", "my-fox", False)
    assert dict(run.plan.parameters) == {"steps": 700, "lora_rank": 32}
    assert (run.price_low, run.price_high) == (Decimal("0.608"), Decimal("0.912"))
    assert run.created_at == bench.clock.now() - timedelta(days=3)
    assert bench.tools.stores.datasets.get(run.dataset_id).photos == ()
    ended = carry_run(run.id, bench.tools, bench.ctx)
    assert ended.state is RunState.READY
    assert bench.tools.stores.runs.log(run.id)
    assert bench.backend.cleaned == []


def test_adopted_training_can_be_cancelled(bench: Bench) -> None:
    listed(bench, state=RemoteState.TRAINING, has_weights=False)
    run = adopt(one_unknown(bench), "", bench.tools)

    cancel_training(run.id, bench.tools)

    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.CANCELLED


def test_recovered_run_is_never_trained_anew_as_its_photos_are_not_here(bench: Bench) -> None:
    listed(bench, state=RemoteState.FAILED, has_weights=False)
    run = adopt(one_unknown(bench), "", bench.tools)
    bench.backend.polls = [RunSnapshot(RemoteState.FAILED, error="out of memory")]
    run = carry_run(run.id, bench.tools, bench.ctx)

    assert try_again(run.id, bench.tools) == run
    assert bench.backend.launched == []


def test_weights_that_are_in_the_library_already_are_linked(bench: Bench) -> None:
    first = carry_run(start_run(bench.draft().id, bench.tools).id, bench.tools, bench.ctx)
    bench.tools.stores.loras.trash(first.lora_id)
    bench.tools.stores.files.lora(first.lora_id).unlink()
    listed(bench)

    run = carry_run(adopt(one_unknown(bench), "", bench.tools).id, bench.tools, bench.ctx)

    (lora,) = bench.tools.stores.loras.all()
    assert run.lora_id == first.lora_id == lora.id
    assert lora.source == "trained"
    assert bench.tools.stores.files.lora(lora.id).is_file()


def test_name_is_the_destination_or_the_trigger_word(bench: Bench) -> None:
    listed(bench)
    found = one_unknown(bench)

    assert default_name(found, bench.tools) == "grey-fox"
    bare = replace(found, listed=replace(found.listed, destination=""))
    assert default_name(bare, bench.tools) == "GLZFOX"
    nothing = replace(bare, listed=replace(bare.listed, trigger_word=""))
    assert default_name(nothing, bench.tools) == "Recovered LoRA"


def test_training_whose_weights_are_gone_is_told_and_brings_nothing(bench: Bench) -> None:
    listed(bench, has_weights=False)

    assert not one_unknown(bench).adoptable


@pytest.mark.parametrize(
    "trouble", [ServiceUnreachable("replicate", "offline"), TokenRejected("replicate")]
)
def test_service_in_trouble_is_told_and_swept_another_time(bench: Bench, trouble) -> None:
    bench.backend.lists = [trouble, trouble]

    survey = unknown_trainings(bench.tools, bench.ctx)

    assert survey.troubles == (("replicate", trouble),)
    assert (survey.asked, survey.trainings) == ((), ())
    assert sweep(bench.tools, bench.ctx).runs == ()
    listed(bench, mark=own_mark(bench))
    assert len(sweep(bench.tools, bench.ctx).runs) == 1


def test_service_without_a_token_is_not_asked_and_no_trouble(bench: Bench) -> None:
    bench.backend.lists = [TokenMissing("replicate")]

    survey = unknown_trainings(bench.tools, bench.ctx)

    assert (survey.asked, survey.troubles) == ((), ())


def test_list_that_may_hold_more_is_told(bench: Bench) -> None:
    bench.backend.lists = [ListedTrainings((), False)]

    assert unknown_trainings(bench.tools, bench.ctx).partial == ("replicate",)


def test_fetched_weights_without_a_told_word_take_that_of_the_file(bench: Bench, tmp_path) -> None:
    def with_word(path) -> None:
        write_lora(path)
        raw = path.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        meta = b'{"__metadata__":{"modelspec.trigger_phrase":"FILEWORD"},' + raw[9 : 8 + size]
        path.write_bytes(len(meta).to_bytes(8, "little") + meta + raw[8 + size :])

    bench.backend.weights = with_word
    listed(bench, trigger_word="")

    run = carry_run(adopt(one_unknown(bench), "", bench.tools).id, bench.tools, bench.ctx)

    assert bench.tools.stores.loras.get(run.lora_id).trigger_word == "FILEWORD"
