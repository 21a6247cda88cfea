"""Trained at fal, published, used at Together: the hosted way for FLUX.2-dev, and its borders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from fluxlora_desktop.backends.fal.trainers import FAST, FLUX2
from fluxlora_desktop.domain.bases import FLUX1_DEV, FLUX2_DEV
from fluxlora_desktop.domain.errors import LoraNotUsable
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.workflows.pictures import order_pictures, routes_of
from fluxlora_desktop.workflows.tools import Tools
from tests.e2e.whole_way import Hurry, make_one, request_for, tools_for, train_and_publish

AT_TOGETHER = ("together", "black-forest-labs/FLUX.2-dev")
AT_FAL_1, AT_FAL_2 = ("fal", "fal-ai/flux-lora"), ("fal", "fal-ai/flux-2/lora")
AT_THE_HUB = (("huggingface", "fal-ai"), ("huggingface", "replicate"))
AT_REPLICATE = ("replicate", "flux-dev-lora")


@dataclass(frozen=True, slots=True)
class World:
    """The services, the library, and a public Lora of each base, both trained at fal."""

    services: PracticeServices
    tools: Tools
    flux1: Lora
    flux2: Lora

    def posts(self) -> int:
        """Return how many POSTs the three services for pictures were sent."""
        asked = (self.services.together, self.services.fal, self.services.replicate)
        return sum(len(service.ledger.requests("POST")) for service in asked)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("fal")
    with (
        PracticeServices(state_dir=folder / "cloud", speed=2000) as services,
        tools_for(services, folder / "library") as tools,
    ):
        flux2 = train_and_publish(tools, backend="fal", trainer=FLUX2.key)
        flux1 = train_and_publish(
            tools, backend="fal", trainer=FAST.key, repo="fox-one", name="Fox one"
        )
        tools.services.generator("together").refresh()
        yield World(services, tools, flux1, flux2)


def test_photos_become_a_lora_at_fal_and_pictures_at_together(world: World) -> None:
    ledger = world.services.fal.ledger
    assert [one.facts["endpoint"] for one in ledger.entries("training_created")] == [
        FLUX2.key,
        FAST.key,
    ]
    assert world.flux2.base == FLUX2_DEV.key
    assert world.flux2.trigger_word == "GLZFOX"

    made = make_one(world.tools, request_for(world.flux2, *AT_TOGETHER))

    assert made.state is PictureState.DONE, made.error
    (asked,) = world.services.together.ledger.entries("picture")
    assert asked.facts["loras"] == [{"path": use_of(world.flux2).address, "scale": 1.0}]


def test_trigger_word_reaches_a_trainer_that_has_no_field_for_it(world: World) -> None:
    state = world.services.fal.state
    request = next(one for one in state.requests if one.endpoint == FLUX2.key)

    assert request.input["default_caption"] == "a photo of GLZFOX"
    assert "trigger_word" not in request.input


def test_card_licence_and_notice_are_those_of_the_base(world: World) -> None:
    publication = world.flux2.publication
    assert publication is not None
    root = publication.address.rsplit("/", 1)[0]

    def read(name: str) -> str:
        return httpx.get(f"{root}/{name}", trust_env=False, follow_redirects=True).text

    card = read("README.md")
    assert f"base_model: {FLUX2_DEV.hub_id}" in card
    assert f"license_name: {FLUX2_DEV.licence_name}" in card
    assert "Flux2Pipeline" in card
    assert "FLUX.2 trainer at fal" in card
    assert FLUX2_DEV.licence_link in read("LICENSE.md")
    assert read("NOTICE").startswith(FLUX2_DEV.notice)


@pytest.mark.parametrize(
    ("lora", "place", "side", "named"),
    [
        ("flux1", AT_TOGETHER, 256, {AT_REPLICATE, AT_FAL_1, *AT_THE_HUB}),
        ("flux1", AT_FAL_2, 512, {AT_REPLICATE, AT_FAL_1, *AT_THE_HUB}),
        ("flux2", AT_REPLICATE, 256, {AT_TOGETHER, AT_FAL_2}),
        ("flux2", AT_FAL_1, 256, {AT_TOGETHER, AT_FAL_2}),
    ],
)
def test_lora_of_another_base_is_refused_before_any_request_with_the_routes_that_work(
    world: World,
    lora: str,
    place: tuple[str, str],
    side: int,
    named: set[tuple[str, str]],
) -> None:
    chosen: Lora = getattr(world, lora)
    before = world.posts()

    with pytest.raises(LoraNotUsable, match="is for") as caught:
        order_pictures(request_for(chosen, *place, side=side), world.tools)

    working = [route for route in routes_of(chosen, world.tools) if route.works]
    assert {(route.generator, route.model) for route in working} == named
    assert set(caught.value.routes) == {
        f"{route.generator_title}: {route.model_title}" for route in working
    }
    assert world.posts() == before


def test_backend_itself_refuses_what_slipped_past_the_workflow(world: World) -> None:
    before = world.posts()
    use = replace(use_of(world.flux1), base=FLUX1_DEV.key)
    request = replace(request_for(world.flux1, *AT_TOGETHER), loras=(use,))

    with pytest.raises(LoraNotUsable):
        world.tools.services.generator("together").generate(request, Hurry())

    assert world.posts() == before


def test_each_base_works_at_fal_too(world: World) -> None:
    made = [
        make_one(world.tools, request_for(world.flux1, *AT_FAL_1)),
        make_one(world.tools, request_for(world.flux2, *AT_FAL_2, side=512)),
    ]

    assert [picture.state for picture in made] == [PictureState.DONE] * 2


def test_money_shown_is_the_money_asked_for(world: World) -> None:
    ledger, fal = world.tools.stores.ledger, world.services.fal
    shown = sum(
        charge.amount_usd
        for charge in ledger.charges()
        if charge.service == "fal" and charge.run_id
    )
    asked = sum(entry.charged_usd for entry in fal.ledger.entries("training_succeeded"))

    assert float(shown) == pytest.approx(asked)
    assert asked > 0
