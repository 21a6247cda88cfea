"""Ways: every trainer on offer with price, time and where its LoRA can be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.runs import Preset, RunState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.plans import goals_of, spec_for, way_to, ways_for

FLUX2 = "fal-ai/flux-2-trainer"


@pytest.fixture
def services():
    """The services of the app, of which only their tables are asked."""
    return build_services(addresses={}, secret_for=lambda _key: None)


@pytest.fixture
def drafted(bench):
    """A draft of six photos and its dataset."""

    def make(**plan):
        run = bench.draft(photos=6, **plan)
        return run, bench.tools.stores.datasets.get(run.dataset_id)

    return make


def usable(way):
    return {route.generator for route in way.routes if route.works}


def test_every_trainer_of_every_service_is_a_way(services, drafted):
    ways = ways_for(*drafted(), services)
    assert [way.backend for way in ways] == ["replicate", "replicate", "fal", "fal", "fal", "fal"]
    assert len({way.trainer.key for way in ways}) == 6
    assert all(way.estimate.high_usd > 0 for way in ways)
    assert all(way.estimate.high_seconds > way.estimate.low_seconds > 0 for way in ways)


def test_lora_can_be_used_where_its_base_runs(services, drafted):
    ways = ways_for(*drafted(visibility=Visibility.PUBLIC), services)
    assert {way.trainer.base: usable(way) for way in ways if way.backend == "fal"} == {
        "flux.2-dev": {"together", "fal"},
        "flux.1-dev": {"replicate", "fal", "huggingface"},
    }


def test_private_lora_reaches_its_goal_only_when_published(services, drafted):
    ways = ways_for(*drafted(publish=False), services)
    flux2 = next(way for way in ways if way.trainer.key == FLUX2)
    assert usable(flux2) == set()
    assert flux2.could_reach("together")
    assert not flux2.could_reach("replicate")


def test_goals_are_the_services_for_whose_loras_there_is_a_trainer(services, drafted):
    ways = ways_for(*drafted(), services)
    assert [key for key, _title in goals_of(ways)] == [
        *("replicate", "together", "fal", "huggingface"),
    ]
    only_flux1 = [way for way in ways if way.trainer.base == "flux.1-dev"]
    assert [key for key, _title in goals_of(only_flux1)] == ["replicate", "fal", "huggingface"]


def test_way_to_a_goal_stays_where_it_leads_there_already(services, drafted):
    ways = ways_for(*drafted(), services)
    first, last = ways[0], ways[-1]
    assert way_to("together", ways, first).trainer.key == FLUX2
    assert way_to("replicate", ways, last) is last
    assert way_to("nowhere", ways, last) is last


def test_changes_by_hand_count_for_the_trainer_they_were_made_for_alone(services, drafted):
    run, dataset = drafted(backend="fal", trainer=FLUX2, parameters={"steps": 2000})
    prices = {way.trainer.key: way.estimate.high_usd for way in ways_for(run, dataset, services)}
    plain = {
        way.trainer.key: way.estimate.high_usd
        for way in ways_for(replace(run, plan=replace(run.plan, parameters={})), dataset, services)
    }
    assert prices[FLUX2] > plain[FLUX2]
    assert {key: price for key, price in prices.items() if key != FLUX2} == {
        key: price for key, price in plain.items() if key != FLUX2
    }


def test_value_out_of_range_does_not_hide_the_price(services, drafted):
    run, dataset = drafted(backend="fal", trainer=FLUX2, parameters={"steps": 150})
    flux2 = next(way for way in ways_for(run, dataset, services) if way.trainer.key == FLUX2)
    assert flux2.estimate.high_usd > 0


@pytest.mark.parametrize(
    ("caption", "reason"), [(" ", "need one"), ("a photo of a fox", "trigger word TOK")]
)
def test_training_that_would_miss_the_trigger_word_is_not_started(bench, services, caption, reason):
    chosen = {"backend": "fal", "trainer": FLUX2, "parameters": {"default_caption": caption}}
    run = bench.draft(photos=6, **chosen)
    stores = bench.tools.stores
    dataset = stores.datasets.get(run.dataset_id)
    stores.datasets.set_trigger(dataset.id, "TOK")
    stores.datasets.set_caption(dataset.id, dataset.photos[0].photo.sha256, "")
    tools = replace(bench.tools, services=services)

    with pytest.raises(InputError, match=reason) as refused:
        start_run(run.id, tools)

    assert refused.value.field == "default_caption"
    stores.datasets.set_caption(dataset.id, dataset.photos[0].photo.sha256, "asleep")
    assert start_run(run.id, tools).state is RunState.PACKAGING


def test_caption_of_photos_without_one_says_what_the_other_captions_say(services, drafted):
    run, dataset = drafted(backend="fal", trainer=FLUX2, preset=Preset.OBJECT)
    captions = ("TOK fox asleep", "a TOK fox", "", "TOK fox", "", "red TOK mug")
    photos = tuple(
        replace(photo, caption=caption)
        for photo, caption in zip(dataset.photos, captions, strict=True)
    )
    told = replace(dataset, trigger_word="TOK", photos=photos)
    spec = spec_for(run, services.trainer("fal"), told)
    assert spec.parameters["default_caption"] == "a photo of TOK fox"
