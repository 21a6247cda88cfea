"""Routes on the screens: what a person can do where a LoRA, or a model, cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeGenerator
from gallery_room import PLAIN, WITH_LORA, Room
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import ModelWithdrawn, NextRoute
from fluxlora_desktop.domain.loras import HubStatus
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.ui.desks.pictures import RouteChoice
from fluxlora_desktop.ui.notices import Action, notice_for
from tests.ui.test_gallery import offers

THERE = replace(WITH_LORA, key="there", title="FLUX.1-dev at fal", private_works=True)
ELSEWHERE = replace(PLAIN, key="elsewhere", title="FLUX.1-dev elsewhere")


@pytest.fixture
def room(qtbot: QtBot, tmp_path: Path) -> Iterator[Room]:
    """Return a gallery with a second generator, which reads private repos."""
    made = Room(tmp_path, FakeGenerator(key="fal", title="fal", models=(THERE, ELSEWHERE)))
    made.add_lora("fox", "Glazed fox", "GLZFOX")
    made.add_lora("hare", "Shy hare", "SHYHARE", public=False)
    made.add_lora("mug", "Blue mug", "BLUMUG", published=False)
    qtbot.addWidget(made.page)
    made.page.resize(1096, 780)
    made.page.show()
    made.loras.load()
    made.page.shown()
    qtbot.waitUntil(lambda: made.loras.loaded and made.jobs.live() == 0)
    yield made
    made.close()


def test_private_lora_names_the_services_that_a_public_one_would_also_have(room: Room) -> None:
    choice = room.page.panel.offer
    room.page.arrive("hare")

    assert choice.offer() is not None and choice.offer().generator == "fal"
    assert choice.more.text() == "Replicate can use it once it is public."
    assert choice.remedy.text() == "Make it public…"
    assert choice.combo.toolTip().endswith("The LoRA may be private.")
    room.page.arrive("fox")
    assert not choice.remedy.isVisible() and not choice.more.isVisible()
    assert choice.combo.toolTip().endswith("The LoRA must be public.")


def test_lora_becomes_public_after_the_question_and_then_works(qtbot: QtBot, room: Room) -> None:
    room.loras.tools.services.hub.repos["tester/hare"] = HubStatus(True, Visibility.PRIVATE)
    room.page.arrive("hare")

    qtbot.mouseClick(room.page.panel.offer.remedy, Qt.MouseButton.LeftButton)

    qtbot.waitUntil(lambda: offers(room.page).get(f"{WITH_LORA.title} at Replicate") is True)
    assert room.asked_public == ["Shy hare"]
    assert not room.page.panel.offer.remedy.isVisible()


def test_lora_that_is_not_published_leads_to_the_library(qtbot: QtBot, room: Room) -> None:
    room.page.arrive("mug")
    choice = room.page.panel.offer

    assert choice.offer() is None
    assert choice.more.text() == "Replicate and fal can use it once it is public."
    assert not choice.reason.isVisible()
    assert choice.remedy.text() == "Publish it…"
    with qtbot.waitSignal(room.page.go, check_params_cb=lambda *said: said == ("library", "mug")):
        qtbot.mouseClick(choice.remedy, Qt.MouseButton.LeftButton)


def test_withdrawn_model_is_told_with_a_button_that_fills_the_panel_with_the_next_route(
    qtbot: QtBot, room: Room
) -> None:
    room.painter.look_trouble = ModelWithdrawn("replicate", PLAIN.key)
    panel = room.page.panel
    panel.prompt.setPlainText("a fox in snow")
    panel.number.setCurrentIndex(1)
    qtbot.mouseClick(panel.make, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: room.troubles != [] and room.jobs.live() == 0)

    notice = notice_for(room.troubles[-1])
    assert (notice.action, notice.button) == (Action.ROUTE, "Use fal")
    assert "Nothing was charged" in notice.body
    assert room.painter.asked == []
    store = room.stores.pictures
    assert {it.state for it in store.page(store.ids())} == {PictureState.FAILED}

    panel.prompt.setPlainText("something else meanwhile")
    room.page.arrive(notice.route)
    wanted = panel.request(panel.offer.offer())
    assert (wanted.generator, wanted.model) == ("fal", "elsewhere")
    assert (wanted.prompt, wanted.count) == ("a fox in snow", 2)


def test_route_of_a_lora_is_chosen_with_it(room: Room) -> None:
    room.page.arrive(RouteChoice("fal", "there", "fox"))

    panel = room.page.panel
    assert [use.lora_id for use in panel.uses()] == ["fox"]
    assert (panel.offer.offer().generator, panel.offer.offer().model.key) == ("fal", "there")


def test_route_without_a_refused_order_keeps_what_stands_in_the_panel(room: Room) -> None:
    room.page.panel.prompt.setPlainText("my words")
    room.page.arrive(NextRoute("fal", "elsewhere", "fal", "FLUX.1-dev elsewhere"))

    assert room.page.panel.offer.offer().model.key == "elsewhere"
    assert room.page.panel.prompt.toPlainText() == "my words"
