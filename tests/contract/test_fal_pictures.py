"""What is fal's own about pictures; the contract holds the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from counting import PostCount
from patient_context import PatientContext
from shelf import Shelf

from fluxlora_desktop.backends.fal.pictures import FalPictures
from fluxlora_desktop.domain.errors import (
    JobCancelled,
    ModelWithdrawn,
    OutcomeUnknown,
    ServiceRefused,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.services import PracticeServices

FLUX1, FLUX2 = "fal-ai/flux-lora", "fal-ai/flux-2/lora"


@pytest.fixture
def generator(cloud: PracticeServices) -> FalPictures:
    token = Secret(cloud.fal.token)
    return FalPictures(address=cloud.fal.url, token=lambda: token)


@pytest.fixture
def posts(cloud: PracticeServices) -> PostCount:
    return PostCount(cloud.fal, "^/fal-ai/")


def ask(model: str, *loras: LoraUse, prompt: str = "a TOK") -> PictureRequest:
    return PictureRequest("fal", model, prompt, loras, 512, 512, 4, seed=7)


def newest_input(cloud: PracticeServices) -> dict[str, Any]:
    return max(cloud.fal.state.requests, key=lambda one: one.created_at).input


def answer(cloud: PracticeServices, model: str = FLUX2, **told: Any) -> None:
    """Let the next paid request be taken as number p, with nothing made."""
    cloud.fal.next(method="POST", path=f"/{model}", json={"request_id": "p", **told})


def look(cloud: PracticeServices, end: str, **fault: Any) -> None:
    """Let the next look at request p meet a fault."""
    cloud.fal.next(method="GET", path=f"/fal-ai/flux-2/requests/p{end}", **fault)


DONE = {"status": "COMPLETED", "logs": None}


def test_loras_go_by_address_with_their_scales(
    generator: FalPictures, cloud: PracticeServices, shelf: Shelf, ctx: PatientContext
) -> None:
    image = generator.generate(ask(FLUX2, shelf.flux2), ctx)

    sent = newest_input(cloud)
    assert sent["loras"] == [{"path": shelf.flux2.address, "scale": 0.8}]
    assert sent["image_size"] == {"width": 512, "height": 512}
    assert (sent["num_images"], sent["output_format"]) == (1, "png")
    assert image.data.startswith(b"\x89PNG")


@pytest.mark.parametrize("key", [FLUX1, FLUX2])
@pytest.mark.parametrize(("width", "height"), [(512, 512), (1024, 1024), (1408, 1024)])
def test_price_shown_is_the_price_asked(
    generator: FalPictures,
    cloud: PracticeServices,
    ctx: PatientContext,
    key: str,
    width: int,
    height: int,
) -> None:
    model = generator.abilities().model(key)
    assert model is not None
    before = cloud.fal.ledger.charged_usd

    order = replace(ask(key), width=width, height=height, steps=40)
    generator.generate(order, ctx)

    shown = model.estimate(width, height, 40)
    assert float(shown.low_usd) == pytest.approx(cloud.fal.ledger.charged_usd - before)
    assert shown.low_usd <= shown.high_usd


def test_picture_is_read_without_the_key(
    generator: FalPictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    before = len(cloud.fal.ledger.requests("GET"))

    generator.generate(ask(FLUX1), ctx)

    read = [
        one for one in cloud.fal.ledger.requests("GET")[before:] if one.facts["port"] == "delivery"
    ]
    assert [one.facts["authorization"] for one in read] == [False]


def test_picture_is_waited_for_when_it_takes_longer(
    generator: FalPictures, cloud: PracticeServices, posts: PostCount, ctx: PatientContext
) -> None:
    answer(cloud)
    look(cloud, "/status", json={"status": "IN_QUEUE", "queue_position": 1, "logs": None})
    look(cloud, "/status", json={"status": "IN_PROGRESS", "logs": None})
    look(cloud, "/status", json=DONE)
    address = f"{cloud.fal.delivery_url}/files/b/code/out.png"
    look(cloud, "", json={"images": [{"url": address}], "has_nsfw_concepts": [False]})
    cloud.fal.next(path="/files/b/code/out.png", body=b"\x89PNG", content_type="image/png")

    image = generator.generate(ask(FLUX2), ctx)

    assert (image.remote_id, image.data) == ("p", b"\x89PNG")
    assert len(ctx.pauses) == 2
    assert posts() == 1


def test_picture_that_the_filter_blackened_may_have_been_charged(
    generator: FalPictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    before = cloud.fal.ledger.charged_usd

    with pytest.raises(OutcomeUnknown, match="safety check"):
        generator.generate(ask(FLUX2, prompt="nsfw TOK"), ctx)

    assert cloud.fal.ledger.charged_usd > before


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (DONE, {"status": 422, "json": {"detail": [{"msg": "bad lora", "loc": ["body"]}]}}),
        ({**DONE, "error": "bad lora"}, {"status": 500, "body": "boom", "times": 2}),
    ],
    ids=["422", "500"],
)
def test_model_that_makes_nothing_says_why_and_charges_nothing(
    generator: FalPictures,
    cloud: PracticeServices,
    posts: PostCount,
    ctx: PatientContext,
    status: dict[str, Any],
    result: dict[str, Any],
) -> None:
    answer(cloud)
    look(cloud, "/status", json=status)
    look(cloud, "", **result)

    with pytest.raises(ServiceRefused, match="bad lora"):
        generator.generate(ask(FLUX2), ctx)

    assert posts() == 1


@pytest.mark.parametrize(
    "result",
    [
        {"status": 404, "json": {"detail": "Request not found"}},
        {"status": 502, "body": "<html>", "times": 2},
        {"json": {"images": []}},
        {"json": {"images": [{"url": "https://example.com/p.png"}]}},
        {"json": {"images": [{"url": "https://[p.png"}]}},
        {"body": "no json"},
        {"status": 403, "json": {"detail": "User is locked. Reason: Exhausted balance."}},
        {"status": 400, "json": {"detail": "Request is still in progress"}},
    ],
    ids=["404", "502", "no-picture", "other-host", "malformed", "no-json", "locked", "early"],
)
def test_picture_that_was_made_and_cannot_be_had_may_have_been_charged(
    generator: FalPictures,
    cloud: PracticeServices,
    posts: PostCount,
    ctx: PatientContext,
    result: dict[str, Any],
) -> None:
    answer(cloud)
    look(cloud, "/status", json=DONE)
    look(cloud, "", **result)

    with pytest.raises(OutcomeUnknown):
        generator.generate(ask(FLUX2), ctx)

    assert posts() == 1


def test_status_that_is_refused_is_no_refusal_of_the_picture(
    generator: FalPictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    answer(cloud)
    look(cloud, "/status", status=400, json={"detail": "try later"})

    with pytest.raises(OutcomeUnknown):
        generator.generate(ask(FLUX2), ctx)


def test_word_that_nobody_knows_means_that_the_picture_is_still_made(
    generator: FalPictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    answer(cloud)
    look(cloud, "/status", json={**DONE, "status": "PONDERING"})
    look(cloud, "/status", json=DONE)
    look(cloud, "", json={"images": [{"url": f"{cloud.fal.delivery_url}/files/b/code/out.png"}]})
    cloud.fal.next(path="/files/b/code/out.png", body=b"\x89PNG", content_type="image/png")

    assert generator.generate(ask(FLUX2), ctx).data == b"\x89PNG"
    assert len(ctx.pauses) == 1


def test_model_that_is_gone_is_withdrawn(
    generator: FalPictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    gone = {"detail": "Application 'flux-2' not found"}
    cloud.fal.next(method="POST", path=f"/{FLUX2}", status=404, json=gone)

    with pytest.raises(ModelWithdrawn):
        generator.generate(ask(FLUX2), ctx)


def test_cancel_stops_the_picture_at_the_service_too(
    generator: FalPictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    answer(cloud)
    look(cloud, "/status", json={"status": "IN_QUEUE", "queue_position": 1, "logs": None})
    before = len(cloud.fal.ledger.requests("PUT", "/fal-ai/flux-2/requests/p/cancel"))
    ctx.cancelled = True

    with pytest.raises(JobCancelled):
        generator.generate(ask(FLUX2), ctx)

    puts = cloud.fal.ledger.requests("PUT", "/fal-ai/flux-2/requests/p/cancel")
    assert len(puts) == before + 1
