"""What is Replicate's own about pictures; the contract holds the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from counting import PostCount
from patient_context import PatientContext
from shelf import Shelf

from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.domain.errors import (
    JobCancelled,
    LoraNotUsable,
    OutcomeUnknown,
    ServiceRefused,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.replicate.state import Prediction
from fluxlora_desktop.practice.services import PracticeServices

_PATH = r"/v1/(models/[^/]+/[^/]+/)?predictions"
_NSFW = "NSFW content detected. Try running it again, or try a different prompt."


@pytest.fixture
def generator(cloud: PracticeServices) -> ReplicatePictures:
    token = Secret(cloud.replicate.token)
    return ReplicatePictures(address=cloud.replicate.url, token=lambda: token)


@pytest.fixture
def posts(cloud: PracticeServices) -> PostCount:
    return PostCount(cloud.replicate, _PATH)


def ask(model: str, *loras: LoraUse, prompt: str = "a TOK", **size: int) -> PictureRequest:
    return PictureRequest("replicate", model, prompt, loras, steps=4, seed=7, **size)


def newest(cloud: PracticeServices) -> Prediction:
    return max(cloud.replicate.state.predictions, key=lambda one: one.created_at)


def answer(cloud: PracticeServices, **told: Any) -> None:
    """Let the next paid request be answered so, with nothing made."""
    cloud.replicate.next(method="POST", path=_PATH, status=201, json={"id": "p", **told})


def test_trained_version_takes_the_size_in_pixels(
    generator: ReplicatePictures, cloud: PracticeServices, shelf: Shelf, ctx: PatientContext
) -> None:
    image = generator.generate(ask("trained-version", shelf.flux1, width=256, height=320), ctx)

    sent = newest(cloud)
    assert sent.version == shelf.flux1.trained_version.partition(":")[2]
    assert (sent.input["width"], sent.input["height"]) == (256, 320)
    assert sent.input["lora_scale"] == 0.8
    assert image.remote_id == sent.id


def test_published_loras_go_by_address_and_without_a_hub_token(
    generator: ReplicatePictures, cloud: PracticeServices, shelf: Shelf, ctx: PatientContext
) -> None:
    generator.generate(ask("flux-dev-lora", shelf.flux1, shelf.flux1, width=512, height=288), ctx)

    sent = newest(cloud).input
    assert sent["lora_weights"] == sent["extra_lora"] == shelf.flux1.address
    assert (sent["aspect_ratio"], sent["megapixels"]) == ("16:9", "0.25")
    assert "hf_api_token" not in sent


def test_picture_is_read_without_the_token(
    generator: ReplicatePictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    generator.generate(ask("flux-dev", width=256, height=256), ctx)

    read = cloud.replicate.ledger.requests("GET", "/" + newest(cloud).pictures[0])
    assert [one.facts["authorization"] for one in read] == [False]


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}, {"cut_after": 100}])
def test_picture_comes_home_when_the_line_breaks_on_the_way(
    generator: ReplicatePictures,
    cloud: PracticeServices,
    posts: PostCount,
    ctx: PatientContext,
    fault: dict[str, Any],
) -> None:
    cloud.replicate.next(method="GET", path=r"/yhqm/.*", **fault)

    assert generator.generate(ask("flux-dev", width=256, height=256), ctx).data
    assert posts() == 1


def test_picture_that_was_made_and_cannot_be_read_may_have_been_charged(
    generator: ReplicatePictures, cloud: PracticeServices, posts: PostCount, ctx: PatientContext
) -> None:
    cloud.replicate.next(method="GET", path=r"/yhqm/.*", status=404)

    with pytest.raises(OutcomeUnknown, match="could not be fetched"):
        generator.generate(ask("flux-dev", width=256, height=256), ctx)

    assert posts() == 1


def test_official_picture_that_the_filter_refused_is_free(
    generator: ReplicatePictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    before = cloud.replicate.ledger.charged_usd

    with pytest.raises(ServiceRefused, match="NSFW"):
        generator.generate(ask("flux-dev", prompt="nsfw", width=256, height=256), ctx)

    assert cloud.replicate.ledger.charged_usd == before


@pytest.mark.parametrize(
    "told",
    [
        {"status": "failed", "error": _NSFW, "metrics": {"predict_time": 6.1}},
        {"status": "failed", "error": _NSFW},
        {"status": "canceled", "metrics": {"predict_time": 2.0}},
        {"status": "succeeded", "output": []},
    ],
    ids=["nsfw", "no-metrics", "canceled", "no-picture"],
)
def test_trained_version_that_ran_for_nothing_may_have_been_charged(
    generator: ReplicatePictures,
    cloud: PracticeServices,
    shelf: Shelf,
    ctx: PatientContext,
    told: dict[str, Any],
) -> None:
    answer(cloud, **told)

    with pytest.raises(OutcomeUnknown):
        generator.generate(ask("trained-version", shelf.flux1), ctx)


@pytest.mark.parametrize(
    "told", [{"status": "aborted"}, {"status": "failed", "metrics": {"predict_time": 0}}]
)
def test_trained_version_that_never_ran_is_free(
    generator: ReplicatePictures,
    cloud: PracticeServices,
    shelf: Shelf,
    ctx: PatientContext,
    told: dict[str, Any],
) -> None:
    answer(cloud, **told)

    with pytest.raises(ServiceRefused):
        generator.generate(ask("trained-version", shelf.flux1), ctx)


def test_picture_is_waited_for_when_it_takes_longer(
    generator: ReplicatePictures, cloud: PracticeServices, posts: PostCount, ctx: PatientContext
) -> None:
    address = f"{cloud.replicate.delivery_url}/yhqm/code/out-0.png"
    done = {"id": "p", "status": "succeeded", "output": address}
    answer(cloud, status="starting")
    cloud.replicate.next(path="/v1/predictions/p", json={"id": "p", "status": "processing"})
    cloud.replicate.next(path="/v1/predictions/p", json=done)
    cloud.replicate.next(path=r"/yhqm/.*", body=b"\x89PNG picture", content_type="image/png")

    image = generator.generate(ask("flux-dev"), ctx)

    assert (image.remote_id, image.data) == ("p", b"\x89PNG picture")
    assert len(ctx.pauses) == 2
    assert posts() == 1


def test_cancel_stops_the_picture_at_the_service_too(
    generator: ReplicatePictures, cloud: PracticeServices, ctx: PatientContext
) -> None:
    answer(cloud, status="starting")
    stops = PostCount(cloud.replicate, "/v1/predictions/p/cancel$")
    ctx.cancelled = True

    with pytest.raises(JobCancelled):
        generator.generate(ask("flux-dev"), ctx)

    assert stops() == 1


@pytest.mark.parametrize("change", [{"private": True}, {"address": ""}], ids=["private", "home"])
def test_lora_that_strangers_cannot_read_is_refused_before_anything_is_sent(
    generator: ReplicatePictures,
    shelf: Shelf,
    posts: PostCount,
    ctx: PatientContext,
    change: dict[str, Any],
) -> None:
    with pytest.raises(LoraNotUsable):
        generator.generate(ask("flux-dev-lora", replace(shelf.flux1, **change)), ctx)

    assert posts() == 0
