"""When the app looks for forgotten trainings, and that it stays quiet about trouble."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import (
    ServiceInterrupted,
    ServiceUnreachable,
    StorageError,
    TokenRejected,
)
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.training import ListedTraining, RemoteRun, RemoteState, RunSnapshot
from fluxlora_desktop.ui.desks.accounts import AccountState, AccountStatus
from fluxlora_desktop.ui.desks.recover import RecoverDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.ui.runs.exits import Ask, exit_of
from fluxlora_desktop.workflows.launch import start_run
from tests.ui.desk_bench import CopyingPhotos, DeskBench, Heard
from tests.ui.fakes import TRAINER, FakeTrainer
from tests.workflows.conftest import write_lora
from tests.workflows.fakes import HandClock


class Watch:
    """A runs desk and a recover desk whose clock is moved by hand."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.clock = HandClock()
        self.clock.time = datetime.now(UTC)
        bench.tools = replace(bench.tools, clock=self.clock)
        self.runs = RunDesk(bench.tools, bench.jobs, bench.owner)
        self.desk = RecoverDesk(bench.tools, bench.jobs, self.runs, bench.owner)
        self.troubles = Heard(self.desk.failed)
        self.found = Heard(self.desk.found)

    @property
    def service(self) -> FakeTrainer:
        assert isinstance(self.bench.backend, FakeTrainer)
        return self.bench.backend

    def begin(self) -> None:
        self.desk.begin()
        self.runs.load()
        self.rest()

    def tick_after(self, minutes: float) -> int:
        """Let time pass before the next tick; return how often the service was asked for it."""
        before = self.service.listings
        self.clock.pass_seconds(minutes * 60)
        self.desk.tick()
        self.rest()
        return self.service.listings - before

    def tick_for(self, *, hours: int) -> int:
        """Tick each minute for so long; return how often the service was asked."""
        before = self.service.listings
        for _ in range(hours * 60):
            self.clock.pass_seconds(60)
            self.desk.tick()
        self.rest()
        return self.service.listings - before

    def connect(self, name: str, status: AccountStatus = AccountStatus.CONNECTED) -> int:
        before = self.service.listings
        self.desk.account_changed(AccountState("replicate", status, name))
        self.rest()
        return self.service.listings - before

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    def lists(self, **facts: object) -> None:
        mark = f"fluxlora-{self.bench.tools.stores.runs.library_id}-0123456789ab"
        one = ListedTraining(
            RemoteRun("replicate", "lost-1", TRAINER.key, steps=700),
            RemoteState.SUCCEEDED,
            created_at=self.clock.now(),
            mark=mark,
            base="flux.1-dev",
            destination="fox",
            has_weights=True,
        )
        self.service.listed.append(replace(one, **facts))


@pytest.fixture
def watch(qtbot: QtBot, tmp_path: Path) -> Iterator[Watch]:
    done = RunSnapshot(RemoteState.SUCCEEDED, weights_address="w")
    service = FakeTrainer(snapshot=done, weights=write_lora)
    with DeskBench(tmp_path, backend=service, photos=CopyingPhotos()) as bench:
        yield Watch(bench, qtbot)


def test_start_brings_back_what_was_forgotten(watch: Watch) -> None:
    watch.lists()
    watch.begin()

    (run,) = watch.runs.runs()
    assert (run.state, run.recovered) == (RunState.READY, True)
    assert watch.desk.found_runs() == (run,)
    assert len(watch.found) == 1


def test_nothing_is_asked_before_the_desk_begins(watch: Watch) -> None:
    watch.runs.load()
    watch.rest()

    assert watch.tick_after(60 * 24 * 3) == 0


def test_service_is_asked_daily(watch: Watch) -> None:
    watch.begin()

    assert watch.tick_for(hours=23) == 0
    assert watch.tick_for(hours=2) == 1
    assert watch.tick_for(hours=23) == 0


def test_service_that_lists_what_has_begun_is_asked_hourly(watch: Watch) -> None:
    watch.service.absence_shows = False
    watch.begin()

    assert watch.tick_after(2) == 0
    watch.tick_for(hours=1)
    assert watch.service.listings == 2


def test_service_is_asked_after_a_sleep(watch: Watch) -> None:
    watch.begin()

    assert watch.tick_after(1) == 0
    assert watch.tick_after(30) == 1
    assert watch.tick_after(1) == 0


@pytest.mark.parametrize(
    "trouble", [ServiceUnreachable("replicate"), TokenRejected("replicate"), StorageError(Path())]
)
def test_trouble_is_quiet_and_the_look_is_made_again_soon(watch: Watch, trouble) -> None:
    watch.service.list_trouble = trouble
    watch.begin()
    watch.lists()
    watch.service.list_trouble = None

    assert sum(watch.tick_after(1) for _ in range(6)) == 1
    assert len(watch.troubles) == 0
    assert len(watch.runs.runs()) == 1


def test_account_that_was_not_asked_is_asked_when_it_is_connected(watch: Watch) -> None:
    watch.service.list_trouble = TokenRejected("replicate")
    watch.begin()
    watch.service.list_trouble = None

    assert watch.connect("tester") == 1
    assert watch.connect("tester") == 0
    assert watch.connect("somebody else") == 1


def test_account_that_told_at_start_is_not_asked_again(watch: Watch) -> None:
    watch.begin()

    assert watch.connect("tester") == 0
    watch.connect("", AccountStatus.NONE)
    assert watch.connect("tester") == 1


def test_run_of_a_restored_library_waits_for_the_first_look(watch: Watch) -> None:
    run = start_run(watch.bench.draft(trainer=TRAINER.key).id, watch.bench.tools)
    watch.lists(
        remote=RemoteRun("replicate", "lost-1", TRAINER.key, steps=run.total), trigger_word=""
    )
    watch.service.listing = threading.Event()
    watch.desk.begin()
    with watch.qtbot.waitSignal(watch.runs.listed):
        watch.runs.load()
    watch.qtbot.waitUntil(lambda: watch.service.listings == 1)

    carried = watch.runs.carried()
    watch.service.listing.set()
    watch.rest()

    assert carried == frozenset()

    (ended,) = watch.runs.runs()
    assert (ended.id, ended.state) == (run.id, RunState.READY)
    assert watch.service.launched == []


def test_run_that_was_not_launched_goes_on_after_the_first_look(watch: Watch) -> None:
    run = start_run(watch.bench.draft(trainer=TRAINER.key).id, watch.bench.tools)
    watch.begin()

    (ended,) = watch.runs.runs()
    assert (ended.id, ended.state) == (run.id, RunState.READY)
    assert len(watch.service.launched) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        *(ServiceUnreachable("replicate"), TokenRejected("replicate")),
        ServiceInterrupted("replicate"),
    ],
)
def test_run_waits_for_a_service_that_cannot_be_asked(watch: Watch, trouble: Exception) -> None:
    start_run(watch.bench.draft(trainer=TRAINER.key).id, watch.bench.tools)
    watch.service.list_trouble = trouble
    watch.begin()

    (held,) = watch.runs.runs()
    assert held.state is RunState.PACKAGING
    refused = isinstance(trouble, TokenRejected)
    assert (Ask.SETTINGS in exit_of(held).asks) == refused
    assert ("does not accept the token" in held.attention) == refused
    assert "nothing was sent so far" in held.attention.lower()
    watch.runs.load_details(held.id)  # as a look at the run does
    watch.rest()
    assert watch.runs.run(held.id) == held
    watch.service.list_trouble = None
    assert watch.tick_after(1.5) == 1
    (ended,) = watch.runs.runs()
    assert (ended.state, ended.attention, ended.error_kind) == (RunState.READY, "", "")
    assert len(watch.service.launched) == 1


def test_run_that_a_person_starts_waits_for_no_look(watch: Watch) -> None:
    watch.service.list_trouble = ServiceUnreachable("replicate")
    watch.begin()

    watch.runs.start(watch.bench.draft(trainer=TRAINER.key).id)
    watch.rest()

    (run,) = watch.runs.runs()
    assert run.state is RunState.READY


def test_same_training_asked_for_twice_is_one_run(watch: Watch) -> None:
    watch.lists(mark="")
    watch.runs.load()
    watch.desk.look()
    watch.rest()
    assert watch.desk.survey is not None
    (unknown,) = watch.desk.survey.trainings

    watch.desk.adopt([(unknown, "Fox")])
    watch.desk.adopt([(unknown, "Fox again")])
    watch.rest()
    watch.desk.adopt([(unknown, "And again")])
    watch.rest()

    (run,) = watch.runs.runs()
    assert run.plan.name == "Fox"
