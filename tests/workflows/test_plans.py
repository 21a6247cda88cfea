"""Plans: names that hubs take, choices with reasons, what must be settled before Start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.domain.errors import InputError, TooFewPhotos
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.workflows.plans import (
    check_plan,
    choices_for,
    repo_name,
    spec_for,
    trainer_of,
)


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        ("Fox", "fox"),
        ("My red fox", "my-red-fox"),
        ("Füchsin & Co.", "fuchsin-co"),
        ("a__b", "a__b"),
        ("v1.2", "v1.2"),
        ("a..b", "a.b"),
        ("a--b", "a-b"),
        ("a - b", "a-b"),
        ("-fox-", "fox"),
        (".fox.", "fox"),
        ("fox.git", "fox"),
        ("owner/fox", "owner-fox"),
        ("../../etc", "etc"),
        ("狐", ""),
        ("", ""),
        ("   ", ""),
        ("x" * 100, "x" * 64),
        ("x" * 63 + "--y", "x" * 63),
    ],
)
def test_repo_name_is_one_that_hubs_take(name, repo):
    assert repo_name(name) == repo


def test_repo_name_of_a_repo_name_is_itself():
    for name in ("my-red-fox", "a__b", "v1.2"):
        assert repo_name(repo_name(name)) == name


def drafted(bench, photos=6, **plan):
    run = bench.draft(photos=photos, **plan)
    return run, bench.tools.stores.datasets.get(run.dataset_id)


def test_plan_without_a_trainer_takes_the_first(bench):
    run, _ = drafted(bench)
    assert trainer_of(run.plan, bench.backend).key == "fake/trainer"


def test_every_parameter_has_a_value_and_a_reason(bench):
    run, dataset = drafted(bench)
    choices = choices_for(run.plan, bench.backend, dataset)
    assert [choice.name for choice in choices] == ["steps", "lora_rank"]
    assert all(choice.why for choice in choices)


def test_value_chosen_by_hand_stands_and_is_named_as_such(bench):
    run, dataset = drafted(bench, parameters={"lora_rank": 64})
    by_name = {choice.name: choice for choice in choices_for(run.plan, bench.backend, dataset)}
    assert (by_name["lora_rank"].value, by_name["lora_rank"].why) == (64, "Chosen by you.")
    assert by_name["steps"].why != "Chosen by you."


def test_spec_holds_everything_that_was_decided(bench):
    run, dataset = drafted(
        bench, name="Red fox", visibility=Visibility.PUBLIC, parameters={"steps": 500}
    )
    spec = spec_for(run, bench.backend, replace(dataset, trigger_word=" TOK "))
    assert (spec.run_id, spec.trainer, spec.base) == (run.id, "fake/trainer", "flux.1-dev")
    assert (spec.trigger_word, spec.photo_count) == ("TOK", 6)
    assert (spec.destination, spec.visibility) == ("red-fox", Visibility.PUBLIC)
    assert spec.parameters["steps"] == 500
    assert spec.captions_complete


def test_repo_given_by_hand_names_the_destination(bench):
    run, dataset = drafted(bench, name="Red fox", repo="the-fox")
    assert spec_for(run, bench.backend, dataset).destination == "the-fox"


def test_name_without_plain_letters_still_has_a_destination(bench):
    run, dataset = drafted(bench, name="狐")
    assert spec_for(run, bench.backend, dataset).destination == "my-lora"


def test_one_missing_caption_makes_captions_incomplete(bench):
    run, dataset = drafted(bench)
    first, *rest = dataset.photos
    lacking = replace(dataset, photos=(replace(first, caption=" "), *rest))
    assert not spec_for(run, bench.backend, lacking).captions_complete


@pytest.mark.parametrize("steps", [2, 6001, "many"])
def test_value_out_of_range_is_refused_by_its_name(bench, steps):
    run, dataset = drafted(bench, parameters={"steps": steps})
    with pytest.raises(InputError) as refused:
        spec_for(run, bench.backend, dataset)
    assert refused.value.field == "steps"


def test_settled_plan_may_start(bench):
    check_plan(*drafted(bench))


def test_too_few_photos_may_not_start(bench):
    with pytest.raises(TooFewPhotos) as refused:
        check_plan(*drafted(bench, photos=4))
    assert (refused.value.have, refused.value.need) == (4, 5)


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "狐"}, "repo"),
        ({"name": "Fox", "repo": "---"}, "repo"),
        ({"rights_confirmed": False}, "rights_confirmed"),
    ],
)
def test_what_is_not_settled_is_named(bench, plan, field):
    with pytest.raises(InputError) as refused:
        check_plan(*drafted(bench, **plan))
    assert refused.value.field == field
    assert refused.value.reason.endswith(".")


def test_trigger_word_must_be_given(bench):
    run, dataset = drafted(bench)
    with pytest.raises(InputError) as refused:
        check_plan(run, replace(dataset, trigger_word="  "))
    assert refused.value.field == "trigger_word"
