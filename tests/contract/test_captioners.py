"""Captioners over real HTTP: one request for a photo, its answer, and every way it can fail."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from counting import PostCount
from PIL import Image

from fluxlora_desktop.backends.openai_chat.captioner import OwnCaptioner
from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.backends.together.captions import TogetherCaptioner
from fluxlora_desktop.domain.captioning import FREE, CaptionRequest
from fluxlora_desktop.domain.errors import (
    AppError,
    InputError,
    ModelWithdrawn,
    NotFoundAtService,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
)
from fluxlora_desktop.domain.ports import Captioner
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import OWN_CAPTIONER
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.practice.services import PracticeServices

SEES = "Qwen/Qwen2.5-VL-72B-Instruct"
BLIND = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
PATH = "/v1/chat/completions"
PHOTO = Path(__file__).parents[2] / "resources" / "practice-photos" / "fox_01.jpg"


def together(cloud: PracticeServices, seconds: float = 60.0) -> TogetherCaptioner:
    token = Secret(cloud.together.token)
    return TogetherCaptioner(
        address=cloud.together.url, token=lambda: token, caption_seconds=seconds
    )


def own(cloud: PracticeServices, seconds: float = 60.0) -> OwnCaptioner:
    token = Secret(cloud.together.token)
    return OwnCaptioner(
        address=lambda: f"{cloud.together.url}/v1", token=lambda: token, caption_seconds=seconds
    )


@pytest.fixture(params=[together, own], ids=["together", "own"])
def make(request: pytest.FixtureRequest) -> Callable[..., Captioner]:
    return request.param


@pytest.fixture(scope="module")
def image() -> bytes:
    return PillowPhotoWorkshop().shrink(PHOTO, 1024)


def ask(image: bytes, model: str = SEES) -> CaptionRequest:
    return CaptionRequest(model, "Describe this photo of TOK.", image)


@pytest.fixture
def posts(cloud: PracticeServices) -> PostCount:
    return PostCount(cloud.together, PATH)


def test_photo_is_described_and_its_tokens_are_counted(
    cloud: PracticeServices, make: Callable[..., Captioner], image: bytes, posts: PostCount
) -> None:
    written = make(cloud).write(ask(image))

    assert "figure" in written.text
    assert written.remote_id
    assert written.tokens_read and written.tokens_written
    asked = cloud.together.ledger.entries("caption")[-1].facts
    assert asked["model"] == SEES
    assert asked["prompt"] == "Describe this photo of TOK."
    assert posts() == 1


def test_what_is_sent_is_small_and_holds_no_metadata(
    cloud: PracticeServices, tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    Image.effect_noise((3000, 2000), 40).convert("RGB").save(large, exif=exif, comment=b"mine")

    sent = PillowPhotoWorkshop().shrink(large, 1024)
    together(cloud).write(ask(sent))

    asked = cloud.together.ledger.entries("caption")[-1].facts
    assert (asked["width"], asked["height"], asked["metadata"]) == (1024, 683, [])
    assert b"secret place" not in sent
    assert b"mine" not in sent


def test_cost_by_tokens_is_what_the_service_charged(cloud: PracticeServices, image: bytes) -> None:
    captioner = together(cloud)
    model = captioner.refresh().model(SEES)
    before = cloud.together.ledger.charged_usd

    cost = model.cost(captioner.write(ask(image)))

    charged = Decimal(str(round(cloud.together.ledger.charged_usd - before, 9)))
    assert 0 <= cost - charged < Decimal("0.000001")
    assert model.estimate().low_usd <= cost <= model.estimate().high_usd


def test_catalogue_shows_chat_models_those_with_eyes_first(cloud: PracticeServices) -> None:
    models = together(cloud).refresh().models

    assert [(model.key, model.sees) for model in models] == [(SEES, True), (BLIND, False)]
    assert models[0].price is not None


def test_price_of_nothing_is_not_known(cloud: PracticeServices) -> None:
    zero = {"input": 0, "output": 0}
    listed = [{"id": "x/vision", "type": "chat", "pricing": zero}, {"id": "y", "type": "chat"}]
    cloud.together.next(path="/v1/models", status=200, json=listed)

    assert [model.price for model in together(cloud).refresh().models] == [None, None]


def test_own_server_lists_its_models_in_either_form_and_is_free_here(
    cloud: PracticeServices,
) -> None:
    told = {"object": "list", "data": [{"id": "llava:13b", "object": "model"}]}
    cloud.together.next(path="/v1/models", status=200, json=told)
    captioner = own(cloud)

    abilities = captioner.refresh()

    assert [(model.key, model.price) for model in abilities.models] == [("llava:13b", FREE)]
    assert abilities.takes_address
    assert captioner.abilities() == abilities


def test_models_of_an_old_address_are_not_shown_for_a_new_one(cloud: PracticeServices) -> None:
    places = [f"{cloud.together.url}/v1"]
    token = Secret(cloud.together.token)
    captioner = OwnCaptioner(address=lambda: places[0], token=lambda: token)
    assert captioner.refresh().checked

    places[0] = "http://127.0.0.1:1/v1"

    assert not captioner.abilities().checked
    assert captioner.abilities().models == ()


def test_own_server_needs_no_token(cloud: PracticeServices, image: bytes) -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": "a fox"}}]}
    cloud.together.next(method="POST", path=PATH, status=200, json=answer)
    captioner = OwnCaptioner(address=lambda: f"{cloud.together.url}/v1", token=lambda: None)

    written = captioner.write(ask(image))

    assert (written.text, written.remote_id, written.tokens_read) == ("a fox", "", None)
    assert not cloud.together.ledger.requests("POST", PATH)[-1].facts["authorization"]


@pytest.mark.parametrize("address", ["", "http://example.org/v1", "https://u:p@example.org"])
def test_address_that_may_not_be_used_is_refused_before_anything_is_sent(
    image: bytes, address: str
) -> None:
    captioner = OwnCaptioner(address=lambda: address, token=lambda: Secret("sk-1"))

    with pytest.raises(InputError):
        captioner.write(ask(image))
    with pytest.raises(InputError):
        captioner.refresh()


def test_together_needs_a_token(cloud: PracticeServices, image: bytes, posts: PostCount) -> None:
    captioner = TogetherCaptioner(address=cloud.together.url, token=lambda: None)

    with pytest.raises(TokenMissing):
        captioner.write(ask(image))
    assert posts() == 0


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ServiceRefused),
        (401, TokenRejected),
        (402, PaymentRequired),
        (422, ServiceRefused),
        (429, ServiceBusy),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
def test_refusal_is_told_and_never_sent_again(
    cloud: PracticeServices,
    make: Callable[..., Captioner],
    image: bytes,
    posts: PostCount,
    status: int,
    error: type[AppError],
) -> None:
    told = {"error": {"message": "not now", "type": "invalid_request_error"}}
    headers = {"retry-after": "7"}
    cloud.together.next(method="POST", path=PATH, status=status, json=told, headers=headers)

    with pytest.raises(error) as caught:
        make(cloud).write(ask(image))

    assert type(caught.value) is error
    assert "not now" in str(caught.value)
    assert getattr(caught.value, "retry_after", 7) == 7
    assert posts() == 1


def test_model_that_is_gone_is_named_at_together_and_told_in_its_words_elsewhere(
    cloud: PracticeServices, image: bytes
) -> None:
    with pytest.raises(ModelWithdrawn, match="never/was"):
        together(cloud).write(ask(image, "never/was"))
    with pytest.raises(NotFoundAtService, match="Unable to access"):
        own(cloud).write(ask(image, "never/was"))


def test_model_without_eyes_refuses(cloud: PracticeServices, image: bytes) -> None:
    with pytest.raises(ServiceRefused, match="image inputs"):
        together(cloud).write(ask(image, BLIND))


@pytest.mark.parametrize(
    "body",
    [
        {"id": "x"},
        {"id": "x", "choices": []},
        {"id": "x", "choices": None},
        {"id": "x", "choices": [{"text": "no message"}]},
        ["no object"],
        "words",
    ],
    ids=json.dumps,
)
def test_success_without_an_answer_may_have_been_charged(
    cloud: PracticeServices,
    make: Callable[..., Captioner],
    image: bytes,
    posts: PostCount,
    body: object,
) -> None:
    cloud.together.next(method="POST", path=PATH, status=200, json=body)

    with pytest.raises(OutcomeUnknown):
        make(cloud).write(ask(image))
    assert posts() == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"body": "<html>sign in</html>", "status": 200}, "not JSON"),
        ({"body": b"\xff\x00garbage", "status": 200}, "not JSON"),
        ({"body": b"[" * 100_000, "status": 200}, "not JSON"),
        ({"json": {"id": "x" * 1_100_000}, "status": 200}, "too long"),
        ({"drop": True}, ""),
        ({"cut_after": 20, "when": "after"}, ""),
        ({"delay": 2.0}, ""),
    ],
    ids=["page", "garbage", "nested", "huge", "dropped", "cut", "late"],
)
def test_broken_answer_may_have_been_charged(
    cloud: PracticeServices,
    make: Callable[..., Captioner],
    image: bytes,
    posts: PostCount,
    fault: dict[str, Any],
    why: str,
) -> None:
    cloud.together.next(method="POST", path=PATH, **fault)

    with pytest.raises(OutcomeUnknown, match=why or None):
        make(cloud, 1.0).write(ask(image))
    assert posts.arrive(1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed_so_that_no_token_leaves(
    cloud: PracticeServices,
    make: Callable[..., Captioner],
    image: bytes,
    posts: PostCount,
    status: int,
) -> None:
    elsewhere = f"{cloud.replicate.url}/v1/chat/completions"
    cloud.together.next(method="POST", path=PATH, status=status, headers={"location": elsewhere})
    before = len(cloud.replicate.ledger.requests())

    with pytest.raises(OutcomeUnknown):
        make(cloud).write(ask(image))

    assert posts() == 1
    assert len(cloud.replicate.ledger.requests()) == before


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", ""),
        (None, ""),
        ({"odd": 1}, ""),
        ([{"type": "text", "text": "a fox"}, {"type": "text", "text": "here"}], "a fox here"),
    ],
)
def test_answer_may_be_empty_or_come_in_parts(
    cloud: PracticeServices,
    make: Callable[..., Captioner],
    image: bytes,
    content: object,
    text: str,
) -> None:
    usage = {"prompt_tokens": -1, "completion_tokens": "many"}
    body = {"id": "x", "choices": [{"message": {"content": content}}], "usage": usage}
    cloud.together.next(method="POST", path=PATH, status=200, json=body)

    written = make(cloud).write(ask(image))

    assert (written.text, written.tokens_read, written.tokens_written) == (text, None, None)


def test_nothing_is_sent_where_nobody_listens(image: bytes, free_address: str) -> None:
    captioner = OwnCaptioner(address=lambda: f"{free_address}/v1", token=lambda: None)

    with pytest.raises(ServiceUnreachable):
        captioner.write(ask(image))


def test_home_address_takes_no_proxy_that_could_read_it(
    cloud: PracticeServices, image: bytes, free_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", free_address)
    monkeypatch.setenv("no_proxy", "")

    assert own(cloud).write(ask(image)).text


def test_own_address_is_offered_only_where_one_can_be_given() -> None:
    without = build_services(addresses={}, secret_for=lambda _key: None)
    within = build_services(
        addresses={}, secret_for=lambda _key: None, own_captioner=lambda: "http://127.0.0.1:1"
    )

    assert [captioner.key for captioner in without.captioners] == ["together"]
    assert [captioner.key for captioner in within.captioners] == ["together", OWN_CAPTIONER]


def test_image_goes_as_a_jpeg_in_the_question_itself(cloud: PracticeServices, image: bytes) -> None:
    from fluxlora_desktop.backends.openai_chat.wire import caption_order

    order = caption_order(ask(image))

    (message,) = order["messages"]
    words, photo = message["content"]
    head, _, data = photo["image_url"]["url"].partition(",")
    assert words["text"] == "Describe this photo of TOK."
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).format == "JPEG"
