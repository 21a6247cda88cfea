"""Every generator's models, held to the one contract."""

from __future__ import annotations

import pytest
from generator_contract import ImageGeneratorContract, Shop
from shelf import Shelf

from fluxlora_desktop.backends.fal.pictures import FalPictures
from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.backends.together.pictures import TogetherPictures
from fluxlora_desktop.domain.pictures import LoraUse
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


class TestGenerators(ImageGeneratorContract):
    @pytest.fixture(
        params=["trained-version", "flux-dev-lora", "flux-dev", "together", "fal-1", "fal-2"]
    )
    def shop(self, request: pytest.FixtureRequest, cloud: PracticeServices, shelf: Shelf) -> Shop:
        one, two = shelf.flux1, shelf.flux2
        shops = {
            "trained-version": lambda: _at_replicate(cloud, "trained-version", (one,), two),
            "flux-dev-lora": lambda: _at_replicate(cloud, "flux-dev-lora", (one,), two),
            "flux-dev": lambda: _at_replicate(cloud, "flux-dev", (), one),
            "together": lambda: _at_together(cloud, _FLUX2, (two,), one),
            "fal-1": lambda: _at_fal(cloud, "fal-ai/flux-lora", (one, one), two),
            "fal-2": lambda: _at_fal(cloud, "fal-ai/flux-2/lora", (two,), one),
        }
        return shops[request.param]()
