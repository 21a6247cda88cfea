"""The button with the recipes that were saved, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QPushButton, QWidget

from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.saved_recipes import LONGEST_NAME, SavedRecipe
from fluxlora_desktop.ui.desks.recipes import RecipeDesk

_FILTER = "Recipes (*.json)"


class SavedRecipes(QPushButton):
    """A menu of recipes; `used(SavedRecipe)` when a person takes one."""

    used = Signal(object)

    def __init__(self, desk: RecipeDesk, plan: Callable[[], RunPlan]) -> None:
        super().__init__("Saved recipes")
        self._desk, self._plan = desk, plan
        self.setObjectName("saved_recipes")
        self.setMenu(QMenu(self))
        desk.listed.connect(self._show)
        self._show(desk.recipes)
        desk.load()

    def _show(self, recipes: tuple[SavedRecipe, ...]) -> None:
        menu = self.menu()
        assert menu is not None
        menu.clear()
        menu.addAction("Save this recipe…", self._ask_name)
        menu.addAction("Import…", self._ask_file)
        menu.addSeparator()
        for recipe in recipes:
            self._add(menu, recipe)
        if not recipes:
            menu.addAction("None saved yet").setEnabled(False)

    def _add(self, menu: QMenu, recipe: SavedRecipe) -> None:
        own = menu.addMenu(recipe.name.replace("&", "&&"))
        own.addAction("Use it", partial(self.used.emit, recipe))
        own.addAction("Save as a file…", partial(self._ask_target, recipe))
        own.addAction("Delete", partial(self._desk.remove, recipe))

    def _ask_name(self) -> None:
        plan = self._plan()
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Save this recipe")
        dialog.setLabelText("Name of the recipe. Photos, captions and names are not part of it.")
        dialog.setTextValue(
            f"{plan.preset.value.capitalize()}, {plan.quality.value}"[:LONGEST_NAME]
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self._on_named)
        self.asking: QWidget = dialog
        dialog.open()

    def _on_named(self, name: str) -> None:
        self._desk.save(name, self._plan())

    def _ask_file(self) -> None:
        dialog = QFileDialog(self, "Import a recipe", "", _FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._open(dialog)
        dialog.fileSelected.connect(self._on_file)

    def _on_file(self, name: str) -> None:
        self._desk.bring_in(Path(name))

    def _ask_target(self, recipe: SavedRecipe) -> None:
        name = "".join(c if c.isalnum() or c in " -_" else "-" for c in recipe.name)
        dialog = QFileDialog(self, "Save a recipe", f"{name}.json", _FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        self._open(dialog)
        dialog.fileSelected.connect(partial(self._on_target, recipe))

    def _on_target(self, recipe: SavedRecipe, name: str) -> None:
        self._desk.share(recipe, Path(name))

    def _open(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.asking = dialog
        dialog.open()
