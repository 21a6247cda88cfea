"""Runs at the wrong moment: a bug, a Cancel too late, a second click on Try again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop import app
from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.domain.training import (
    Destination,
    RemoteFile,
    RemoteRun,
    RemoteState,
    RunSnapshot,
)
from tests.ui.desk_bench import CopyingPhotos, DeskBench
from tests.ui.test_desks_runs import SUCCEEDED, TRAINING, Service, Yard

DEADLINE = 10.0


@dataclass
class SlowService(Service):
    """A service whose upload ends at `upload`, and which says at `sent` that it was launched."""

    slow: bool = False
    upload_ends: threading.Event = field(default_factory=threading.Event)
    sent: threading.Event = field(default_factory=threading.Event)
    bug: Exception | None = None
    reply: threading.Event | None = None

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> RemoteFile:
        if self.slow:
            assert self.upload_ends.wait(DEADLINE)
        return super().upload(archive, nonce, ctx)

    def submit(
        self, spec: object, destination: Destination, data: RemoteFile, nonce: str
    ) -> RemoteRun:
        remote = super().submit(spec, destination, data, nonce)
        self.sent.set()
        if self.reply is not None:
            assert self.reply.wait(DEADLINE)
        return remote

    def poll(self, run: RemoteRun) -> RunSnapshot:
        if self.bug is not None:
            raise self.bug
        return super().poll(run)


@pytest.fixture
def yard(qtbot: QtBot, tmp_path: Path) -> Iterator[Yard]:
    with DeskBench(tmp_path, backend=SlowService(), photos=CopyingPhotos()) as bench:
        yield Yard(bench, qtbot)


def service_of(yard: Yard) -> SlowService:
    assert isinstance(yard.service, SlowService)
    return yard.service


def test_cancel_that_comes_after_the_launch_is_asked_of_the_service(yard: Yard) -> None:
    service = service_of(yard)
    service.slow, service.snapshot = True, TRAINING
    run_id = yard.start()
    yard.until(run_id, RunState.UPLOADING)

    service.upload_ends.set()
    assert service.sent.wait(DEADLINE)  # the window has not heard of it yet
    yard.desk.cancel(run_id)

    yard.until(run_id, RunState.CANCELLED)
    assert service.cancelled == ["remote-1"]
    yard.rest()
    assert len(yard.troubles) == 0


def test_run_that_a_bug_stopped_says_so_and_goes_on_when_looked_at(yard: Yard) -> None:
    service = service_of(yard)
    service.snapshot, service.bug = TRAINING, ZeroDivisionError("a bug")
    run_id = yard.start()
    yard.until(run_id, RunState.QUEUED)
    yard.rest()

    assert isinstance(yard.troubles.last, ZeroDivisionError)
    assert "The training is not touched" in yard.run(run_id).attention
    service.bug, service.snapshot = None, SUCCEEDED
    yard.desk.look_now(run_id)
    yard.until(run_id, RunState.READY)
    yard.rest()
    assert len(service.launched) == 1


def test_retry_after_a_bug_carries_a_run_on_once(yard: Yard) -> None:
    service = service_of(yard)
    service.snapshot, service.bug = TRAINING, ZeroDivisionError("a bug")
    run_id = yard.start()
    yard.until(run_id, RunState.QUEUED)
    yard.rest()

    service.bug = None
    yard.desk.retry()
    yard.until(run_id, RunState.TRAINING)
    yard.desk.look_now(run_id)
    service.snapshot = SUCCEEDED
    yard.until(run_id, RunState.READY)
    yard.rest()
    names = [event.text for event in yard.bench.tools.stores.runs.events(run_id)]
    assert names.count("collecting") == 1


def test_run_that_nobody_carries_can_be_cancelled_before_its_launch(yard: Yard) -> None:
    run = yard.bench.draft()
    runs = yard.bench.tools.stores.runs
    yard.desk._keep(runs.advance(run.id, RunState.PACKAGING))

    yard.desk.cancel(run.id)

    yard.until(run.id, RunState.CANCELLED)
    assert service_of(yard).launched == []


def test_second_click_on_try_again_launches_nothing_more(yard: Yard) -> None:
    service = service_of(yard)
    service.snapshot = RunSnapshot(RemoteState.FAILED, error="CUDA out of memory")
    run_id = yard.start()
    yard.until(run_id, RunState.FAILED)
    yard.rest()
    service.snapshot = TRAINING

    yard.desk.try_again(run_id)
    yard.desk.try_again(run_id)

    yard.qtbot.waitUntil(lambda: len(service.launched) == 2)
    yard.qtbot.waitUntil(lambda: len(yard.desk.runs()) == 2)
    newest = yard.desk.runs()[0]
    yard.until(newest.id, RunState.TRAINING)
    service.snapshot = SUCCEEDED
    yard.until(newest.id, RunState.READY)
    yard.rest()
    assert (len(service.launched), len(yard.desk.runs())) == (2, 2)


def test_every_press_on_start_is_one_training_and_one_confirmation(yard: Yard) -> None:
    run_id = yard.bench.draft().id
    for _ in range(5):
        yard.desk.start(run_id)

    yard.until(run_id, RunState.READY)
    yard.rest()
    assert len(service_of(yard).launched) == 1
    assert yard.bench.tools.stores.runs.get(run_id).confirmations == 1
    assert len(yard.troubles) == 0


def test_quitting_waits_for_the_answer_to_a_paid_request(yard: Yard) -> None:
    service = service_of(yard)
    service.reply = threading.Event()
    run_id = yard.start()
    assert _heard(yard, service.sent)
    answers = threading.Timer(0.2, service.reply.set)
    answers.start()

    assert yard.bench.jobs.shutdown(int(DEADLINE * 1000))

    answers.join()
    effect = yard.bench.tools.stores.runs.live_effect(EffectKind.TRAINING, run_id)
    assert effect is not None
    assert effect.state is EffectState.CONFIRMED


def test_quitting_does_not_wait_for_ever_and_the_journal_covers_the_rest(yard: Yard) -> None:
    service = service_of(yard)
    service.reply = threading.Event()
    run_id = yard.start()
    assert _heard(yard, service.sent)

    assert not yard.bench.jobs.shutdown(300)

    effect = yard.bench.tools.stores.runs.live_effect(EffectKind.TRAINING, run_id)
    assert effect is not None
    assert effect.state is EffectState.IN_FLIGHT
    assert len(service.launched) == 1
    service.reply.set()
    assert yard.bench.jobs.shutdown(30_000)


def test_app_waits_at_most_ten_seconds_when_it_is_closed() -> None:
    assert app._SHUTDOWN_MS <= 10_000


def _heard(yard: Yard, event: threading.Event) -> bool:
    yard.qtbot.waitUntil(event.is_set)
    return event.is_set()
