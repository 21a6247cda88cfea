"""The practice Replicate, driven by plain HTTP and judged by the official client."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from fluxlora_desktop.practice.lora import read_subject
from fluxlora_desktop.practice.replicate import files
from fluxlora_desktop.practice.replicate.scripts import TrainingScript
from fluxlora_desktop.practice.services import PracticeServices

TRAINER = "ostris/flux-dev-lora-trainer"
FAST = "replicate/fast-flux-trainer"
SCHEMAS = json.loads((Path(__file__).parent / "schemas" / "replicate.json").read_text("utf-8"))
PUBLISHED = Path(__file__).parents[3] / "shared" / "specs" / "replicate-openapi.json"


def check(kind: str, value: Any, published: str = "") -> Any:
    """Hold a reply against the repo's own schema, and the published one where it is at hand."""
    Draft202012Validator({**SCHEMAS, "$ref": f"#/$defs/{kind}"}).validate(value)
    if published and PUBLISHED.exists():
        schemas = json.loads(PUBLISHED.read_text("utf-8"))["components"]["schemas"]
        schema = schemas[f"schemas_{published}_response"]
        for rule in schema["properties"].values():
            if rule.get("nullable"):
                rule["type"] = [rule["type"], "null"]
        # Recordings of the real service hold nulls where the description has nothing optional.
        wanted = schema.get("required", [])
        told = {key: item for key, item in value.items() if item is not None or key in wanted}
        Draft202012Validator(schema).validate(told)
    return value


def photo_zip(names: tuple[str, ...] = ("a.jpg", "a.txt", "b.png", "c.webp")) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for place, name in enumerate(names):
            data = io.BytesIO()
            if name.endswith(".txt"):
                data.write(b"TOKFOX on a table")
            else:
                kind = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}.get(name[-3:], "WEBP")
                Image.new("RGB", (64, 64), (200, 90 + place, 40)).save(data, kind)
            file.writestr(zipfile.ZipInfo(name), data.getvalue())  # the same bytes at any time
    return out.getvalue()


class Api:
    """A person's few calls over plain HTTP."""

    def __init__(self, services: PracticeServices) -> None:
        self.services = services
        self.http = httpx.Client(
            base_url=services.replicate.url + "/v1",
            headers={"Authorization": f"Bearer {services.replicate.token}"},
            trust_env=False,
            timeout=60,
        )

    def upload(self, data: bytes) -> dict[str, Any]:
        reply = self.http.post(
            "/files",
            files={"content": ("photos.zip", data, "application/zip")},
            data={"metadata": json.dumps({"attempt": "n-1"})},
        )
        assert reply.status_code == 201
        file: dict[str, Any] = check("file", reply.json(), "file")
        return file

    def destination(self, name: str = "fox") -> str:
        body = {"owner": "practice", "name": name, "visibility": "private", "hardware": "gpu-t4"}
        self.http.post("/models", json=body)
        return f"practice/{name}"

    def launch(
        self, trainer: str = TRAINER, data: bytes | None = None, **given: Any
    ) -> httpx.Response:
        file = self.upload(photo_zip() if data is None else data)
        version = self.http.get(f"/models/{trainer}").json()["latest_version"]["id"]
        inputs = {"input_images": file["urls"]["get"], "trigger_word": "TOKFOX", **given}
        return self.http.post(
            f"/models/{trainer}/versions/{version}/trainings",
            json={"destination": self.destination(), "input": inputs},
        )

    def train(
        self, trainer: str = TRAINER, data: bytes | None = None, **given: Any
    ) -> dict[str, Any]:
        created = check("training_created", self.launch(trainer, data, **given).json(), "training")
        return self.until_ended("trainings", created["id"])

    def until_ended(self, kind: str, job_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job = check(kind[:-1], self.http.get(f"/{kind}/{job_id}").json(), kind[:-1])
            return job if job["status"] not in ("starting", "processing") else None

        job: dict[str, Any] = wait_for(ended)
        return job


def wait_for(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
    pytest.fail("it did not happen in time")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[PracticeServices]:
    with PracticeServices(state_dir=tmp_path / "practice", speed=2000) as running:
        yield running


@pytest.fixture
def api(services: PracticeServices) -> Iterator[Api]:
    made = Api(services)
    with made.http:
        yield made


def test_account_hardware_and_models_have_the_published_shapes(api: Api) -> None:
    check("account", api.http.get("/account").json())
    check("hardware", api.http.get("/hardware").json())
    for name in (TRAINER, FAST, "black-forest-labs/flux-dev-lora", "black-forest-labs/flux-dev"):
        model = check("model", api.http.get(f"/models/{name}").json(), "model")
        versions = check("page", api.http.get(f"/models/{name}/versions").json())
        assert versions["results"][0]["id"] == model["latest_version"]["id"]


def test_stranger_is_refused_in_the_recorded_words(api: Api) -> None:
    reply = httpx.get(api.services.replicate.url + "/v1/account", trust_env=False, timeout=60)

    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
        "status": 401,
    }


def test_model_is_made_once_and_a_second_one_of_its_name_refused(api: Api) -> None:
    body = {"owner": "practice", "name": "fox", "visibility": "private", "hardware": "gpu-t4"}

    first, second = (api.http.post("/models", json=body) for _ in range(2))

    assert first.status_code == 201
    assert check("model", first.json(), "model")["latest_version"] is None
    assert second.status_code == 409
    assert (
        second.json()["errors"][0]["detail"] == "A model with that name and owner already exists."
    )


def test_file_keeps_its_bytes_and_metadata_until_it_is_deleted(api: Api) -> None:
    data = photo_zip()

    file = api.upload(data)

    assert file["checksums"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert file["metadata"] == {"attempt": "n-1"}
    assert [entry["id"] for entry in api.http.get("/files").json()["results"]] == [file["id"]]
    assert api.http.delete(f"/files/{file['id']}").status_code == 204
    gone = api.http.get(f"/files/{file['id']}")
    assert (gone.status_code, gone.json()) == (404, {"detail": "File not found"})


@pytest.mark.parametrize("size", [1_000_000, 1_200_000])
def test_file_of_the_limit_or_more_is_refused(
    api: Api, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    assert files.LIMIT_BYTES == 100_000_000
    monkeypatch.setattr(files, "LIMIT_BYTES", 1_000_000)

    reply = api.http.post("/files", files={"content": ("a.zip", bytes(size), "application/zip")})

    assert reply.status_code == 413
    assert reply.json() == {"detail": "Files must be less than 100MB in size"}
    assert api.http.get("/files").json()["results"] == []


def test_training_needs_its_destination(api: Api) -> None:
    version = api.http.get(f"/models/{TRAINER}").json()["latest_version"]["id"]

    reply = api.http.post(
        f"/models/{TRAINER}/versions/{version}/trainings",
        json={"destination": "practice/nothing", "input": {}},
    )

    assert reply.status_code == 404
    assert reply.json() == {
        "detail": "The specified training destination does not exist",
        "status": 404,
    }
    assert api.services.replicate.ledger.count("training_created") == 0


def test_training_echoes_its_inputs_with_a_signed_address(api: Api) -> None:
    created = api.launch(wandb_run="fluxlora-1", hf_token="hf_secret").json()

    address = created["input"]["input_images"]
    assert "/download?expiry=" in address
    assert created["input"]["wandb_run"] == "fluxlora-1"
    assert created["input"]["hf_token"] == "[REDACTED]"
    assert "/v1/predictions/" in created["urls"]["get"]
    assert api.http.get(created["urls"]["get"]).json()["id"] == created["id"]
    assert httpx.get(address, trust_env=False, timeout=60).content == photo_zip()
    assert httpx.get(address[:-1] + "x", trust_env=False, timeout=60).status_code == 404


def test_training_leaves_a_version_and_an_archive_with_the_lora(api: Api) -> None:
    done = api.train(steps=30)

    assert done["status"] == "succeeded"
    assert "flux_train_replicate: " in done["logs"]
    assert " 29/30 [" in done["logs"]
    assert " 30/30 [" not in done["logs"]
    with httpx.Client(trust_env=False, timeout=60) as stranger:
        archive = stranger.get(done["output"]["weights"])
        rest = stranger.get(
            done["output"]["weights"],
            headers={"Range": "bytes=1000-", "If-Range": archive.headers["etag"]},
        )
    assert (rest.status_code, rest.content) == (206, archive.content[1000:])
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as tar:
        weights = tar.extractfile("output/flux_train_replicate/lora.safetensors")
        assert weights is not None
        subject = read_subject(weights.read())
        assert "output/flux_train_replicate/captions/a.txt" in tar.getnames()
    assert subject.trigger_word == "TOKFOX"
    model = api.http.get("/models/practice/fox").json()
    assert done["output"]["version"] == f"practice/fox:{model['latest_version']['id']}"
    seconds = done["metrics"]["predict_time"]
    assert api.services.replicate.ledger.charged_usd == pytest.approx(seconds * 0.001525, abs=1e-5)


def test_fast_trainer_leaves_its_own_layout_at_its_own_price(api: Api) -> None:
    done = api.train(FAST, lora_type="subject")

    with tarfile.open(
        fileobj=io.BytesIO(
            httpx.get(done["output"]["weights"], trust_env=False, timeout=60).content
        )
    ) as tar:
        assert tar.getnames() == ["flux-lora/flux-lora.safetensors"]
    assert api.services.replicate.ledger.charged_usd == pytest.approx(1.46, abs=0.1)


@pytest.mark.parametrize(
    ("given", "data", "said"),
    [
        ({"steps": 1}, None, "ensure this value is greater than or equal to 3"),
        ({"lora_rank": 500}, None, "ensure this value is less than or equal to 128"),
        ({"input_images": ""}, None, "is not a valid URL scheme"),
        ({}, b"no zip at all", "input_images must be a zip file"),
        ({}, photo_zip(("a.txt",)), "no images found in input_images"),
    ],
)
def test_training_with_bad_inputs_is_taken_and_fails_afterwards(
    api: Api, given: dict[str, Any], data: bytes | None, said: str
) -> None:
    done = api.train(data=data, **given)

    assert done["status"] == "failed"
    assert said in done["error"]
    assert done["output"] is None


def test_training_goes_as_a_script_says(api: Api) -> None:
    for script in (
        TrainingScript(outcome="failed", error="CUDA error"),
        TrainingScript(outcome="aborted"),
        TrainingScript(nan_loss_from_step=5),
        TrainingScript(output_missing=True),
    ):
        api.services.replicate.next_training(script)

    failed, aborted, nan, silent = (api.train(steps=20) for _ in range(4))

    assert (failed["status"], failed["error"]) == ("failed", "CUDA error")
    assert (aborted["status"], aborted["metrics"]) == ("aborted", {})
    assert "loss: nan]" in nan["logs"]
    assert (silent["status"], silent["output"]) == ("succeeded", None)


def test_cancel_stops_a_training_and_its_charges(tmp_path: Path) -> None:
    with PracticeServices(state_dir=tmp_path, speed=1.0) as services:
        api = Api(services)
        with api.http:
            training = api.launch().json()
            cancelled = api.http.post(f"/trainings/{training['id']}/cancel")
            again = api.http.post(f"/trainings/{training['id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "canceled")
    assert again.json()["status"] == "canceled"
    assert services.replicate.ledger.charged_usd == 0
    assert services.replicate.ledger.count("training_canceled") == 1


def test_trainings_are_listed_newest_first_in_pages_of_a_hundred(api: Api) -> None:
    path = (
        f"/models/{FAST}/versions/{api.http.get(f'/models/{FAST}').json()['latest_version']['id']}"
    )
    body = {"destination": api.destination(), "input": {"input_images": ""}}
    ids = [api.http.post(f"{path}/trainings", json=body).json()["id"] for _ in range(101)]

    first = check("page", api.http.get("/trainings").json())
    second = check("page", api.http.get(first["next"]).json())

    listed = [*first["results"], *second["results"]]
    assert [job["id"] for job in listed] == ids[::-1]
    assert second["next"] is None
    assert all("destination" not in job and "logs" not in job for job in listed)


def test_pictures_show_the_trained_lora_and_nothing_without_it(api: Api) -> None:
    version = api.train(steps=20)["output"]["version"]

    def picture(scale: float) -> bytes:
        inputs = {"prompt": "TOKFOX at sea", "seed": 4, "lora_scale": scale, "megapixels": "0.25"}
        reply = api.http.post(
            "/predictions", json={"version": version, "input": inputs}, headers={"Prefer": "wait"}
        )
        done = check("prediction", reply.json(), "prediction")
        assert (reply.status_code, done["status"]) == (201, "succeeded"), done["error"]
        return httpx.get(done["output"][0], trust_env=False, timeout=60).content

    assert picture(1.0) == picture(1.0)
    assert picture(1.0) != picture(0.0)
    assert api.services.replicate.ledger.count("prediction_succeeded") == 4


def test_official_model_fetches_a_lora_by_address_or_says_why_not(api: Api) -> None:
    weights = api.train(steps=20)["output"]["weights"]

    def make(address: str) -> dict[str, Any]:
        inputs = {"prompt": "TOKFOX", "lora_weights": address, "megapixels": "0.25"}
        reply = api.http.post(
            "/models/black-forest-labs/flux-dev-lora/predictions",
            json={"input": inputs},
            headers={"Prefer": "wait"},
        )
        done: dict[str, Any] = reply.json()
        return done

    assert make(weights)["status"] == "succeeded"
    assert make("practice/fox")["status"] == "succeeded"
    for address in ("practice/unknown", "huggingface.co/practice/fox", weights + "x"):
        failed = make(address)
        assert failed["status"] == "failed"
        assert failed["error"].startswith("Failed to download LoRA weights")
    assert api.http.post(f"/models/{TRAINER}/predictions", json={"input": {}}).status_code == 404


def test_pictures_are_gone_after_an_hour(tmp_path: Path) -> None:
    ahead = [0.0]
    with PracticeServices(
        state_dir=tmp_path, speed=2000, clock=lambda: time.time() + ahead[0]
    ) as services:
        api = Api(services)
        with api.http:
            inputs = {"prompt": "a hill", "aspect_ratio": "1:1", "megapixels": "0.25"}
            made = api.http.post(
                "/models/black-forest-labs/flux-dev/predictions",
                json={"input": inputs},
                headers={"Prefer": "wait"},
            ).json()
            ahead[0] = 3700.0
            later = api.http.get(f"/predictions/{made['id']}").json()
            picture = httpx.get(made["output"][0], trust_env=False, timeout=60)

    assert (later["data_removed"], later["output"], later["input"]) == (True, None, {})
    assert picture.status_code == 404


def test_training_goes_on_after_the_process_was_killed(tmp_path: Path) -> None:
    def start() -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "fluxlora_desktop.practice", "--state-dir", str(tmp_path),
             "--speed", "150"],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        return process, told

    def call(told: dict[str, Any]) -> httpx.Client:
        replicate = told["replicate"]
        headers = {"Authorization": f"Bearer {replicate['token']}"}
        return httpx.Client(
            base_url=replicate["url"] + "/v1", headers=headers, trust_env=False, timeout=60
        )

    first, told = start()
    with first, call(told) as http:
        body = {"owner": "practice", "name": "fox", "visibility": "private", "hardware": "cpu"}
        http.post("/models", json=body)
        file = http.post("/files", files={"content": ("a.zip", photo_zip(), "application/zip")})
        version = http.get(f"/models/{TRAINER}").json()["latest_version"]["id"]
        inputs = {"input_images": file.json()["urls"]["get"], "steps": 100}
        training = http.post(
            f"/models/{TRAINER}/versions/{version}/trainings",
            json={"destination": "practice/fox", "input": inputs},
        ).json()
        first.kill()
    second, again = start()
    with second, call(again) as http:

        def done() -> dict[str, Any] | None:
            job: dict[str, Any] = http.get(f"/trainings/{training['id']}").json()
            return job if job["status"] == "succeeded" else None

        assert wait_for(done)["output"]["version"].startswith("practice/fox:")
        entries = http.get(again["replicate"]["url"] + "/_practice/ledger").json()["entries"]
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0

    assert again == told, "addresses and tokens are those of the last time"
    kinds = [entry["kind"] for entry in entries]
    assert kinds.count("training_created") == 1
    assert kinds.count("training_succeeded") == 1


def test_command_ends_by_itself_when_nobody_asks_for_anything(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fluxlora_desktop.practice", "--state-dir", str(tmp_path),
         "--idle-exit", "0.5"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ,
    )  # fmt: skip

    assert ended.returncode == 0
    assert ended.stderr == ""
    services = {"replicate", "huggingface", "together", "fal", "own_pictures"}
    assert set(json.loads(ended.stdout)) == services


def test_official_client_goes_the_whole_way(api: Api) -> None:
    from replicate import Replicate  # a slow import that only this test needs

    client = Replicate(
        bearer_token=api.services.replicate.token,
        base_url=api.services.replicate.url + "/v1",
        max_retries=0,
        http_client=httpx.Client(trust_env=False, timeout=60),
    )
    with client:
        assert client.account.get().username == "practice"
        file = client.files.create(content=("photos.zip", photo_zip(), "application/zip"))
        client.models.create(owner="practice", name="fox", hardware="cpu", visibility="private")
        trainer = client.models.get(model_owner="ostris", model_name="flux-dev-lora-trainer")
        assert trainer.latest_version is not None
        training = client.trainings.create(
            model_owner="ostris",
            model_name="flux-dev-lora-trainer",
            version_id=trainer.latest_version.id,
            destination="practice/fox",
            input={"input_images": file.urls.get, "trigger_word": "TOKFOX", "steps": 10},
        )
        done = wait_for(
            lambda: (
                job
                if (job := client.trainings.get(training_id=training.id)).status == "succeeded"
                else None
            )
        )
        assert done.output.weights.endswith("/trained_model.tar")
        prediction = client.predictions.create(
            version=done.output.version, input={"prompt": "TOKFOX"}, prefer="wait"
        )
        assert prediction.status == "succeeded"
        assert client.trainings.cancel(training_id=training.id).status == "succeeded"
        client.files.delete(file_id=file.id)
