"""Pictures at Replicate over real HTTP."""

from __future__ import annotations

import pytest
from loopback import Answer, as_json
from patient_context import PatientContext
from replicate_double import TOKEN, ReplicateDouble

from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.domain.errors import (
    AppError,
    JobCancelled,
    LoraNotUsable,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    TokenRejected,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret

ADDRESS = "https://huggingface.co/anna/my-cat/resolve/main/lora.safetensors"
LORA = LoraUse(
    "l1", "my cat", "flux.1-dev", 0.8, "TOK", "anna/my-cat:abc", "replicate", ADDRESS, False
)


def ask(model: str, *loras: LoraUse, width: int = 1024, height: int = 1024) -> PictureRequest:
    return PictureRequest("replicate", model, "a TOK", loras, width, height, seed=7)


@pytest.fixture
def generator(replicate: ReplicateDouble) -> ReplicatePictures:
    return ReplicatePictures(address=replicate.api.url, token=lambda: Secret(TOKEN))


def sent_by(replicate: ReplicateDouble) -> dict:
    return next(one for one in replicate.api.seen if one.method == "POST").json()


def test_picture_of_the_trained_version_comes_home(generator, replicate, ctx) -> None:
    image = generator.generate(ask("trained-version", LORA, width=768, height=1152), ctx)

    sent = sent_by(replicate)
    assert image.data.startswith(b"\x89PNG")
    assert (image.media_type, image.seed, image.remote_id) == ("image/png", 7, "pic1")
    assert sent["version"] == "anna/my-cat:abc"
    assert (sent["input"]["width"], sent["input"]["height"]) == (768, 1152)
    assert sent["input"]["lora_scale"] == 0.8
    assert "authorization" not in replicate.delivery.seen[0].headers


def test_published_loras_go_by_address_and_without_a_hub_token(generator, replicate, ctx) -> None:
    generator.generate(ask("flux-dev-lora", LORA, LORA, width=1024, height=576), ctx)

    sent = sent_by(replicate)["input"]
    assert sent["lora_weights"] == sent["extra_lora"] == ADDRESS
    assert sent["aspect_ratio"] == "16:9"
    assert "hf_api_token" not in sent


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401, b"{}"), TokenRejected),
        (Answer(402, b"{}"), PaymentRequired),
        (Answer(422, b"{}"), ServiceRefused),
        (Answer(429, b'{"retry_after": 5}'), ServiceBusy),
        (Answer(500, b"{}"), OutcomeUnknown),
        (Answer(200, b"<html>", {"content-type": "text/html"}), OutcomeUnknown),
        (Answer(201, b"{}"), OutcomeUnknown),
        (Answer(201, b"{}" * 9, cut_after=1), OutcomeUnknown),
        (Answer(drop=True), OutcomeUnknown),
    ],
    ids=["401", "402", "422", "429", "500", "html", "no-id", "cut", "drop"],
)
def test_picture_is_asked_for_once_whatever_the_answer(
    generator: ReplicatePictures,
    replicate: ReplicateDouble,
    ctx: PatientContext,
    answer: Answer,
    error: type[AppError],
) -> None:
    replicate.api.next("POST", "predictions$", answer)

    with pytest.raises(error):
        generator.generate(ask("flux-dev"), ctx)

    assert replicate.api.count("POST", "predictions$") == 1


def test_picture_that_the_filter_refused_says_so(generator, replicate, ctx) -> None:
    words = "NSFW content detected. Try running it again, or try a different prompt."
    failed = as_json({"id": "p", "status": "failed", "error": words}, 201)
    replicate.api.next("POST", "predictions$", failed)

    with pytest.raises(ServiceRefused, match="NSFW"):
        generator.generate(ask("flux-dev"), ctx)


def test_picture_is_waited_for_when_it_takes_longer(generator, replicate, ctx) -> None:
    replicate.api.next("POST", "predictions$", as_json({"id": "p", "status": "starting"}, 202))
    done = {"id": "p", "status": "succeeded", "output": f"{replicate.delivery.url}/o.png"}
    replicate.api.route("GET", "/v1/predictions/p$", as_json(done))

    assert generator.generate(ask("flux-dev"), ctx).remote_id == "p"
    assert ctx.pauses


def test_cancel_stops_the_picture_at_the_service_too(generator, replicate, ctx) -> None:
    replicate.api.next("POST", "predictions$", as_json({"id": "p", "status": "starting"}, 202))
    ctx.cancelled = True

    with pytest.raises(JobCancelled):
        generator.generate(ask("flux-dev"), ctx)

    assert replicate.api.count("POST", "/v1/predictions/p/cancel$") == 1


def test_private_lora_is_refused_before_anything_is_sent(generator, replicate, ctx) -> None:
    from dataclasses import replace

    with pytest.raises(LoraNotUsable):
        generator.generate(ask("flux-dev-lora", replace(LORA, private=True)), ctx)

    assert replicate.api.seen == []
