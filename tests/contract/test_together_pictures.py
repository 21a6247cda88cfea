"""What is Together's own about pictures; the contract holds the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from counting import PostCount
from patient_context import PatientContext
from shelf import Shelf

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
    TokenRejected,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.services import PracticeServices

FLUX2 = "black-forest-labs/FLUX.2-dev"
FLUX1_LORA = "black-forest-labs/FLUX.1-dev-lora"
SCHNELL = "black-forest-labs/FLUX.1-schnell"
_PATH = "/v1/images/generations"


def pictures_at(cloud: PracticeServices, end: str = "", seconds: float = 60.0) -> TogetherPictures:
    token = Secret(cloud.together.token)
    return TogetherPictures(
        address=cloud.together.url + end, token=lambda: token, picture_seconds=seconds
    )


def order(model: str = FLUX2, *loras: LoraUse, **changes: Any) -> PictureRequest:
    request = PictureRequest("together", model, "a fox on a beach", loras, 256, 256, 4, seed=7)
    return replace(request, **changes)


@pytest.fixture
def posts(cloud: PracticeServices) -> PostCount:
    return PostCount(cloud.together, _PATH)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_picture_without_a_lora_comes_home_at_either_form_of_the_address(
    cloud: PracticeServices, ctx: PatientContext, end: str
) -> None:
    made = pictures_at(cloud, end).generate(order(), ctx)

    assert (made.data[:4], made.media_type, made.seed) == (b"\x89PNG", "image/png", 7)


def test_full_address_and_scale_of_each_lora_arrive(
    cloud: PracticeServices, ctx: PatientContext, shelf: Shelf
) -> None:
    pictures_at(cloud).generate(order(FLUX2, shelf.flux2, shelf.flux2), ctx)

    asked = cloud.together.ledger.entries("picture")[-1].facts["loras"]
    assert asked == [{"path": shelf.flux2.address, "scale": 0.8}] * 2


def test_picture_that_came_as_an_address_is_read_there(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount
) -> None:
    address = f"{cloud.together.url}/pictures/one.png"
    data = [{"index": 0, "type": "url", "url": address}]
    cloud.together.next(method="POST", path=_PATH, status=200, json={"id": "o1", "data": data})
    cloud.together.next(path="/pictures/one.png", body=b"\x89PNG\r\n\x1a\npaint")

    assert pictures_at(cloud).generate(order(), ctx).data == b"\x89PNG\r\n\x1a\npaint"
    assert posts() == 1


def test_picture_at_a_host_that_is_not_listed_is_not_read(
    cloud: PracticeServices, ctx: PatientContext
) -> None:
    data = [{"index": 0, "type": "url", "url": "https://example.org/made.png"}]
    cloud.together.next(method="POST", path=_PATH, status=200, json={"id": "o1", "data": data})

    with pytest.raises(OutcomeUnknown, match="was made"):
        pictures_at(cloud).generate(order(), ctx)


def test_nothing_is_sent_when_it_cannot_work(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount, shelf: Shelf
) -> None:
    one, two = shelf.flux1, shelf.flux2
    refused: list[tuple[PictureRequest, type[AppError]]] = [
        (order(FLUX2, one), LoraNotUsable),
        (order(FLUX1_LORA, one), LoraNotUsable),
        (order(FLUX1_LORA), ModelWithdrawn),
        (order("black-forest-labs/never-was"), ModelWithdrawn),
        (order(FLUX2, replace(two, private=True)), LoraNotUsable),
        (order(FLUX2, two, two, two), InputError),
        (order(FLUX2, replace(two, scale=2.5)), InputError),
    ]
    for request, error in refused:
        with pytest.raises(error):
            pictures_at(cloud).generate(request, ctx)

    assert posts() == 0


def test_unlisted_lora_model_stays_as_not_available(cloud: PracticeServices) -> None:
    pictures = pictures_at(cloud)

    found = {model.key: model.available for model in pictures.refresh().models}

    pro = "black-forest-labs/FLUX.1.1-pro"
    assert found == {FLUX2: True, FLUX1_LORA: False, SCHNELL: True, pro: True}
    assert pictures.abilities().checked


def test_unconfirmed_price_says_so(cloud: PracticeServices) -> None:
    known = {model.key: model for model in pictures_at(cloud).refresh().models}

    estimate = known[SCHNELL].estimate(1024, 1024, 4)

    assert "not known" in estimate.basis
    assert estimate.low_usd > 0


def test_model_that_was_withdrawn_meanwhile_is_named(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount
) -> None:
    error = {"message": "Please pick another one.", "code": "model_not_available"}
    cloud.together.next(method="POST", path=_PATH, status=400, json={"error": error})

    with pytest.raises(ModelWithdrawn, match=r"FLUX\.2-dev is no longer served"):
        pictures_at(cloud).generate(order(), ctx)

    assert posts() == 1


def test_lora_that_left_the_hub_is_refused_in_words(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount, shelf: Shelf
) -> None:
    gone = replace(shelf.flux2, address=shelf.flux2.address.replace("shelf-two", "gone"))

    with pytest.raises(ServiceRefused, match="must be public"):
        pictures_at(cloud).generate(order(FLUX2, gone), ctx)

    assert posts() == 1


def test_lora_whose_base_was_told_wrong_is_refused_in_words(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount, shelf: Shelf
) -> None:
    mistaken = replace(shelf.flux2, address=shelf.flux1.address)

    with pytest.raises(ServiceRefused, match="another base model"):
        pictures_at(cloud).generate(order(FLUX2, mistaken), ctx)

    assert posts() == 1


def test_picture_that_the_filter_held_back_may_have_been_charged(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount
) -> None:
    with pytest.raises(OutcomeUnknown, match=r"safety filter.*does not tell"):
        pictures_at(cloud).generate(order(prompt="nsfw"), ctx)

    assert posts() == 1


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "steps too high", ServiceRefused),
        (401, "Invalid API key", TokenRejected),
        (402, "Credit limit exceeded", PaymentRequired),
        (404, "no such model", ModelWithdrawn),
        (429, "slow down", ServiceBusy),
    ],
)
def test_refusal_keeps_the_services_words(
    cloud: PracticeServices,
    ctx: PatientContext,
    status: int,
    message: str,
    error: type[AppError],
) -> None:
    told = {"error": {"message": message, "type": "invalid_request_error"}}
    cloud.together.next(method="POST", path=_PATH, status=status, json=told)

    with pytest.raises(error) as caught:
        pictures_at(cloud).generate(order(), ctx)

    assert type(caught.value) is error
    assert (message in str(caught.value)) is (error is not ModelWithdrawn)


@pytest.mark.parametrize(
    "body",
    [
        {"id": "x", "data": []},
        {"id": "x", "data": [{"index": 0}]},
        {"id": "x", "data": [{"b64_json": "%%%"}]},
        {"id": "x", "data": [{"b64_json": "aGVsbG8="}]},
        ["no object"],
    ],
    ids=json.dumps,
)
def test_success_without_a_picture_may_have_been_charged(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount, body: object
) -> None:
    cloud.together.next(method="POST", path=_PATH, status=200, json=body)

    with pytest.raises(OutcomeUnknown):
        pictures_at(cloud).generate(order(), ctx)

    assert posts() == 1


def test_answer_that_does_not_come_in_time_may_have_been_charged(
    cloud: PracticeServices, ctx: PatientContext, posts: PostCount
) -> None:
    cloud.together.next(method="POST", path=_PATH, delay=1.0)

    with pytest.raises(OutcomeUnknown):
        pictures_at(cloud, seconds=0.3).generate(order(), ctx)

    assert posts.arrive(1)


def test_check_asks_the_service_about_the_token(cloud: PracticeServices) -> None:
    assert pictures_at(cloud).check().service == "together"
    with pytest.raises(TokenRejected):
        TogetherPictures(address=cloud.together.url, token=lambda: Secret("wrong")).check()
