"""Pictures made on this computer, on the screens: free, step by step, or what is missing first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from gallery_room import Painter, Room
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import EngineBusy
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    GeneratorModel,
    Picture,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.ports import JobContext, StepsDone
from fluxlora_desktop.domain.routes import routes_for, use_of
from fluxlora_desktop.ui.desks.grids import GridDesk
from fluxlora_desktop.ui.desks.queue import CARD_TAKEN
from fluxlora_desktop.ui.gallery.words import facts_line, facts_of
from fluxlora_desktop.ui.grids.page import GridsPage
from fluxlora_desktop.ui.library.routes import RoutesPart
from fluxlora_desktop.workflows.looking import offered
from tests.ui.test_gallery import offers

LEFT = Qt.MouseButton.LeftButton
HERE = GeneratorModel(
    "flux.1-dev",
    "FLUX.1-dev on this computer",
    "flux.1-dev",
    max_loras=4,
    takes_files=True,
    free=True,
    price_basis="It is made on this computer",
)
LACKING = replace(HERE, lacks="It is not set up yet.")


@dataclass
class Here(Painter):
    """Paints on this computer; `at` holds a picture at its second step of four, `busy` refuses."""

    key: str = "local"
    title: str = "This computer"
    models: tuple[GeneratorModel, ...] = field(default=(HERE,))
    at: bool = False
    busy: bool = False

    def abilities(self) -> GeneratorAbilities:
        return GeneratorAbilities(self.models, at_once=1)

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        if self.busy:
            raise EngineBusy("A training uses the graphics card.")
        ctx.report(StepsDone(says="Loading the base model"))
        ctx.report(StepsDone(2, 4))
        while self.at:
            ctx.pause(0.01)
        return replace(super().generate(request, ctx), remote_id="")


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path, here: Here) -> Iterator[Room]:
    made = Room(tmp_path, here)
    made.add_lora("mug", "Blue mug", "BLUMUG", published=False)
    made.add_lora("ink", "Ink style", "INKST", published=False)
    qtbot.addWidget(made.page)
    made.page.resize(1096, 780)
    made.page.show()
    made.loras.load()
    made.page.shown()
    qtbot.waitUntil(lambda: made.loras.loaded and made.jobs.live() == 0)
    yield made
    here.at = False
    made.close()


def kept(room: Room) -> list[Picture]:
    store = room.stores.pictures
    return sorted(store.page(store.ids()), key=lambda picture: picture.id)


def order(qtbot: QtBot, room: Room, number: int = 2) -> None:
    panel = room.page.panel
    room.page.arrive("mug")
    panel.prompt.setPlainText("BLUMUG on a shelf")
    panel.number.setCurrentIndex(number - 1)
    qtbot.mouseClick(panel.make, LEFT)
    qtbot.waitUntil(lambda: len(kept(room)) == number)


def test_unpublished_loras_make_pictures_here_for_free(qtbot: QtBot, room: Room) -> None:
    panel = room.page.panel
    room.page.arrive("mug")

    chosen = panel.offer.offer()
    assert chosen is not None and chosen.generator == "local"
    assert panel.offer.combo.currentText() == "FLUX.1-dev on this computer"
    assert "need not be published" in panel.offer.combo.toolTip()
    assert panel.add_second.isVisible()
    assert not panel.offer.remedy.isVisible() and not panel.offer.more.isVisible()
    panel.prompt.setPlainText("BLUMUG on a shelf")
    panel.number.setCurrentIndex(1)
    assert panel.make.text() == "Make 2 pictures"
    assert panel.note.text() == "Free: it is made on this computer."
    qtbot.mouseClick(panel.make, LEFT)

    qtbot.waitUntil(lambda: [p.state for p in kept(room)] == [PictureState.DONE] * 2)
    assert room.stores.ledger.charges() == ()
    (picture, _other) = kept(room)
    facts = {fact.title: fact.value for fact in facts_of(picture)}
    assert facts["Model"] == "FLUX.1-dev on this computer"
    assert facts["Cost"] == "Free"
    assert "free" in facts_line(picture) and "$" not in facts_line(picture)


def test_cell_and_queue_tell_the_steps_of_the_picture_that_is_made(
    qtbot: QtBot, room: Room, here: Here
) -> None:
    here.at = True
    order(qtbot, room)
    model, orders = room.page.browser.model, room.page.browser.orders
    orders.unfold.setChecked(True)

    def cells() -> list[str]:
        rows = range(model.rowCount())
        return [model.data(model.index(row), Qt.ItemDataRole.AccessibleTextRole) for row in rows]

    qtbot.waitUntil(lambda: any(text.endswith("Step 2 of 4") for text in cells()))
    assert sum("Step" in text for text in cells()) == 1
    assert orders.making.text() == "Making pictures: 0 of 2 done, free"
    rows = orders.queue.list.rows
    qtbot.waitUntil(lambda: "step 2 of 4" in rows.row(0).detail)
    assert rows.row(0).detail == "0 of 2 done, free · This computer · step 2 of 4"
    room.page.browser.grid.viewport().repaint()

    here.at = False
    qtbot.waitUntil(lambda: [p.state for p in kept(room)] == [PictureState.DONE] * 2)
    qtbot.waitUntil(lambda: not any("Step" in text for text in cells()))


def test_order_waits_for_a_training_to_leave_the_graphics_card(
    qtbot: QtBot, room: Room, here: Here
) -> None:
    here.busy = True
    order(qtbot, room)

    qtbot.waitUntil(lambda: [it.note for it in room.pictures.queue.orders] == [CARD_TAKEN])
    assert [p.state for p in kept(room)] == [PictureState.WAITING] * 2
    assert room.troubles == []
    room.pictures.card_freed()
    qtbot.waitUntil(lambda: room.jobs.live() == 0)
    assert [it.note for it in room.pictures.queue.orders] == [CARD_TAKEN]

    here.busy = False
    room.pictures.card_freed()
    qtbot.waitUntil(lambda: [p.state for p in kept(room)] == [PictureState.DONE] * 2)


def test_computer_that_is_not_set_up_is_shown_with_the_reason_and_the_way_there(
    qtbot: QtBot, room: Room, here: Here
) -> None:
    here.models = (LACKING,)
    choice = room.page.panel.offer
    room.page.arrive("mug")

    assert choice.offer() is None
    assert choice.here.text() == "It is not set up yet."
    assert choice.remedy.text() == "Publish it…"
    assert choice.set_up.text() == "Set up this computer…"
    assert offers(room.page)["FLUX.1-dev on this computer: It is not set up yet"] is False
    with qtbot.waitSignal(room.page.go, check_params_cb=lambda *said: said[0] == "computer"):
        qtbot.mouseClick(choice.set_up, LEFT)

    here.models = (HERE,)
    room.page.panel.refresh()
    assert choice.offer() is not None
    assert not choice.here.isVisible() and not choice.set_up.isVisible()


def test_services_that_work_are_offered_without_a_button_for_this_computer(
    qtbot: QtBot, room: Room, here: Here
) -> None:
    here.models = (LACKING,)
    room.add_lora("fox", "Glazed fox", "GLZFOX")
    room.loras.load()
    qtbot.waitUntil(lambda: room.loras.lora("fox") is not None)
    room.page.arrive("fox")

    choice = room.page.panel.offer
    assert choice.offer() is not None and choice.offer().generator == "replicate"
    assert not choice.set_up.isVisible() and not choice.here.isVisible()
    assert offers(room.page)["FLUX.1-dev on this computer: It is not set up yet"] is False


def test_library_says_that_the_file_here_is_enough_and_leads_to_the_set_up(
    qtbot: QtBot, room: Room, here: Here
) -> None:
    lora = room.loras.lora("mug")
    assert lora is not None
    tools = room.loras.tools
    part = RoutesPart()
    qtbot.addWidget(part)
    part.show_routes(routes_for(use_of(lora), offered(tools)))
    assert "Works at This computer, FLUX.1-dev on this computer" in part.texts()

    here.models = (LACKING,)
    part.show_routes(routes_for(use_of(lora), offered(tools)))
    buttons = [b for b in part.findChildren(type(part.remedy)) if b.text() == "Set up"]
    with qtbot.waitSignal(part.set_up_wanted):
        qtbot.mouseClick(buttons[0], LEFT)
    where = "This computer, FLUX.1-dev on this computer"
    assert f"Not at {where}: It is not set up yet." in part.texts()


def test_strengths_cost_nothing_and_cells_tell_their_steps(
    qtbot: QtBot, room: Room, here: Here
) -> None:
    here.at = True
    grids = GridDesk(room.pictures.tools, room.jobs)
    page = GridsPage(
        grids=grids,
        pictures=room.pictures,
        gallery=room.gallery,
        loras=room.loras,
        jobs=room.jobs,
    )
    qtbot.addWidget(page)
    page.resize(1096, 780)
    page.show()
    page.arrive("mug")
    assert "Free" in page.setup.note.text()
    assert "$" not in page.setup.make.text()
    qtbot.mouseClick(page.setup.make, LEFT)

    def spoken() -> list[str]:
        model = page.work.table.model
        places = [(r, c) for r in range(model.rowCount()) for c in range(model.columnCount())]
        said = (model.index(*it).data(Qt.ItemDataRole.AccessibleTextRole) for it in places)
        return [text or "" for text in said]

    qtbot.waitUntil(lambda: any("Step 2 of 4" in text for text in spoken()))
    here.at = False
    qtbot.waitUntil(lambda: {p.state for p in kept(room)} == {PictureState.DONE})
    qtbot.waitUntil(lambda: room.jobs.live() == 0)
    assert room.stores.ledger.charges() == ()
    grids.deleteLater()
