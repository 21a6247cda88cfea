"""Runs: started once, followed to the end, cancelled, tried again, carried on after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import PaymentRequired, TooFewPhotos
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.training import RemoteRun, RemoteState, RunSnapshot, TrainingProgress
from fluxlora_desktop.ui.desks.runs import RunDesk
from tests.ui.desk_bench import HASTE, CopyingPhotos, DeskBench, Heard
from tests.ui.fakes import FakeTrainer
from tests.workflows.conftest import write_lora

SUCCEEDED = RunSnapshot(RemoteState.SUCCEEDED, weights_address="w", version="tester/fox:1")
TRAINING = RunSnapshot(
    RemoteState.TRAINING,
    TrainingProgress("Training", 412, 1000, 1.0, 588.0, 0.3),
    log="step 412\n",
    losses=((412, 0.3),),
)


@dataclass
class Service(FakeTrainer):
    """A trainer whose snapshot stays until it is changed; submits may be refused first."""

    snapshot: RunSnapshot = field(default_factory=lambda: SUCCEEDED)
    trouble: list[Exception] = field(default_factory=list)

    def submit(self, spec: object, destination: object, data: object, nonce: str) -> RemoteRun:
        if self.trouble:
            raise self.trouble.pop(0)
        return super().submit(spec, destination, data, nonce)

    def fetch_weights(
        self, run: RemoteRun, snapshot: RunSnapshot, folder: Path, ctx: JobContext
    ) -> FetchedWeights:
        folder.mkdir(parents=True, exist_ok=True)
        write_lora(folder / "fetched.safetensors")
        return FetchedWeights(folder / "fetched.safetensors")


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path, backend=Service(), photos=CopyingPhotos()) as made:
        yield made


class Yard:
    """A runs desk on a bench, and the waiting that its tests need."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.open()

    @property
    def service(self) -> Service:
        assert isinstance(self.bench.backend, Service)
        return self.bench.backend

    def open(self) -> None:
        self.desk = RunDesk(self.bench.tools, self.bench.jobs, self.bench.owner)
        self.ended = Heard(self.desk.ended)
        self.troubles = Heard(self.desk.failed)
        with self.qtbot.waitSignal(self.desk.listed):
            self.desk.load()

    def reopen(self) -> None:
        self.bench.reopen()
        self.open()

    def start(self, **plan: object) -> str:
        run_id = self.bench.draft(**plan).id
        self.desk.start(run_id)
        return run_id

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    def run(self, run_id: str) -> Run:
        run = self.desk.run(run_id)
        assert run is not None
        return run

    def until(self, run_id: str, state: RunState) -> Run:
        def stands() -> bool:
            run = self.desk.run(run_id)
            return run is not None and run.state is state

        self.qtbot.waitUntil(stands)
        return self.run(run_id)


@pytest.fixture
def yard(bench: DeskBench, qtbot: QtBot) -> Yard:
    return Yard(bench, qtbot)


def test_started_run_ends_ready_and_says_so_once(yard: Yard) -> None:
    run_id = yard.start()
    run = yard.until(run_id, RunState.READY)
    yard.rest()
    assert yard.ended.all == [run]
    assert run.lora_ready_for_inference
    assert len(yard.service.launched) == 1
    assert yard.desk.open_count() == 0


def test_second_click_on_start_launches_nothing_more(yard: Yard) -> None:
    run_id = yard.start()
    yard.desk.start(run_id)
    yard.until(run_id, RunState.READY)
    yard.desk.start(run_id)
    yard.rest()
    assert len(yard.service.launched) == 1
    assert len(yard.troubles) == 0


def test_draft_that_cannot_start_stays_a_draft(yard: Yard) -> None:
    draft = yard.bench.draft(photos=3)
    yard.desk.start(draft.id)
    yard.rest()
    assert isinstance(yard.troubles.last, TooFewPhotos)
    assert yard.desk.runs() == ()
    assert yard.bench.tools.stores.runs.get(draft.id).state is RunState.DRAFT


def test_bytes_are_told_with_their_run(yard: Yard) -> None:
    moving = Heard(yard.desk.transferring)
    run_id = yard.start()
    yard.until(run_id, RunState.READY)
    assert (moving.all[0].run_id, moving.all[0].transfer.total) == (run_id, 31_000_000)


def test_progress_log_and_losses_arrive_while_it_trains(yard: Yard) -> None:
    yard.service.snapshot = TRAINING
    details = Heard(yard.desk.details_ready)
    run_id = yard.start()
    run = yard.until(run_id, RunState.TRAINING)
    assert (run.step, run.total, run.eta_seconds) == (412, 1000, 588.0)
    assert yard.desk.open_count() == 1
    yard.qtbot.waitUntil(lambda: any(d.log == "step 412\n" and d.losses for d in details.all))
    yard.service.snapshot = SUCCEEDED
    yard.until(run_id, RunState.READY)


def test_run_cancelled_before_the_launch_costs_nothing(yard: Yard) -> None:
    yard.bench.patience = replace(HASTE, poll=60)
    yard.service.hold = True
    run_id = yard.start()
    yard.until(run_id, RunState.UPLOADING)
    yard.desk.cancel(run_id)
    run = yard.until(run_id, RunState.CANCELLED)
    assert run.cost_usd == 0
    assert yard.service.launched == []
    assert yard.service.cancelled == []


def test_run_cancelled_at_the_service_tells_what_it_cost(yard: Yard) -> None:
    yard.service.snapshot = TRAINING
    run_id = yard.start()
    yard.until(run_id, RunState.TRAINING)
    yard.desk.cancel(run_id)
    run = yard.until(run_id, RunState.CANCELLED)
    yard.rest()
    assert yard.service.cancelled == ["remote-1"]
    assert run.cost_usd == Decimal("0.31")
    assert [ended.state for ended in yard.ended.all] == [RunState.CANCELLED]
    assert len(yard.troubles) == 0


def test_cancelling_what_is_over_asks_nobody(yard: Yard) -> None:
    run_id = yard.start()
    yard.until(run_id, RunState.READY)
    yard.desk.cancel(run_id)
    yard.rest()
    assert yard.service.cancelled == []


def test_refused_run_goes_on_as_the_same_run_when_tried_again(yard: Yard) -> None:
    yard.service.trouble = [PaymentRequired("replicate", "no credit")]
    run_id = yard.start()
    run = yard.until(run_id, RunState.FAILED)
    assert run.error_kind == "PaymentRequired"
    yard.rest()
    yard.desk.try_again(run_id)
    yard.until(run_id, RunState.READY)
    assert [run.id for run in yard.desk.runs()] == [run_id]
    assert len(yard.service.launched) == 1


def test_training_that_failed_is_tried_again_as_a_new_run(yard: Yard) -> None:
    yard.service.snapshot = RunSnapshot(RemoteState.FAILED, error="CUDA out of memory")
    run_id = yard.start()
    run = yard.until(run_id, RunState.FAILED)
    assert "CUDA out of memory" in run.error
    yard.rest()
    yard.service.snapshot = SUCCEEDED
    yard.desk.try_again(run_id)
    yard.qtbot.waitUntil(lambda: len(yard.desk.runs()) == 2)
    newest = yard.desk.runs()[0]
    assert newest.id != run_id
    yard.until(newest.id, RunState.READY)
    assert yard.run(run_id).state is RunState.FAILED


def test_look_now_does_not_wait_for_the_next_poll(qtbot: QtBot, tmp_path: Path) -> None:
    patient = replace(HASTE, poll=3600)
    service = Service(snapshot=RunSnapshot(RemoteState.QUEUED))
    with DeskBench(tmp_path, backend=service, photos=CopyingPhotos(), patience=patient) as bench:
        yard = Yard(bench, qtbot)
        run_id = yard.start()
        yard.until(run_id, RunState.QUEUED)
        qtbot.waitUntil(lambda: service.polled == 1)
        service.snapshot = SUCCEEDED
        yard.desk.look_now(run_id)
        yard.until(run_id, RunState.READY)


def test_closed_app_carries_its_runs_on_when_opened_again(yard: Yard) -> None:
    yard.service.snapshot = TRAINING
    run_id = yard.start()
    yard.until(run_id, RunState.TRAINING)
    yard.bench.reopen()
    yard.service.snapshot = SUCCEEDED
    yard.open()
    yard.until(run_id, RunState.READY)
    yard.rest()
    assert len(yard.service.launched) == 1
    assert [run.id for run in yard.ended.all] == [run_id]


def test_several_runs_go_on_at_once_newest_first(yard: Yard) -> None:
    yard.service.snapshot = TRAINING
    ids = []
    for name in ("Fox", "Mug"):
        ids.append(yard.start(name=name))
        yard.until(ids[-1], RunState.TRAINING)
    assert yard.desk.open_count() == 2
    assert [run.id for run in yard.desk.runs()] == ids[::-1]
    yard.service.snapshot = SUCCEEDED
    for run_id in ids:
        yard.until(run_id, RunState.READY)


def test_finished_run_can_be_taken_off_the_list_for_good(yard: Yard) -> None:
    run_id = yard.start()
    yard.until(run_id, RunState.READY)
    yard.rest()
    yard.desk.hide(run_id)
    assert yard.desk.runs() == ()
    yard.rest()
    yard.reopen()
    assert yard.desk.runs() == ()


def test_running_run_stays_on_the_list(yard: Yard) -> None:
    yard.service.snapshot = TRAINING
    run_id = yard.start()
    yard.until(run_id, RunState.TRAINING)
    yard.desk.hide(run_id)
    assert [run.id for run in yard.desk.runs()] == [run_id]
