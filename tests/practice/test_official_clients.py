"""The services' own clients judge the practice services, all of them in one story.

Each client runs in a process of its own and knows its service by the environment alone, as a
person's script would: two of them read it when they are imported. fal's has its addresses in
constants, which are replaced; everything else about it stays as it is.
"""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.huggingface.app import USERNAME
from fluxlora_desktop.practice.lora import write_flux1_lora, write_flux2_lora
from fluxlora_desktop.practice.services import PracticeServices

WAITING = """
import threading, time

def until(look, seconds=40.0):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)
    return found
"""
REPLICATE = """
import sys, urllib.request
from pathlib import Path
import httpx
from replicate import NotFoundError, Replicate

folder = Path(sys.argv[1])
client = Replicate(max_retries=0, http_client=httpx.Client(trust_env=False, timeout=60))
assert client.account.get().username == "practice"
assert {machine.sku for machine in client.hardware.list()} >= {"cpu", "gpu-h100"}
content = (folder / "photos.zip").read_bytes()
file = client.files.create(content=("photos.zip", content, "application/zip"))
client.models.create(owner="practice", name="fox", hardware="cpu", visibility="private")
trainer = client.models.get(model_owner="ostris", model_name="flux-dev-lora-trainer")

def train(destination="practice/fox"):
    return client.trainings.create(
        model_owner="ostris",
        model_name="flux-dev-lora-trainer",
        version_id=trainer.latest_version.id,
        destination=destination,
        input={"input_images": file.urls.get, "trigger_word": "TOKFOX", "steps": 20},
    )

try:
    train("practice/not-there")
    raise AssertionError("a destination that is not there was taken")
except NotFoundError:
    pass
stopped = train()
assert client.trainings.cancel(training_id=stopped.id).status == "canceled"
started = train()
done = until(
    lambda: (job := client.trainings.get(training_id=started.id)).status == "succeeded" and job
)
listed = [training.id for training in client.trainings.list()]
assert listed == [started.id, stopped.id], listed
with urllib.request.urlopen(done.output.weights) as reply:
    (folder / "weights.tar").write_bytes(reply.read())
made = client.predictions.create(
    version=done.output.version, input={"prompt": "TOKFOX"}, prefer="wait"
)
assert made.status == "succeeded" and len(made.output) == 1
official = client.models.predictions.create(
    model_owner="black-forest-labs",
    model_name="flux-dev-lora",
    input={"prompt": "TOKFOX", "lora_weights": sys.argv[2]},
    prefer="wait",
)
assert official.status == "succeeded", official.error
client.files.delete(file_id=file.id)
"""
HUGGINGFACE = """
import hashlib, sys
from pathlib import Path
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import RepositoryNotFoundError

folder, repo = Path(sys.argv[1]), sys.argv[2]
api = HfApi()
assert api.whoami()["name"] == repo.split("/")[0]
api.create_repo(repo, private=True)
for name in ("flux1.safetensors", "flux2.safetensors"):
    api.upload_file(path_or_fileobj=folder / name, path_in_repo=name, repo_id=repo)
try:
    HfApi(token=False).model_info(repo)
    raise AssertionError("a stranger saw a private repo")
except RepositoryNotFoundError:
    pass
api.update_repo_settings(repo, private=False)
info = HfApi(token=False).model_info(repo, files_metadata=True)
assert info.private is False
sums = {file.rfilename: file.lfs.sha256 for file in info.siblings if file.lfs}
for name in ("flux1.safetensors", "flux2.safetensors"):
    told = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert sums[name] == told, name
    got = hf_hub_download(repo, name, token=False, cache_dir=folder / "cache")
    assert hashlib.sha256(Path(got).read_bytes()).hexdigest() == told, name
api.create_repo(repo + "-2")
api.delete_repo(repo + "-2")
assert not api.repo_exists(repo + "-2")
"""
CARD = """---
base_model: black-forest-labs/FLUX.1-dev
base_model_relation: adapter
pipeline_tag: text-to-image
tags: [lora]
---
"""
ROUTER = (
    f"CARD = {CARD!r}"
    + """
import sys
from huggingface_hub import HfApi, InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.inference._providers import nscale
from huggingface_hub.inference._providers._common import HARDCODED_MODEL_INFERENCE_MAPPING
from huggingface_hub.hf_api import InferenceProviderMapping

weights, repo, root, token, own, key = sys.argv[1:]
api, card = HfApi(), CARD.encode()
api.create_repo(repo)
for name, content in (("lora.safetensors", weights), ("README.md", card)):
    api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repo)
constants.INFERENCE_PROXY_TEMPLATE = root + "/{provider}"

def draw(provider, model=repo, **more):
    client = InferenceClient(provider=provider, api_key=token)
    return client.text_to_image("TOKFOX", model=model, width=512, height=512, seed=1, **more)

for provider in ("fal-ai", "replicate"):
    mine, plain = draw(provider), draw(provider, "black-forest-labs/FLUX.1-dev")
    assert mine.size == plain.size and mine.tobytes() != plain.tobytes(), provider
weak = draw("replicate", extra_body={"lora_scale": 0.1})
assert weak.tobytes() != mine.tobytes(), "weak"
try:
    draw("wavespeed")
    raise AssertionError("a provider that does not serve the repo made a picture")
except ValueError as error:
    assert "not supported by provider" in str(error), error
try:
    token = token[:-1] + ("a" if token[-1] != "a" else "b")
    draw("fal-ai")
    raise AssertionError("a wrong token made a picture")
except HfHubHTTPError as error:
    assert error.response.status_code == 401, error

model = "practice/strict-painter"
mapped = InferenceProviderMapping(
    hf_model_id=model, providerId="practice/painter", provider="nscale",
    status="live", task="text-to-image",
)
HARDCODED_MODEL_INFERENCE_MAPPING["nscale"][model] = mapped
helper = nscale.NscaleTextToImageTask
helper._prepare_url = lambda self, key, mapped: own + self._prepare_route(mapped, key)
client = InferenceClient(provider="nscale", api_key=key)
made = client.text_to_image("TOKFOX", model=model, width=512, height=256, seed=3)
assert made.size == (512, 256), made.size
"""
)
TOGETHER = """
import base64, sys
import httpx
from together import BadRequestError, Together

client = Together(max_retries=0)
flux2 = "black-forest-labs/FLUX.2-dev"
size = {"width": 256, "height": 256, "response_format": "base64"}
models = {model["id"] for model in client.get("/v1/models", cast_to=httpx.Response).json()}
assert flux2 in models and "black-forest-labs/FLUX.1-dev-lora" not in models
base = client.images.generate(model=flux2, prompt="TOKFOX", seed=1, **size)
use = {"path": sys.argv[1], "scale": 1.0}
mine = client.images.generate(model=flux2, prompt="TOKFOX", seed=1, image_loras=[use], **size)
pictures = [base64.b64decode(one.data[0].b64_json) for one in (base, mine)]
assert all(picture.startswith(bytes([0xFF, 0xD8])) for picture in pictures)
assert pictures[0] != pictures[1]
try:
    client.images.generate(model="black-forest-labs/FLUX.1-dev-lora", prompt="TOKFOX", **size)
    raise AssertionError("a withdrawn model made a picture")
except BadRequestError as error:
    assert "non-serverless" in str(error)
try:
    wrong = {"path": sys.argv[1].replace("flux2", "flux1"), "scale": 1.0}
    client.images.generate(model=flux2, prompt="TOKFOX", image_loras=[wrong], **size)
    raise AssertionError("a LoRA of another base was taken")
except BadRequestError as error:
    assert "unused keys" in str(error)
"""
FAL = """
import sys, urllib.request
from pathlib import Path
from fal_client import Completed, FalClientHTTPError, InProgress, Queued, StorageSettings
from fal_client import SyncClient, client as places

folder, root, delivery, hub = Path(sys.argv[1]), *sys.argv[2:]
places.QUEUE_URL_FORMAT, places.REST_URL, places.CDN_URL = root + "/", root, delivery
client = SyncClient()
trainer, painter = "fal-ai/flux-2-trainer", "fal-ai/flux-2/lora"

def refused(ask, status):
    try:
        ask()
    except FalClientHTTPError as error:
        assert error.status_code == status, error
        return error
    raise AssertionError("it was not refused")

def read(address):
    with urllib.request.urlopen(address) as reply:
        return reply.read()

uploads = {
    repository: client.upload_file(
        folder / "photos.zip",
        repository=repository,
        fallback_repository=repository,
        lifecycle=StorageSettings(expires_in="1d"),
    )
    for repository in ("fal_v3", "fal")
}
assert all(read(it) == (folder / "photos.zip").read_bytes() for it in uploads.values())
given = {"image_data_url": uploads["fal"], "steps": 100, "default_caption": "TOKFOX, a toy"}
stopped = client.submit(trainer, given)
assert stopped.status() == Queued(position=0)
stopped.cancel()
ended = stopped.status(with_logs=True)
assert isinstance(ended, Completed) and ended.error_type == "request_cancelled", ended
assert refused(stopped.get, 400).error_type == "request_cancelled"
started = client.submit(trainer, {**given, "image_data_url": uploads["fal_v3"]})
seen = list(started.iter_events(with_logs=True, interval=0.005))
assert isinstance(seen[-1], Completed) and seen[-1].error is None, seen[-1]
assert seen[-1].logs[0]["message"] == "Downloading images" and seen[-1].metrics
for event in seen[:-1]:
    assert isinstance(event, Queued) or isinstance(event, InProgress) and event.logs is not None
refused(started.cancel, 400)
weights = client.result(trainer, started.request_id)["diffusers_lora_file"]
assert len(read(weights["url"])) == weights["file_size"]
refused(lambda: client.status("fal-ai/flux-lora", started.request_id), 404)
order = {"prompt": "TOKFOX", "seed": 1, "image_size": "square"}
seen = []
made = [
    client.subscribe(
        painter, {**order, "loras": loras}, with_logs=True, on_queue_update=seen.append
    )
    for loras in ([], [{"path": weights["url"]}], [{"path": hub}])
]
assert [it.error for it in seen if isinstance(it, Completed)] == [None] * 3, seen
pictures = [read(one["images"][0]["url"]) for one in made]
assert pictures[0] not in pictures[1:]
assert all(picture.startswith(bytes([0x89])) for picture in pictures)
wrong = {**order, "loras": [{"path": hub.replace("flux2", "flux1")}]}
error = refused(lambda: client.subscribe(painter, wrong), 422)
assert "flux.1-dev" in error.message[0]["msg"], error
refused(lambda: client.submit("fal-ai/flux-9", {}), 404)
refused(lambda: SyncClient(key="wrong").submit(painter, {}), 401)
"""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[PracticeServices]:
    with PracticeServices(state_dir=tmp_path / "practice", speed=2000) as running:
        yield running


def run(script: str, *arguments: str, env: dict[str, str]) -> None:
    """Run a script with a service's address and token in its environment; show what it says."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WAITING + script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **env},
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def write_photos(folder: Path) -> list[bytes]:
    photos = []
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number in range(5):
            data = io.BytesIO()
            Image.new("RGB", (64, 64), (200, 60 + 30 * number, 40)).save(data, "JPEG")
            photos.append(data.getvalue())
            archive.writestr(f"img_{number:03d}.jpg", data.getvalue())
    return photos


def test_official_clients_go_the_whole_way(services: PracticeServices, tmp_path: Path) -> None:
    replicate, hub, together = services.replicate, services.huggingface, services.together
    fal = services.fal
    fal.next_training(FalScript(queue_seconds=1e9))
    repo = f"{USERNAME}/fox"
    photos = write_photos(tmp_path)
    facts: dict[str, Any] = {"captions": {}, "trigger_word": "TOKFOX", "rank": 4, "steps": 10}
    write_flux1_lora(tmp_path / "flux1.safetensors", photos=photos, **facts)
    write_flux2_lora(tmp_path / "flux2.safetensors", photos=photos, **facts)

    run(
        HUGGINGFACE,
        str(tmp_path),
        repo,
        env={
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token,
            "HF_HUB_DISABLE_XET": "1",  # as the app does: files go by LFS
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        },
    )
    run(
        ROUTER,
        str(tmp_path / "flux1.safetensors"),
        f"{USERNAME}/served",
        hub.url,
        hub.token,
        services.own_pictures.url,
        services.own_pictures.token,
        env={
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        },
    )
    run(
        REPLICATE,
        str(tmp_path),
        f"{hub.url}/{repo}/resolve/main/flux1.safetensors",
        env={
            "REPLICATE_BASE_URL": f"{replicate.url}/v1",
            "REPLICATE_API_TOKEN": replicate.token,
        },
    )
    run(
        TOGETHER,
        f"{hub.url}/{repo}/resolve/main/flux2.safetensors",
        env={"TOGETHER_BASE_URL": together.url, "TOGETHER_API_KEY": together.token},
    )
    run(
        FAL,
        str(tmp_path),
        fal.url,
        fal.delivery_url,
        f"{hub.url}/{repo}/resolve/main/flux2.safetensors",
        env={"FAL_KEY": fal.token},
    )

    assert (tmp_path / "weights.tar").stat().st_size > 100_000
    assert replicate.ledger.count("training_created") == 2
    assert replicate.ledger.count("training_succeeded") == 1
    assert together.ledger.count("picture") == 2
    assert fal.ledger.count("training_created") == 2
    assert fal.ledger.count("training_cancelled") == fal.ledger.count("training_succeeded") == 1
    assert fal.ledger.count("picture") == 3
    assert all(service.ledger.charged_usd > 0 for service in (replicate, together, fal))
    assert hub.ledger.count("commit") == 4
    assert hub.ledger.count("picture") == 5
    assert services.own_pictures.ledger.count("picture") == 1
