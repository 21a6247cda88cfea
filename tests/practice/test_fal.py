"""The practice fal, driven by plain HTTP; its own client judges it in test_official_clients."""

import base64
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, ValidationError
from PIL import Image

from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.practice.fal import clerk, pictures
from fluxlora_desktop.practice.fal.recipes import find_trigger_word
from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.lora import read_subject, write_flux1_lora, write_flux2_lora
from fluxlora_desktop.practice.services import PracticeServices

FLUX2_TRAINER = "fal-ai/flux-2-trainer"
FAST = "fal-ai/flux-lora-fast-training"
PORTRAIT = "fal-ai/flux-lora-portrait-trainer"
FLUX1_LORA = "fal-ai/flux-lora"
FLUX2_LORA = "fal-ai/flux-2/lora"
SCHEMAS = json.loads((Path(__file__).parent / "schemas" / "fal.json").read_text("utf-8"))
PUBLISHED = Path(__file__).parents[3] / "shared" / "specs" / "fal-queue-openapi.yml"
PUBLISHED_STORAGE = PUBLISHED.with_name("fal-storage-openapi.yml")
FOX = Path(__file__).parents[2] / "resources" / "practice-photos" / "fox_01.jpg"
NEVER = 1e9
BAR = re.compile(
    r"Training: +\d+%\|.{10}\| (\d+)/\d+ "
    r"\[[\d:]+<[\d:]+, [\d.]+(it/s|s/it), loss=\d\.\d{3}\]"
)
KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{32}")


def fits(kind: str, value: Any) -> Any:
    """Hold a reply against the repo's own schema and return it."""
    Draft202012Validator({**SCHEMAS, "$ref": f"#/$defs/{kind}"}).validate(value)
    return value


def small_photo() -> bytes:
    out = io.BytesIO()
    with Image.open(FOX) as photo:
        photo.thumbnail((256, 256))
        photo.save(out, "JPEG")
    return out.getvalue()


PHOTO = small_photo()


def photo_zip(caption: str | None = "TOKFOX on a shelf", photos: int = 4) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(photos):
            archive.writestr(zipfile.ZipInfo(f"fox_{number}.jpg"), PHOTO)
            if caption is not None:
                archive.writestr(zipfile.ZipInfo(f"fox_{number}.txt"), caption)
    return out.getvalue()


PHOTO_ZIP = photo_zip()


class Fal:
    """A person's few calls, at a practice fal whose clock the test moves."""

    def __init__(self, services: PracticeServices, now: list[float]) -> None:
        self.service, self.now = services.fal, now
        self.http = httpx.Client(
            base_url=services.fal.url,
            headers={"Authorization": f"Key {services.fal.token}"},
            trust_env=False,
            timeout=30,
        )
        self.stranger = httpx.Client(trust_env=False, timeout=30)

    def initiate(self, name: str = "photos.zip", **headers: str) -> dict[str, str]:
        body = {"file_name": name, "content_type": "application/zip"}
        reply = self.http.post("/storage/upload/initiate", json=body, headers=headers)
        told: dict[str, str] = fits("initiated", reply.json())
        return told

    def put(self, address: str, data: bytes, kind: str = "application/zip") -> httpx.Response:
        return self.stranger.put(address, content=data, headers={"Content-Type": kind})

    def upload(self, data: bytes, name: str = "photos.zip", **headers: str) -> str:
        told = self.initiate(name, **headers)
        assert self.put(told["upload_url"], data).status_code == 200
        return told["file_url"]

    def submit(self, endpoint: str, **given: Any) -> dict[str, Any]:
        reply = self.http.post(f"/{endpoint}", json=given)
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = fits("IN_QUEUE", reply.json())
        return told

    def train(
        self, endpoint: str = FLUX2_TRAINER, data: bytes = PHOTO_ZIP, **given: Any
    ) -> dict[str, Any]:
        field = "image_data_url" if endpoint.startswith(FLUX2_TRAINER) else "images_data_url"
        return self.submit(endpoint, **{field: self.upload(data), **given})

    def status(self, told: dict[str, Any], logs: str = "") -> dict[str, Any]:
        reply = self.http.get(told["status_url"], params={"logs": logs} if logs else None)
        status: dict[str, Any] = reply.json()
        assert reply.status_code == (200 if status["status"] == "COMPLETED" else 202)
        fits(status["status"], status)
        return status

    def ended(self, told: dict[str, Any], logs: str = "") -> dict[str, Any]:
        """Let the time pass that a request needs, and return its last status."""
        self.now[0] += 1e5
        deadline = time.monotonic() + 30
        while (status := self.status(told, logs))["status"] != "COMPLETED":
            assert time.monotonic() < deadline, status
        return status

    def result(self, told: dict[str, Any]) -> httpx.Response:
        return self.http.get(told["response_url"])

    def made(self, told: dict[str, Any], kind: str) -> dict[str, Any]:
        assert "error" not in self.ended(told)
        reply = self.result(told)
        assert reply.status_code == 200
        made: dict[str, Any] = fits(kind, reply.json())
        return made

    def painted(self, endpoint: str = FLUX1_LORA, **given: Any) -> dict[str, Any]:
        body = {"prompt": "TOKFOX on a beach", "seed": 4, "image_size": "square", **given}
        return self.made(self.submit(endpoint, **body), "painted")

    def problems(self, told: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what the model says about the inputs of a request."""
        status = self.ended(told)
        assert (status["error"], status["error_type"]) == (
            "Unprocessable Entity",
            "validation_error",
        )
        reply = self.result(told)
        assert reply.status_code == 422
        detail: list[dict[str, Any]] = fits("refusal", reply.json())["detail"]
        return detail

    def get(self, address: str) -> bytes:
        reply = self.stranger.get(address)
        assert reply.status_code == 200
        return reply.content

    def cancel(self, told: dict[str, Any]) -> tuple[int, str]:
        reply = self.http.put(told["cancel_url"])
        return reply.status_code, reply.json()["status"]

    def history(self, **query: Any) -> dict[str, Any]:
        query = {"endpoint_id": FLUX2_TRAINER, **query}
        reply = self.http.get("/v1/models/requests/by-endpoint", params=query)
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = fits("history", reply.json())
        return told

    def charged(self, told: dict[str, Any]) -> float:
        """Return what one request was charged."""
        entries = self.service.ledger.entries()
        mine = (it for it in entries if it.facts.get("id") == told["request_id"])
        return sum(entry.charged_usd for entry in mine)

    def close(self) -> None:
        self.http.close()
        self.stranger.close()


@pytest.fixture
def now() -> list[float]:
    return [1_795_000_000.0]


@pytest.fixture
def start(tmp_path: Path, now: list[float]) -> Iterator[Callable[[], Fal]]:
    """Return a way to start the services, again where they run already."""
    running: list[tuple[PracticeServices, Fal]] = []

    def stop() -> None:
        for services, fal in running:
            fal.close()
            services.stop()
        running.clear()

    def begin() -> Fal:
        stop()
        services = PracticeServices(state_dir=tmp_path / "practice", clock=lambda: now[0])
        services.start()
        running.append((services, Fal(services, now)))
        return running[0][1]

    yield begin
    stop()


@pytest.fixture
def fal(start: Callable[[], Fal]) -> Fal:
    return start()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fal]:
    """Return a fal for tests that each look at requests of their own only."""
    now = [1_795_000_000.0]
    folder = tmp_path_factory.mktemp("shared")
    with PracticeServices(state_dir=folder, clock=lambda: now[0]) as services:
        fal = Fal(services, now)
        yield fal
        fal.close()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("weights")
    told: dict[str, Any] = {
        "photos": [PHOTO],
        "captions": {},
        "trigger_word": "TOKFOX",
        "rank": 1,
        "steps": 10,
    }
    write_flux1_lora(folder / "one", **told)
    write_flux2_lora(folder / "two", **told)
    return {"one": (folder / "one").read_bytes(), "two": (folder / "two").read_bytes()}


@pytest.mark.parametrize("authorization", ["", "Key wrong", "Bearer {key}", "{key}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/{FLUX2_TRAINER}"),
        ("POST", "/storage/upload/initiate"),
        ("POST", "/storage/auth/token"),
        ("GET", "/v1/models/requests/by-endpoint"),
        ("GET", f"/{FLUX2_TRAINER}/requests/1/status"),
        ("PUT", f"/{FLUX2_TRAINER}/requests/1/cancel"),
    ],
)
def test_stranger_is_refused(shared: Fal, authorization: str, method: str, path: str) -> None:
    headers = {"Authorization": authorization.format(key=shared.service.token)}

    reply = shared.stranger.request(method, shared.service.url + path, headers=headers, json={})

    assert reply.status_code == 401
    assert isinstance(fits("refusal", reply.json())["detail"], str)


def test_key_looks_like_a_real_one(shared: Fal) -> None:
    assert KEY.fullmatch(shared.service.token)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/fal-ai/flux-9", "Application 'flux-9' not found"),
        ("/nobody/flux-2", "Application 'flux-2' not found"),
        ("/fal-ai/flux-2/none", "Path /none not found"),
    ],
)
def test_endpoint_that_does_not_exist_is_not_found(shared: Fal, path: str, said: str) -> None:
    reply = shared.http.post(path, json={})

    assert (reply.status_code, reply.json()) == (404, {"detail": said})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"steps": NaN}'])
def test_body_that_is_no_object_is_refused_at_once(shared: Fal, body: bytes) -> None:
    before = shared.service.ledger.count("training_created")

    reply = shared.http.post(f"/{FLUX2_TRAINER}", content=body)

    assert reply.status_code == 422
    fits("refusal", reply.json())
    assert shared.service.ledger.count("training_created") == before


def test_upload_is_put_to_a_signed_address_and_read_by_anybody(shared: Fal) -> None:
    told = shared.initiate("my photos.zip")
    before = shared.stranger.get(told["file_url"])
    put = shared.put(told["upload_url"], b"zip")
    after = shared.stranger.get(told["file_url"])

    assert told["file_url"].startswith(shared.service.delivery_url)
    assert told["file_url"].endswith("/my_photos.zip")
    assert (before.status_code, put.status_code) == (404, 200)
    assert (after.content, after.headers["content-type"]) == (b"zip", "application/zip")


@pytest.mark.parametrize(
    ("spoil", "kind", "later"),
    [
        (lambda address: address.partition("?")[0], "application/zip", 0),
        (lambda address: address[:-1] + "x", "application/zip", 0),
        (lambda address: address, "application/json", 0),
        (lambda address: address, "application/zip", 3601),
        (lambda address: re.sub(r"expires=\d", "expires=9", address), "application/zip", 0),
    ],
)
def test_upload_is_refused_where_the_signature_does_not_hold(
    shared: Fal, spoil: Callable[[str], str], kind: str, later: float
) -> None:
    told = shared.initiate()
    shared.now[0] += later

    reply = shared.put(spoil(told["upload_url"]), b"zip", kind)

    assert reply.status_code == 403
    assert shared.stranger.get(told["file_url"]).status_code == 404


@pytest.mark.parametrize("missing", ["file_name", "content_type"])
def test_upload_without_its_name_or_type_is_refused(shared: Fal, missing: str) -> None:
    body = {"file_name": "a.zip", "content_type": "application/zip"}
    del body[missing]

    reply = shared.http.post("/storage/upload/initiate", json=body)

    assert reply.status_code == 422
    assert fits("refusal", reply.json())["detail"][0]["loc"] == ["body", missing]


def test_file_is_gone_when_its_lifetime_has_passed(shared: Fal) -> None:
    wish = json.dumps({"expiration_duration_seconds": 60})
    short = shared.upload(b"zip", **{"X-Fal-Object-Lifecycle-Preference": wish})
    kept = shared.upload(b"zip")

    shared.now[0] += 59
    early = shared.stranger.get(short).status_code
    shared.now[0] += 1
    late = [shared.stranger.get(address).status_code for address in (short, kept)]

    assert (early, late) == (200, [404, 200])


def test_upload_with_a_token_for_the_delivery_port(shared: Fal) -> None:
    token = fits("token", shared.http.post("/storage/auth/token?storage_type=fal-cdn-v3").json())
    wish = json.dumps({"expiration_duration_seconds": 60})
    headers = {
        "Authorization": f"{token['token_type']} {token['token']}",
        "Content-Type": "image/png",
        "X-Fal-File-Name": "../a photo.png",
        "X-Fal-Object-Lifecycle": wish,
    }
    address = token["base_url"] + "/files/upload"

    good = shared.stranger.post(address, content=b"png", headers=headers)
    stolen = shared.stranger.post(
        address, content=b"png", headers={**headers, "Authorization": f"Key {shared.service.token}"}
    )
    file = shared.stranger.get(good.json()["access_url"])
    shared.now[0] += 3601
    late = shared.stranger.post(address, content=b"png", headers=headers)

    assert (file.content, file.headers["content-type"]) == (b"png", "image/png")
    assert good.json()["access_url"].endswith("/a_photo.png")
    assert (stolen.status_code, late.status_code) == (401, 401)
    assert shared.stranger.get(good.json()["access_url"]).status_code == 404


def test_training_goes_from_the_queue_over_its_run_to_its_end(shared: Fal) -> None:
    told = shared.train(steps=100)
    seen = []
    for seconds in (0, 19, 2, 30, 60, 60):
        shared.now[0] += seconds
        seen.append(shared.status(told)["status"])
    early = shared.result(told)
    shared.now[0] += 41
    last = shared.ended(told)

    assert seen == ["IN_QUEUE", "IN_QUEUE", *["IN_PROGRESS"] * 4]
    assert (early.status_code, early.json()) == (400, {"detail": "Request is still in progress"})
    assert last["metrics"]["inference_time"] == pytest.approx(60 + 127 + 5)


def test_addresses_of_a_request_hold_owner_and_app_alone(shared: Fal) -> None:
    told = shared.submit(FLUX2_LORA, prompt="a beach")

    root = f"{shared.service.url}/fal-ai/flux-2/requests/{told['request_id']}"
    assert (told["response_url"], told["status_url"], told["cancel_url"]) == (
        root,
        f"{root}/status",
        f"{root}/cancel",
    )


def test_request_is_found_under_its_own_app_only(shared: Fal) -> None:
    told = shared.train()
    elsewhere = told["status_url"].replace("flux-2-trainer/", "flux-lora/")
    unknown = told["status_url"].replace(told["request_id"], "0" * 8)

    for address in (elsewhere, unknown):
        reply = shared.http.get(address)
        assert (reply.status_code, reply.json()) == (404, {"detail": "Request not found"})


def test_queue_position_counts_those_who_came_before(fal: Fal) -> None:
    first = fal.train()
    fal.now[0] += 1
    second = fal.train()
    fal.train(FAST)

    assert second["queue_position"] == 1
    fal.now[0] += 19.5
    assert fal.status(first)["status"] == "IN_PROGRESS"
    assert fal.status(second)["queue_position"] == 0


def test_log_grows_and_comes_only_when_it_is_asked_for(shared: Fal) -> None:
    told = shared.train(steps=200)
    shared.now[0] += 25
    logs = []
    for asked in ("1", "true", "1"):
        logs.append(shared.status(told, asked)["logs"])
        shared.now[0] += 100

    assert shared.status(told)["logs"] is None
    assert shared.status(told, "0")["logs"] is None
    assert logs[0] == [line for line in logs[1] if line in logs[0]]
    assert logs[1] == logs[2][: len(logs[1])]
    assert len(logs[0]) < len(logs[1]) < len(logs[2])
    assert logs[0][0]["message"] == "Downloading images"


@pytest.mark.parametrize(("endpoint", "steps"), [(FLUX2_TRAINER, 10_000), (FAST, 7), (FAST, 1)])
def test_log_shows_the_progress_in_some_hundred_lines_at_most(
    shared: Fal, endpoint: str, steps: int
) -> None:
    told = shared.train(endpoint, steps=steps)

    log = shared.ended(told, "1")["logs"]

    bars = [line["message"] for line in log if line["message"].startswith("Training: ")]
    assert bars[0].endswith(f"| 0/{steps} [00:00<?, ?it/s]")
    shown = [int(hit[1]) for bar in bars[1:] if (hit := BAR.fullmatch(bar))]
    assert len(shown) == len(bars) - 1
    assert (shown, shown[-1]) == (sorted(shown), steps)
    assert len(log) < 400
    assert log == sorted(log, key=lambda line: line["timestamp"])


@pytest.mark.parametrize(
    ("endpoint", "given", "base", "word", "usd"),
    [
        (FLUX2_TRAINER, {"steps": 300}, "flux.2-dev", "TOKFOX", 300 * 0.0064),
        (FLUX2_TRAINER + "-v2", {}, "flux.2-dev", "TOKFOX", 25.5),
        (FAST, {"trigger_word": "OHWX"}, "flux.1-dev", "OHWX", 2.0),
        (PORTRAIT, {"trigger_phrase": "OHWX"}, "flux.1-dev", "OHWX", 6.0),
        (PORTRAIT, {"trigger_phrase": "OHWX", "steps": 400}, "flux.1-dev", "OHWX", 2.4),
    ],
)
def test_training_leaves_a_lora_that_knows_the_photos_at_its_price(
    fal: Fal,
    tmp_path: Path,
    endpoint: str,
    given: dict[str, Any],
    base: str,
    word: str,
    usd: float,
) -> None:
    told = fal.train(endpoint, **given)

    made = fal.made(told, "trained")

    data = fal.get(made["diffusers_lora_file"]["url"])
    (tmp_path / "lora").write_bytes(data)
    facts, subject = inspect_weights(tmp_path / "lora"), read_subject(data)
    assert (facts.base, facts.key_style) == (base, "peft")
    assert (subject.trigger_word, len(subject.views) > 0) == (word, True)
    assert set(facts.metadata) == {"format", "practice_subject"}
    assert len(data) == made["diffusers_lora_file"]["file_size"]
    assert data == fal.service.state.weights_path(told["request_id"]).read_bytes()
    assert isinstance(json.loads(fal.get(made["config_file"]["url"])), dict)
    assert fal.service.ledger.charged_usd == pytest.approx(usd)
    assert fal.service.ledger.count("training_created", endpoint=endpoint) == 1
    assert fal.service.ledger.count("training_succeeded", id=told["request_id"]) == 1


def test_weights_are_delivered_in_ranges_too(shared: Fal) -> None:
    address = shared.made(shared.train(), "trained")["diffusers_lora_file"]["url"]

    whole = shared.stranger.get(address)
    rest = shared.stranger.get(
        address, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]}
    )

    assert (rest.status_code, rest.content) == (206, whole.content[1000:])


def test_comfy_format_names_the_fused_layers(shared: Fal, tmp_path: Path) -> None:
    made = shared.made(shared.train(steps=100, output_lora_format="comfy"), "trained")

    data = shared.get(made["diffusers_lora_file"]["url"])
    (tmp_path / "lora").write_bytes(data)
    assert inspect_weights(tmp_path / "lora").base == "flux.2-dev"
    names = read_subject(data).keys
    assert "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight" in names
    assert "diffusion_model.single_blocks.47.linear2.lora_B.weight" in names
    assert all(name.startswith("diffusion_model.") for name in names)


@pytest.mark.parametrize(
    ("captions", "default", "word"),
    [
        (["TOKFOX, on a shelf", "TOKFOX at sea"], None, "TOKFOX"),
        (["TOKFOX on a shelf"], "TOKFOX", "TOKFOX"),
        (["a photo of TOKFOX on a shelf", "a photo of TOKFOX, asleep"], None, "TOKFOX"),
        (["a red TOKFOX", "a photo of TOKFOX"], "a photo of TOKFOX fox", "TOKFOX"),
        (["TOKFOX on a shelf", "a cat"], None, ""),
        (["TOKFOX on a shelf"], "a photo", ""),
        (["a photo in the style of TOKFOX"], None, "TOKFOX"),
        ([], "a photo of TOKFOX", "TOKFOX"),
        ([], None, ""),
    ],
)
def test_trigger_word_is_the_name_that_all_captions_share(
    captions: list[str], default: str | None, word: str
) -> None:
    assert find_trigger_word(captions, default) == word


@pytest.mark.parametrize(
    ("endpoint", "given", "place", "kind"),
    [
        (FLUX2_TRAINER, {}, "image_data_url", "missing"),
        (FLUX2_TRAINER, {"image_data_url": 5}, "image_data_url", "string_type"),
        (FLUX2_TRAINER, {"steps": 0}, "steps", "greater_than_equal"),
        (FLUX2_TRAINER, {"steps": 10_100}, "steps", "less_than_equal"),
        (FLUX2_TRAINER, {"steps": 150}, "steps", "multiple_of"),
        (FLUX2_TRAINER, {"steps": "100"}, "steps", "int_type"),
        (FLUX2_TRAINER, {"learning_rate": "low"}, "learning_rate", "float_type"),
        (FLUX2_TRAINER, {"default_caption": 1}, "default_caption", "string_type"),
        (FLUX2_TRAINER, {"output_lora_format": "kohya"}, "output_lora_format", "literal_error"),
        (FAST, {"image_data_url": "http://127.0.0.1:9/a.zip"}, "images_data_url", "missing"),
        (FAST, {"steps": 10_001}, "steps", "less_than_equal"),
        (FAST, {"is_style": "yes"}, "is_style", "bool_type"),
        (PORTRAIT, {"steps": 0}, "steps", "greater_than_equal"),
        (PORTRAIT, {"trigger_phrase": 1}, "trigger_phrase", "string_type"),
    ],
)
def test_training_with_bad_inputs_is_taken_and_fails_when_it_runs(
    shared: Fal, endpoint: str, given: dict[str, Any], place: str, kind: str
) -> None:
    told = shared.submit(endpoint, **given)
    waits = shared.status(told)["status"]

    found = {(tuple(it["loc"]), it["type"]) for it in shared.problems(told)}

    assert waits == "IN_QUEUE"
    assert (("body", place), kind) in found
    assert shared.charged(told) == 0
    assert shared.service.ledger.count("training_failed", id=told["request_id"]) == 1


def test_unknown_inputs_are_ignored(shared: Fal) -> None:
    shared.made(shared.train(steps=100, mark="n-1"), "trained")


@pytest.mark.parametrize(
    ("endpoint", "data", "given", "said"),
    [
        (FLUX2_TRAINER, b"no zip", {}, "not a valid zip file"),
        (FLUX2_TRAINER, photo_zip(photos=0), {}, "Found 0 images"),
        (
            FLUX2_TRAINER,
            photo_zip(None),
            {},
            "No caption found for image fox_0.jpg and no default_caption was provided",
        ),
        (FAST, photo_zip(photos=3), {}, "Found 3 images, at least 4"),
        (FAST, b"", {"images_data_url": "http://127.0.0.1:9/a.zip"}, "Failed to download"),
        (FAST, b"", {"images_data_url": "http://192.0.2.1/a.zip"}, "Failed to download"),
        (FAST, b"", {"images_data_url": "http://[bad"}, "Failed to download"),
    ],
)
def test_training_with_unusable_photos_fails_with_the_reason(
    shared: Fal, endpoint: str, data: bytes, given: dict[str, Any], said: str
) -> None:
    told = shared.train(endpoint, data, **given)

    assert said in shared.problems(told)[0]["msg"]
    assert shared.charged(told) == 0


def test_photos_without_captions_take_the_default_caption(shared: Fal) -> None:
    told = shared.train(data=photo_zip(None), steps=100, default_caption="TOKFOX, a toy")

    made = shared.made(told, "trained")

    assert read_subject(shared.get(made["diffusers_lora_file"]["url"])).trigger_word == "TOKFOX"


def test_training_reads_the_photos_when_its_run_starts(shared: Fal) -> None:
    wish = json.dumps({"expiration_duration_seconds": 15})
    address = shared.upload(PHOTO_ZIP, **{"X-Fal-Object-Lifecycle-Preference": wish})

    found = shared.problems(shared.submit(FLUX2_TRAINER, image_data_url=address))

    assert found[0]["type"] == "file_download_error"


def test_training_goes_as_a_script_says(fal: Fal) -> None:
    for script in (
        FalScript(outcome="failed", error="CUDA error", fails_after=0.25),
        FalScript(run_seconds=NEVER),
        FalScript(queue_seconds=NEVER),
    ):
        fal.service.next_training(script)
    failing, running, waiting, usual = (fal.train(steps=1000) for _ in range(4))

    failed = fal.ended(failing, "1")

    assert (failed["error"], failed["metrics"]["inference_time"]) == (
        "CUDA error",
        pytest.approx(60 + 250 * 1.27),
    )
    messages = [line["message"] for line in failed["logs"]]
    assert " 250/1000 [" in messages[-2] and messages[-1] == "Error: CUDA error"
    reply = fal.result(failing)
    assert (reply.status_code, reply.json()["detail"]) == (500, "CUDA error")
    assert fal.status(running)["status"] == "IN_PROGRESS"
    assert fal.status(waiting)["status"] == "IN_QUEUE"
    fal.made(usual, "trained")
    assert fal.service.ledger.charged_usd == pytest.approx(6.4)


def test_script_that_nothing_has_met_is_forgotten_by_a_reset(fal: Fal) -> None:
    fal.service.next_training(FalScript(outcome="failed"))
    fal.service.next(path=".*", status=500)

    fal.service.reset()

    fal.made(fal.train(steps=100), "trained")


@pytest.mark.parametrize(("later", "metrics"), [(5, {}), (50, {"inference_time": 30})])
def test_cancel_ends_a_training_at_once_and_for_nothing(
    fal: Fal, later: float, metrics: dict[str, Any]
) -> None:
    told = fal.train()
    fal.now[0] += later

    cancelled = fal.cancel(told)

    status, reply = fal.status(told), fal.result(told)
    assert cancelled == (202, "CANCELLATION_REQUESTED")
    assert (status["status"], status["error"], status["error_type"], status["metrics"]) == (
        "COMPLETED",
        "Request was cancelled",
        "request_cancelled",
        metrics,
    )
    assert (reply.status_code, reply.json()["detail"]) == (400, "Request was cancelled")
    fal.now[0] += 1e5
    assert fal.status(told)["error_type"] == "request_cancelled"
    assert fal.service.ledger.charged_usd == 0
    assert fal.service.ledger.count("training_cancelled", id=told["request_id"]) == 1
    assert fal.service.ledger.count("training_succeeded") == 0


def test_cancel_comes_too_late_or_to_nothing(shared: Fal) -> None:
    told = shared.train(steps=100)
    shared.ended(told)

    assert shared.cancel(told) == (400, "ALREADY_COMPLETED")
    unknown = {"cancel_url": told["cancel_url"].replace(told["request_id"], "none")}
    assert shared.cancel(unknown) == (404, "NOT_FOUND")
    assert shared.result(told).status_code == 200


def test_requests_outlive_the_process(start: Callable[[], Fal], now: list[float]) -> None:
    fal = start()
    training = fal.train(steps=100, output_lora_format="comfy")
    stopped = fal.train()
    fal.cancel(stopped)
    picture = fal.submit(FLUX1_LORA, prompt="a beach", image_size="square")
    bad = fal.submit(FLUX1_LORA)
    now[0] += 1e5

    fal = start()
    made = fal.made(training, "trained")
    painted = fal.made(picture, "painted")
    found = fal.problems(bad)
    fal = start()

    assert fal.result(training).json() == made
    assert fal.result(picture).json() == painted
    assert fal.result(bad).json()["detail"] == found
    assert fal.status(stopped)["error_type"] == "request_cancelled"
    kinds = [entry.kind for entry in fal.service.ledger.entries() if entry.kind != "request"]
    assert sorted(kinds) == [
        *["file_uploaded"] * 2,
        "picture",
        "training_cancelled",
        *["training_created"] * 2,
        "training_succeeded",
    ]


def test_services_are_never_idle_while_a_training_runs(tmp_path: Path) -> None:
    with PracticeServices(state_dir=tmp_path) as services:
        fal = Fal(services, [])
        fal.submit(FLUX1_LORA, prompt="a beach")
        told = fal.train()
        busy = (services.fal.unfinished, services.idle_seconds)
        fal.cancel(told)
        threading.Event().wait(0.01)

        assert busy == (1, 0.0)
        assert services.fal.unfinished == 0 and services.idle_seconds > 0
        assert services.connections()["fal"] == {
            "url": services.fal.url,
            "token": services.fal.token,
        }
        fal.close()


def test_history_lists_what_has_started_newest_first(fal: Fal) -> None:
    fal.service.next_training(FalScript(queue_seconds=0))
    fal.service.next_training(FalScript(queue_seconds=0))
    done = fal.train(steps=100)
    fal.ended(done)
    running = fal.train(steps=200, default_caption="TOKFOX")
    waiting = fal.train()
    fal.now[0] += 5

    items = fal.history(start="2026-01-01T00:00:00Z")["items"]

    assert [item["request_id"] for item in items] == [running["request_id"], done["request_id"]]
    assert waiting["request_id"] not in {item["request_id"] for item in items}
    assert "ended_at" not in items[0] and items[1]["status_code"] == 200
    assert all("json_input" not in item for item in items)


def test_history_tells_inputs_and_outputs_when_they_are_asked_for(shared: Fal) -> None:
    told = shared.train(steps=100, mark="n-1")
    shared.ended(told)

    item = shared.history(expand="payloads", request_id=told["request_id"])["items"][0]

    assert (item["json_input"]["mark"], item["json_input"]["steps"]) == ("n-1", 100)
    assert item["json_output"] == shared.result(told).json()


@pytest.mark.parametrize(
    ("endpoint_id", "count"),
    [
        (FLUX2_TRAINER, 1),
        (f"{FLUX2_TRAINER},{FAST}", 2),
        ([FLUX2_TRAINER, FAST], 2),
        (PORTRAIT, 0),
    ],
)
def test_history_is_that_of_the_endpoints_named(fal: Fal, endpoint_id: Any, count: int) -> None:
    fal.train()
    fal.train(FAST)
    fal.now[0] += 30

    assert len(fal.history(endpoint_id=endpoint_id)["items"]) == count


def test_history_comes_in_pages(fal: Fal) -> None:
    ids = []
    for _ in range(5):
        ids.append(fal.submit(FLUX1_LORA)["request_id"])
        fal.now[0] += 10

    first = fal.history(endpoint_id=FLUX1_LORA, limit=3)
    second = fal.history(endpoint_id=FLUX1_LORA, limit=3, cursor=first["next_cursor"])

    listed = [item["request_id"] for page in (first, second) for item in page["items"]]
    assert listed == ids[::-1]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert {item["status_code"] for item in first["items"]} == {422}


def test_history_goes_back_a_day_unless_told_otherwise(fal: Fal) -> None:
    told = fal.submit(FLUX1_LORA)
    fal.now[0] += 25 * 3600

    def found(**query: Any) -> int:
        return len(fal.history(endpoint_id=FLUX1_LORA, **query)["items"])

    assert found() == 0
    assert found(start="2026-01-01") == 1
    assert found(start="2026-01-01", end="2026-01-02T00:00:00+00:00") == 0
    assert found(request_id=told["request_id"]) == 1


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({}, "endpoint_id"),
        ({"endpoint_id": FAST, "limit": 101}, "limit"),
        ({"endpoint_id": FAST, "limit": 0}, "limit"),
        ({"endpoint_id": FAST, "start": "yesterday"}, "start"),
        ({"endpoint_id": FAST, "cursor": "?"}, "cursor"),
    ],
)
def test_history_refuses_a_query_that_it_does_not_understand(
    shared: Fal, query: dict[str, Any], place: str
) -> None:
    reply = shared.http.get("/v1/models/requests/by-endpoint", params=query)

    assert reply.status_code == 422
    assert fits("refusal", reply.json())["detail"][0]["loc"] == ["query", place]


def test_history_knows_a_cancelled_request_only_if_it_had_started(fal: Fal) -> None:
    early, late = fal.train(), fal.train()
    fal.cancel(early)
    fal.now[0] += 30
    fal.cancel(late)

    items = fal.history()["items"]

    assert [(item["request_id"], item["status_code"]) for item in items] == [
        (late["request_id"], 499)
    ]


@pytest.mark.parametrize(
    ("endpoint", "given", "size", "kind"),
    [
        (FLUX1_LORA, {"image_size": "portrait_16_9"}, (576, 1024), "JPEG"),
        (FLUX1_LORA, {"image_size": {"width": 64, "height": 96}}, (64, 96), "JPEG"),
        (FLUX2_LORA, {"image_size": {"width": 640, "height": 512}}, (640, 512), "PNG"),
        (FLUX2_LORA, {"output_format": "jpeg"}, (512, 512), "JPEG"),
    ],
)
def test_pictures_have_the_size_and_format_asked_for(
    shared: Fal, endpoint: str, given: dict[str, Any], size: tuple[int, int], kind: str
) -> None:
    told = shared.painted(endpoint, **given)["images"][0]

    picture = Image.open(io.BytesIO(shared.get(told["url"])))
    assert (picture.size, picture.format) == (size, kind)
    assert (told["width"], told["height"]) == size
    assert told["content_type"] == f"image/{kind.lower()}"


def test_pictures_of_a_request_differ_and_follow_from_the_seed(shared: Fal) -> None:
    def bytes_of(**given: Any) -> list[bytes]:
        return [shared.get(image["url"]) for image in shared.painted(**given)["images"]]

    first, same, other = bytes_of(num_images=2), bytes_of(num_images=2), bytes_of(seed=9)

    assert first == same
    assert len({*first, *other}) == 3


def test_picture_without_a_seed_tells_the_one_it_had(shared: Fal) -> None:
    seeds = {shared.painted(seed=seed)["seed"] for seed in (None, None, 7)}

    assert len(seeds) == 3 and 7 in seeds


def test_inline_pictures_come_within_the_output(shared: Fal) -> None:
    plain = shared.painted(output_format="png")["images"][0]
    inline = shared.painted(output_format="png", sync_mode=True)["images"][0]

    kind, _, text = inline["url"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text, validate=True) == shared.get(plain["url"])


@pytest.mark.parametrize(("endpoint", "lora"), [(FLUX1_LORA, "one"), (FLUX2_LORA, "two")])
def test_lora_is_read_from_its_address_and_shows(
    fal: Fal, weights: dict[str, bytes], endpoint: str, lora: str
) -> None:
    address = fal.upload(weights[lora], "lora.safetensors")

    def picture(scale: float) -> bytes:
        made = fal.painted(endpoint, loras=[{"path": address, "scale": scale}])
        return fal.get(made["images"][0]["url"])

    assert picture(1.0) != picture(0.0)
    facts = fal.service.ledger.entries("picture")[0].facts
    assert facts["loras"] == [{"path": address, "scale": 1.0}]
    assert (facts["endpoint"], facts["seed"], facts["count"]) == (endpoint, 4, 1)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{one}", "The LoRA was trained for flux.1-dev, this model is flux.2-dev"),
        ("{page}", "Failed to download LoRA weights from"),
        ("{one}x", "Failed to download LoRA weights from"),
        ("http://127.0.0.1:9/lora.safetensors", "Failed to download LoRA weights from"),
        ("https://huggingface.co/u/r/resolve/main/l.safetensors", "Failed to download LoRA"),
        ("http://[bad", "Failed to download LoRA weights from"),
        ("u/r", "Failed to download LoRA weights from"),
    ],
)
def test_lora_that_cannot_be_used_fails_the_request_and_is_free(
    shared: Fal, weights: dict[str, bytes], path: str, said: str
) -> None:
    path = path.format(
        one=shared.upload(weights["one"], "lora.safetensors"),
        page=shared.upload(b"<html>" * 50, "lora.safetensors"),
    )
    good = {"path": shared.upload(weights["two"], "lora.safetensors")}

    told = shared.submit(FLUX2_LORA, prompt="TOKFOX", loras=[good, {"path": path}])

    found = shared.problems(told)

    assert found[0]["loc"] == ["body", "loras", 1, "path"]
    assert found[0]["msg"].startswith(said)
    assert shared.service.ledger.count("picture", id=told["request_id"]) == 0


@pytest.mark.parametrize(
    ("endpoint", "wrong", "place"),
    [
        (FLUX1_LORA, {"prompt": None}, ["prompt"]),
        (FLUX1_LORA, {"image_size": "huge"}, ["image_size"]),
        (FLUX1_LORA, {"image_size": {"width": 1537}}, ["image_size", "width"]),
        (FLUX1_LORA, {"image_size": 512}, ["image_size"]),
        (FLUX2_LORA, {"image_size": {"height": 511}}, ["image_size", "height"]),
        (FLUX2_LORA, {"num_inference_steps": 3}, ["num_inference_steps"]),
        (FLUX1_LORA, {"num_inference_steps": 51}, ["num_inference_steps"]),
        (FLUX1_LORA, {"guidance_scale": 35.5}, ["guidance_scale"]),
        (FLUX2_LORA, {"guidance_scale": 20.5}, ["guidance_scale"]),
        (FLUX1_LORA, {"seed": "1"}, ["seed"]),
        (FLUX1_LORA, {"num_images": 5}, ["num_images"]),
        (FLUX1_LORA, {"output_format": "webp"}, ["output_format"]),
        (FLUX1_LORA, {"enable_safety_checker": 1}, ["enable_safety_checker"]),
        (FLUX1_LORA, {"loras": {}}, ["loras"]),
        (FLUX1_LORA, {"loras": [{"scale": 1}]}, ["loras", 0, "path"]),
        (FLUX1_LORA, {"loras": [{"path": "p", "scale": 4.5}]}, ["loras", 0, "scale"]),
        (FLUX1_LORA, {"loras": ["p"]}, ["loras", 0]),
        (FLUX2_LORA, {"loras": [{"path": "p"}] * 4}, ["loras"]),
        (FLUX1_LORA, {"loras": [{"path": "p"}] * 9}, ["loras"]),
    ],
)
def test_picture_beyond_the_limits_fails_and_is_free(
    shared: Fal, endpoint: str, wrong: dict[str, Any], place: list[Any]
) -> None:
    told = shared.submit(endpoint, **{"prompt": "a beach", **wrong})

    found = shared.problems(told)

    assert [it["loc"] for it in found] == [["body", *place]]
    assert shared.service.ledger.count("picture", id=told["request_id"]) == 0


@pytest.mark.parametrize(
    ("endpoint", "given", "usd"),
    [
        (FLUX1_LORA, {"image_size": "square_hd"}, 0.035),
        (FLUX1_LORA, {"image_size": {"width": 1536, "height": 1024}}, 2 * 0.035),
        (FLUX2_LORA, {"num_images": 2, "image_size": "square"}, 2 * 0.021),
    ],
)
def test_pictures_are_charged_by_their_begun_megapixels(
    fal: Fal, endpoint: str, given: dict[str, Any], usd: float
) -> None:
    fal.painted(endpoint, **given)

    assert fal.service.ledger.charged_usd == pytest.approx(usd, abs=1e-6)


def test_unsafe_picture_is_black_unless_nobody_checks(shared: Fal) -> None:
    black = shared.painted(prompt="something NSFW", num_images=2)
    shown = shared.painted(prompt="something NSFW", enable_safety_checker=False)

    assert black["has_nsfw_concepts"] == [True, True]
    assert shown["has_nsfw_concepts"] == [False]
    extremes = [
        Image.open(io.BytesIO(shared.get(made["images"][0]["url"]))).convert("L").getextrema()
        for made in (black, shown)
    ]
    assert extremes[0] == (0, 0) != extremes[1]


def test_cancelled_picture_is_never_painted(fal: Fal) -> None:
    told = fal.submit(FLUX1_LORA, prompt="a beach")

    assert fal.cancel(told) == (202, "CANCELLATION_REQUESTED")
    assert fal.ended(told)["error_type"] == "request_cancelled"
    assert fal.service.ledger.count("picture") == 0


def test_painting_holds_up_nobody(fal: Fal, monkeypatch: pytest.MonkeyPatch) -> None:
    brush, real = threading.Event(), pictures.paint

    def slow_paint(*told: Any, **more: Any) -> bytes:
        assert brush.wait(30)
        return real(*told, **more)

    monkeypatch.setattr(pictures, "paint", slow_paint)
    monkeypatch.setattr(clerk, "_PATIENCE_S", 0.05)
    told = fal.submit(FLUX1_LORA, prompt="a beach", image_size="square")
    fal.now[0] += 60

    meanwhile = [fal.status(told)["status"] for _ in range(2)]
    charged = fal.service.ledger.charged_usd
    late = fal.cancel(told)
    brush.set()

    assert (meanwhile, charged) == (["IN_PROGRESS"] * 2, 0)
    assert late == (400, "ALREADY_COMPLETED")
    fal.made(told, "painted")


def test_output_lives_as_long_as_the_submission_wished(shared: Fal) -> None:
    wish = {"X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds": 3600}'}
    body = {"prompt": "a beach", "image_size": "square"}
    told = shared.http.post(f"/{FLUX1_LORA}", json=body, headers=wish).json()
    address = shared.made(told, "painted")["images"][0]["url"]

    fresh = shared.stranger.get(address).status_code
    shared.now[0] += 3601

    assert (fresh, shared.stranger.get(address).status_code) == (200, 404)


def published(path: Path, name: str) -> Draft202012Validator:
    yaml = pytest.importorskip("yaml")
    components = yaml.safe_load(path.read_text("utf-8"))["components"]
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": components},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published schema is not beside the repo")
@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("QueueAcceptedResponse", lambda fal: fal.train()),
        ("QueueStatusResponse", lambda fal: fal.status(fal.train())),
        ("QueueStatusResponse", lambda fal: fal.ended(fal.train(steps=100), "1")),
        ("QueueStatusResponse", lambda fal: fal.ended(fal.submit(FAST), "1")),
        ("InferenceResult", lambda fal: fal.painted()),
        ("ErrorResponse", lambda fal: fal.http.post("/fal-ai/none", json={}).json()),
        ("ErrorResponse", lambda fal: {"detail": fal.problems(fal.submit(FAST))}),
    ],
)
def test_replies_fit_the_published_schema(
    shared: Fal, name: str, ask: Callable[[Fal], dict[str, Any]]
) -> None:
    published(PUBLISHED, name).validate(ask(shared))


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published schema is not beside the repo")
@pytest.mark.parametrize(
    ("name", "ask"),
    [
        # fal's own client reads `logs` in every reply about a running or completed request.
        ("QueueStatusResponse", lambda fal: fal.ended(fal.train(steps=100))),
        # The documentation knows CANCELLATION_REQUESTED and its like, and no id beside them.
        ("CancelResponse", lambda fal: fal.http.put(fal.train()["cancel_url"]).json()),
    ],
)
def test_replies_differ_from_the_published_schema_where_the_client_and_the_pages_do(
    shared: Fal, name: str, ask: Callable[[Fal], dict[str, Any]]
) -> None:
    """Also known: a result too early is 400, not 202; a cancel too late is 400, not 409."""
    with pytest.raises(ValidationError):
        published(PUBLISHED, name).validate(ask(shared))


@pytest.mark.skipif(
    not PUBLISHED_STORAGE.exists(), reason="the published schema is not beside the repo"
)
def test_storage_fits_the_published_schema(shared: Fal) -> None:
    published(PUBLISHED_STORAGE, "InitiateUploadResponse").validate(shared.initiate())
