"""fal's trainings over real HTTP, with two of its trainers."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

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

from fluxlora_desktop.backends.fal.trainers import ARCHIVE_INPUTS, FAST, FLUX2, FLUX2_V2, PORTRAIT
from fluxlora_desktop.backends.fal.training import FalTraining
from fluxlora_desktop.domain.bases import FLUX1_DEV, FLUX2_DEV
from fluxlora_desktop.domain.errors import (
    InputError,
    NotFoundAtService,
    PaymentRequired,
    ServiceInterrupted,
    ServiceRefused,
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
    UnexpectedReply,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import (
    Destination,
    Mark,
    RemoteRun,
    RemoteState,
    RunSnapshot,
    Trainer,
    TrainingSpec,
)
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.services import PracticeServices

_LAUNCH = r"/fal-ai/[^/]+(-trainer(-v2)?|-training)"
_WEIGHTS = r"/files/.*\.safetensors"
_HISTORY = "/v1/models/requests/by-endpoint"
_FOREVER_S = 1e9


class FalService:
    def __init__(self, cloud: PracticeServices, trainer: Trainer) -> None:
        self.cloud, self.trainer = cloud, trainer
        token = Secret(cloud.fal.token)
        self.backend = FalTraining(address=cloud.fal.url, token=lambda: token)
        self.launches = PostCount(cloud.fal, f"^{_LAUNCH}$")

    def fail_launch(self, **fault: Any) -> None:
        self.cloud.fal.next(method="POST", path=_LAUNCH, **fault)

    def fail_listing(self, **fault: Any) -> None:
        self.cloud.fal.next(method="GET", path=_HISTORY, **fault)

    def keep_waiting(self) -> None:
        script = FalScript(queue_seconds=0.0, run_seconds=_FOREVER_S)
        self.cloud.fal.next_training(script)

    def keep_in_the_queue(self) -> None:
        self.cloud.fal.next_training(FalScript(queue_seconds=_FOREVER_S))

    def cut_weights(self, after: int) -> None:
        self.cloud.fal.next(method="GET", path=_WEIGHTS, cut_after=after)

    def weights_of(self, run: RemoteRun) -> bytes:
        return self.cloud.fal.state.weights_path(run.id).read_bytes()

    def inputs_of(self, run: RemoteRun) -> dict[str, Any]:
        request = self.cloud.fal.state.requests.get(run.id)
        assert request is not None
        return request.input

    def tell_status(self, run: RemoteRun, **fields: object) -> None:
        """Let the next look at a run find these fields."""
        told = {"status": "COMPLETED", "logs": None, **fields}
        self.cloud.fal.next(method="GET", path=f".*/requests/{run.id}/status", json=told)

    def tell_history(self, *lines: object, next_cursor: str = "", **more: object) -> None:
        """Let the next look at the history find these lines, and a next page by its cursor."""
        page = {"items": lines, "next_cursor": next_cursor or None, "has_more": bool(next_cursor)}
        self.cloud.fal.next(method="GET", path=_HISTORY, json={**page, **more})

    def history_queries(self) -> list[dict[str, str]]:
        """Return what the history was asked for, the newest last."""
        asked = self.cloud.fal.ledger.requests("GET", _HISTORY)
        return [dict(parse_qsl(entry.facts["query"])) for entry in asked]

    def tell_result(self, run: RemoteRun, **fault: Any) -> None:
        """Let the next question for the result meet a fault."""
        self.cloud.fal.next(method="GET", path=f".*/requests/{run.id}", **fault)


def succeeded(weights_address: str) -> RunSnapshot:
    return RunSnapshot(RemoteState.SUCCEEDED, weights_address=weights_address)


@pytest.fixture
def service(cloud: PracticeServices) -> FalService:
    return FalService(cloud, FLUX2)


class TestFlux2(ServiceTrainingContract):
    """The trainer whose LoRAs run at Together."""

    def test_list_tells_how_what_the_history_knows_has_ended(
        self, service: FalService, ctx: PatientContext
    ) -> None:
        ended = {"ended_at": "2026-01-01T01:00:00Z", "endpoint_id": FLUX2.key}
        service.tell_history(
            {**ended, "request_id": "a", "status_code": 499, "sent_at": "2026-01-01T00:00:00Z"},
            {**ended, "request_id": "b", "status_code": 500, "sent_at": "2026-01-03T00:00:00Z"},
            {**ended, "request_id": "c", "status_code": 200, "sent_at": "2026-01-02T00:00:00Z"},
            {"request_id": "d", "endpoint_id": FLUX2.key},
            {"request_id": "e", "endpoint_id": "fal-ai/flux-lora"},
        )

        told = service.backend.list_trainings(SINCE, ctx)

        states = {one.remote.id: one.state for one in told.trainings}
        assert states == {
            "b": RemoteState.FAILED,
            "c": RemoteState.SUCCEEDED,
            "a": RemoteState.CANCELLED,
            "d": RemoteState.TRAINING,
        }
        assert list(states) == ["b", "c", "a", "d"]
        assert [one.remote.id for one in told.trainings if one.gone] == ["c"]
        assert not told.complete

    def test_training_that_waits_in_the_queue_is_not_listed_yet(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        ctx: PatientContext,
    ) -> None:
        service.keep_in_the_queue()
        run = service.backend.submit(spec, *ready, nonce)

        told = service.backend.list_trainings(SINCE, ctx)

        assert run.id not in {one.remote.id for one in told.trainings}

    def test_launch_sends_what_the_trainer_takes_and_nothing_else(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        given = {**spec.parameters, "default_caption": "a photo of TOK"}

        run = service.backend.submit(replace(spec, parameters=given), *ready, nonce)

        assert service.inputs_of(run) == {
            "image_data_url": ready[1].address,
            "steps": 1000,
            "learning_rate": 0.00005,
            "default_caption": "a photo of TOK",
            "output_lora_format": "fal",
        }
        assert nonce in ready[1].id

    def test_weights_are_those_of_a_flux2_lora_however_their_tensors_are_called(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        for style, named in (("fal", "peft"), ("comfy", "peft without prefix")):
            given = {**spec.parameters, "output_lora_format": style}
            run = service.backend.submit(replace(spec, parameters=given), *ready, nonce)
            last = until_ended(service.backend, run)

            fetched = service.backend.fetch_weights(run, last, tmp_path / style, ctx)

            facts = inspect_weights(fetched.path)
            assert (facts.base, facts.key_style) == (FLUX2_DEV.key, named)

    def test_photo_without_a_caption_is_named_by_the_default_one_or_fails_in_words(
        self, service: FalService, spec: TrainingSpec, tmp_path: Path, ctx: PatientContext
    ) -> None:
        archive = make_archive(tmp_path)
        bare = tmp_path / "bare.zip"
        with zipfile.ZipFile(archive.path) as full, zipfile.ZipFile(bare, "w") as kept:
            for name in full.namelist():
                if name != "img_003.txt":
                    kept.writestr(name, full.read(name))
        destination = service.backend.prepare(spec, ctx)
        data = service.backend.upload(
            replace(archive, path=bare, size_bytes=bare.stat().st_size), "n", ctx
        )
        named = replace(spec, parameters={**spec.parameters, "default_caption": "a TOK"})

        fails, works = (
            until_ended(service.backend, service.backend.submit(one, destination, data, "n"))
            for one in (spec, named)
        )

        assert fails.state is RemoteState.FAILED
        assert "img_003" in fails.error and "caption" in fails.error
        assert works.state is RemoteState.SUCCEEDED

    def test_charge_is_the_price_of_the_steps_ordered(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        before = service.cloud.fal.ledger.charged_usd

        last = until_ended(service.backend, service.backend.submit(spec, *ready, nonce))

        assert last.charge_usd == Decimal("6.4")
        assert last.charge_sure
        assert service.cloud.fal.ledger.charged_usd - before == pytest.approx(6.4)

    def test_progress_and_losses_are_read_from_the_log(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        last = until_ended(service.backend, service.backend.submit(spec, *ready, nonce))

        assert last.log
        assert len(last.losses) > 20
        assert last.progress.total == 1000

    def test_mark_is_found_once_the_training_has_left_the_queue(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        ctx: PatientContext,
    ) -> None:
        service.keep_in_the_queue()
        waiting = service.backend.submit(spec, *ready, nonce)
        mark = Mark(nonce, ready[1].id)
        assert service.backend.find(mark, SINCE, ctx).runs == ()
        service.backend.cancel(waiting)
        service.keep_waiting()
        running = service.backend.submit(spec, *ready, nonce)

        found = service.backend.find(mark, datetime.now(UTC), ctx)

        assert running.id in [run.id for run in found.runs]
        assert found.runs[0].id == running.id
        assert found.runs[0].trainer == FLUX2.key
        assert not found.complete

    def test_found_training_is_followed_without_the_addresses_of_its_launch(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)

        last = until_ended(service.backend, RemoteRun("fal", run.id, run.trainer))

        assert last.state is RemoteState.SUCCEEDED
        assert last.charge_usd is None  # nobody knows how many steps were ordered

    def test_addresses_of_the_launch_are_followed_and_foreign_ones_are_not(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        told = json.loads(run.handle)
        assert all(address.startswith(service.cloud.fal.url) for address in told)
        own = service.cloud.fal.url + "/elsewhere/status"
        service.cloud.fal.next(path="/elsewhere/status", json={"status": "IN_QUEUE", "logs": None})

        there = service.backend.poll(replace(run, handle=json.dumps([own, *told[1:]])))
        foreign = ["https://example.com/s", "https://example.com/r", "https://example.com/c"]
        here = service.backend.poll(replace(run, handle=json.dumps(foreign)))

        assert there.state is RemoteState.QUEUED
        assert here.state is RemoteState.TRAINING

    @pytest.mark.parametrize("handle", ["", "{", "[]", "[1, 2]", "null", '{"a": 1}'])
    def test_handle_that_says_nothing_is_as_none(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str, handle: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)

        assert service.backend.poll(replace(run, handle=handle)).state is RemoteState.TRAINING

    def test_place_in_the_queue_is_said(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_in_the_queue()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell_status(run, status="IN_QUEUE", queue_position=3)

        told = service.backend.poll(run)

        assert (told.state, told.progress.stage) == (
            RemoteState.QUEUED,
            "In the queue, 3 before it",
        )

    @pytest.mark.parametrize("status", ["PONDERING", "IN_PROGRESS"])
    def test_word_that_nobody_knows_means_that_it_goes_on(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str, status: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell_status(run, status=status)

        assert service.backend.poll(run).state is RemoteState.TRAINING

    def test_training_that_broke_at_the_service_says_why_and_is_free(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.cloud.fal.next_training(FalScript(outcome="failed"))

        last = until_ended(service.backend, service.backend.submit(spec, *ready, nonce))

        assert last.state is RemoteState.FAILED
        assert "CUDA out of memory" in last.error
        assert last.charge_usd is None

    def test_training_that_ended_otherwise_may_have_been_charged(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell_status(run, error="Stopped", logs=[{"message": "Training"}])
        service.tell_result(run, status=400, json={"detail": "It was stopped."})

        last = service.backend.poll(run)

        assert (last.state, last.error) == (RemoteState.FAILED, "It was stopped.")
        assert (last.charge_usd, last.charge_sure) == (Decimal("6.4"), False)

    def test_training_that_broke_without_a_result_to_read_may_have_been_charged(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell_status(run, error="worker died", logs=[{"message": "step 900"}])
        service.tell_result(run, drop=True, times=2)

        last = service.backend.poll(run)

        assert (last.state, last.error) == (RemoteState.FAILED, "worker died")
        assert (last.charge_usd, last.charge_sure) == (Decimal("6.4"), False)

    @pytest.mark.parametrize("status", ["FAILED", "ERROR"])
    def test_status_that_means_trouble_ends_the_training_whatever_the_result_says(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str, status: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        service.tell_status(run, status=status)
        service.tell_result(run, status=400, json={"detail": "The training failed."})

        last = service.backend.poll(run)

        assert (last.state, last.error) == (RemoteState.FAILED, "The training failed.")

    def test_input_that_the_trainer_refuses_fails_for_nothing(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        gone = replace(ready[1], address=service.cloud.fal.delivery_url + "/files/b/none/x.zip")

        run = service.backend.submit(spec, ready[0], gone, nonce)
        service.tell_status(run, error="Unprocessable Entity", error_type="validation_error")
        refusal = {"detail": [{"loc": ["body", "steps"], "msg": "too few", "type": "value_error"}]}
        service.tell_result(run, status=422, json=refusal)
        last = service.backend.poll(run)

        assert (last.state, last.error) == (RemoteState.FAILED, "steps: too few")
        assert last.charge_usd is None

    def test_result_that_cannot_be_had_now_is_asked_for_again(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        until_ended(service.backend, run)
        service.tell_result(run, status=502, body="<html>", times=2)

        with pytest.raises(ServiceInterrupted):
            service.backend.poll(run)

        assert service.backend.poll(run).state is RemoteState.SUCCEEDED

    @pytest.mark.parametrize("forgotten", ["status", "result"])
    def test_weights_of_a_training_that_the_queue_forgot_are_found_in_the_history(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        forgotten: str,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        address = until_ended(service.backend, run).weights_address
        gone = {"status": 404, "json": {"detail": "Request not found"}}
        if forgotten == "status":
            service.cloud.fal.next(method="GET", path=f".*/requests/{run.id}/status", **gone)
        else:
            service.tell_result(run, **gone)

        late = service.backend.poll(run)

        assert (late.state, late.weights_address) == (RemoteState.SUCCEEDED, address)
        assert late.charge_usd == Decimal("6.4")

    @pytest.mark.parametrize(
        ("answer", "raised"),
        [
            (
                {"status": 403, "json": {"detail": "User is locked: Exhausted balance."}},
                PaymentRequired,
            ),
            ({"status": 400, "json": {"detail": "Request is still in progress"}}, ServiceRefused),
            ({"status": 413, "json": {"detail": "too large"}}, ServiceRefused),
            ({"status": 404, "json": {"detail": "Request not found"}}, NotFoundAtService),
            ({"status": 202, "json": {"status": "IN_PROGRESS"}}, NotFoundAtService),
            ({"json": {}}, NotFoundAtService),
            ({"body": "null"}, UnexpectedReply),
        ],
        ids=["locked", "in progress", "413", "404", "202", "no weights", "null"],
    )
    def test_result_that_is_disturbed_once_ends_nothing(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        answer: dict[str, Any],
        raised: type[Exception],
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        until_ended(service.backend, run)
        service.tell_result(run, **answer)
        service.tell_history()

        with pytest.raises(raised):
            service.backend.poll(run)

        service.cloud.fal.faults.reset()
        assert service.backend.poll(run).state is RemoteState.SUCCEEDED

    @pytest.mark.parametrize(
        ("status_code", "state", "charge"),
        [
            (499, RemoteState.CANCELLED, Decimal("6.4")),
            (400, RemoteState.FAILED, Decimal("6.4")),
            (500, RemoteState.FAILED, None),
            (422, RemoteState.FAILED, None),
        ],
    )
    def test_end_is_told_by_the_history_where_the_queue_forgot_it(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        status_code: int,
        state: RemoteState,
        charge: Decimal | None,
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        gone = {"status": 404, "json": {"detail": "Request not found"}}
        service.cloud.fal.next(method="GET", path=f".*/requests/{run.id}/status", **gone)
        ended = {"ended_at": "2026-11-26T12:00:00Z", "status_code": status_code}
        service.tell_history({"request_id": run.id, "endpoint_id": run.trainer, **ended})

        last = service.backend.poll(run)

        assert (last.state, last.charge_usd) == (state, charge)
        assert charge is None or not last.charge_sure

    def test_error_that_speaks_of_cancelling_is_no_cancel(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        words = "Worker lost: asyncio.CancelledError"
        service.tell_status(run, error=words, error_type="runner_connection_error")
        service.tell_result(run, status=500, json={"detail": words}, times=2)

        last = service.backend.poll(run)

        assert (last.state, last.error) == (RemoteState.FAILED, words)

    def test_addresses_keep_what_they_say_themselves(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)
        told = json.loads(run.handle)

        service.backend.poll(replace(run, handle=json.dumps([told[0] + "?token=1", *told[1:]])))

        path = f"/fal-ai/flux-2-trainer/requests/{run.id}/status"
        asked = service.cloud.fal.ledger.requests("GET", path)[-1]
        assert asked.facts["query"] == "token=1&logs=1"

    @pytest.mark.parametrize("address", ["https://[x/", "https://q:abc/", "https://q:99999/"])
    def test_malformed_addresses_are_as_none(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str, address: str
    ) -> None:
        service.keep_waiting()
        run = service.backend.submit(spec, *ready, nonce)

        told = service.backend.poll(replace(run, handle=json.dumps([address] * 3)))

        assert told.state is RemoteState.TRAINING

    def test_cancel_says_when_there_is_nothing_to_cancel(self, service: FalService) -> None:
        assert not service.backend.cancel(RemoteRun("fal", "no-such-request", FLUX2.key))

    def test_training_that_nobody_knows_is_not_found(self, service: FalService) -> None:
        with pytest.raises(NotFoundAtService):
            service.backend.poll(RemoteRun("fal", "no-such-request", FLUX2.key))

    def test_weights_come_from_the_delivery_host_without_the_key(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        last = until_ended(service.backend, run)

        service.backend.fetch_weights(run, last, tmp_path, ctx)

        path = last.weights_address.removeprefix(service.cloud.fal.delivery_url)
        read = service.cloud.fal.ledger.requests("GET", path)
        assert [one.facts["authorization"] for one in read] == [False]

    def test_weights_of_another_host_are_not_fetched(
        self, service: FalService, tmp_path: Path, ctx: PatientContext
    ) -> None:
        told = succeeded("https://example.com/w.safetensors")

        with pytest.raises(UnexpectedReply):
            service.backend.fetch_weights(RemoteRun("fal", "t", FLUX2.key), told, tmp_path, ctx)


class TestFast(ServiceTrainingContract):
    """The FLUX.1 trainer, which writes captions and has a field for the trigger word."""

    @pytest.fixture
    def service(self, cloud: PracticeServices) -> FalService:
        return FalService(cloud, FAST)

    def test_trigger_word_has_a_field_of_its_own(
        self, service: FalService, spec: TrainingSpec, ready: Ready, nonce: str
    ) -> None:
        service.keep_waiting()

        sent = service.inputs_of(service.backend.submit(spec, *ready, nonce))

        assert (sent["trigger_word"], sent["images_data_url"]) == ("TOK", ready[1].address)
        assert (sent["is_style"], sent["create_masks"]) == (False, True)

    def test_weights_are_those_of_a_flux1_lora(
        self,
        service: FalService,
        spec: TrainingSpec,
        ready: Ready,
        nonce: str,
        tmp_path: Path,
        ctx: PatientContext,
    ) -> None:
        run = service.backend.submit(spec, *ready, nonce)
        last = until_ended(service.backend, run)

        path = service.backend.fetch_weights(run, last, tmp_path, ctx).path

        assert inspect_weights(path).base == FLUX1_DEV.key
        assert last.charge_usd == Decimal("2")


@pytest.mark.parametrize(
    ("trainer", "sent"),
    [
        (FLUX2_V2, {"image_data_url": "a", "steps": 1000}),
        (PORTRAIT, {"images_data_url": "a", "trigger_phrase": "TOK", "subject_crop": True}),
    ],
    ids=["v2", "portrait"],
)
def test_every_trainer_is_sent_its_own_inputs_and_ends_with_weights(
    cloud: PracticeServices,
    trainer: Trainer,
    sent: dict[str, Any],
    tmp_path: Path,
    ctx: PatientContext,
) -> None:
    service = FalService(cloud, trainer)
    spec = specification(trainer)
    data = service.backend.upload(make_archive(tmp_path), "n", ctx)
    archive = next(name for name in sent if name.endswith("_data_url"))

    run = service.backend.submit(spec, service.backend.prepare(spec, ctx), data, "n")

    assert service.inputs_of(run).items() >= (sent | {archive: data.address}).items()
    last = until_ended(service.backend, run)
    assert last.state is RemoteState.SUCCEEDED
    fetched = service.backend.fetch_weights(run, last, tmp_path / "run", ctx)
    assert inspect_weights(fetched.path).base == trainer.base
    (entry,) = cloud.fal.ledger.entries("training_succeeded")[-1:]
    charged, told = Decimal(str(entry.charged_usd)), service.backend.estimate(spec)
    assert told.low_usd <= charged <= told.high_usd
    assert last.charge_usd == charged


def test_photos_are_sent_to_their_signed_address_without_the_key_and_vanish_in_a_day(
    service: FalService, tmp_path: Path, ctx: PatientContext
) -> None:
    data = service.backend.upload(make_archive(tmp_path), "mark", ctx)

    (put,) = [
        one
        for one in service.cloud.fal.ledger.requests("PUT")
        if one.facts["port"] == "delivery" and not one.facts["authorization"]
    ][-1:]
    assert put.facts["status"] == 200
    newest = max(service.cloud.fal.state.files, key=lambda file: file.created_at)
    assert newest.name == "photos-mark.zip" and data.address.endswith(newest.name)
    assert newest.expires_at == pytest.approx(newest.created_at + 24 * 3600, abs=5)


def test_photos_are_not_sent_to_another_host(
    service: FalService, tmp_path: Path, ctx: PatientContext
) -> None:
    ticket = {"upload_url": "https://example.com/put", "file_url": "https://v3.fal.media/f.zip"}
    service.cloud.fal.next(method="POST", path="/storage/upload/initiate", json=ticket)

    with pytest.raises(UnexpectedReply):
        service.backend.upload(make_archive(tmp_path), "n", ctx)


@pytest.mark.parametrize("fault", [{"status": 503, "body": ""}, {"drop": True}])
def test_photos_are_put_again_when_the_line_breaks(
    service: FalService, tmp_path: Path, ctx: PatientContext, fault: dict[str, Any]
) -> None:
    service.cloud.fal.next(method="PUT", **fault)
    archive = make_archive(tmp_path)

    service.backend.upload(archive, "n", ctx)

    newest = max(service.cloud.fal.state.files, key=lambda file: file.created_at)
    path = service.cloud.fal.state.file_path(newest.id)
    assert path.read_bytes() == archive.path.read_bytes()


def test_upload_is_not_tried_for_an_archive_that_is_too_large(
    service: FalService, tmp_path: Path, ctx: PatientContext
) -> None:
    posts = PostCount(service.cloud.fal, "/storage/")
    large = replace(make_archive(tmp_path), size_bytes=100_000_000)

    with pytest.raises(InputError):
        service.backend.upload(large, "n", ctx)

    assert posts() == 0


@pytest.mark.parametrize(
    "words", ["User is locked. Reason: Exhausted balance.", "Top up your balance to go on"]
)
def test_account_without_credit_is_told_apart_from_other_refusals(
    service: FalService, tmp_path: Path, ctx: PatientContext, words: str
) -> None:
    spec = specification(FLUX2)
    data = service.backend.upload(make_archive(tmp_path), "n", ctx)
    destination = service.backend.prepare(spec, ctx)
    service.fail_launch(status=403, json={"detail": words})
    with pytest.raises(PaymentRequired):
        service.backend.submit(spec, destination, data, "n")

    service.fail_launch(status=403, json={"detail": "This model is not for you."})
    with pytest.raises(ServiceRefused):
        service.backend.submit(spec, destination, data, "n")

    assert service.launches() == 2


def test_launch_finds_nobody_home_without_a_doubt(
    service: FalService, tmp_path: Path, ctx: PatientContext, free_address: str
) -> None:
    spec = specification(FLUX2)
    data = service.backend.upload(make_archive(tmp_path), "n", ctx)
    nobody = FalTraining(address=free_address, token=lambda: Secret("x"))

    with pytest.raises(ServiceUnreachable):
        nobody.submit(spec, service.backend.prepare(spec, ctx), data, "n")


SENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINE = {
    "request_id": "mine",
    "endpoint_id": FLUX2.key,
    "sent_at": SENT.isoformat(),
    "json_input": {"image_data_url": "https://v3.fal.media/files/b/x/photos-the-mark.zip"},
}


def test_history_is_read_page_by_page_from_before_the_launch(
    service: FalService, ctx: PatientContext
) -> None:
    service.tell_history({**MINE, "request_id": "other", "json_input": {}}, next_cursor="Mg==")
    service.tell_history(MINE)

    found = service.backend.find(Mark("the-mark"), SENT, ctx)

    assert [run.id for run in found.runs] == ["mine"]
    first, second = service.history_queries()[-2:]
    assert "cursor" not in first and second["cursor"] == "Mg=="
    for asked in (first, second):
        assert datetime.fromisoformat(asked["start"]) < SENT
        assert set(asked["endpoint_id"].split(",")) == set(ARCHIVE_INPUTS)


def test_launch_is_found_behind_more_requests_than_a_page_holds(
    service: FalService, tmp_path: Path, ctx: PatientContext
) -> None:
    spec = specification(FLUX2)
    data = service.backend.upload(make_archive(tmp_path), "n1", ctx)
    service.keep_waiting()
    run = service.backend.submit(spec, service.backend.prepare(spec, ctx), data, "n1")
    requests = service.cloud.fal.state.requests
    ours = requests.get(run.id)
    assert ours is not None
    for number in range(120):
        other = replace(ours, id=f"other-{number}", created_at=ours.created_at + 1 + number / 100)
        requests.put(replace(other, input={"image_data_url": f"http://127.0.0.1/{number}.zip"}))
    while service.backend.poll(run).state is RemoteState.QUEUED:
        ctx.pause(0.05)

    try:
        found = service.backend.find(Mark("n1", data.id), datetime.now(UTC), ctx)
    finally:
        for number in range(120):
            requests.put(replace(ours, id=f"other-{number}", input={}, settled=True))

    assert [one.id for one in found.runs] == [run.id]


@pytest.mark.parametrize(
    "line", [{"request_id": "a/b"}, {}, None, "text", {"request_id": None}], ids=repr
)
def test_line_of_the_history_that_cannot_be_read_hides_no_other(
    service: FalService, ctx: PatientContext, line: object
) -> None:
    service.tell_history(line, MINE, has_more=None)

    assert [run.id for run in service.backend.find(Mark("the-mark"), SENT, ctx).runs] == ["mine"]


def test_history_that_is_too_long_is_read_in_smaller_pieces(
    service: FalService, ctx: PatientContext
) -> None:
    large = {**MINE, "request_id": "large", "json_input": {"image_data_url": "x" * 21_000_000}}
    service.tell_history(large)
    service.tell_history(MINE)

    assert [run.id for run in service.backend.find(Mark("the-mark"), SENT, ctx).runs] == ["mine"]
    assert [query["limit"] for query in service.history_queries()[-2:]] == ["100", "10"]


@pytest.mark.parametrize("mark", [Mark("other", "/"), Mark("other", ""), Mark("", "/files/b/x/")])
def test_mark_that_fits_everything_fits_nothing(
    service: FalService, ctx: PatientContext, mark: Mark
) -> None:
    service.tell_history(MINE)

    assert service.backend.find(mark, SENT, ctx).runs == ()


def test_charge_is_not_sure_where_sources_differ_about_the_price(
    cloud: PracticeServices, tmp_path: Path, ctx: PatientContext
) -> None:
    service, theirs = FalService(cloud, FLUX2_V2), specification(FLUX2_V2)
    data = service.backend.upload(make_archive(tmp_path), "n2", ctx)

    last = until_ended(service.backend, service.backend.submit(theirs, Destination(""), data, "n2"))

    assert last.charge_usd == service.backend.estimate(theirs).high_usd
    assert not last.charge_sure


@pytest.mark.parametrize("end", ["", "/"])
def test_check_accepts_a_good_key(cloud: PracticeServices, end: str) -> None:
    token = Secret(cloud.fal.token)
    backend = FalTraining(address=cloud.fal.url + end, token=lambda: token)

    assert backend.check().service == "fal"


def test_check_refuses_a_wrong_key_without_showing_it(cloud: PracticeServices) -> None:
    wrong = "11111111-2222-3333-4444-555555555555:" + "a" * 32
    backend = FalTraining(address=cloud.fal.url, token=lambda: Secret(wrong))
    cloud.fal.next(path="/v1/.*", status=401, json={"detail": f"bad key {wrong}"})

    for _ in range(2):
        with pytest.raises(TokenRejected) as caught:
            backend.check()
        assert wrong not in f"{caught.value} {caught.value!r}"


def test_check_needs_a_key(cloud: PracticeServices) -> None:
    with pytest.raises(TokenMissing):
        FalTraining(address=cloud.fal.url, token=lambda: None).check()


def test_key_goes_to_fals_own_hosts_alone_at_its_real_address() -> None:
    client = FalTraining(address="https://queue.fal.run/", token=lambda: Secret("k"))._client

    bases = {part.endpoint.base_url for part in (client._queue, client._storage, client._platform)}
    assert bases == {"https://queue.fal.run", "https://rest.fal.ai", "https://api.fal.ai"}
    for part in (client._queue, client._storage, client._platform):
        assert not part.endpoint.owns("https://v3.fal.media/files/b/x/weights.safetensors")
        assert not part.endpoint.owns("https://queue.fal.run.example.com/x")
    client._queue.endpoint.check_readable("https://v3b.fal.media/files/b/x/weights.safetensors")
    bucket = "https://storage.googleapis.com/fal-flux-lora"
    client._queue.endpoint.check_readable(f"{bucket}/0c_pytorch_lora_weights.safetensors")
    for other in (bucket + "-other/x", bucket + "/../other/x", "https://storage.googleapis.com/x"):
        with pytest.raises(UnexpectedReply):
            client._queue.endpoint.check_readable(other)
    with pytest.raises(UnexpectedReply):
        client._queue.endpoint.check_readable("https://fal.media.example.com/x")
