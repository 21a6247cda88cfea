"""Recipes are saved, shared as a file, and chosen again as far as they are offered."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.runs import RunPlan
from fluxlora_desktop.domain.saved_recipes import SavedRecipe, read_recipe, write_recipe
from fluxlora_desktop.domain.training import Preset, Quality
from fluxlora_desktop.workflows.recipes import (
    changes_for,
    export_recipe,
    import_recipe,
    keep_recipe,
    remove_recipe,
    save_recipe,
    saved_recipes,
)
from tests.workflows.fakes import TRAINER

PLAN = RunPlan(
    name="Anna",
    preset=Preset.FACE,
    quality=Quality.THOROUGH,
    backend="replicate",
    trainer=TRAINER.key,
    parameters={"steps": 1234},
    repo="anna",
)


def test_saved_recipe_holds_the_choices_and_nothing_of_the_one_lora(bench):
    saved = save_recipe("  Faces,  slowly ", PLAN, bench.tools)

    assert saved.name == "Faces, slowly"
    assert (saved.preset, saved.quality, saved.parameters) == (
        *(Preset.FACE, Quality.THOROUGH),
        {"steps": 1234},
    )
    assert saved_recipes(bench.tools) == (saved,)
    (file,) = (bench.tools.stores.files.root / "recipes").glob("*.json")
    assert "anna" not in file.read_text("utf-8").lower()


def test_recipe_of_the_same_name_is_replaced_and_one_that_is_removed_can_come_back(bench):
    first = save_recipe("Faces", PLAN, bench.tools)
    second = save_recipe("FACES", replace(PLAN, quality=Quality.QUICK), bench.tools)
    assert saved_recipes(bench.tools) == (second,)
    remove_recipe(second, bench.tools)
    assert saved_recipes(bench.tools) == ()
    keep_recipe(first, bench.tools)
    assert saved_recipes(bench.tools) == (first,)


def test_shared_file_is_the_same_recipe_in_another_library(bench, tmp_path):
    saved = save_recipe("Faces", PLAN, bench.tools)
    export_recipe(saved, tmp_path / "faces.json")
    remove_recipe(saved, bench.tools)

    assert import_recipe(tmp_path / "faces.json", bench.tools) == saved
    assert saved_recipes(bench.tools) == (saved,)
    assert read_recipe(write_recipe(saved)) == saved


def test_plan_becomes_what_the_recipe_says(bench):
    saved = save_recipe("Faces", PLAN, bench.tools)
    changes = changes_for(saved, bench.tools)
    plan = replace(RunPlan(name="Ben"), **changes)
    assert plan == replace(
        RunPlan(name="Ben"),
        **{
            "preset": Preset.FACE,
            "quality": Quality.THOROUGH,
            "backend": "replicate",
            "trainer": TRAINER.key,
            "parameters": {"steps": 1234},
        },
    )


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"backend": "gone"}, {"preset", "quality"}),
        ({"trainer": "gone"}, {"preset", "quality"}),
        (
            {"parameters": {"steps": 10**9, "colour": "red"}},
            {"preset", "quality", "backend", "trainer", "parameters"},
        ),
    ],
)
def test_what_is_not_offered_any_more_stays_out(bench, change, kept):
    recipe = SavedRecipe("Faces", backend="replicate", trainer=TRAINER.key)
    changes = changes_for(replace(recipe, **change), bench.tools)
    assert set(changes) == kept
    assert changes.get("parameters", {}) == {}


@pytest.mark.parametrize("name", ["", "   ", "hf_" + "A" * 34])
def test_recipe_without_a_usable_name_is_refused(bench, name):
    with pytest.raises(InputError, match="needs a name"):
        save_recipe(name, PLAN, bench.tools)
    assert saved_recipes(bench.tools) == ()


def test_words_of_a_person_do_not_become_part_of_a_recipe(bench):
    plan = replace(PLAN, parameters={"steps": 500, "default_caption": "a photo of Anna Meier"})
    assert save_recipe("Faces", plan, bench.tools).parameters == {"steps": 500}


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found | {"format": "other"},
        lambda found: found | {"version": 9},
        lambda found: found | {"preset": "robot"},
        lambda found: found | {"quality": None},
        lambda found: found | {"parameters": [1]},
        lambda found: found | {"parameters": {"steps": [1]}},
        lambda found: found | {"parameters": {"x": "r8_" + "A" * 37}},
        lambda found: found | {"name": " "},
        lambda found: found | {"trainer": 4},
        lambda found: [found],
    ],
)
def test_file_that_is_no_recipe_is_refused_by_name_and_the_others_stay(bench, tmp_path, change):
    saved = save_recipe("Faces", PLAN, bench.tools)
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(change(json.loads(write_recipe(saved)))), encoding="utf-8")

    with pytest.raises(InputError, match=r"odd\.json"):
        import_recipe(path, bench.tools)
    assert saved_recipes(bench.tools) == (saved,)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\xff", b"[" * 90_000, b"x" * 200_000])
def test_bytes_that_are_no_text_of_ours_are_refused(bench, tmp_path, data):
    path = tmp_path / "odd.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"odd\.json"):
        import_recipe(path, bench.tools)


def test_damaged_file_in_the_library_hides_no_other(bench):
    saved = save_recipe("Faces", PLAN, bench.tools)
    (bench.tools.stores.files.root / "recipes" / "x.json").write_text("{", encoding="utf-8")
    assert saved_recipes(bench.tools) == (saved,)
