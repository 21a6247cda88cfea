"""Pages over real desks: what one of them learns counts on the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.pictures import GeneratorAbilities, GeneratorModel
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.gallery.page import GalleryPage
from fluxlora_desktop.ui.grids.page import GridsPage
from fluxlora_desktop.ui.library.page import LibraryPage
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.ui.theme import Theme
from tests.ui.desk_bench import DeskBench
from tests.ui.furnished import House, Painter, make_bench
from tests.ui.seen import seen


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


def test_strength_is_found_from_a_run_from_the_library_and_from_a_picture(
    qtbot: QtBot, tmp_path: Path, theme: Theme
) -> None:
    with make_bench(tmp_path) as bench:
        house = House.build(bench, qtbot, theme)
        window = house.window
        runs = house.show("runs")
        assert isinstance(runs, RunsPage)
        (ready,) = (run for run in house.desks.runs.runs() if run.lora_id)
        runs.list.select(ready.id)
        house.rest()
        find = next(b for b in seen(runs, QPushButton) if b.text() == "Find the best strength")
        assert find.property("role") != "primary"
        find.click()
        grids = window.page("grids")
        assert isinstance(grids, GridsPage)
        assert (window.place(), grids.setup.chosen().id) == ("grids", ready.lora_id)
        assert window.sidebar.buttons["gallery"].isChecked()
        house.rest()

        library = house.show("library")
        assert isinstance(library, LibraryPage)
        library.inspector.find_strength.click()
        assert window.place() == "grids"

        gallery = house.show("gallery")
        assert isinstance(gallery, GalleryPage)
        pictures = bench.tools.stores.pictures
        (picture,) = (p for p in pictures.page(pictures.ids()) if p.cell == 3)
        gallery.grid_requested.emit(picture)
        assert window.place() == "grids"
        assert grids.setup.prompt.toPlainText() == picture.prompt == "TOK fox in the snow"
        assert grids.setup.rows.axis().values == (2,)
        house.show("gallery")
        gallery.grids.click()
        assert grids.list.isVisible()
        house.rest()
