"""The recipes desk: what a person saved of the wizard's choices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.saved_recipes import SavedRecipe
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.recipes import (
    export_recipe,
    import_recipe,
    keep_recipe,
    remove_recipe,
    save_recipe,
    saved_recipes,
)
from fluxlora_desktop.workflows.tools import Tools


class RecipeDesk(Desk):
    """Keeps recipes; `listed(tuple of SavedRecipe)` after every change, and after `load`."""

    listed = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self.recipes: tuple[SavedRecipe, ...] = ()

    def load(self) -> None:
        """Read the recipes of the library."""
        self._change(lambda: None)

    def save(self, name: str, plan: RunPlan) -> None:
        """Keep a plan's recipe under a name."""
        self._change(lambda: f"Saved as {save_recipe(name, plan, self.tools).name}.")

    def remove(self, recipe: SavedRecipe) -> None:
        """Take a recipe away; the bar offers to bring it back."""
        self._change(partial(remove_recipe, recipe, self.tools))
        says = f"{recipe.name} was deleted."
        self.undoable.emit(Undoable(says, partial(self._bring_back, recipe)))

    def _bring_back(self, recipe: SavedRecipe) -> None:
        self._change(partial(keep_recipe, recipe, self.tools))

    def bring_in(self, path: Path) -> None:
        """Take a recipe's file into the library."""
        self._change(lambda: f"{import_recipe(path, self.tools).name} is among your recipes.")

    def share(self, recipe: SavedRecipe, target: Path) -> None:
        """Write a recipe's file somewhere else."""
        self._run(
            "Share recipe",
            lambda _ctx: export_recipe(recipe, target),
            lane="disk",
            done=lambda _none: self.said.emit(f"Saved as {target.name}."),
        )

    def _change(self, work: Callable[[], str | None]) -> None:
        def change(_ctx: object) -> tuple[str | None, tuple[SavedRecipe, ...]]:
            return work(), saved_recipes(self.tools)

        self._run("Recipes", change, lane="library", done=self._on_changed)

    def _on_changed(self, changed: tuple[str | None, tuple[SavedRecipe, ...]]) -> None:
        says, self.recipes = changed
        self.listed.emit(self.recipes)
        if says:
            self.said.emit(says)
