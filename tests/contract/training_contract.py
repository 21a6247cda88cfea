"""What every training backend keeps, whatever the service: run it with a `service` fixture."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from patient_context import PatientContext
from photos import make_archive

from fluxlora_desktop.domain.errors import (
    AppError,
    JobCancelled,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    TokenRejected,
)
from fluxlora_desktop.domain.ports import TrainingBackend, Transferred
from fluxlora_desktop.domain.training import (
    Destination,
    Mark,
    RemoteFile,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    Trainer,
    TrainingSpec,
)

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
_PATIENCE_S = 60.0
_OPEN = {RemoteState.QUEUED, RemoteState.TRAINING}

Ready = tuple[Destination, RemoteFile]
Fault = dict[str, Any]


class TrainingService(Protocol):
    """A backend, and the practice service that it talks to."""

    backend: TrainingBackend
    trainer: Trainer

    def launches(self) -> int:
        """Return how many launches arrived, lost ones included."""

    def keep_waiting(self) -> None:
        """Let the next training be listed and never end, so that nothing is computed for it."""

    def weights_of(self, run: RemoteRun) -> bytes:
        """Return the weights as the service holds them."""


class RemoteTrainingService(TrainingService, Protocol):
    """A backend whose service is reached over a line that can be made to fail."""

    def fail_launch(self, **fault: Any) -> None:
        """Let the next launch meet a fault, in the words of `FaultScript.next`."""

    def fail_listing(self, **fault: Any) -> None:
        """Let the next look at the list meet a fault, in the words of `FaultScript.next`."""

    def cut_weights(self, after: int) -> None:
        """Break the next download of weights after so many bytes."""


def specification(trainer: Trainer, *, destination: str = "my-cat") -> TrainingSpec:
    return TrainingSpec(
        run_id="run1",
        trainer=trainer.key,
        base=trainer.base,
        trigger_word="TOK",
        photo_count=6,
        destination=destination,
        parameters={item.name: item.default for item in trainer.parameters},
    )


def until_ended(backend: TrainingBackend, run: RemoteRun) -> RunSnapshot:
    """Poll until a run has ended, and return how."""
    deadline = time.monotonic() + _PATIENCE_S
    while (snapshot := backend.poll(run)).state in _OPEN:
        assert time.monotonic() < deadline, "the training did not end in time"
        threading.Event().wait(0.02)
    return snapshot


class TrainingBackendContract:
    @pytest.fixture
    def nonce(self) -> str:
        return secrets.token_hex(8)

    @pytest.fixture
    def spec(self, service: TrainingService) -> TrainingSpec:
        return specification(service.trainer)

    @pytest.fixture
    def ready(
        self,
        service: TrainingService,
        spec: TrainingSpec,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> Ready:
        destination = service.backend.prepare(spec, ctx)
        return destination, service.backend.upload(make_archive(tmp_path), nonce, ctx)

    def test_upload_reports_every_byte(
        self, service: TrainingService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        archive = make_archive(tmp_path)

        service.backend.upload(archive, "n", ctx)

        done = [event.done for event in ctx.events if isinstance(event, Transferred)]
        assert done == sorted(done)
        assert done[-1] == archive.size_bytes

    def test_upload_stops_when_the_owner_stops_it(
        self, service: TrainingService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        ctx.cancelled = True

        with pytest.raises(JobCancelled):
            service.backend.upload(make_archive(tmp_path), "n", ctx)

    def test_launch_is_one_post_and_can_be_followed_to_its_end(
        self, service: TrainingService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        first = service.backend.poll(run)
        last = until_ended(service.backend, run)

        assert first.state in _OPEN
        assert last.state is RemoteState.SUCCEEDED
        assert last.version.startswith(f"{ready[0].name}:" if ready[0].name else "")
        costs = not service.backend.abilities().runs_here
        assert last.charge_usd is not None and (last.charge_usd > 0) is costs
        assert service.launches() == 1

    def test_find_passes_over_runs_of_other_launches(
        self,
        service: TrainingService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        ctx: PatientContext,
    ) -> None:
        service.keep_waiting()
        service.backend.submit(spec, *ready, nonce)

        assert service.backend.find(Mark("another", "other-file"), SINCE, ctx).runs == ()

    def test_list_tells_what_a_training_is_and_whose_launch(
        self, service: TrainingService, spec: TrainingSpec, tmp_path: Path, ctx: PatientContext
    ) -> None:
        mark = f"fluxlora-0a1b2c3d-{secrets.token_hex(6)}"
        destination = service.backend.prepare(spec, ctx)
        data = service.backend.upload(make_archive(tmp_path), mark, ctx)
        service.keep_waiting()
        run = service.backend.submit(spec, destination, data, mark)

        told = service.backend.list_trainings(SINCE, ctx)

        listed = next(one for one in told.trainings if one.remote.id == run.id)
        steps = service.trainer.steps_of(spec.parameters)
        assert told.complete is service.backend.abilities().absence_shows
        assert (listed.mark, listed.file_id) == (mark, data.id)
        assert listed.state in _OPEN
        assert (listed.remote.trainer, listed.remote.steps) == (service.trainer.key, steps)
        assert listed.base == service.trainer.base
        here = service.backend.abilities().runs_here
        assert listed.trigger_word == ("TOK" if service.trainer.trigger_input or here else "")
        assert service.trainer.checked(listed.parameters) == dict(listed.parameters)
        assert listed.created_at is not None
        assert abs((datetime.now(UTC) - listed.created_at).total_seconds()) < _PATIENCE_S
        assert not listed.gone

    def test_list_tells_whether_weights_can_be_fetched(
        self,
        service: TrainingService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        last = until_ended(service.backend, run)

        told = service.backend.list_trainings(SINCE, ctx)

        listed = next(one for one in told.trainings if one.remote.id == run.id)
        assert (listed.state, listed.has_weights) == (RemoteState.SUCCEEDED, True)
        assert (listed.version, listed.mark) == (last.version, "")
        assert listed.destination == ready[0].name.rpartition("/")[2]
        snapshot = service.backend.poll(listed.remote)
        fetched = service.backend.fetch_weights(listed.remote, snapshot, tmp_path / "run", ctx)
        assert fetched.path.read_bytes() == service.weights_of(run)

    def test_list_ends_where_it_was_asked_to_and_is_newest_first(
        self,
        service: TrainingService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        service.keep_waiting()
        first = service.backend.submit(spec, *ready, nonce)
        second_data = service.backend.upload(make_archive(tmp_path), "n2", ctx)
        service.keep_waiting()
        second = service.backend.submit(spec, ready[0], second_data, "n2")

        told = service.backend.list_trainings(SINCE, ctx).trainings
        later = service.backend.list_trainings(datetime.now(UTC) + timedelta(hours=1), ctx)

        ids = [one.remote.id for one in told]
        assert ids.index(second.id) < ids.index(first.id)
        assert later.trainings == ()

    def test_cancel_ends_the_run_and_may_be_asked_twice(
        self, service: TrainingService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)

        assert service.backend.cancel(run)
        assert service.backend.cancel(run)

        assert until_ended(service.backend, run).state is RemoteState.CANCELLED

    def test_clean_up_is_silent_when_nothing_is_left(
        self, service: TrainingService, ready: Ready
    ) -> None:
        service.backend.clean_up(ready[1])
        service.backend.clean_up(ready[1])


class ServiceTrainingContract(TrainingBackendContract):
    """What a backend keeps besides that asks over a line: refusals, lost answers, broken lines."""

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"status": 401, "json": {"detail": "no"}}, TokenRejected),
            ({"status": 402, "json": {"title": "Insufficient credit"}}, PaymentRequired),
            ({"status": 404, "json": {"detail": "no such destination"}}, ServiceRefused),
            ({"status": 422, "json": {"detail": "Invalid version"}}, ServiceRefused),
            ({"status": 429, "json": {"detail": "resets in ~7s"}}, ServiceBusy),
        ],
        ids=["401", "402", "404", "422", "429"],
    )
    def test_launch_is_refused_with_one_post_when_the_service_says_no(
        self,
        service: RemoteTrainingService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        fault: Fault,
        error: type[AppError],
    ) -> None:
        service.fail_launch(**fault)

        with pytest.raises(error) as caught:
            service.backend.submit(spec, *ready, nonce)

        assert service.launches() == 1
        if isinstance(caught.value, ServiceBusy):
            assert caught.value.retry_after == 7

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 500, "body": "{}"},
            {"status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"},
            {"status": 503, "body": "{}", "headers": {"retry-after": "1"}},
            {"status": 504, "body": "{}"},
            {"status": 408, "body": "{}"},
            {"status": 409, "body": "{}"},
            {"status": 307, "headers": {"location": "/elsewhere"}},
            {"status": 200, "body": "<html>Sign in</html>", "content_type": "text/html"},
            {"status": 200},
            {"status": 201, "body": "{}"},
            {"status": 201, "body": '{"id":"trunc'},
            {"status": 201, "json": {"id": "a/../b", "request_id": "a/../b"}},
            {"status": 201, "json": {"id": "train0", "request_id": "train0"}, "cut_after": 9},
            {"drop": True},
        ],
        ids=(
            *("500", "502", "503", "504", "408", "409", "307"),
            *("html", "empty", "no-id", "bad-json", "bad-id", "cut", "drop"),
        ),
    )
    def test_launch_is_unknown_and_not_repeated_when_no_clear_answer_comes(
        self,
        service: RemoteTrainingService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        ctx: PatientContext,
        fault: Fault,
        when: str,
    ) -> None:
        service.fail_launch(when=when, **fault)
        service.keep_waiting()

        with pytest.raises(OutcomeUnknown):
            service.backend.submit(spec, *ready, nonce)

        assert service.launches() == 1
        found = service.backend.find(Mark(nonce, ready[1].id), SINCE, ctx)
        assert found.complete is service.backend.abilities().absence_shows
        assert len(found.runs) == (1 if when == "after" else 0)

    def test_list_says_when_the_token_is_not_accepted(
        self, service: RemoteTrainingService, ctx: PatientContext
    ) -> None:
        service.fail_listing(status=401, json={"detail": "no"})

        with pytest.raises(TokenRejected):
            service.backend.list_trainings(SINCE, ctx)

    def test_weights_come_home_when_the_line_breaks_on_the_way(
        self,
        service: RemoteTrainingService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        snapshot = until_ended(service.backend, run)
        service.cut_weights(after=300_000)

        fetched = service.backend.fetch_weights(run, snapshot, tmp_path / "run", ctx)

        assert fetched.path.read_bytes() == service.weights_of(run)
