"""Recipes that a person saved: what the wizard shall choose, as a small file to share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.services import holds_token
from fluxlora_desktop.domain.training import ParameterValue, Preset, Quality

_FORM, _VERSION = "fluxlora-recipe", 1
LONGEST_NAME = 60
LARGEST_FILE = 100_000
"""Bytes; a file that is larger is none of ours."""


@dataclass(frozen=True, slots=True)
class SavedRecipe:
    """A preset, a quality, a trainer, and the parameters that were changed by hand.

    `backend` and `trainer` are "" for whichever is chosen. What belongs to one LoRA (its name, its
    trigger word, where it is published) is not part of a recipe.
    """

    name: str
    preset: Preset = Preset.OBJECT
    quality: Quality = Quality.NORMAL
    backend: str = ""
    trainer: str = ""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)


def recipe_of(name: str, plan: RunPlan) -> SavedRecipe:
    """Return the recipe of a plan under a name; raises `ValueError` for a name that is none."""
    parameters = {key: value for key, value in plan.parameters.items() if not _is_own(value)}
    return SavedRecipe(
        _name(name), plan.preset, plan.quality, plan.backend, plan.trainer, parameters
    )


def _is_own(value: ParameterValue) -> bool:
    """Tell whether a value is a text of the person's, such as a caption, or a token by mistake."""
    return isinstance(value, str) and (" " in value.strip() or holds_token(value))


def _name(text: str) -> str:
    name = " ".join(text.split())[:LONGEST_NAME]
    if not name or holds_token(name):
        raise ValueError("a recipe needs a name")
    return name


def write_recipe(recipe: SavedRecipe) -> str:
    """Return the file of a recipe."""
    found = {
        "format": _FORM,
        "version": _VERSION,
        "name": recipe.name,
        "preset": recipe.preset.value,
        "quality": recipe.quality.value,
        "backend": recipe.backend,
        "trainer": recipe.trainer,
        "parameters": dict(recipe.parameters),
    }
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def read_recipe(text: str) -> SavedRecipe:
    """Return the recipe in a file; raises `ValueError` with the reason in words."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no recipe, or damaged") from error
    if not isinstance(found, dict) or found.get("format") != _FORM:
        raise ValueError("it is no recipe of this app")
    if found.get("version") != _VERSION:
        raise ValueError("it was written by a newer version of this app")
    try:
        return _read(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"it is damaged: {error}") from error


def _read(found: Mapping[str, Any]) -> SavedRecipe:
    parameters = found["parameters"]
    for key, value in parameters.items():
        if not isinstance(value, bool | int | float | str) or not isinstance(key, str):
            raise TypeError(f"{key} has no value")
        if isinstance(value, str) and (holds_token(value) or len(value) > 1_000):
            raise ValueError(f"{key} has a text that no recipe holds")
    backend, trainer = found["backend"], found["trainer"]
    if not isinstance(backend, str) or not isinstance(trainer, str):
        raise TypeError("the trainer has no name")
    return SavedRecipe(
        name=_name(str(found["name"])),
        preset=Preset(found["preset"]),
        quality=Quality(found["quality"]),
        backend=backend,
        trainer=trainer,
        parameters=dict(parameters),
    )
