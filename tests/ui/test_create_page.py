"""The wizard as a whole: walking, starting once, starting over, coming back."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from create_ground import Ground, make_page, open_ground
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.domain.training import Preset
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.desks.base import OverLimit
from fluxlora_desktop.workflows.launch import start_run
from tests.ui.seen import seen

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        yield made


def text_of(ground: Ground, name: str) -> str:
    found = ground.page.findChild(QLabel, name)
    assert found is not None
    return str(found.text()) if found.isVisible() else ""


def make_ready(ground: Ground) -> None:
    ground.fill(6)
    ground.draft.set_plan(name="Rusty the fox", rights_confirmed=True)
    ground.page.go_to(Step.REVIEW)


def test_wizard_walks_forth_and_back_by_its_buttons(ground: Ground) -> None:
    page = ground.page
    assert not page.back_button.isEnabled()
    for step in (Step.CAPTIONS, Step.RECIPE, Step.DESTINATION, Step.REVIEW):
        assert page.next_button.text() == f"Next: {step.title}"
        ground.qtbot.mouseClick(page.next_button, LEFT)
        assert page.step() is step
    assert not page.next_button.isVisible()
    assert page.start_button.isVisible()
    ground.qtbot.mouseClick(page.back_button, LEFT)
    assert page.step() is Step.DESTINATION


def test_wizard_jumps_when_a_step_is_pressed(ground: Ground) -> None:
    button = ground.page.findChild(QPushButton, "create_step_recipe")
    ground.qtbot.mouseClick(button, LEFT)
    assert ground.page.step() is Step.RECIPE
    assert button.isChecked()


def test_keyboard_goes_along_when_the_step_under_it_is_left(ground: Ground) -> None:
    page = ground.page
    page.go_to(Step.DESTINATION)
    page.destination.name.setFocus()
    page.go_to(Step.RECIPE)
    assert page.focusWidget() is page.recipe.presets[Preset.OBJECT]
    page.next_button.setFocus()
    page.go_to(Step.DESTINATION)
    assert page.focusWidget() is page.next_button


def test_footer_says_time_and_price_on_every_step(ground: Ground) -> None:
    for step in Step:
        ground.page.go_to(step)
        assert "$" in text_of(ground, "create_standing")
        assert "min" in text_of(ground, "create_standing")


def test_start_waits_and_leads_to_what_is_missing(ground: Ground) -> None:
    ground.fill(2)
    ground.page.go_to(Step.REVIEW)
    assert not ground.page.start_button.isEnabled()
    assert text_of(ground, "create_problem") == "Add 3 more photos."
    mend = ground.page.findChild(QPushButton, "create_mend")
    assert mend.text() == "Go to Photos"
    ground.qtbot.mouseClick(mend, LEFT)
    assert ground.page.step() is Step.PHOTOS


def test_start_opens_advanced_when_a_parameter_is_out_of_range(ground: Ground) -> None:
    make_ready(ground)
    ground.draft.set_plan(parameters={"steps": 9000})
    assert text_of(ground, "create_problem") == "at most 6000"
    ground.qtbot.mouseClick(ground.page.findChild(QPushButton, "create_mend"), LEFT)
    assert ground.page.step() is Step.RECIPE
    assert ground.page.recipe.table.isVisible()


def test_start_names_its_price(ground: Ground) -> None:
    make_ready(ground)
    assert ground.page.start_button.isEnabled()
    assert ground.page.start_button.text() == "Start training for $1.68 to $2.53"


def test_double_click_starts_one_training_and_shows_it(ground: Ground) -> None:
    make_ready(ground)
    run_id = ground.now().run.id
    started: list[str] = []
    ground.runs.changed.connect(lambda run: started.append(run.id))
    ground.qtbot.mouseDClick(ground.page.start_button, LEFT)
    ground.qtbot.mouseClick(ground.page.start_button, LEFT)
    assert not ground.page.start_button.isEnabled()
    ground.wait(lambda: bool(ground.visited))
    name, run = ground.visited[0]
    assert name == "runs"
    assert isinstance(run, Run)
    assert run.id == run_id
    ground.wait(lambda: ground.now().run.id != run_id)
    assert ground.names() == []
    assert ground.page.step() is Step.PHOTOS
    assert [run.id for run in ground.runs.runs()] == [run_id]
    assert len(ground.visited) == 1


def test_start_can_be_pressed_again_when_it_was_refused(ground: Ground) -> None:
    make_ready(ground)
    ground.settle()
    ground.stores.runs.delete_draft(ground.now().run.id)
    with ground.qtbot.waitSignal(ground.runs.failed):
        ground.qtbot.mouseClick(ground.page.start_button, LEFT)
        assert not ground.page.start_button.isEnabled()
    assert ground.page.start_button.isEnabled()
    assert ground.visited == []


def test_starting_over_asks_before_photos_are_forgotten(ground: Ground) -> None:
    ground.fill(2)
    ground.qtbot.mouseClick(ground.page.start_over_button, LEFT)
    assert len(ground.names()) == 2
    ground.asked_to_start_over[0]()
    ground.wait(lambda: ground.names() == [])
    ground.settle()
    assert len(ground.stores.runs.drafts()) == 1


def test_starting_over_does_not_ask_when_there_is_nothing_to_lose(ground: Ground) -> None:
    old = ground.now().run.id
    ground.qtbot.mouseClick(ground.page.start_over_button, LEFT)
    ground.wait(lambda: ground.now().run.id != old)
    assert ground.asked_to_start_over == []


def test_draft_comes_back_when_the_page_is_made_anew(ground: Ground) -> None:
    ground.fill(5)
    ground.draft.set_plan(name="Rusty", preset=Preset.STYLE)
    ground.settle()
    before, ground.page = ground.page, make_page(ground)
    before.deleteLater()
    ground.draft.load()
    ground.settle()
    assert ground.page.destination.name.text() == "Rusty"
    assert ground.page.photos.model.rowCount() == 5
    assert ground.page.recipe.presets[Preset.STYLE].property("chosen") == "true"


def test_page_says_so_when_the_draft_cannot_be_opened(ground: Ground) -> None:
    desk = type(ground.draft)(ground.draft.tools, ground.jobs)
    page = type(ground.page)(draft=desk, runs=ground.runs, jobs=ground.jobs)
    ground.qtbot.addWidget(page)
    page.show()
    assert not page.next_button.isEnabled()
    desk.failed.emit(OSError("no disk"))
    again = [b for b in seen(page, QPushButton) if b.text() == "Try again"]
    ground.qtbot.mouseClick(again[0], LEFT)
    ground.wait(lambda: desk.loaded)
    assert page.next_button.isEnabled()
    ground.settle()
    desk.deleteLater()


def test_every_input_has_a_name_for_those_who_hear_the_screen(ground: Ground) -> None:
    ground.fill(5)
    ground.page.recipe.advanced.setChecked(True)
    for step in Step:
        ground.page.go_to(step)
        nameless = [
            widget
            for widget in seen(ground.page, QWidget)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            if not spoken(widget)
        ]
        assert nameless == [], step


def spoken(widget: QWidget) -> str:
    if isinstance(widget, QAbstractButton) and widget.text():
        return widget.text()
    inner = widget.parentWidget()
    if widget.objectName() == "qt_spinbox_lineedit" and inner is not None:
        widget = inner
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name)


def test_photos_of_a_run_become_a_new_draft_after_the_old_one_was_given_up(ground: Ground) -> None:
    ground.fill(6)
    ground.draft.set_caption(ground.sha(0), "TOK on a shelf")
    ground.settle()
    ground.draft.set_plan(name="Rusty the fox", rights_confirmed=True)
    ground.settle()
    run = start_run(ground.now().run.id, ground.draft.tools)
    ground.draft.load_next()
    ground.settle()
    ground.fill(1)
    old = ground.now().run.id

    ground.page.arrive(run)
    (give_up,) = ground.asked_to_start_over
    give_up()
    ground.settle()

    assert len(ground.names()) == 6
    assert ground.now().dataset.photos[0].caption == "TOK on a shelf"
    assert ground.now().run.id not in {old, run.id}
    assert [draft.id for draft in ground.stores.runs.drafts()] == [ground.now().run.id]
    assert not ground.draft.undo_stack.canUndo()
    assert ground.page.step() is Step.PHOTOS
    assert ground.stores.runs.get(run.id).version_id == run.version_id


def test_exported_set_comes_back_into_an_empty_draft(ground: Ground) -> None:
    ground.fill(5)
    ground.draft.set_caption(ground.sha(2), "TOK from behind")
    ground.settle()
    before = ground.now().dataset
    out = ground.folder / "out"
    out.mkdir()
    with ground.qtbot.waitSignal(ground.draft.said) as said:
        ground.draft.export(out)
    ground.draft.begin_anew()
    ground.settle()

    with ground.qtbot.waitSignal(ground.draft.said):
        ground.draft.add_files([out / "fluxlora-dataset"])

    assert said.args == ["5 photos with captions are in fluxlora-dataset."]
    after = ground.now().dataset
    assert after.hashes() == before.hashes()
    assert [item.caption for item in after.photos] == [item.caption for item in before.photos]


def test_start_past_the_monthly_limit_asks_and_a_yes_leads_to_the_run(ground: Ground) -> None:
    make_ready(ground)
    ground.runs.tools.budget.set_limit(Decimal(1))
    asked: list[OverLimit] = []
    ground.runs.over_limit.connect(asked.append)

    ground.qtbot.mouseClick(ground.page.start_button, LEFT)

    ground.wait(lambda: bool(asked))
    assert ground.page.start_button.isEnabled()
    assert ground.visited == []
    asked[0].go_on(Agreement(asked[0].error.reach))
    ground.wait(lambda: bool(ground.visited))
    assert ground.visited[0][0] == "runs"
