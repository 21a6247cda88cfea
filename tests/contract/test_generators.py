"""Every generator's models, held to the one contract."""

from __future__ import annotations

import pytest
from generator_contract import ImageGeneratorContract, PictureContract, Shop
from shelf import Shelf

from fluxlora_desktop.backends.fal.pictures import FalPictures
from fluxlora_desktop.backends.huggingface.pictures import HuggingFacePictures
from fluxlora_desktop.backends.openai_images.pictures import OwnPictures
from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.backends.together.pictures import TogetherPictures
from fluxlora_desktop.domain.pictures import LoraUse, OwnServer
from fluxlora_desktop.practice.own_pictures.app import MODEL as OWN_MODEL
from fluxlora_desktop.practice.services import PracticeServices

_FLUX2 = "black-forest-labs/FLUX.2-dev"


def _at_replicate(
    cloud: PracticeServices, model: str, loras: tuple[LoraUse, ...], misfit: LoraUse
) -> Shop:
    def seeds() -> list[int]:
        asked = sorted(cloud.replicate.state.predictions, key=lambda one: one.created_at)
        return [one.input["seed"] for one in asked]

    return Shop(
        service=cloud.replicate,
        open=lambda address, token: ReplicatePictures(address=address, token=token),
        size=(256, 256) if model == "trained-version" else (512, 512),
        path=r"/v1/(models/[^/]+/[^/]+/)?predictions",
        model=model,
        loras=loras,
        misfit=misfit,
        seeds_sent=seeds,
    )


def _at_together(
    cloud: PracticeServices, model: str, loras: tuple[LoraUse, ...], misfit: LoraUse
) -> Shop:
    return Shop(
        service=cloud.together,
        open=lambda address, token: TogetherPictures(address=address, token=token),
        size=(256, 256),
        path="/v1/images/generations",
        model=model,
        loras=loras,
        misfit=misfit,
        seeds_sent=lambda: [
            made.facts["seed"] for made in cloud.together.ledger.entries("picture")
        ],
    )


def _at_fal(
    cloud: PracticeServices, model: str, loras: tuple[LoraUse, ...], misfit: LoraUse
) -> Shop:
    def seeds() -> list[int]:
        asked = sorted(cloud.fal.state.requests, key=lambda one: one.created_at)
        return [one.input["seed"] for one in asked if "seed" in one.input]

    side = 512 if "flux-2" in model else 256
    return Shop(
        service=cloud.fal,
        open=lambda address, token: FalPictures(address=address, token=token),
        size=(side, side),
        path=f"/{model}",
        model=model,
        loras=loras,
        misfit=misfit,
        seeds_sent=seeds,
        side=side,
    )


def _at_huggingface(
    cloud: PracticeServices, model: str, loras: tuple[LoraUse, ...], misfit: LoraUse
) -> Shop:
    return Shop(
        service=cloud.huggingface,
        open=lambda address, token: HuggingFacePictures(
            address=cloud.huggingface.url, router=address, token=token
        ),
        size=(256, 256) if model == "fal-ai" else (512, 512),
        path=f"/{model}/.*",
        model=model,
        loras=loras,
        misfit=misfit,
        seeds_sent=lambda: [
            made.facts["seed"] for made in cloud.huggingface.ledger.entries("picture")
        ],
    )


def _at_own_address(cloud: PracticeServices, misfit: LoraUse) -> Shop:
    return Shop(
        service=cloud.own_pictures,
        open=lambda address, token: OwnPictures(
            server=lambda: OwnServer(f"{address}/v1", OWN_MODEL), token=token
        ),
        size=(256, 256),
        path="/v1/images/generations",
        model=OWN_MODEL,
        loras=(),
        misfit=misfit,
        seeds_sent=lambda: [
            made.facts["seed"] for made in cloud.own_pictures.ledger.entries("picture")
        ],
        needs_token=False,
        names_pictures=False,
    )


def _shop(name: str, cloud: PracticeServices, shelf: Shelf) -> Shop:
    one, two = shelf.flux1, shelf.flux2
    shops = {
        "trained-version": lambda: _at_replicate(cloud, "trained-version", (one,), two),
        "flux-dev-lora": lambda: _at_replicate(cloud, "flux-dev-lora", (one,), two),
        "flux-dev-lora-two": lambda: _at_replicate(cloud, "flux-dev-lora", (one, one), two),
        "flux-dev": lambda: _at_replicate(cloud, "flux-dev", (), one),
        "together": lambda: _at_together(cloud, _FLUX2, (two,), one),
        "together-two": lambda: _at_together(cloud, _FLUX2, (two, two), one),
        "together-plain": lambda: _at_together(cloud, _FLUX2, (), one),
        "fal-1": lambda: _at_fal(cloud, "fal-ai/flux-lora", (one, one), two),
        "fal-2": lambda: _at_fal(cloud, "fal-ai/flux-2/lora", (two,), one),
        "hub-fal": lambda: _at_huggingface(cloud, "fal-ai", (one,), two),
        "hub-replicate": lambda: _at_huggingface(cloud, "replicate", (one,), two),
        "hub-plain": lambda: _at_huggingface(cloud, "replicate", (), two),
        "own": lambda: _at_own_address(cloud, one),
    }
    return shops[name]()


class TestGenerators(ImageGeneratorContract):
    @pytest.fixture(
        params=[
            *("trained-version", "flux-dev-lora", "flux-dev", "together", "fal-1", "fal-2"),
            *("hub-fal", "hub-replicate", "own"),
        ]
    )
    def shop(self, request: pytest.FixtureRequest, cloud: PracticeServices, shelf: Shelf) -> Shop:
        return _shop(request.param, cloud, shelf)


class TestOtherNumbersOfLoras(PictureContract):
    @pytest.fixture(params=["flux-dev-lora-two", "together-two", "together-plain", "hub-plain"])
    def shop(self, request: pytest.FixtureRequest, cloud: PracticeServices, shelf: Shelf) -> Shop:
        return _shop(request.param, cloud, shelf)
