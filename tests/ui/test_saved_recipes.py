"""The menu of saved recipes: save, use, share, import, delete and undo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from create_ground import Ground, open_ground
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.training import Preset, Quality
from fluxlora_desktop.ui.create.saved import SavedRecipes
from fluxlora_desktop.ui.create.steps import Step


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        made.page.go_to(Step.RECIPE)
        made.settle()
        yield made


def saved(ground: Ground) -> SavedRecipes:
    return ground.page.recipe.saved


def entry(menu: QMenu | None, *titles: str) -> QAction:
    """Return a line of the menu by the titles that lead to it."""
    action: QAction | None = None
    for title in titles:
        assert menu is not None
        action = next(one for one in menu.actions() if one.text() == title)
        menu = action.menu()
    assert action is not None
    return action


def save(ground: Ground, name: str) -> None:
    entry(saved(ground).menu(), "Save this recipe…").trigger()
    dialog = saved(ground).asking
    assert isinstance(dialog, QInputDialog)
    assert dialog.textValue() == "Style, quick"
    dialog.setTextValue(name)
    dialog.accept()
    ground.settle()


def test_recipe_is_saved_by_name_and_chosen_again(ground: Ground) -> None:
    ground.draft.set_plan(preset=Preset.STYLE, quality=Quality.QUICK)
    save(ground, "Ink & wash")
    ground.draft.set_plan(preset=Preset.FACE, quality=Quality.NORMAL, name="Anna")

    entry(saved(ground).menu(), "Ink && wash", "Use it").trigger()

    plan = ground.now().plan
    assert (plan.preset, plan.quality, plan.name) == (Preset.STYLE, Quality.QUICK, "Anna")


def test_deleted_recipe_comes_back_by_undo(ground: Ground) -> None:
    ground.draft.set_plan(preset=Preset.STYLE, quality=Quality.QUICK)
    save(ground, "Ink")
    with ground.qtbot.waitSignal(ground.draft.undoable) as told:
        entry(saved(ground).menu(), "Ink", "Delete").trigger()
    ground.settle()
    assert not entry(saved(ground).menu(), "None saved yet").isEnabled()
    told.args[0].undo()
    ground.settle()
    assert entry(saved(ground).menu(), "Ink", "Use it").isEnabled()


def test_recipe_is_shared_as_a_file_and_imported(ground: Ground, tmp_path: Path) -> None:
    ground.draft.set_plan(preset=Preset.STYLE, quality=Quality.QUICK)
    save(ground, "Ink")
    entry(saved(ground).menu(), "Ink", "Save as a file…").trigger()
    dialog = saved(ground).asking
    assert isinstance(dialog, QFileDialog)
    dialog.fileSelected.emit(str(tmp_path / "ink.json"))
    dialog.reject()
    ground.settle()
    entry(saved(ground).menu(), "Ink", "Delete").trigger()
    ground.settle()

    entry(saved(ground).menu(), "Import…").trigger()
    saved(ground).asking.fileSelected.emit(str(tmp_path / "ink.json"))
    saved(ground).asking.reject()
    ground.settle()

    assert [recipe.name for recipe in ground.draft.recipes.recipes] == ["Ink"]


def test_file_that_is_no_recipe_is_told(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("{}", encoding="utf-8")
    with ground.qtbot.waitSignal(ground.draft.failed) as told:
        ground.draft.recipes.bring_in(tmp_path / "odd.json")
    assert "odd.json" in str(told.args[0])
