"""The first-intended way, trained at Replicate and used at Together, and what became of it.

With Together's catalogue of 2025 it passes from the photos to the picture. Today its model is
withdrawn: the same Lora is refused before anything is sent, and the routes named instead work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.errors import LoraNotUsable
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.workflows.pictures import order_pictures, routes_of
from fluxlora_desktop.workflows.tools import Tools
from tests.e2e.whole_way import ORDERS, make_one, request_for, tools_for, train_and_publish

FLUX1_LORA = "black-forest-labs/FLUX.1-dev-lora"


@dataclass(frozen=True, slots=True)
class Past:
    """What the year 2025 left: the cloud's state, the library, and the Lora in it."""

    cloud: Path
    library: Path
    lora_id: str
    picture: Picture
    orders: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("2025")
    cloud, library = folder / "cloud", folder / "library"
    with (
        PracticeServices(state_dir=cloud, speed=2000, catalogue="2025") as services,
        tools_for(services, library) as tools,
    ):
        lora = train_and_publish(tools)
        tools.services.generator("together").refresh()
        picture = make_one(tools, request_for(lora, "together", FLUX1_LORA))
        asked = services.together.ledger.entries("picture")
        assert asked[0].facts["loras"] == [{"path": use_of(lora).address, "scale": 1.0}]
        orders = len(services.together.ledger.requests("POST", ORDERS))
    return Past(cloud, library, lora.id, picture, orders)


@contextmanager
def today(past: Past) -> Iterator[tuple[PracticeServices, Tools, Lora]]:
    """Open the same library with the same cloud, whose catalogue is today's."""
    with (
        PracticeServices(state_dir=past.cloud, speed=2000, catalogue="2026") as services,
        tools_for(services, past.library) as tools,
    ):
        tools.services.generator("together").refresh()
        yield services, tools, tools.stores.loras.get(past.lora_id)


def test_lora_trained_at_replicate_makes_its_picture_at_together(past: Past) -> None:
    picture = past.picture

    assert picture.state is PictureState.DONE, picture.error
    assert past.orders == 1
    with Image.open(past.library / picture.file) as image:
        assert image.size == (256, 256)
        parameters = image.info["parameters"]
    assert "GLZFOX on a beach" in parameters
    assert "Seed: 41" in parameters
    text = PillowPictureWorkshop().read_text(past.library / picture.file)
    assert text is not None
    assert text.generator == f"together/{FLUX1_LORA}"
    assert [(lora.lora_id, lora.scale) for lora in text.loras] == [(past.lora_id, 1.0)]


def test_the_same_lora_is_refused_today_and_the_routes_named_instead_work(past: Past) -> None:
    with today(past) as (services, tools, lora):
        with pytest.raises(LoraNotUsable) as caught:
            order_pictures(request_for(lora, "together", FLUX1_LORA), tools)
        assert services.together.ledger.requests("POST", ORDERS) == []

        working = [route for route in routes_of(lora, tools) if route.works]
        named = {f"{route.generator_title}: {route.model_title}" for route in working}
        made = [
            make_one(tools, request_for(lora, route.generator, route.model)) for route in working
        ]

    assert set(caught.value.routes) == named
    assert {route.model for route in working} == {
        "trained-version",
        "flux-dev-lora",
        "fal-ai/flux-lora",
        "fal-ai",
        "replicate",
    }
    assert [picture.state for picture in made] == [PictureState.DONE] * 5


def test_every_route_that_does_not_work_today_says_why(past: Past) -> None:
    with today(past) as (_, tools, lora):
        reasons = {route.model: route.reason for route in routes_of(lora, tools)}
        private = replace(use_of(lora), private=True)
        with pytest.raises(LoraNotUsable, match="private"):
            order_pictures(
                replace(request_for(lora, "replicate", "flux-dev-lora"), loras=(private,)), tools
            )

    assert "not served at present" in reasons[FLUX1_LORA]
    assert "is for FLUX.1-dev" in reasons["black-forest-labs/FLUX.2-dev"]
