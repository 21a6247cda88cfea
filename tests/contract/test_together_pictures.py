"""Pictures at Together over real HTTP; the server counts what it was sent."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fluxlora_desktop.backends.together.pictures import TogetherPictures
from fluxlora_desktop.domain.errors import (
    AppError,
    InputError,
    LoraNotUsable,
    ModelWithdrawn,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
    TokenRejected,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret

PNG = b"\x89PNG\r\n\x1a\n" + b"paint" * 50
FLUX2 = "black-forest-labs/FLUX.2-dev"
FLUX1_LORA = "black-forest-labs/FLUX.1-dev-lora"
TODAY = (FLUX2, "black-forest-labs/FLUX.1-schnell")
GOOD = {
    "id": "o1",
    "object": "list",
    "data": [{"index": 0, "type": None, "b64_json": base64.b64encode(PNG).decode()}],
}


class Patience:
    """A context nobody cancels."""

    def report(self, event: object) -> None: ...
    def check(self) -> None: ...
    def pause(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Reply:
    """What the server does with the next picture request; `drop` cuts the connection."""

    status: int = 200
    body: bytes = field(default_factory=lambda: json.dumps(GOOD).encode())
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    drop: bool = False
    hang: bool = False


@dataclass(slots=True)
class Together:
    """A loopback Together: catalogue, next reply, and everything that arrived."""

    url: str
    catalogue: tuple[str, ...] = TODAY
    reply: Reply = field(default_factory=Reply)
    orders: list[dict[str, Any]] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def pictures(self, address: str = "", seconds: float = 20.0) -> TogetherPictures:
        token = Secret("a" * 64)
        return TogetherPictures(
            address=address or self.url, token=lambda: token, picture_seconds=seconds
        )

    def says(self, status: int, message: str, **more: object) -> None:
        body = {"error": {"message": message, "type": "invalid_request_error", **more}}
        self.reply = Reply(status=status, body=json.dumps(body).encode())


@pytest.fixture
def together() -> Iterator[Together]:
    state = Together("")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            if self.path == "/v1/models":
                listed = [
                    {"id": name, "object": "model", "type": "image"} for name in state.catalogue
                ]
                self._answer(Reply(body=json.dumps(listed).encode()))
            elif self.path == "/v1/whoami":
                self._answer(Reply(body=b"{}"))
            elif self.path == "/made.png":
                self._answer(Reply(body=PNG, media_type="image/png"))
            else:
                self._answer(Reply(status=404, body=b"{}"))

        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.orders.append({"path": self.path, **order})
            state.agents.append(self.headers.get("User-Agent", ""))
            gone = state.reply.hang and state.release.wait(5)
            if state.reply.drop or gone:
                self.close_connection = True
                return
            self._answer(state.reply)

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield state
    state.release.set()
    server.shutdown()
    thread.join(10)
    server.server_close()


def order(model: str = FLUX2, *loras: LoraUse, **changes: Any) -> PictureRequest:
    return PictureRequest("together", model, "a fox on a beach", loras, seed=7, **changes)


def use(base: str = "flux.2-dev", *, private: bool = False) -> LoraUse:
    return LoraUse(
        lora_id="l1",
        name="Fox",
        base=base,
        scale=0.8,
        address="https://huggingface.co/p/fox/resolve/main/lora.safetensors",
        private=private,
    )


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_generate_makes_a_picture_without_a_lora_at_either_form_of_the_address(
    together: Together, end: str
) -> None:
    made = together.pictures(together.url + end).generate(order(), Patience())

    assert (made.data, made.media_type, made.seed) == (PNG, "image/png", 7)
    assert together.orders[0]["path"] == "/v1/images/generations"
    assert "image_loras" not in together.orders[0]
    assert together.agents[0].startswith("fluxlora-desktop/")


def test_generate_sends_the_full_address_and_the_scale_of_each_lora(together: Together) -> None:
    together.pictures().generate(order(FLUX2, use(), use()), Patience())

    sent = together.orders[0]["image_loras"]
    assert sent == [{"path": use().address, "scale": 0.8}] * 2


def test_generate_reads_a_picture_that_came_as_an_address(together: Together) -> None:
    data = [{"index": 0, "type": "url", "url": f"{together.url}/made.png"}]
    together.reply = Reply(body=json.dumps({**GOOD, "data": data}).encode())

    assert together.pictures().generate(order(), Patience()).data == PNG


def test_generate_does_not_read_from_a_host_that_is_not_listed(together: Together) -> None:
    data = [{"index": 0, "type": "url", "url": "https://example.org/made.png"}]
    together.reply = Reply(body=json.dumps({**GOOD, "data": data}).encode())

    with pytest.raises(OutcomeUnknown, match="was made"):
        together.pictures().generate(order(), Patience())


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (order(FLUX2, use("flux.1-dev")), LoraNotUsable),
        (order(FLUX1_LORA, use("flux.1-dev")), LoraNotUsable),
        (order(FLUX1_LORA), ModelWithdrawn),
        (order(FLUX2, use(private=True)), LoraNotUsable),
        (order(FLUX2, use(), use(), use()), InputError),
        (order(width=1001), InputError),
    ],
)
def test_generate_sends_nothing_when_it_cannot_work(
    together: Together, request_: PictureRequest, error: type[AppError]
) -> None:
    with pytest.raises(error):
        together.pictures().generate(request_, Patience())

    assert together.orders == []


def test_generate_uses_a_flux_1_lora_when_the_catalogue_of_2025_lists_its_model(
    together: Together,
) -> None:
    together.catalogue = (FLUX1_LORA,)

    made = together.pictures().generate(order(FLUX1_LORA, use("flux.1-dev")), Patience())

    assert made.data == PNG
    assert together.orders[0]["model"] == FLUX1_LORA


def test_refresh_keeps_an_unlisted_lora_model_as_not_available(together: Together) -> None:
    pictures = together.pictures()

    found = {model.key: model.available for model in pictures.refresh().models}

    assert found == {FLUX2: True, FLUX1_LORA: False, TODAY[1]: True}
    assert pictures.abilities().checked


@pytest.mark.parametrize(
    ("status", "message", "error", "words"),
    [
        (400, "Unable to access non-serverless model X.", ModelWithdrawn, "no longer served"),
        (404, "no such model", ModelWithdrawn, "no longer served"),
        (422, "image may contain NSFW content", ServiceRefused, "safety filter"),
        (400, " has unused keys <a, b>", ServiceRefused, "another base model"),
        (400, "Could not download LoRA weights", ServiceRefused, "must be public"),
        (400, "steps too high", ServiceRefused, "steps too high"),
        (401, "Invalid API key", TokenRejected, "Invalid"),
        (402, "Credit limit exceeded", PaymentRequired, "Credit"),
        (429, "slow down", ServiceBusy, "slow down"),
    ],
)
def test_generate_says_what_a_refusal_means_and_sends_once(
    together: Together, status: int, message: str, error: type[AppError], words: str
) -> None:
    together.says(status, message)

    with pytest.raises(error, match=words) as raised:
        together.pictures().generate(order(FLUX2, use()), Patience())

    assert type(raised.value) is error
    assert len(together.orders) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(drop=True),
        Reply(status=500, body=b"{}"),
        Reply(status=502, body=b"<html>", media_type="text/html"),
        Reply(status=408, body=b"{}"),
        Reply(status=409, body=b"{}"),
        Reply(status=307, body=b"", headers=(("Location", "/v1/images/generations"),)),
        Reply(body=b"<html>hello</html>", media_type="text/html"),
        Reply(body=b'{"id": "x", "data": []}'),
        Reply(body=b'{"id": "x", "data": [{"b64_json": "%%%"}]}'),
        Reply(body=b'{"id": "x", "data": [{"b64_json": "aGVsbG8="}]}'),
        Reply(body=b'{"id": "tru'),
    ],
    ids=lambda reply: "drop" if reply.drop else f"{reply.status}-{reply.body[:12]!r}",
)
def test_generate_stays_in_doubt_and_sends_once_when_no_clear_answer_comes(
    together: Together, reply: Reply
) -> None:
    together.reply = reply

    with pytest.raises(OutcomeUnknown):
        together.pictures().generate(order(), Patience())

    assert len(together.orders) == 1


def test_generate_stays_in_doubt_and_sends_once_when_the_answer_does_not_come_in_time(
    together: Together,
) -> None:
    together.reply = Reply(hang=True)

    with pytest.raises(OutcomeUnknown):
        together.pictures(seconds=0.5).generate(order(), Patience())

    assert len(together.orders) == 1


def test_generate_is_unreachable_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"http://127.0.0.1:{sock.getsockname()[1]}"
    pictures = TogetherPictures(address=address, token=lambda: Secret("a" * 64))

    with pytest.raises(ServiceUnreachable):
        pictures.generate(order(), Patience())


def test_check_asks_the_service_about_the_token(together: Together) -> None:
    assert together.pictures().check().service == "together"
