"""Replicate's trainings over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from loopback import Answer, as_json
from replicate_double import TOKEN, WEIGHTS, ReplicateDouble, weights_tar
from training_contract import NONCE, SINCE, TrainingBackendContract, make_archive

from fluxlora_desktop.backends.replicate.training import ReplicateTraining
from fluxlora_desktop.domain.errors import (
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Mark, RemoteRun, RemoteState, RunSnapshot


class ReplicateService:
    weights = WEIGHTS

    def __init__(self, double: ReplicateDouble) -> None:
        self.double = double
        self.backend = ReplicateTraining(address=double.api.url, token=lambda: Secret(TOKEN))

    def fail_launch(self, answer: Answer, *, after: bool = False) -> None:
        self.double.api.next("POST", r"/trainings$", answer, after=after)

    def launches(self) -> int:
        return self.double.api.count("POST", r"/trainings$")

    def change(self, run: RemoteRun, **fields: object) -> None:
        next(one for one in self.double.trainings if one["id"] == run.id).update(fields)

    def succeed(self, run: RemoteRun) -> None:
        self.change(
            run,
            status="succeeded",
            output={
                "version": "anna/my-cat:abc",
                "weights": f"{self.double.delivery.url}/trained_model.tar",
            },
            metrics={"predict_time": 682.0},
            completed_at=datetime.now(UTC).isoformat(),
        )

    def cut_weights(self, after: int) -> None:
        whole = self.double.tar
        fault = Answer(200, whole, {"etag": '"tar-1"'}, cut_after=after)
        self.double.delivery.next("GET", r"\.tar$", fault)


@pytest.fixture
def service(replicate: ReplicateDouble) -> ReplicateService:
    return ReplicateService(replicate)


class TestReplicateTraining(TrainingBackendContract):
    def test_weights_are_resumed_by_range_and_without_the_token(
        self, service, spec, ready, tmp_path, ctx
    ) -> None:
        run = service.backend.submit(spec, *ready, NONCE)
        service.succeed(run)
        service.cut_weights(after=300_000)

        fetched = service.backend.fetch_weights(run, service.backend.poll(run), tmp_path, ctx)

        first, second = service.double.delivery.seen
        start = int(second.headers["range"].removeprefix("bytes=").rstrip("-"))
        assert 0 < start <= 300_000
        assert second.headers["if-range"] == '"tar-1"'
        assert "authorization" not in first.headers
        assert fetched.captions == (("img_000", "a photo of TOK"),)

    def test_launch_carries_the_mark_and_the_newest_version(self, service, spec, ready) -> None:
        run = service.backend.submit(spec, *ready, NONCE)

        sent = service.double.trainings[0]["input"]
        upload = next(one for one in service.double.api.seen if one.path == "/v1/files")
        assert sent["wandb_run"] == f"fluxlora-{NONCE}"
        assert sent["trigger_word"] == "TOK"
        assert "layers_to_optimize_regex" not in sent
        assert f'{{"attempt": "{NONCE}"}}'.encode() in upload.body
        assert service.backend.poll(run).state is RemoteState.QUEUED

    def test_launch_finds_nobody_home_without_a_doubt(self, service, spec, ready) -> None:
        service.double.api.__exit__(None, None, None)

        try:
            with pytest.raises(ServiceUnreachable):
                service.backend.submit(spec, *ready, NONCE)
        finally:
            service.double.api.__init__()
            service.double.api.__enter__()

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("processing", RemoteState.TRAINING),
            ("failed", RemoteState.FAILED),
            ("canceled", RemoteState.CANCELLED),
            ("aborted", RemoteState.FAILED),
            ("pondering", RemoteState.TRAINING),
        ],
    )
    def test_poll_understands_every_word(self, service, spec, ready, word, state) -> None:
        run = service.backend.submit(spec, *ready, NONCE)
        service.change(run, status=word, logs=None, metrics={}, output=None)

        assert service.backend.poll(run).state is state

    def test_find_turns_pages_until_they_are_older(self, service, spec, ready, ctx) -> None:
        service.backend.submit(spec, *ready, NONCE)
        other = {"id": "newer", "status": "starting", "created_at": "2030-01-01T00:00:00Z"}
        following = f"{service.double.api.url}/v1/trainings?cursor=2"
        page = as_json({"results": [other], "next": following})
        service.double.api.next("GET", r"/v1/trainings$", page)
        second = as_json({"results": service.double.trainings, "next": following})
        service.double.api.route("GET", r"/v1/trainings\?cursor=2$", second)

        found = service.backend.find(Mark(NONCE), datetime(2029, 1, 1, tzinfo=UTC), ctx)

        assert found.complete
        assert [run.id for run in found.runs] == ["train0"]

    def test_find_does_not_follow_a_page_to_another_host(self, service, ctx) -> None:
        page = as_json({"results": [], "next": "https://example.com/v1/trainings?cursor=2"})
        service.double.api.next("GET", r"/v1/trainings$", page)

        with pytest.raises(UnexpectedReply):
            service.backend.find(Mark(NONCE), SINCE, ctx)

    def test_poll_tells_the_charge_when_the_run_ended(self, service, spec, ready) -> None:
        run = service.backend.submit(spec, *ready, NONCE)
        service.succeed(run)

        assert service.backend.poll(run).charge_usd == Decimal("1.04")

    def test_poll_waits_for_weights_that_a_success_names_later(self, service, spec, ready) -> None:
        run = service.backend.submit(spec, *ready, NONCE)
        service.succeed(run)
        service.change(run, output=None)

        assert service.backend.poll(run).state is RemoteState.TRAINING

    def test_prepare_reuses_its_own_model_and_leaves_others_alone(self, service, spec, ctx) -> None:
        service.double.models["anna/my-cat"] = {
            "owner": "anna",
            "name": "my-cat",
            "description": "mine since 2023",
        }

        first = service.backend.prepare(spec, ctx)
        second = service.backend.prepare(spec, ctx)

        assert (first.name, first.created) == ("anna/my-cat-2", True)
        assert (second.name, second.created) == ("anna/my-cat-2", False)
        assert service.double.models["anna/my-cat-2"]["visibility"] == "private"

    def test_weights_of_another_host_are_not_fetched(self, service, tmp_path, ctx) -> None:
        told = RunSnapshot(RemoteState.SUCCEEDED, weights_address="https://example.com/w.tar")

        with pytest.raises(UnexpectedReply):
            service.backend.fetch_weights(RemoteRun("replicate", "t", ""), told, tmp_path, ctx)

    @pytest.mark.parametrize(
        "members",
        [
            {"a/one.safetensors": WEIGHTS, "a/two.safetensors": WEIGHTS},
            {"../lora.safetensors": WEIGHTS},
            {"/lora.safetensors": WEIGHTS},
            {"readme.txt": b"nothing"},
        ],
        ids=["two", "parent", "absolute", "none"],
    )
    def test_archive_is_refused_when_it_is_not_one_weights_file(
        self, service, tmp_path, ctx, members
    ) -> None:
        service.double.tar = weights_tar(members)
        address = f"{service.double.delivery.url}/x.tar"
        told = RunSnapshot(RemoteState.SUCCEEDED, weights_address=address)

        with pytest.raises(WeightsError):
            service.backend.fetch_weights(RemoteRun("replicate", "t", ""), told, tmp_path, ctx)

        assert not (tmp_path / "lora.safetensors").exists()
        assert (tmp_path / "weights.tar").exists()

    def test_bare_weights_are_taken_as_they_are(self, service, tmp_path, ctx) -> None:
        service.double.tar = WEIGHTS
        address = f"{service.double.delivery.url}/x.tar"
        told = RunSnapshot(RemoteState.SUCCEEDED, weights_address=address)

        run = RemoteRun("replicate", "t", "")
        assert service.backend.fetch_weights(run, told, tmp_path, ctx).path.read_bytes() == WEIGHTS


def test_check_names_the_account(replicate: ReplicateDouble) -> None:
    backend = ReplicateTraining(address=f"{replicate.api.url}/v1", token=lambda: Secret(TOKEN))

    assert backend.check().name == "anna"


def test_check_refuses_a_wrong_token_without_showing_it(replicate: ReplicateDouble) -> None:
    wrong = "r8_" + "W" * 37
    backend = ReplicateTraining(address=replicate.api.url, token=lambda: Secret(wrong))
    replicate.api.next("GET", "account", as_json({"detail": f"bad token {wrong}"}, 401))

    with pytest.raises(TokenRejected) as caught:
        backend.check()

    assert wrong not in str(caught.value)


def test_check_needs_a_token(replicate: ReplicateDouble) -> None:
    with pytest.raises(TokenMissing):
        ReplicateTraining(address=replicate.api.url, token=lambda: None).check()

    assert replicate.api.seen == []


def test_upload_is_not_tried_for_an_archive_that_is_too_large(service, tmp_path, ctx) -> None:
    from dataclasses import replace

    from fluxlora_desktop.domain.errors import InputError

    large = replace(make_archive(tmp_path), size_bytes=100_000_000)
    with pytest.raises(InputError):
        service.backend.upload(large, NONCE, ctx)
