"""The strength finder and grids, as a person goes through them, over a real library and jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from desk_fixtures import nameless
from fakes import FakeHub, FolderTrash, WallClock, make_tools, write_lora
from gallery_room import Painter
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import PaymentRequired, ServiceUnreachable
from fluxlora_desktop.domain.grids import USUAL_SCALES, Axis, AxisKind
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import GeneratorModel, PictureState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.domain.weights_header import HINT
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.grids import GridDesk
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.grids.page import GridsPage
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.grids import OpenGrid
from fluxlora_desktop.workflows.publish import publish_lora
from tests.workflows.fakes import Context

LEFT = Qt.MouseButton.LeftButton
MODELS = (
    GeneratorModel(
        "lora", "FLUX with a LoRA", "flux.1-dev", 2, True, usd_per_picture=Decimal("0.025")
    ),
    GeneratorModel("plain", "FLUX", "flux.1-dev", usd_per_picture=Decimal("0.02")),
)


class Studio:
    """The page and everything under it; `target` is what the file dialog answers."""

    def __init__(self, folder: Path, qtbot: QtBot) -> None:
        self.folder, self.qtbot = folder, qtbot
        self.painter, self.hub = Painter(models=MODELS), FakeHub()
        self.target = folder / "grid.png"
        self._open()
        path = write_lora(folder / "Red fox.safetensors")
        lora = import_lora_file(path, "", self.tools, Context(WallClock()))
        self.fox = publish_lora(
            lora.id, "fox", Visibility.PUBLIC, self.tools, Context(WallClock())
        ).id

    def _open(self) -> None:
        self.library = open_library(self.folder / "library", clock=WallClock())
        self.jobs = JobRunner()
        tools = make_tools(self.library.stores, generators=(self.painter,), hub=self.hub)
        self.tools = replace(tools, pictures=PillowPictureWorkshop())
        trash = FolderTrash(self.folder / "trash")
        self.loras = LoraDesk(self.tools, self.jobs, trash)
        self.pictures = PictureDesk(self.tools, self.jobs)
        self.gallery = GalleryDesk(self.tools, self.jobs, trash)
        self.grids = GridDesk(self.tools, self.jobs)
        self.undoables: list[Undoable] = []
        self.troubles: list[object] = []
        for desk in (self.loras, self.grids):
            desk.undoable.connect(self.undoables.append)
            desk.failed.connect(self.troubles.append)

    def show(self) -> GridsPage:
        self.page = GridsPage(
            grids=self.grids,
            pictures=self.pictures,
            gallery=self.gallery,
            loras=self.loras,
            jobs=self.jobs,
            choose_sheet=self._choose,
        )
        self.qtbot.addWidget(self.page)
        self.page.resize(1096, 780)
        self.page.show()
        self.loras.load()
        self.page.shown()
        self.qtbot.waitUntil(lambda: self.loras.loaded and self.grids.loaded)
        self.rest()
        return self.page

    def _choose(self, _parent: QWidget, _name: str, then: Callable[[Path], None]) -> None:
        then(self.target)

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.jobs.live() == 0)

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition)

    def stored(self) -> Lora:
        return self.library.stores.loras.get(self.fox)

    def order(self, *, seeds: str = "1, 2", scales: str = "0, 0.8, 1.2") -> GridsPage:
        """Set a grid of strengths up and press the button that costs money."""
        page = self.page
        page.arrive(self.fox)
        page.setup.rows.numbers.setText(seeds)
        page.setup.columns.numbers.setText(scales)
        self.qtbot.mouseClick(page.setup.make, LEFT)
        return page

    def made(self, **axes: str) -> OpenGrid:
        page = self.order(**axes)
        self.until(lambda: page.work.current() is not None and not page.work.current().missing())
        self.until(lambda: not page.work.current().waiting())
        self.rest()
        return page.work.current()

    def close(self) -> None:
        self.painter.hold = False
        assert self.jobs.shutdown()
        for thing in (self.jobs, self.loras, self.pictures, self.gallery, self.grids):
            thing.deleteLater()
        self.library.close()


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path, qtbot)
    made.show()
    yield made
    made.close()


def test_strength_finder_says_the_price_first_and_shows_what_it_will_look_like(
    studio: Studio,
) -> None:
    page = studio.page
    page.arrive(studio.fox)
    setup = page.setup
    assert setup.chosen().id == studio.fox
    assert setup.prompt.toPlainText().startswith("GLZFOX")
    assert setup.columns.axis() == Axis(AxisKind.SCALE, USUAL_SCALES)
    assert len(setup.rows.axis().values) == 3
    assert setup.make.text() == "Make 18 pictures, about $0.45"
    assert (page.preview.model.rowCount(), page.preview.model.columnCount()) == (3, 6)
    assert page.preview.top.cells[0].words.text() == "Without the LoRA"
    setup.columns.numbers.setText("0.4 .. 0.8 step 0.2")
    assert setup.make.text() == "Make 9 pictures, about $0.23"
    for text, problem in (
        ("0.4, 2.5", "Strength 2.5: from 0 to 2."),
        ("some", "“some” is no number"),
        ("", "Strength has no values yet."),
    ):
        setup.columns.numbers.setText(text)
        assert problem in setup.note.text()
        assert not setup.make.isEnabled()
    assert not studio.painter.asked


def test_grid_fills_live_and_a_click_takes_a_strength_everywhere_and_back(studio: Studio) -> None:
    studio.painter.hold = True
    page = studio.order()
    studio.until(lambda: page.work.panel.state.text() == "0 of 6 made.")
    assert page.work.table.model.picture(5).state is PictureState.WAITING
    studio.painter.hold = False
    studio.until(lambda: page.work.panel.state.text() == "6 pictures made, $0.15.")
    ModelTester(None).check(page.work.table.model)
    assert [(a.seed, a.loras[0].scale) for a in studio.painter.asked] == [
        (seed, scale) for seed in (1, 2) for scale in (0.0, 0.8, 1.2)
    ]
    studio.rest()

    before = studio.stored()
    heads = page.work.table.top.cells
    assert heads[0].use.isHidden()
    studio.qtbot.mouseClick(heads[1].use, LEFT)
    studio.until(lambda: studio.stored().recommended_scale == 0.8)
    studio.until(lambda: page.work.table.top.cells[1].use.text() == "In use")
    studio.until(lambda: studio.loras.lora(studio.fox).hub_is_behind)
    facts = inspect_weights(studio.loras.path(studio.fox))
    assert facts.metadata[HINT] == "Recommended strength: 0.8."
    assert (facts.sha256, facts.tensor_hash) == (studio.stored().sha256, before.tensor_hash)

    studio.until(lambda: bool(studio.undoables))
    studio.undoables[-1].undo()
    studio.until(lambda: studio.stored() == before)
    studio.until(lambda: not studio.loras.lora(studio.fox).hub_is_behind)
    assert inspect_weights(studio.loras.path(studio.fox)).sha256 == before.sha256


def test_hub_is_asked_about_first_and_can_be_told_later(studio: Studio) -> None:
    studio.made()
    panel = studio.page.work.panel
    studio.page.work.table.select(1)
    studio.until(lambda: panel.use.text() == "Use 0.8 as the strength")
    studio.qtbot.mouseClick(panel.use, LEFT)
    studio.until(lambda: panel.hub_words.text() == "Update the card on the hub too?")
    studio.until(panel.hub.isVisible)
    studio.rest()
    studio.qtbot.mouseClick(panel.later, LEFT)
    assert panel.hub_words.text() == "The hub still has the older strength."
    studio.hub.trouble = [ServiceUnreachable("huggingface", kind="dns")]
    studio.qtbot.mouseClick(panel.hub, LEFT)
    studio.until(lambda: bool(studio.troubles))
    studio.rest()
    assert studio.stored().hub_is_behind
    studio.until(panel.hub.isEnabled)
    studio.qtbot.mouseClick(panel.hub, LEFT)
    studio.until(lambda: not studio.stored().hub_is_behind)
    studio.until(lambda: not panel.hub.isVisible())
    assert studio.hub.repos["tester/fox"].weights_sha256 == studio.stored().sha256


def test_stop_keeps_what_was_made_and_a_click_makes_the_rest(studio: Studio) -> None:
    studio.painter.hold = True
    page = studio.order()
    panel = page.work.panel
    studio.until(lambda: len(studio.painter.asked) == 1)
    studio.qtbot.mouseClick(panel.stop, LEFT)
    studio.painter.hold = False
    studio.until(panel.rest.isVisible)
    studio.rest()
    lost = len(page.work.current().missing())
    assert lost == len(page.work.current().missing()) >= 5
    assert panel.rest.text().startswith(f"Make the other {lost} pictures, about $0.1")
    studio.qtbot.mouseClick(panel.rest, LEFT)
    studio.until(lambda: page.work.current().done() == 6)
    studio.until(lambda: panel.rest.isHidden() and panel.stop.isHidden())
    studio.rest()


def test_account_trouble_is_told_once_and_nothing_more_is_sent(studio: Studio) -> None:
    studio.painter.trouble = [PaymentRequired("replicate", "Insufficient credit.")]
    page = studio.order()
    studio.until(lambda: page.work.panel.state.text() == "0 of 6 made. 6 could not be made.")
    studio.rest()
    assert len(studio.painter.asked) == 1


def test_restart_goes_on_with_the_cells_that_wait(studio: Studio) -> None:
    studio.painter.hold = True
    studio.order()
    studio.until(lambda: len(studio.painter.asked) == 1)
    grid_id = studio.page.work.grid_id
    assert studio.jobs.shutdown()
    studio.library.close()
    studio.painter.hold = False
    for thing in (studio.jobs, studio.loras, studio.pictures, studio.grids):
        thing.deleteLater()
    studio._open()
    page = studio.show()
    studio.grids.resume()
    page.open_grid(grid_id)
    studio.until(lambda: page.work.current() is not None and not page.work.current().waiting())
    studio.rest()
    sent = [(asked.seed, asked.loras[0].scale) for asked in studio.painter.asked]
    assert len(sent) == len(set(sent)) == 6
    assert page.work.current().done() == 5
    assert page.work.current().pictures[0].state is PictureState.MAYBE_CHARGED


def test_cells_are_walked_opened_and_compared_by_keys(studio: Studio) -> None:
    studio.made()
    work, qtbot = studio.page.work, studio.qtbot
    work.table.select(4)
    qtbot.keyClick(work.table.cells, Qt.Key.Key_Right)
    studio.until(lambda: work.panel.cell_title.text() == "Strength 1.2, seed 2")
    qtbot.keyClick(work.table.cells, Qt.Key.Key_C)
    assert (work.compare.left.title.text(), work.compare.right.title.text()) == (
        "Without the LoRA",
        "Strength 1.2",
    )
    assert work.compare.place.text() == "Seed 2"
    qtbot.keyClick(work.compare, Qt.Key.Key_Up)
    qtbot.keyClick(work.compare, Qt.Key.Key_Left)
    assert work.compare.right.title.text() == "Strength 0.8"
    assert work.compare.place.text() == "Seed 1"
    work.compare.left.canvas.zoom_to(2.0)
    assert work.compare.right.canvas.scale() == 2.0
    qtbot.mouseClick(work.compare.use, LEFT)
    studio.until(lambda: studio.stored().recommended_scale == 0.8)
    qtbot.keyClick(work.compare, Qt.Key.Key_Escape)
    assert work.browsing
    qtbot.keyClick(work.table.cells, Qt.Key.Key_Return)
    assert work.viewer.picture.cell == 1
    qtbot.keyClick(work.viewer, Qt.Key.Key_Right)
    assert work.viewer.picture.cell == 2
    qtbot.keyClick(work.viewer, Qt.Key.Key_Escape)
    wide = work.table.zoom.value()
    qtbot.keyClick(work.table.cells, Qt.Key.Key_Plus)
    assert work.table.zoom.value() == wide + 24
    studio.rest()


def test_any_two_settings_make_a_grid_and_a_picture_begins_one(studio: Studio) -> None:
    there = studio.made()
    page, setup = studio.page, studio.page.setup
    page.arrive(there.pictures[4])
    assert setup.prompt.toPlainText() == there.pictures[4].prompt
    assert setup.rows.axis() == Axis(AxisKind.SEED, (2,))
    setup.columns.kind.setCurrentIndex(list(AxisKind).index(AxisKind.PROMPT))
    setup.columns.kind.activated.emit(setup.columns.kind.currentIndex())
    setup.columns.prompts.setPlainText("GLZFOX by day\n\nGLZFOX by night")
    assert setup.prompt.isHidden()
    setup.rows.kind.setCurrentIndex(list(AxisKind).index(AxisKind.LORA))
    setup.rows.kind.activated.emit(setup.rows.kind.currentIndex())
    assert setup.note.text() == "LoRA has no values yet."
    for place in range(setup.rows.loras.count()):
        setup.rows.loras.item(place).setCheckState(Qt.CheckState.Checked)
    assert setup.make.text() == "Make 4 pictures, about $0.10"
    assert setup.seed.value() == 2
    studio.qtbot.mouseClick(setup.make, LEFT)
    studio.until(lambda: page.work.current() is not None and page.work.current().done() == 4)
    studio.rest()
    assert [(a.prompt, a.loras[0].scale) for a in studio.painter.asked[-4:]] == [
        ("GLZFOX by day", 0.0),
        ("GLZFOX by night", 0.0),
        ("GLZFOX by day", 0.8),
        ("GLZFOX by night", 0.8),
    ]


def test_past_grids_are_listed_by_lora_reopened_exported_deleted_and_brought_back(
    studio: Studio,
) -> None:
    there = studio.made(seeds="3", scales="0, 1")
    page = studio.page
    studio.qtbot.mouseClick(page.all, LEFT)
    (row,) = (page.list.rows.row(place) for place in range(page.list.rows.rowCount()))
    assert row.says.startswith("Strength of Red fox, 2 strengths by 1 seed · 2 pictures made")
    assert [page.whose.itemText(n) for n in range(page.whose.count())] == ["All LoRAs", "Red fox"]
    studio.qtbot.keyClick(page.list, Qt.Key.Key_Return)
    assert page.work.grid_id == there.grid.id
    studio.rest()
    studio.qtbot.mouseClick(page.work.panel.export, LEFT)
    studio.until(studio.target.is_file)
    with Image.open(studio.target) as sheet:
        spec = json.loads(sheet.info["fluxlora_grid"])["fluxlora_grid"]
    assert spec["columns"] == {"kind": "scale", "values": [0.0, 1.0]}
    studio.rest()
    studio.qtbot.mouseClick(page.work.panel.remove, LEFT)
    studio.until(lambda: studio.library.stores.grids.all() == ())
    assert page.states.currentWidget() is page._empty
    studio.rest()
    assert len(studio.library.stores.pictures.ids()) == 2
    studio.undoables[-1].undo()
    studio.until(lambda: page.list.rows.rowCount() == 1)
    studio.rest()
    assert studio.library.stores.grids.all() == (there.grid,)


def test_everything_that_takes_keys_has_a_name(studio: Studio) -> None:
    page = studio.page
    assert not nameless(page)
    page.arrive(studio.fox)
    assert not nameless(page)
    studio.made(seeds="3", scales="0, 1")
    assert not nameless(page)
    page.work.table.select(1)
    page.work._compare(1)
    assert not nameless(page)
    studio.rest()
