"""Pages over real desks: what one of them learns counts on the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.pictures import GeneratorAbilities, GeneratorModel
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.theme import Theme
from tests.ui.desk_bench import DeskBench
from tests.ui.furnished import House, Painter


class Catalogue(Painter):
    """A service that offers something else than the app knew."""

    refreshed = 0

    def refresh(self) -> GeneratorAbilities:
        self.refreshed += 1
        self.models = (GeneratorModel("new", "Newest model", "flux.1-dev", max_loras=1),)
        return self.abilities()


@pytest.fixture
def house(qtbot: QtBot, tmp_path: Path, theme: Theme) -> Iterator[House]:
    workshop = PillowPictureWorkshop()
    with DeskBench(tmp_path, generator=Catalogue(), pictures=workshop) as bench:
        yield House.build(bench, qtbot, theme, empty=True)


def test_recipe_asks_once_what_the_services_offer_now_and_says_it(house: House) -> None:
    catalogue = house.bench.generator
    assert isinstance(catalogue, Catalogue)
    page = house.show("create photos")
    assert isinstance(page, CreatePage)
    assert catalogue.refreshed == 0

    house.show("create recipe")
    assert catalogue.refreshed == 1
    for screen in ("create review", "gallery", "create recipe"):
        house.show(screen)

    assert catalogue.refreshed == 1
    routes = house.desks.draft.draft().routes
    assert [route.model_title for route in routes] == ["Newest model"]
    assert page.recipe.goal_words.says.text() == "As planned, no service could use it."
