"""Photos become a LoRA on this computer, in the real window; the trainer is a stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.grids.page import GridsPage
from fluxlora_desktop.ui.runs.page import RunsPage
from fluxlora_desktop.ui.theme import Theme
from tests.local.ground import Ground, quiet_ground
from tests.ui.furnished import House, make_bench

PATIENCE_MS = 60_000
HERE = ("local", "flux.1-dev")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with quiet_ground(tmp_path / "engine") as made:
        yield made


@pytest.fixture
def house(qtbot: QtBot, qapp: QApplication, tmp_path: Path, ground: Ground) -> Iterator[House]:
    style, palette, sheet = qapp.style().objectName(), qapp.palette(), qapp.styleSheet()
    with make_bench(tmp_path) as bench:
        old = bench.tools.services
        trainers = (*old.trainers, ground.backend())
        services = Services(trainers, old.generators, old.hub, old.captioners)
        bench.tools = replace(bench.tools, services=services)
        yield House.build(bench, qtbot, Theme(qapp), empty=True)
    qapp.setStyle(style)
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)


class Way:
    """What a person does in the window."""

    def __init__(self, house: House) -> None:
        self.house, self.qtbot, self.desks = house, house.qtbot, house.desks

    def choose_this_computer(self) -> CreatePage:
        """Drop photos with captions, and take this computer in the list of trainers."""
        photos = [
            self.house.bench.photo(f"fox {n}.jpg", caption=f"TOK fox, side {n}", size=(800, 640))
            for n in range(6)
        ]
        page = self.house.show("create recipe")
        assert isinstance(page, CreatePage)
        self.desks.draft.add_files(photos)
        self.qtbot.waitUntil(lambda: len(self.now().dataset.photos) == 6, timeout=PATIENCE_MS)
        self.house.rest()
        self.desks.draft.set_plan(name="Red fox", rights_confirmed=True, publish=False)
        self.desks.draft.set_trigger("TOK")
        self.qtbot.mouseClick(page.recipe.ways.cards[HERE], Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.now().way.name == HERE)
        return page

    def now(self) -> object:
        return self.desks.draft.draft()

    def start(self, page: CreatePage) -> str:
        """Press Start on the last step; return the run's id."""
        page.go_to(Step.REVIEW)
        self.qtbot.waitUntil(page.footer.start_button.isEnabled, timeout=PATIENCE_MS)
        self.house.rest()
        run_id = self.now().run.id
        self.qtbot.mouseClick(page.footer.start_button, Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: self.desks.runs.run(run_id) is not None, timeout=PATIENCE_MS)
        return run_id

    def run(self, run_id: str) -> Run:
        run = self.desks.runs.run(run_id)
        assert run is not None
        return run

    def compared(self, page: GridsPage) -> list[str]:
        """Return the names of the LoRAs that a grid is set up for, in alphabetical order."""
        values = page.setup.columns.axis().values
        found = (self.desks.loras.lora(str(value)) for value in values)
        return sorted(lora.name for lora in found if lora is not None)

    def button(self, page: RunsPage, name: str) -> QPushButton | None:
        """Return a run's button where it is shown."""
        made = page.detail.findChild(QPushButton, f"run_{name}")
        return made if made is not None and made.isVisible() else None

    def press(self, page: RunsPage, name: str) -> None:
        """Press a run's button as soon as it is there."""
        self.qtbot.waitUntil(lambda: self.button(page, name) is not None, timeout=PATIENCE_MS)
        self.qtbot.mouseClick(self.button(page, name), Qt.MouseButton.LeftButton)


def test_photos_become_a_lora_on_this_computer(house: House, ground: Ground) -> None:
    way, qtbot = Way(house), house.qtbot
    ground.script({"wait_at": 30}, {})
    page = way.choose_this_computer()
    house.desks.draft.set_plan(parameters={"steps": 40, "sample_every": 10, "checkpoint_every": 10})
    card = page.recipe.ways.cards[HERE]
    assert card.price.text() == "Free: your own computer"
    run_id = way.start(page)
    runs = house.window.page("runs")
    assert isinstance(runs, RunsPage)
    house.window.go_to("runs", run_id)

    # It pauses in the middle, and goes on from there.
    qtbot.waitUntil(lambda: way.run(run_id).step == 30, timeout=PATIENCE_MS)
    way.press(runs, "pause")
    qtbot.waitUntil(lambda: runs.detail.words.text() == "Paused at 30 of 40", timeout=PATIENCE_MS)
    way.press(runs, "go_on")
    qtbot.waitUntil(lambda: way.run(run_id).state is RunState.READY, timeout=PATIENCE_MS)
    assert len(ground.starts(way.run(run_id).external_training_id or "")) == 2

    # Its samples and checkpoints are there, nothing was charged, and pictures are offered.
    detail = runs.detail
    qtbot.waitUntil(lambda: len(detail.outputs.strip.samples.samples()) == 8, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(detail.outputs.checkpoints.boxes) == 4, timeout=PATIENCE_MS)
    assert house.bench.tools.stores.ledger.charges() == ()
    assert way.run(run_id).cost_usd == 0
    qtbot.waitUntil(lambda: way.button(runs, "make_pictures") is not None, timeout=PATIENCE_MS)
    assert way.button(runs, "charges") is None

    # Two checkpoints are compared: they come into the library, and a grid of them is set up.
    made = detail.outputs.checkpoints
    for step in (10, 30):
        made.boxes[step].click()
    qtbot.mouseClick(made.compare, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: house.window.place() == "grids", timeout=PATIENCE_MS)
    grids = house.window.page("grids")
    assert isinstance(grids, GridsPage)
    qtbot.waitUntil(
        lambda: way.compared(grids) == ["Red fox, step 10", "Red fox, step 30"],
        timeout=PATIENCE_MS,
    )
    assert len(grids.setup.rows.axis().values) == 1


def test_computer_that_is_not_set_up_says_so_and_leads_to_its_page(
    house: House, ground: Ground
) -> None:
    way = Way(house)
    ground.engine.reason = "This computer is not set up for training yet."
    page = way.choose_this_computer()
    house.desks.draft.tell_anew()
    card = page.recipe.ways.cards[HERE]
    went = []
    page.go.connect(lambda *what: went.append(what))

    house.qtbot.mouseClick(card.mend, Qt.MouseButton.LeftButton)
    page.go_to(Step.REVIEW)

    assert card.reason.text() == ground.engine.reason
    assert went == [("computer", None)]
    assert not page.footer.start_button.isEnabled()
    assert page.footer.problem.text() == ground.engine.reason
