"""Replicate's trainings over real HTTP, with both trainers."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from counting import PostCount
from patient_context import PatientContext
from photos import make_archive
from training_contract import (
    SINCE,
    Ready,
    ServiceTrainingContract,
    specification,
    until_ended,
)

from fluxlora_desktop.backends.replicate.trainers import FAST, OSTRIS
from fluxlora_desktop.backends.replicate.training import ReplicateTraining
from fluxlora_desktop.domain.errors import (
    InputError,
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
    UnexpectedReply,
    WeightsError,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    Mark,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    Trainer,
    TrainingSpec,
)
from fluxlora_desktop.domain.weights import keep_damaged
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.services import PracticeServices

WEIGHTS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}" + bytes(range(256)) * 40
_LAUNCH = r"/v1/models/[^/]+/[^/]+/versions/[^/]+/trainings"
_TAR = r"/xezq/.*\.tar"
_FOREVER_S = 1e9


class ReplicateService:
    def __init__(self, cloud: PracticeServices, trainer: Trainer) -> None:
        self.cloud, self.trainer = cloud, trainer
        token = Secret(cloud.replicate.token)
        self.backend = ReplicateTraining(address=cloud.replicate.url, token=lambda: token)
        self.launches = PostCount(cloud.replicate, _LAUNCH)

    def fail_launch(self, **fault: Any) -> None:
        self.cloud.replicate.next(method="POST", path=_LAUNCH, **fault)

    def fail_listing(self, **fault: Any) -> None:
        self.cloud.replicate.next(method="GET", path="/v1/trainings", **fault)

    def tell_list(self, *jobs: dict[str, Any], next_page: str = "") -> None:
        """Let the next look at the list find these trainings."""
        page = {"results": jobs, "next": next_page or None}
        self.cloud.replicate.next(method="GET", path="/v1/trainings", json=page)

    def keep_waiting(self) -> None:
        self.cloud.replicate.next_training(TrainingScript(queue_seconds=_FOREVER_S))

    def cut_weights(self, after: int) -> None:
        self.cloud.replicate.next(method="GET", path=_TAR, cut_after=after)

    def weights_of(self, run: RemoteRun) -> bytes:
        return self.cloud.replicate.state.weights_path(run.id).read_bytes()

    def inputs_of(self, run: RemoteRun) -> dict[str, Any]:
        training = self.cloud.replicate.state.trainings.get(run.id)
        assert training is not None
        return training.input

    def tell(self, run: RemoteRun, **fields: object) -> None:
        """Let the next look at a run find these fields."""
        told = {"id": run.id, "logs": None, "metrics": {}, "output": None, **fields}
        self.cloud.replicate.next(method="GET", path=f"/v1/trainings/{run.id}", json=told)

    def deliver(self, *bodies: bytes) -> RunSnapshot:
        """Let the next downloads of weights bring these bytes, one after the other."""
        for body in bodies:
            self.cloud.replicate.next(method="GET", path=_TAR, body=body)
        return succeeded(f"{self.cloud.replicate.delivery_url}/xezq/code/trained_model.tar")


def succeeded(weights_address: str) -> RunSnapshot:
    return RunSnapshot(RemoteState.SUCCEEDED, weights_address=weights_address)


def job(job_id: str, **fields: object) -> dict[str, Any]:
    """Return a training as the list tells it: one that succeeded and has no weights any more."""
    told: dict[str, Any] = {
        "id": job_id,
        "model": OSTRIS.key,
        "version": "v1",
        "status": "succeeded",
        "input": {"trigger_word": "TOK", "steps": 700},
        "created_at": "2026-01-01T00:00:00Z",
    }
    return told | fields


def weights_tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def service(cloud: PracticeServices) -> ReplicateService:
    return ReplicateService(cloud, OSTRIS)


class TestOstris(ServiceTrainingContract):
    """The thorough trainer."""

    def test_weights_are_resumed_by_range_and_without_the_token(
        self,
        service: ReplicateService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        snapshot = until_ended(service.backend, run)
        service.cut_weights(after=300_000)

        fetched = service.backend.fetch_weights(run, snapshot, tmp_path, ctx)

        path = snapshot.weights_address.removeprefix(service.cloud.replicate.delivery_url)
        whole, rest = service.cloud.replicate.ledger.requests("GET", path)
        assert (whole.facts["status"], rest.facts["status"]) == (200, 206)
        assert not whole.facts["authorization"] and not rest.facts["authorization"]
        assert fetched.captions[0] == ("img_000", "a photo of TOK, view 0")

    def test_launch_carries_the_mark_and_the_settings(
        self, service: ReplicateService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()

        run = service.backend.submit(spec, *ready, nonce)

        sent = service.inputs_of(run)
        file = service.cloud.replicate.state.files.get(ready[1].id)
        assert sent["wandb_run"] == f"fluxlora-{nonce}"
        assert (sent["trigger_word"], sent["steps"]) == ("TOK", 1000)
        assert "layers_to_optimize_regex" not in sent
        assert file is not None and file.metadata == {"attempt": nonce}
        assert service.backend.poll(run).state is RemoteState.QUEUED

    @pytest.mark.parametrize(
        ("script", "state", "words"),
        [
            (TrainingScript(outcome="failed"), RemoteState.FAILED, "CUDA out of memory"),
            (TrainingScript(outcome="aborted"), RemoteState.FAILED, "ended the training before"),
        ],
        ids=["failed", "aborted"],
    )
    def test_run_that_ends_badly_says_why(
        self,
        service: ReplicateService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        script: TrainingScript,
        state: RemoteState,
        words: str,
    ) -> None:
        service.cloud.replicate.next_training(script)

        last = until_ended(service.backend, service.backend.submit(spec, *ready, nonce))

        assert last.state is state
        assert words in last.error

    def test_list_leaves_out_what_is_no_lora_training_and_what_never_ran(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        service.tell_list(
            job("a", model="meta/llama-trainer"),
            job("b", status="aborted"),
            job("c", status="canceled"),
        )

        told = service.backend.list_trainings(SINCE, ctx)

        (listed,) = told.trainings
        assert (listed.remote.id, listed.state) == ("c", RemoteState.CANCELLED)
        assert listed.owner == "practice"
        assert told.complete

    def test_list_tells_weights_that_are_gone_and_what_it_cost(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        metrics = {"predict_time": 682.0}
        service.tell_list(job("a", completed_at="2026-01-02T00:00:00Z", metrics=metrics))

        (listed,) = service.backend.list_trainings(SINCE, ctx).trainings

        assert (listed.state, listed.gone) == (RemoteState.SUCCEEDED, True)
        assert listed.charge_usd == Decimal("1.0400")

    def test_list_takes_a_success_whose_weights_are_late_for_one_that_runs(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        service.tell_list(job("a", completed_at=datetime.now(UTC).isoformat()))

        (listed,) = service.backend.list_trainings(SINCE, ctx).trainings

        assert (listed.state, listed.gone) == (RemoteState.TRAINING, False)

    def test_list_leaves_out_settings_that_do_not_fit(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        given = {"steps": "many", "lora_rank": 7, "batch_size": 99, "optimizer": ["x"]}
        service.tell_list(job("a", input=given))

        (listed,) = service.backend.list_trainings(SINCE, ctx).trainings

        assert dict(listed.parameters) == {"lora_rank": 7}

    def test_list_is_read_page_by_page_until_it_is_old_enough(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        more = f"{service.cloud.replicate.url}/v1/trainings?cursor=next"
        service.tell_list(job("a"), next_page=more)
        service.tell_list(job("b"), job("old", created_at="2019-01-01T00:00:00Z"), next_page=more)

        told = service.backend.list_trainings(SINCE, ctx)

        assert [one.remote.id for one in told.trainings] == ["a", "b"]
        assert told.complete

    def test_word_that_nobody_knows_means_that_it_goes_on(
        self, service: ReplicateService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell(run, status="pondering")

        assert service.backend.poll(run).state is RemoteState.TRAINING

    @pytest.mark.parametrize(
        ("minutes", "state"), [(1, RemoteState.TRAINING), (11, RemoteState.FAILED)]
    )
    def test_success_without_weights_has_ten_minutes_to_name_them(
        self,
        service: ReplicateService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        minutes: int,
        state: RemoteState,
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        ended = datetime.now(UTC) - timedelta(minutes=minutes)
        service.tell(run, status="succeeded", completed_at=ended.isoformat())

        assert service.backend.poll(run).state is state

    def test_charge_is_the_time_on_the_machine(
        self, service: ReplicateService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell(run, status="failed", metrics={"predict_time": 682.0})

        assert service.backend.poll(run).charge_usd == Decimal("1.0400")

    def test_find_turns_pages_until_they_are_older(
        self,
        service: ReplicateService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        ctx: PatientContext,
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        other = {"id": "newer", "status": "starting", "created_at": "2030-01-01T00:00:00Z"}
        page = {"results": [other], "next": f"{service.cloud.replicate.url}/v1/trainings"}
        service.cloud.replicate.next(method="GET", path="/v1/trainings", json=page)

        found = service.backend.find(Mark(nonce), datetime(2029, 1, 1, tzinfo=UTC), ctx)

        assert found.complete
        assert [hit.id for hit in found.runs] == [run.id]

    def test_find_does_not_follow_a_page_to_another_host(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        page = {"results": [], "next": "https://example.com/v1/trainings?cursor=2"}
        service.cloud.replicate.next(method="GET", path="/v1/trainings", json=page)

        with pytest.raises(UnexpectedReply):
            service.backend.find(Mark("n"), SINCE, ctx)

    def test_prepare_reuses_its_own_model_and_leaves_others_alone(
        self, service: ReplicateService, ctx: PatientContext
    ) -> None:
        spec = specification(OSTRIS, destination="taken")
        service.backend.prepare(replace(spec, run_id="somebody-elses"), ctx)

        first, second = (service.backend.prepare(spec, ctx) for _ in range(2))

        assert (first.name, first.created) == ("practice/taken-2", True)
        assert (second.name, second.created) == ("practice/taken-2", False)
        model = service.cloud.replicate.state.models.get("practice/taken-2")
        assert model is not None and model.visibility == "private"

    @pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502, "body": "{}"}])
    def test_prepare_finds_the_model_whose_answer_was_lost(
        self, service: ReplicateService, ctx: PatientContext, fault: dict[str, Any]
    ) -> None:
        spec = specification(OSTRIS, destination=f"lost-{'drop' if 'drop' in fault else 'gate'}")
        service.cloud.replicate.next(method="POST", path="/v1/models", when="after", **fault)

        made = service.backend.prepare(spec, ctx)

        assert made.name == f"practice/{spec.destination}"

    def test_weights_of_another_host_are_not_fetched(
        self, service: ReplicateService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        told = succeeded("https://example.com/w.tar")

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
        self,
        service: ReplicateService,
        tmp_path: Path,
        ctx: PatientContext,
        members: dict[str, bytes],
    ) -> None:
        tar = weights_tar(members)
        told = service.deliver(tar, tar)

        with pytest.raises(WeightsError) as caught:
            service.backend.fetch_weights(RemoteRun("replicate", "t", ""), told, tmp_path, ctx)

        assert not (tmp_path / "lora.safetensors").exists()
        assert caught.value.path.read_bytes() == tar
        assert (tmp_path / "weights.tar.damaged-1").read_bytes() == tar

    def test_damaged_archive_is_set_aside_and_brought_once_more(
        self, service: ReplicateService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        good = weights_tar({"a/lora.safetensors": WEIGHTS})
        told = service.deliver(good[:900], good)

        fetched = service.backend.fetch_weights(
            RemoteRun("replicate", "t", ""), told, tmp_path, ctx
        )

        assert fetched.path.read_bytes() == WEIGHTS
        assert (tmp_path / "weights.tar.damaged-1").read_bytes() == good[:900]

    def test_damaged_archive_that_is_gone_by_now_is_kept_and_named(
        self, service: ReplicateService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        told = service.deliver(b"no archive at all")

        with pytest.raises(WeightsError) as caught:
            service.backend.fetch_weights(RemoteRun("replicate", "t", ""), told, tmp_path, ctx)

        assert caught.value.path.read_bytes() == b"no archive at all"

    def test_archive_is_brought_anew_when_its_weights_were_found_damaged(
        self, service: ReplicateService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        run, bad, good = RemoteRun("replicate", "t", ""), b"\0" * len(WEIGHTS), WEIGHTS
        tars = [weights_tar({"a/lora.safetensors": data}) for data in (bad, good)]
        told = service.deliver(*tars)

        first = service.backend.fetch_weights(run, told, tmp_path, ctx)
        again = service.backend.fetch_weights(run, told, tmp_path, ctx)
        assert again.path.read_bytes() == bad
        keep_damaged(first.path)
        last = service.backend.fetch_weights(run, told, tmp_path, ctx)

        assert last.path.read_bytes() == good

    def test_bare_weights_are_taken_as_they_are(
        self, service: ReplicateService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        told = service.deliver(WEIGHTS)

        fetched = service.backend.fetch_weights(
            RemoteRun("replicate", "t", ""), told, tmp_path, ctx
        )

        assert fetched.path.read_bytes() == WEIGHTS


class TestFast(ServiceTrainingContract):
    """The fast trainer, which has no spare input: only the uploaded file bears the mark."""

    @pytest.fixture
    def service(self, cloud: PracticeServices) -> ReplicateService:
        return ReplicateService(cloud, FAST)


def test_launch_finds_nobody_home_without_a_doubt(
    service: ReplicateService, tmp_path: Path, ctx: PatientContext, free_address: str
) -> None:
    spec = specification(OSTRIS)
    destination = service.backend.prepare(spec, ctx)
    data = service.backend.upload(make_archive(tmp_path), "n", ctx)
    nobody = ReplicateTraining(address=free_address, token=lambda: Secret("x"))

    with pytest.raises(ServiceUnreachable):
        nobody.submit(spec, destination, data, "n")


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_check_names_the_account_at_either_form_of_the_address(
    cloud: PracticeServices, end: str
) -> None:
    token = Secret(cloud.replicate.token)
    backend = ReplicateTraining(address=cloud.replicate.url + end, token=lambda: token)

    assert backend.check().name == "practice"


def test_check_refuses_a_wrong_token_without_showing_it(cloud: PracticeServices) -> None:
    wrong = "r8_" + "W" * 37
    backend = ReplicateTraining(address=cloud.replicate.url, token=lambda: Secret(wrong))
    told = {"detail": f"bad token {wrong}"}
    cloud.replicate.next(path="/v1/account", status=401, json=told)

    for _ in range(2):
        with pytest.raises(TokenRejected) as caught:
            backend.check()
        assert wrong not in f"{caught.value} {caught.value!r}"


def test_check_needs_a_token(cloud: PracticeServices) -> None:
    before = len(cloud.replicate.ledger.requests())

    with pytest.raises(TokenMissing):
        ReplicateTraining(address=cloud.replicate.url, token=lambda: None).check()

    assert len(cloud.replicate.ledger.requests()) == before


def test_upload_is_not_tried_for_an_archive_that_is_too_large(
    service: ReplicateService, tmp_path: Path, ctx: PatientContext
) -> None:
    posts = PostCount(service.cloud.replicate, "/v1/files")
    large = replace(make_archive(tmp_path), size_bytes=100_000_000)

    with pytest.raises(InputError):
        service.backend.upload(large, "n", ctx)

    assert posts() == 0
