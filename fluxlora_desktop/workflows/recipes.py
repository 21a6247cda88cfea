"""Keep recipes as files in the library, share them, and choose by them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from fluxlora_desktop.domain.errors import AppError, InputError
from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.saved_recipes import (
    LARGEST_FILE,
    SavedRecipe,
    read_recipe,
    recipe_of,
    write_recipe,
)
from fluxlora_desktop.workflows.tools import Tools, storage_trouble

_FOLDER = "recipes"


def saved_recipes(tools: Tools) -> tuple[SavedRecipe, ...]:
    """Return the recipes of the library by name; a file that cannot be read is left out."""
    folder = tools.stores.files.root / _FOLDER
    found = []
    for path in folder.glob("*.json") if folder.is_dir() else ():
        try:
            found.append(_read(path))
        except AppError:
            continue
    return tuple(sorted(found, key=lambda recipe: recipe.name.casefold()))


def save_recipe(name: str, plan: RunPlan, tools: Tools) -> SavedRecipe:
    """Keep a plan's recipe; one of the same name is replaced. Raises `InputError`."""
    try:
        recipe = recipe_of(name, plan)
    except ValueError as error:
        raise InputError("recipe", str(error)) from error
    keep_recipe(recipe, tools)
    return recipe


def keep_recipe(recipe: SavedRecipe, tools: Tools) -> None:
    """Write a recipe into the library."""
    files = tools.stores.files
    files.write(_place(recipe, tools), write_recipe(recipe).encode())


def remove_recipe(recipe: SavedRecipe, tools: Tools) -> None:
    """Take a recipe out of the library; `keep_recipe` brings it back."""
    path = _place(recipe, tools)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_trouble(path, error) from error


def import_recipe(path: Path, tools: Tools) -> SavedRecipe:
    """Take a recipe's file into the library. Raises `InputError` that names the file."""
    recipe = _read(path)
    keep_recipe(recipe, tools)
    return recipe


def export_recipe(recipe: SavedRecipe, target: Path) -> None:
    """Write a recipe's file to share."""
    try:
        target.write_text(write_recipe(recipe), encoding="utf-8")
    except OSError as error:
        raise storage_trouble(target, error) from error


def changes_for(recipe: SavedRecipe, tools: Tools) -> dict[str, Any]:
    """Return what a plan becomes by a recipe; a trainer that is not offered any more stays out.

    Parameters that the trainer does not have, or not in that range, stay out as well.
    """
    changes: dict[str, Any] = {"preset": recipe.preset, "quality": recipe.quality}
    backend = next((b for b in tools.services.trainers if b.key == recipe.backend), None)
    if backend is None:
        return changes
    trainers = {trainer.key: trainer for trainer in backend.abilities().trainers}
    trainer = trainers.get(recipe.trainer)
    if trainer is None:
        return changes
    return changes | {
        "backend": backend.key,
        "trainer": trainer.key,
        "parameters": trainer.told(recipe.parameters),
    }


def _place(recipe: SavedRecipe, tools: Tools) -> Path:
    name = hashlib.sha256(recipe.name.casefold().encode()).hexdigest()[:16]
    return tools.stores.files.root / _FOLDER / f"{name}.json"


def _read(path: Path) -> SavedRecipe:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise InputError(path.name, "it is too large for a recipe")
        return read_recipe(data.decode("utf-8-sig"))
    except OSError as error:
        raise storage_trouble(path, error) from error
    except ValueError as error:
        raise InputError(path.name, str(error)) from error
