"""The line from photo to picture, walked from each of its points."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.domain.lineage import Difference, differences
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import PictureLora
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.lineage import (
    facts_of_run,
    lineage_of_lora,
    lineage_of_run,
    lineages_of_photo,
    lineages_of_picture,
)
from fluxlora_desktop.workflows.versions import draft_like
from tests.workflows.conftest import Bench, write_lora
from tests.workflows.painted import paint


@pytest.fixture
def fox(bench: Bench) -> Lora:
    """A trained LoRA with two pictures."""
    bench.tools = replace(bench.tools, pictures=PillowPictureWorkshop())
    run = start_run(bench.draft(publish=False).id, bench.tools)
    lora = bench.tools.stores.loras.get(carry_run(run.id, bench.tools, bench.ctx).lora_id)
    for name in ("den", "snow"):
        paint(bench, name, lora)
    return lora


def test_line_of_a_lora_leads_from_its_photos_to_its_pictures(bench, fox):
    line = lineage_of_lora(fox.id, bench.tools)
    assert (line.name, line.lora, line.run.id) == (fox.name, fox, fox.run_id)
    assert len(line.version.photos) == 6
    assert [picture.id for picture in line.pictures] == ["snow", "den"]
    assert line.picture_count == 2
    assert line == lineage_of_run(fox.run_id, bench.tools)


def test_photo_leads_to_every_training_of_it_and_another_photo_to_none(bench, fox):
    sha256 = lineage_of_lora(fox.id, bench.tools).version.photos[0].sha256
    bench.clock.pass_seconds(60)
    again = start_run(bench.draft(photos=5, publish=False).id, bench.tools)
    found = lineages_of_photo(sha256, bench.tools)
    assert [line.run.id for line in found] == [again.id, fox.run_id]
    assert lineages_of_photo("0" * 64, bench.tools) == ()


def test_picture_leads_to_its_loras_also_to_one_that_is_gone(bench, fox):
    uses = (PictureLora(fox.id, fox.name, 0.8), PictureLora("gone", "Ink", 1.0, "ab" * 32))
    mixed = paint(bench, "mixed", fox, loras=uses)

    first, second = lineages_of_picture(mixed, bench.tools)

    assert first.run.id == fox.run_id
    assert (second.name, second.tensor_hash, second.lora, second.run) == (
        *("Ink", "ab" * 32),
        *(None, None),
    )
    assert [picture.id for picture in second.pictures] == ["mixed"]
    assert lineages_of_picture(paint(bench, "plain", None), bench.tools) == ()


def test_lora_in_the_trash_keeps_its_line(bench, fox):
    bench.tools.stores.loras.trash(fox.id)
    assert lineage_of_lora(fox.id, bench.tools).run.id == fox.run_id


def test_imported_lora_has_no_photos_and_begins_a_draft_like_it(bench):
    path = bench.folder / "Red Fox.safetensors"
    write_lora(path)
    lora = import_lora_file(path, "", bench.tools, bench.ctx)
    lora = bench.tools.stores.loras.update(lora.id, trigger_word="GLZFOX")
    line = lineage_of_lora(lora.id, bench.tools)
    assert (line.run, line.version, line.picture_count) == (None, None, 0)

    draft = draft_like(lora, bench.tools)

    assert draft.plan.name == lora.name
    assert bench.tools.stores.datasets.get(draft.dataset_id).trigger_word == "GLZFOX"
    trainer = bench.backend.abilities().trainer(draft.plan.trainer)
    assert trainer.base == lora.base


def test_facts_of_a_run_are_what_was_sent_and_not_what_a_recipe_says_today(bench):
    specs, submit = [], bench.backend.submit

    def watch(spec, *rest):
        specs.append(spec)
        return submit(spec, *rest)

    bench.backend.submit = watch
    run = start_run(bench.draft(publish=False).id, bench.tools)
    run = carry_run(run.id, bench.tools, bench.ctx)
    sent = {name: str(value) for name, value in specs[0].parameters.items()}
    changed = replace(run, plan=replace(run.plan, parameters={name: 7 for name in sent}))

    assert sent.items() <= dict(facts_of_run(changed, bench.tools)).items()


def test_differences_name_what_changed_and_what_only_one_has():
    before = (("Steps", "1000"), ("Rank", "16"), ("Cost", "$1.40"))
    after = (("Steps", "1500"), ("Rank", "16"), ("Last loss", "0.3"))
    assert differences(before, after) == (
        Difference("Steps", "1000", "1500"),
        Difference("Cost", "$1.40", ""),
        Difference("Last loss", "", "0.3"),
    )
    assert differences(before, before) == ()
