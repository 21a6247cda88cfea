"""What every training backend keeps, whatever the service: run it with a `service` fixture."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from loopback import Answer
from patient_context import PatientContext

from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.errors import (
    AppError,
    JobCancelled,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    TokenRejected,
)
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.training import (
    Destination,
    Mark,
    RemoteFile,
    RemoteRun,
    RemoteState,
    TrainingSpec,
)

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
HTML = Answer(200, b"<html>Sign in first</html>", {"content-type": "text/html"})
NONCE = "4f2c9a7e51d3b806"


class TrainingService(Protocol):
    backend: object
    weights: bytes

    def fail_launch(self, answer: Answer, *, after: bool = False) -> None: ...
    def launches(self) -> int: ...
    def succeed(self, run: RemoteRun) -> None: ...
    def cut_weights(self, after: int) -> None: ...


def make_archive(folder: Path) -> Archive:
    path = folder / "photos.zip"
    path.write_bytes(b"PK" + b"photo" * 500_000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Archive(path, path.stat().st_size, digest)


class TrainingBackendContract:
    @pytest.fixture
    def spec(self, service: TrainingService) -> TrainingSpec:
        trainer = service.backend.abilities().trainers[0]
        return TrainingSpec(
            run_id="run1",
            trainer=trainer.key,
            base=trainer.base,
            trigger_word="TOK",
            photo_count=10,
            destination="my-cat",
            parameters={item.name: item.default for item in trainer.parameters},
        )

    @pytest.fixture
    def ready(
        self,
        service: TrainingService,
        spec: TrainingSpec,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> tuple[Destination, RemoteFile]:
        destination = service.backend.prepare(spec, ctx)
        return destination, service.backend.upload(make_archive(tmp_path), NONCE, ctx)

    def test_upload_reports_every_byte(self, service, ready, ctx) -> None:
        last = [event for event in ctx.events if isinstance(event, Transferred)][-1]

        assert last.done == last.total == 2_500_002

    def test_upload_stops_when_the_owner_stops_it(self, service, tmp_path: Path, ctx) -> None:
        ctx.cancelled = True

        with pytest.raises(JobCancelled):
            service.backend.upload(make_archive(tmp_path), NONCE, ctx)

    def test_launch_is_one_post_and_can_be_followed_to_its_end(self, service, spec, ready) -> None:
        run = service.backend.submit(spec, *ready, NONCE)
        first = service.backend.poll(run)
        service.succeed(run)

        assert first.state is RemoteState.QUEUED
        assert service.backend.poll(run).state is RemoteState.SUCCEEDED
        assert service.launches() == 1

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(401, b'{"detail":"no"}'), TokenRejected),
            (Answer(402, b'{"title":"Insufficient credit"}'), PaymentRequired),
            (Answer(404, b'{"detail":"The destination does not exist"}'), ServiceRefused),
            (Answer(422, b'{"detail":"Invalid version"}'), ServiceRefused),
            (Answer(429, b'{"detail":"resets in ~7s"}'), ServiceBusy),
        ],
        ids=["401", "402", "404", "422", "429"],
    )
    def test_launch_is_refused_with_one_post_when_the_service_says_no(
        self, service, spec, ready, answer: Answer, error: type[AppError]
    ) -> None:
        service.fail_launch(answer)

        with pytest.raises(error):
            service.backend.submit(spec, *ready, NONCE)

        assert service.launches() == 1

    @pytest.mark.parametrize("after", [False, True], ids=["not-started", "started"])
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(500, b"{}"),
            Answer(502, b"<html>Bad gateway</html>", {"content-type": "text/html"}),
            Answer(503, b"{}", {"retry-after": "1"}),
            Answer(408, b"{}"),
            Answer(409, b"{}"),
            Answer(307, b"", {"location": "/elsewhere"}),
            HTML,
            Answer(201, b"{}"),
            Answer(201, b'{"id":"trunc'),
            Answer(201, b'{"id":"a/../b","status":"starting"}'),
            Answer(201, b'{"id":"train0","status":"starting"}', cut_after=9),
            Answer(drop=True),
        ],
        ids=(
            *("500", "502", "503", "408", "409", "307"),
            *("html", "no-id", "bad-json", "bad-id", "cut", "drop"),
        ),
    )
    def test_launch_is_unknown_and_not_repeated_when_no_clear_answer_comes(
        self, service, spec, ready, answer: Answer, after: bool, ctx
    ) -> None:
        service.fail_launch(answer, after=after)

        with pytest.raises(OutcomeUnknown):
            service.backend.submit(spec, *ready, NONCE)

        assert service.launches() == 1
        found = service.backend.find(Mark(NONCE, ready[1].id), SINCE, ctx)
        assert found.complete
        assert len(found.runs) == (1 if after else 0)

    def test_find_passes_over_runs_of_other_launches(self, service, spec, ready, ctx) -> None:
        service.backend.submit(spec, *ready, NONCE)

        assert service.backend.find(Mark("another", "other-file"), SINCE, ctx).runs == ()

    def test_cancel_ends_the_run_and_may_be_asked_twice(self, service, spec, ready) -> None:
        run = service.backend.submit(spec, *ready, NONCE)

        service.backend.cancel(run)
        service.backend.cancel(run)

        assert service.backend.poll(run).state is RemoteState.CANCELLED

    def test_weights_come_home_when_the_line_breaks_on_the_way(
        self, service, spec, ready, tmp_path: Path, ctx
    ) -> None:
        run = service.backend.submit(spec, *ready, NONCE)
        service.succeed(run)
        service.cut_weights(after=300_000)

        fetched = service.backend.fetch_weights(
            run, service.backend.poll(run), tmp_path / "run", ctx
        )

        assert fetched.path.read_bytes() == service.weights

    def test_clean_up_is_silent_when_nothing_is_left(self, service, ready) -> None:
        service.backend.clean_up(ready[1])
        service.backend.clean_up(ready[1])
