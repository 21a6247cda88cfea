"""The whole way of a launch under chance: what is clicked, lost, crashed and found in any order."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fluxlora_desktop.domain.errors import (
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceUnreachable,
)
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import EffectKind, EffectState, Run, RunState
from fluxlora_desktop.domain.training import FoundRuns, RemoteRun
from fluxlora_desktop.store.library import Library, open_library
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run, try_again
from fluxlora_desktop.workflows.tools import Patience, Tools
from tests.workflows.conftest import Bench, write_lora
from tests.workflows.fakes import (
    Context,
    FakeBackend,
    FakeGenerator,
    FakeHub,
    FakePhotos,
    FakePictures,
    HandClock,
)

_ENDS = (
    *("unreachable", "busy", "refused", "lost before", "lost after"),
    *("killed before", "killed after"),
)
LAG = timedelta(seconds=300)
"""How late the service may list what it took; the app settles after ten minutes."""


class Killed(BaseException):
    """The app dies here."""


class Cloud(FakeBackend):
    """A service that takes launches, loses answers as it is told, and lists them late."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(weights=write_lora)
        self.clock = clock
        self.told: list[str] = []
        self.taken: list[tuple[str, datetime]] = []

    def submit(self, spec, destination, data, nonce) -> RemoteRun:
        what = self.told.pop(0) if self.told else "answer"
        if what == "unreachable":
            raise ServiceUnreachable(self.key, "dns")
        if what == "busy":
            raise ServiceBusy(self.key, "429", retry_after=1.0)
        if what == "refused":
            raise PaymentRequired(self.key, "402")
        if what in {"answer", "lost after", "killed after"}:
            self.taken.append((nonce, self.clock.now()))
        if what.startswith("killed"):
            raise Killed
        if what.startswith("lost"):
            raise OutcomeUnknown(self.key, "cut")
        return RemoteRun(self.key, f"remote-{len(self.taken)}", spec.trainer)

    def find(self, mark, since, ctx) -> FoundRuns:
        shown = [
            RemoteRun(self.key, f"remote-{place}", "fake/trainer")
            for place, (nonce, at) in enumerate(self.taken, 1)
            if nonce == mark.nonce and at + LAG <= self.clock.now()
        ]
        return FoundRuns(tuple(shown), complete=True)


class Launches(RuleBasedStateMachine):
    """One run, a real library, a service that plays: at most one training for each click."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="launches-"))
        (self.folder / "photos").mkdir()
        self.clock = HandClock()
        self.cloud = Cloud(self.clock)
        self.clicks = 0
        self.open()
        run = self.bench.draft()
        self.run_id = run.id
        start_run(run.id, self.tools)
        self.clicks = 1

    def open(self) -> None:
        self.library: Library = open_library(self.folder / "library", clock=self.clock)
        self.tools = Tools(
            stores=self.library.stores,
            services=Services((self.cloud,), (FakeGenerator(),), FakeHub()),
            photos=FakePhotos(),
            pictures=FakePictures(),
            clock=self.clock,
            patience=Patience(),
        )
        self.ctx = Context(self.clock)
        self.bench = Bench(
            self.tools,
            self.library,
            self.clock,
            self.cloud,
            FakeHub(),
            FakeGenerator(),
            self.ctx,
            self.folder / "photos",
        )

    @property
    def run_now(self) -> Run:
        return self.tools.stores.runs.get(self.run_id)

    @rule(
        told=st.lists(
            st.sampled_from(_ENDS),
            max_size=3,
        )
    )
    def go_on(self, told: list[str]) -> None:
        """Carry the run as far as it goes; the app may die while it launches."""
        self.cloud.told = list(told)
        try:
            carry_run(self.run_id, self.tools, self.ctx)
        except Killed:
            self.library.close()
            self.open()
        self.cloud.told = []

    @rule(minutes=st.floats(0, 30))
    def wait(self, minutes: float) -> None:
        self.clock.pass_seconds(minutes * 60)

    @rule()
    def restart(self) -> None:
        self.library.close()
        self.open()

    @rule()
    def click_try_again(self) -> None:
        run = self.run_now
        if run.state is not RunState.FAILED:
            return
        paid = run.failed_at is not RunState.COLLECTING
        again = try_again(self.run_id, self.tools)
        self.run_id = again.id
        self.clicks += paid

    @invariant()
    def one_training_for_each_click(self) -> None:
        if hasattr(self, "cloud"):
            assert len(self.cloud.taken) <= self.clicks

    @invariant()
    def what_was_taken_is_known_or_looked_for(self) -> None:
        """A training that the service took never ends as one that is not there."""
        if not hasattr(self, "tools"):
            return
        absent = {it.nonce for it in self.tools.stores.runs.effects(EffectState.ABSENT)}
        assert not absent & {nonce for nonce, _ in self.cloud.taken}
        known = {
            it.nonce
            for state in (EffectState.CONFIRMED, EffectState.UNKNOWN, EffectState.IN_FLIGHT)
            for it in self.tools.stores.runs.effects(state)
            if it.kind is EffectKind.TRAINING
        }
        assert {nonce for nonce, _ in self.cloud.taken} <= known

    def teardown(self) -> None:
        if hasattr(self, "library"):
            with suppress(Exception):
                self.library.close()
            shutil.rmtree(self.folder, ignore_errors=True)


TestLaunches = Launches.TestCase
TestLaunches.settings = settings(max_examples=25, stateful_step_count=8, deadline=None)
