"""The practice Together, asked by plain HTTP and by its own client, over loopback."""

import asyncio
import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import together as together_client
import uvicorn
from jsonschema import Draft202012Validator
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext, make_token
from fluxlora_desktop.practice.ledger import Ledger
from fluxlora_desktop.practice.lora import write_flux1_lora, write_flux2_lora
from fluxlora_desktop.practice.together.app import build_together

FLUX2 = "black-forest-labs/FLUX.2-dev"
FLUX1_LORA = "black-forest-labs/FLUX.1-dev-lora"
SCHNELL = "black-forest-labs/FLUX.1-schnell"
EYES = "Qwen/Qwen2.5-VL-72B-Instruct"
SCHEMAS = json.loads((Path(__file__).parent / "schemas" / "together.json").read_text("utf-8"))
PUBLISHED = Path(__file__).parents[3] / "shared" / "specs" / "together-openapi.yaml"
PHOTO = Path(__file__).parents[2] / "resources" / "practice-photos" / "fox_01.jpg"


@contextmanager
def serving(*served: tuple[Starlette, socket.socket]) -> Iterator[None]:
    servers = [
        uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        for app, _ in served
    ]

    async def serve() -> None:
        pairs = zip(servers, served, strict=True)
        await asyncio.gather(*(server.serve(sockets=[sock]) for server, (_, sock) in pairs))

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    deadline = time.monotonic() + 60
    while not all(server.started for server in servers) and time.monotonic() < deadline:
        threading.Event().wait(0.005)
    try:
        yield
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(10)
        for _, sock in served:
            sock.close()


@dataclass(slots=True)
class Hub:
    """A hub with a few files; it counts who asked for what, and with which token."""

    files: dict[str, bytes]
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append((path, request.headers.get("authorization", "")))
        if path.startswith("/private/"):
            return PlainTextResponse("Invalid username or password.", status_code=401)
        if path == "/u/away/resolve/main/lora.safetensors":
            return RedirectResponse("http://192.0.2.1/lora.safetensors")
        if path.startswith("/api/models/"):
            repo = path.removeprefix("/api/models").removesuffix("/tree/main")
            start = f"{repo}/resolve/main/"
            names = [name.removeprefix(start) for name in self.files if name.startswith(start)]
            listed = [{"type": "file", "path": name} for name in [*names, "README.md"]]
            return Response(json.dumps(listed), media_type="application/json")
        if path not in self.files:
            return PlainTextResponse("Entry not found", status_code=404)
        return Response(self.files[path], media_type="application/octet-stream")


@dataclass(frozen=True, slots=True)
class Together:
    """A running practice Together and the hub beside it."""

    context: PracticeContext
    hub: Hub
    now: list[float]

    def http(self, **headers: str) -> httpx.Client:
        known = {"Authorization": f"Bearer {self.context.token}", "User-Agent": "test/1"}
        return httpx.Client(
            base_url=self.context.url, headers={**known, **headers}, trust_env=False, timeout=30
        )

    def order(self, **changes: Any) -> httpx.Response:
        body = {"model": FLUX2, "prompt": "a beach", "width": 256, "height": 256, **changes}
        body = {name: value for name, value in body.items() if value is not None}
        with self.http() as http:
            return http.post("/v1/images/generations", json=body)

    def models(self) -> httpx.Response:
        with self.http() as http:
            return http.get("/v1/models")

    def charged(self) -> float:
        return self.context.ledger.charged_usd("together")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("weights")
    told: dict[str, Any] = {
        "photos": [PHOTO.read_bytes()],
        "captions": {},
        "trigger_word": "TOK",
        "rank": 1,
        "steps": 10,
    }
    write_flux1_lora(folder / "one", **told)
    write_flux2_lora(folder / "two", **told)
    return {"one": (folder / "one").read_bytes(), "two": (folder / "two").read_bytes()}


@contextmanager
def running(folder: Path, weights: dict[str, bytes], catalogue: str) -> Iterator[Together]:
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    url, delivery, hub_url = (f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in socks)
    now = [1_795_000_000.0]
    context = PracticeContext(
        state_dir=folder,
        ledger=Ledger(path=folder / "ledger.jsonl"),
        clock=lambda: now[0],
        speed=1.0,
        catalogue=catalogue,
        token=make_token("together"),
        url=url,
        delivery_url=delivery,
    )
    hub = Hub(
        {
            "/u/one/resolve/main/lora.safetensors": weights["one"],
            "/u/two/resolve/main/lora.safetensors": weights["two"],
            "/u/many/resolve/main/a.safetensors": weights["two"],
            "/u/many/resolve/main/b.safetensors": weights["two"],
            "/u/page/resolve/main/lora.safetensors": b"<html>sign in</html>" * 20,
        },
        hub_url,
    )
    app = build_together(context)
    with serving((app, socks[0]), (app, socks[1]), (hub.app(), socks[2])):
        yield Together(context, hub, now)


@pytest.fixture
def together(tmp_path: Path, weights: dict[str, bytes]) -> Iterator[Together]:
    with running(tmp_path, weights, "2026") as service:
        yield service


@pytest.fixture
def together_2025(tmp_path: Path, weights: dict[str, bytes]) -> Iterator[Together]:
    with running(tmp_path, weights, "2025") as service:
        yield service


def fits(reply: httpx.Response, name: str) -> Any:
    told = reply.json()
    Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMAS["$defs"]}).validate(told)
    return told


def error_of(reply: httpx.Response) -> dict[str, Any]:
    return fits(reply, "error")["error"]


def picture_in(item: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(item["b64_json"], validate=True)))


def test_models_are_a_bare_array_of_what_runs_this_year(together: Together) -> None:
    listed = fits(together.models(), "models")

    images = {model["id"] for model in listed if model["type"] == "image"}
    assert FLUX2 in images and FLUX1_LORA not in images
    assert any(model["type"] == "chat" for model in listed)


def test_models_of_2025_hold_the_flux1_lora_model(together_2025: Together) -> None:
    listed = fits(together_2025.models(), "models")

    ids = {model["id"] for model in listed}
    assert FLUX1_LORA in ids and FLUX2 not in ids


def test_whoami_tells_a_good_key_from_a_bad_one(together: Together) -> None:
    with together.http() as http:
        assert fits(http.get("/v1/whoami"), "whoami")
    with together.http(Authorization="Bearer wrong") as http:
        reply = http.get("/v1/whoami")

    assert reply.status_code == 401
    assert error_of(reply)["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/images/generations"])
def test_clients_without_a_name_are_turned_away(together: Together, path: str) -> None:
    with together.http(**{"User-Agent": ""}) as http:
        reply = http.post(path, json={}) if "images" in path else http.get(path)

    assert (reply.status_code, reply.text) == (403, "error code: 1010")


def test_doubled_version_in_the_path_is_not_found(together: Together) -> None:
    with together.http() as http:
        assert http.post("/v1/v1/images/generations", json={}).status_code == 404


def test_base64_pictures_have_the_size_and_format_asked_for(together: Together) -> None:
    reply = together.order(
        response_format="base64", output_format="png", width=320, height=256, n=2, seed=5
    )

    items = fits(reply, "images")["data"]
    assert [item["index"] for item in items] == [0, 1]
    assert {item["type"] for item in items} == {None}
    pictures = [picture_in(item) for item in items]
    assert {(p.format, p.size) for p in pictures} == {("PNG", (320, 256))}
    assert pictures[0].tobytes() != pictures[1].tobytes()


def test_same_seed_gives_the_same_picture(together: Together) -> None:
    one, same, other = (
        together.order(response_format="base64", seed=seed).json()["data"][0]["b64_json"]
        for seed in (7, 7, 8)
    )

    assert one == same != other


def test_address_gives_the_picture_without_a_key_for_an_hour(together: Together) -> None:
    item = fits(together.order(), "images")["data"][0]
    assert item["url"].startswith(together.context.delivery_url)

    with httpx.Client(trust_env=False, timeout=60) as stranger:
        fresh = stranger.get(item["url"])
        nameless = stranger.get(item["url"], headers={"User-Agent": ""})
        together.now[0] += 3601
        late = stranger.get(item["url"])

    assert fresh.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(fresh.content)).size == (256, 256)
    assert (nameless.status_code, late.status_code) == (403, 403)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"prompt": " "}, "prompt"),
        ({"model": None}, "model"),
        ({"width": 248}, "width"),
        ({"width": 260}, "width"),
        ({"height": 1928}, "height"),
        ({"height": True}, "height"),
        ({"n": 5}, "n"),
        ({"n": 0}, "n"),
        ({"steps": 51}, "steps"),
        ({"steps": 0}, "steps"),
        ({"seed": -1}, "seed"),
        ({"response_format": "b64_json"}, "response_format"),
        ({"output_format": "webp"}, "output_format"),
        ({"image_loras": [{"path": "p", "scale": 1}] * 3}, "image_loras"),
        ({"image_loras": [{"path": "p"}]}, "image_loras"),
        ({"image_loras": [{"scale": 1}]}, "image_loras"),
        ({"image_loras": {"path": "p", "scale": 1}}, "image_loras"),
    ],
)
def test_order_beyond_the_limits_is_refused_and_free(
    together: Together, wrong: dict[str, Any], param: str
) -> None:
    reply = together.order(**wrong)

    assert reply.status_code == 400
    assert error_of(reply)["param"] == param
    assert together.charged() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_body_that_is_no_object_is_refused(together: Together, body: bytes) -> None:
    with together.http() as http:
        reply = http.post("/v1/images/generations", content=body)

    assert reply.status_code == 400 and error_of(reply)


def test_withdrawn_model_is_refused_with_the_recorded_words(together: Together) -> None:
    reply = together.order(model=FLUX1_LORA)

    error = error_of(reply)
    assert (reply.status_code, error["code"]) == (400, "model_not_available")
    assert error["message"].startswith(f"Unable to access non-serverless model {FLUX1_LORA}.")


@pytest.mark.parametrize("model", ["nobody/nothing", "meta-llama/Llama-3.3-70B-Instruct-Turbo"])
def test_model_that_makes_no_pictures_is_not_found(together: Together, model: str) -> None:
    assert together.order(model=model).status_code == 404


def test_unsafe_picture_is_held_back_and_free(together: Together) -> None:
    reply = together.order(prompt="something nsfw")

    assert (reply.status_code, error_of(reply)["message"]) == (
        422,
        "image may contain NSFW content",
    )
    assert together.order(prompt="something nsfw", disable_safety_checker=True).is_success
    assert together.context.ledger.count("together", "picture") == 1


@pytest.mark.parametrize(
    ("changes", "usd"),
    [
        ({"width": 1024, "height": 1024}, 1.048576 * 0.0154),
        ({"width": 512, "height": 512, "steps": 10}, 0.262144 * 0.0154),
        ({"width": 512, "height": 512, "steps": 42, "n": 2}, 0.262144 * 0.0154 * 1.5 * 2),
    ],
)
def test_pictures_are_charged_by_pixels_steps_and_number(
    together: Together, changes: dict[str, Any], usd: float
) -> None:
    assert together.order(**changes).is_success

    assert together.charged() == pytest.approx(usd)


def test_old_lora_model_charges_whole_megapixels(together_2025: Together) -> None:
    assert together_2025.order(model=FLUX1_LORA, width=1024, height=1024).is_success

    assert together_2025.charged() == pytest.approx(0.07)


@pytest.mark.parametrize("form", ["u/two", "u/two/resolve/main/lora.safetensors"])
def test_lora_is_read_from_its_address_and_shows(together: Together, form: str) -> None:
    path = f"{together.hub.url}/{form}"
    with_lora, without = (
        picture_in(
            together.order(
                prompt="TOK fox on a beach", response_format="base64", seed=3, image_loras=loras
            ).json()["data"][0]
        ).tobytes()
        for loras in ([{"path": path, "scale": 1}], [])
    )

    assert ("/u/two/resolve/main/lora.safetensors", "") in together.hub.asked
    assert with_lora != without
    told = together.context.ledger.entries("together", "picture")[0].facts
    assert told["loras"] == [{"path": path, "scale": 1.0}]


def test_flux1_lora_works_with_the_catalogue_of_2025(together_2025: Together) -> None:
    path = f"{together_2025.hub.url}/u/one/resolve/main/lora.safetensors"

    reply = together_2025.order(model=FLUX1_LORA, image_loras=[{"path": path, "scale": 0.8}])

    assert fits(reply, "images")["model"] == FLUX1_LORA


def test_lora_of_another_base_is_refused_with_its_unused_keys(together: Together) -> None:
    path = f"{together.hub.url}/u/one/resolve/main/lora.safetensors"

    reply = together.order(image_loras=[{"path": path, "scale": 1}])

    assert reply.status_code == 400
    assert " has unused keys <transformer.transformer_blocks.0" in error_of(reply)["message"]
    assert together.charged() == 0


@pytest.mark.parametrize(
    "path",
    [
        "{hub}/private/lora/resolve/main/lora.safetensors",
        "{hub}/u/two/blob/main/lora.safetensors",
        "{hub}/u/none/resolve/main/lora.safetensors",
        "{hub}/u/none",
        "{hub}/u/many",
        "{hub}/u/page/resolve/main/lora.safetensors",
        "{hub}/u/away/resolve/main/lora.safetensors",
        "http://127.0.0.1:9/lora.safetensors",
        "https://huggingface.co/u/r/resolve/main/lora.safetensors",
        "u/two",
        "file:///etc/passwd",
    ],
)
def test_lora_that_cannot_be_read_is_refused_and_free(together: Together, path: str) -> None:
    path = path.format(hub=together.hub.url)

    reply = together.order(image_loras=[{"path": path, "scale": 1}])

    error = error_of(reply)
    assert (reply.status_code, error["param"]) == (400, "image_loras")
    assert error["message"].startswith(f"Failed to download LoRA weights from {path}")
    assert together.charged() == 0


def test_model_without_loras_refuses_one_before_reading_it(together: Together) -> None:
    path = f"{together.hub.url}/u/two/resolve/main/lora.safetensors"

    reply = together.order(model=SCHNELL, image_loras=[{"path": path, "scale": 1}])

    assert error_of(reply)["message"] == f"{SCHNELL} does not support image_loras"
    assert together.hub.asked == []


def test_two_loras_are_both_read(together: Together) -> None:
    paths = [f"{together.hub.url}/u/two", f"{together.hub.url}/u/many/resolve/main/a.safetensors"]

    reply = together.order(image_loras=[{"path": path, "scale": 0.7} for path in paths])

    assert reply.is_success
    assert {"/u/two/resolve/main/lora.safetensors", "/u/many/resolve/main/a.safetensors"} <= {
        path for path, _ in together.hub.asked
    }


def test_the_services_own_client_is_satisfied(
    together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    url, key = together.context.url, together.context.token
    with (
        together_client.Together(base_url=f"{url}/v1", api_key=key, max_retries=0) as client,
        pytest.raises(together_client.NotFoundError),
    ):
        client.images.generate(model=FLUX2, prompt="a doubled /v1 in the path")
    with together_client.Together(base_url=url, api_key=key, max_retries=0) as client:
        models = [model["id"] for model in client.get("/v1/models", cast_to=httpx.Response).json()]
        made = client.images.generate(
            model=FLUX2,
            prompt="TOK fox",
            width=256,
            height=256,
            response_format="base64",
            image_loras=[{"path": f"{together.hub.url}/u/two", "scale": 1.0}],
        )
        by_url = client.images.generate(model=FLUX2, prompt="a fox", width=256, height=256)
        with pytest.raises(together_client.BadRequestError, match="non-serverless"):
            client.images.generate(model=FLUX1_LORA, prompt="a fox")

    assert FLUX2 in models
    assert made.data[0].b64_json and by_url.data[0].url
    assert together.context.ledger.count("together", "picture") == 2


def chat(together: Together, photo: str = "", **changes: Any) -> httpx.Response:
    """Ask for a description of a photo, as a data URL."""
    data = base64.b64encode(PHOTO.read_bytes()).decode()
    parts = [
        {"type": "text", "text": "Describe this photo of TOK."},
        {"type": "image_url", "image_url": {"url": photo or f"data:image/jpeg;base64,{data}"}},
    ]
    body = {"model": EYES, "messages": [{"role": "user", "content": parts}]} | changes
    url, key = together.context.url, together.context.token
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}) as http:
        return http.post("/v1/chat/completions", json=body, timeout=60)


def test_photo_is_described_by_its_pixels_and_charged_by_tokens(together: Together) -> None:
    said = chat(together).json()
    dark = io.BytesIO()
    Image.new("RGB", (300, 600), (10, 10, 12)).save(dark, "PNG")
    night = chat(together, f"data:image/png;base64,{base64.b64encode(dark.getvalue()).decode()}")

    words = [reply["choices"][0]["message"]["content"] for reply in (said, night.json())]
    assert "in the dark, seen in a tall frame" in words[1]
    assert "in the dark" not in words[0]
    usage = said["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    entries = together.context.ledger.entries("together", "caption")
    assert len(entries) == 2
    price = (1.95 * usage["prompt_tokens"] + 8 * usage["completion_tokens"]) / 1e6
    assert entries[0].charged_usd == pytest.approx(price)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"photo": "https://example.org/fox.jpg"}, 400),
        ({"photo": "data:image/jpeg;base64,AAAA"}, 400),
        ({"photo": "data:text/plain;base64,AAAA"}, 400),
        ({"messages": []}, 400),
        ({"messages": [{"role": "user", "content": "no photo"}]}, 400),
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, 400),
        ({"max_tokens": 0}, 400),
        ({"stream": True}, 400),
        ({"model": "never/was"}, 404),
        ({"model": "meta-llama/Llama-3.3-70B-Instruct-Turbo"}, 400),
    ],
)
def test_question_that_cannot_be_answered_is_refused_and_costs_nothing(
    together: Together, changes: dict[str, Any], status: int
) -> None:
    reply = chat(together, **changes)

    assert reply.status_code == status
    assert error_of(reply)["message"]
    assert together.context.ledger.count("together", "caption") == 0


def test_the_services_own_client_reads_a_description(
    together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    data = base64.b64encode(PHOTO.read_bytes()).decode()
    parts = [
        {"type": "text", "text": "Describe it."},
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
    ]
    url, key = together.context.url, together.context.token
    with together_client.Together(base_url=url, api_key=key, max_retries=0) as client:
        said = client.chat.completions.create(
            model=EYES, messages=[{"role": "user", "content": parts}], max_tokens=200
        )

    assert "figure" in said.choices[0].message.content
    assert said.usage.total_tokens > 1000


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published schema is not beside the repo")
@pytest.mark.parametrize("reply_of", ["models", "url", "error", "chat"])
def test_replies_fit_the_published_schema(together: Together, reply_of: str) -> None:
    yaml = pytest.importorskip("yaml")
    spec = yaml.load(
        PUBLISHED.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    asks: dict[str, tuple[str, Callable[[], httpx.Response]]] = {
        "models": ("ModelInfoList", together.models),
        "url": ("ImageResponse", together.order),
        "error": ("ErrorData", lambda: together.order(model=FLUX1_LORA)),
        "chat": ("ChatCompletionResponse", lambda: chat(together)),
    }
    name, ask = asks[reply_of]
    schema = {"$ref": f"#/components/schemas/{name}", "components": _nullable(spec["components"])}

    Draft202012Validator(schema).validate(ask().json())


def _nullable(node: Any) -> Any:
    """Write OpenAPI 3.0's `nullable` as JSON Schema does."""
    if isinstance(node, list):
        return [_nullable(part) for part in node]
    if not isinstance(node, dict):
        return node
    told = {name: _nullable(part) for name, part in node.items()}
    if told.get("nullable") and isinstance(told.get("type"), str):
        told["type"] = [told["type"], "null"]
    return told
