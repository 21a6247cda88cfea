"""What is Inference Providers' own: who serves what, and that no LoRA is left out in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from counting import PostCount
from patient_context import PatientContext
from shelf import Shelf

from fluxlora_desktop.backends.huggingface.pictures import HuggingFacePictures
from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.errors import (
    LoraNotUsable,
    ModelWithdrawn,
    OutcomeUnknown,
    ScopeMissing,
    ServiceRefused,
    UnexpectedReply,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.huggingface.app import practice_tokens
from fluxlora_desktop.practice.services import PracticeServices

_ROUTER = r"/(fal-ai|replicate)/.*"
_REPO = r"/api/models/practice/shelf-one"
_LIVE = {
    "provider": "fal-ai",
    "providerId": "fal-ai/flux-lora",
    "status": "live",
    "task": "text-to-image",
    "adapter": "lora",
    "adapterWeightsPath": "lora.safetensors",
}


@pytest.fixture
def generator(cloud: PracticeServices) -> HuggingFacePictures:
    hub = cloud.huggingface
    token = Secret(hub.token)
    return HuggingFacePictures(address=hub.url, router=hub.url, token=lambda: token)


@pytest.fixture
def posts(cloud: PracticeServices) -> PostCount:
    return PostCount(cloud.huggingface, _ROUTER)


def ask(model: str, *loras: LoraUse) -> PictureRequest:
    return PictureRequest("huggingface", model, "a TOK", loras, 512, 512, 4, seed=7)


def serve(cloud: PracticeServices, *entries: Mapping[str, Any], times: int = 1) -> None:
    """Let the hub name these as who serves the first LoRA of the shelf."""
    told = {"id": "practice/shelf-one", "inferenceProviderMapping": list(entries)}
    for _ in range(times):
        cloud.huggingface.next(path=_REPO, status=200, json=told)


def test_lora_goes_to_the_provider_by_its_address_and_strength(
    cloud: PracticeServices, generator: HuggingFacePictures, ctx: PatientContext, shelf: Shelf
) -> None:
    for model, provider_id in (
        ("fal-ai", "fal-ai/flux-lora"),
        ("replicate", "black-forest-labs/flux-dev-lora"),
    ):
        generator.generate(ask(model, replace(shelf.flux1, scale=0.6)), ctx)

        made = cloud.huggingface.ledger.entries("picture")[-1].facts
        assert (made["provider"], made["model"]) == (model, provider_id)
        assert made["loras"] == [{"path": shelf.flux1.address, "scale": 0.6}]


def test_hub_is_asked_once_for_many_pictures_and_again_at_each_look(
    cloud: PracticeServices, generator: HuggingFacePictures, ctx: PatientContext, shelf: Shelf
) -> None:
    def reads() -> int:
        return len(cloud.huggingface.ledger.requests("GET", _REPO))

    order, before = ask("fal-ai", shelf.flux1), reads()
    generator.look(order, ctx)
    for seed in (1, 2):
        generator.generate(replace(order, seed=seed), ctx)
    assert reads() - before == 1

    generator.look(order, ctx)
    assert reads() - before == 2


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "does not serve One yet"),
        ([_LIVE | {"provider": "wavespeed"}], "by wavespeed alone, which would leave the LoRA out"),
        ([_LIVE | {"provider": "replicate"}], "served through Replicate now, not through fal"),
        ([_LIVE | {"status": "error"}], "its status is error"),
        ([_LIVE | {"status": "staging"}], "its status is staging"),
        ([_LIVE | {"adapter": None}], "not known as a LoRA"),
        ([_LIVE | {"task": "image-to-image"}], "served through fal now"),
        ([_LIVE | {"providerId": "../../v1/models"}], "not known as a LoRA"),
    ],
    ids=["none", "others", "other", "error", "staging", "no-lora", "task", "odd-path"],
)
def test_lora_that_is_not_served_is_refused_in_words_and_nothing_is_sent(
    cloud: PracticeServices,
    generator: HuggingFacePictures,
    posts: PostCount,
    ctx: PatientContext,
    shelf: Shelf,
    entries: list[dict[str, Any]],
    says: str,
) -> None:
    serve(cloud, *entries, times=2)

    for send in (generator.look, generator.generate):
        with pytest.raises(LoraNotUsable, match=says):
            send(ask("fal-ai", shelf.flux1), ctx)

    assert posts() == 0


def test_mapping_may_come_by_provider_as_older_hubs_tell_it(
    cloud: PracticeServices, generator: HuggingFacePictures, ctx: PatientContext, shelf: Shelf
) -> None:
    facts = {name: value for name, value in _LIVE.items() if name != "provider"}
    told = {"inferenceProviderMapping": {"fal-ai": facts}}
    cloud.huggingface.next(path=_REPO, status=200, json=told)

    assert generator.look(ask("fal-ai", shelf.flux1), ctx).models


def test_private_lora_and_one_that_lies_elsewhere_are_refused(
    generator: HuggingFacePictures, posts: PostCount, ctx: PatientContext, shelf: Shelf
) -> None:
    with pytest.raises(LoraNotUsable, match="only read public repos"):
        generator.generate(ask("fal-ai", replace(shelf.flux1, private=True)), ctx)
    with pytest.raises(LoraNotUsable, match="does not lie on Hugging Face"):
        elsewhere = replace(shelf.flux1, address="https://example.org/a/b.safetensors")
        generator.generate(ask("fal-ai", elsewhere), ctx)
    with pytest.raises(LoraNotUsable, match="is not on Hugging Face any more"):
        gone = shelf.flux1.address.replace("shelf-one", "gone")
        generator.look(ask("replicate", replace(shelf.flux1, address=gone)), ctx)

    assert posts() == 0


def test_base_model_that_nobody_serves_is_withdrawn(
    cloud: PracticeServices, generator: HuggingFacePictures, ctx: PatientContext
) -> None:
    base = r"/api/models/black-forest-labs/FLUX\.1-dev"
    cloud.huggingface.next(path=base, status=200, json={"inferenceProviderMapping": []})
    with pytest.raises(ModelWithdrawn, match="through fal"):
        generator.look(ask("fal-ai"), ctx)

    assert generator.look(ask("fal-ai"), ctx).models


def test_token_without_the_right_is_told_as_that(
    cloud: PracticeServices, ctx: PatientContext, shelf: Shelf
) -> None:
    hub = cloud.huggingface
    token = Secret(practice_tokens(hub.context)["fine-grained-without-inference"])
    poor = HuggingFacePictures(address=hub.url, router=hub.url, token=lambda: token)

    with pytest.raises(ScopeMissing, match="Inference Providers"):
        poor.generate(ask("fal-ai", shelf.flux1), ctx)


@pytest.mark.parametrize(
    ("model", "told", "error"),
    [
        ("replicate", {"id": "p", "status": "failed", "error": "NSFW"}, ServiceRefused),
        ("replicate", {"id": "p", "status": "processing"}, OutcomeUnknown),
        ("replicate", {"id": "p", "status": "succeeded", "output": []}, OutcomeUnknown),
        ("fal-ai", {"images": [{}]}, OutcomeUnknown),
        ("fal-ai", {"images": [{"url": "u"}], "has_nsfw_concepts": [True]}, OutcomeUnknown),
        ("fal-ai", {"images": [{"url": "https://example.org/x.png"}]}, OutcomeUnknown),
        ("fal-ai", {"images": "none"}, OutcomeUnknown),
    ],
    ids=["failed", "late", "empty", "no-url", "black", "stranger", "odd"],
)
def test_answer_without_a_picture_says_what_it_means_for_the_money(
    cloud: PracticeServices,
    generator: HuggingFacePictures,
    posts: PostCount,
    ctx: PatientContext,
    shelf: Shelf,
    model: str,
    told: dict[str, Any],
    error: type[Exception],
) -> None:
    cloud.huggingface.next(method="POST", path=_ROUTER, status=200, json=told)

    with pytest.raises(error):
        generator.generate(ask(model, shelf.flux1), ctx)

    assert posts() == 1


def test_who_serves_what_cannot_be_told_by_an_odd_answer(
    cloud: PracticeServices, generator: HuggingFacePictures, ctx: PatientContext, shelf: Shelf
) -> None:
    cloud.huggingface.next(path=_REPO, status=200, json=[])

    with pytest.raises(UnexpectedReply):
        generator.look(ask("fal-ai", shelf.flux1), ctx)


def test_router_lies_with_a_hub_that_is_not_the_usual_one_unless_it_is_named(
    cloud: PracticeServices, ctx: PatientContext, free_address: str
) -> None:
    hub = cloud.huggingface
    places = {"huggingface": hub.url}
    services = build_services(addresses=places, secret_for=lambda _key: Secret(hub.token))
    assert services.generator("huggingface").generate(ask("fal-ai"), ctx).data

    named = {**places, "huggingface.router": free_address}
    services = build_services(addresses=named, secret_for=lambda _key: Secret(hub.token))
    with pytest.raises(Exception, match="ConnectError"):
        services.generator("huggingface").generate(ask("fal-ai"), ctx)
