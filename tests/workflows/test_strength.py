"""A recommended strength is in row, weights and card; a kill anywhere leaves it to be mended."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import replace

import pytest

from fluxlora_desktop.domain.errors import InputError, ServiceUnreachable, WeightsError
from fluxlora_desktop.domain.loras import Lora, PublicationStatus
from fluxlora_desktop.domain.pictures import PictureRequest
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.domain.weights_header import HINT
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from fluxlora_desktop.workflows.publish import look_at_publication, publish_lora
from fluxlora_desktop.workflows.strength import (
    finish_strengths,
    keep_strength,
    update_on_hub,
    write_strength,
)
from tests.workflows.conftest import Bench, write_lora


@pytest.fixture
def lora(bench: Bench) -> Lora:
    path = bench.folder / "Red Fox.safetensors"
    write_lora(path)
    return import_lora_file(path, "", bench.tools, bench.ctx)


def file_of(bench: Bench, lora: Lora):
    return inspect_weights(bench.tools.stores.files.lora(lora.id))


def choose(bench: Bench, lora: Lora, scale: float):
    keep_strength(lora.id, scale, bench.tools)
    return write_strength(lora.id, bench.tools, bench.ctx)


def fits_together(bench: Bench, lora: Lora) -> bool:
    """Row, file and folder say the same, as the library's own check sees it."""
    found = check_library(bench.tools.stores.files.root)
    facts, row = file_of(bench, lora), bench.tools.stores.loras.get(lora.id)
    assert facts.tensor_hash == lora.tensor_hash
    return not found and (facts.sha256, facts.size_bytes) == (row.sha256, row.size_bytes)


def test_chosen_strength_is_in_the_row_and_in_the_weights(bench, lora):
    changed = choose(bench, lora, 0.8).lora
    assert changed == bench.tools.stores.loras.get(lora.id)
    assert changed.recommended_scale == 0.8
    assert changed.sha256 != lora.sha256
    assert file_of(bench, lora).metadata[HINT] == "Recommended strength: 0.8."
    assert fits_together(bench, lora)


def test_same_strength_again_writes_nothing(bench, lora):
    choose(bench, lora, 0.8)
    place = bench.tools.stores.files.lora(lora.id)
    before = place.stat().st_ino
    assert write_strength(lora.id, bench.tools, bench.ctx).before is None
    assert place.stat().st_ino == before


def test_undo_brings_the_very_bytes_back(bench, lora):
    written = choose(bench, lora, 0.8)
    keep_strength(lora.id, lora.recommended_scale, bench.tools)
    back = write_strength(lora.id, bench.tools, bench.ctx, written.before).lora
    assert back == lora
    assert fits_together(bench, lora)


def test_strength_that_no_generator_takes_is_refused(bench, lora):
    with pytest.raises(InputError):
        keep_strength(lora.id, 7.0, bench.tools)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("where", ["row kept", "copy written", "file in place"])
def test_kill_anywhere_is_finished_at_the_next_start(bench, lora, where, monkeypatch):
    stores = bench.tools.stores
    if where == "copy written":

        def place(*_paths):
            raise Killed

        monkeypatch.setattr(type(stores.files), "place", place)
    elif where == "file in place":

        def reheaded(*_facts):
            raise Killed

        monkeypatch.setattr(type(stores.loras), "reheaded", reheaded)
    keep_strength(lora.id, 0.6, bench.tools)
    if where != "row kept":
        with pytest.raises(Killed):
            write_strength(lora.id, bench.tools, bench.ctx)
    monkeypatch.undo()
    assert file_of(bench, lora).tensor_hash == lora.tensor_hash
    (mended,) = finish_strengths(bench.tools, bench.ctx)
    assert mended.recommended_scale == 0.6
    assert file_of(bench, lora).metadata[HINT] == "Recommended strength: 0.6."
    assert fits_together(bench, lora)
    assert finish_strengths(bench.tools, bench.ctx) == ()


def test_weights_with_other_tensors_are_never_taken_for_the_loras_own(bench, lora):
    place = bench.tools.stores.files.lora(lora.id)
    raw = bytearray(place.read_bytes())
    raw[-1] ^= 1
    place.write_bytes(raw)
    keep_strength(lora.id, 0.8, bench.tools)
    with pytest.raises(WeightsError, match="not those that were checked"):
        write_strength(lora.id, bench.tools, bench.ctx)
    assert place.read_bytes() == bytes(raw)
    assert bench.tools.stores.loras.get(lora.id).sha256 == lora.sha256
    assert finish_strengths(bench.tools, bench.ctx) == ()


def test_lora_without_a_file_keeps_its_strength_in_the_row(bench, lora):
    bench.tools.stores.files.lora(lora.id).unlink()
    assert choose(bench, lora, 0.7).lora.recommended_scale == 0.7


def test_same_weights_imported_again_are_the_same_lora(bench, lora):
    changed = choose(bench, lora, 0.8).lora
    again = import_lora_file(bench.folder / "Red Fox.safetensors", "", bench.tools, bench.ctx)
    assert again == changed
    assert fits_together(bench, lora)
    shared = bench.folder / "shared.safetensors"
    shared.write_bytes(bench.tools.stores.files.lora(lora.id).read_bytes())
    bench.tools.stores.files.lora(lora.id).unlink()
    original = import_lora_file(bench.folder / "Red Fox.safetensors", "", bench.tools, bench.ctx)
    assert original.sha256 == lora.sha256
    assert fits_together(bench, lora)


def test_imported_weights_bring_the_strength_that_they_recommend(bench, lora, tmp_path):
    choose(bench, lora, 0.65)
    shared = bench.folder / "shared.safetensors"
    shared.write_bytes(bench.tools.stores.files.lora(lora.id).read_bytes())
    with closing(open_library(tmp_path / "other", clock=bench.clock)) as other:
        tools = replace(bench.tools, stores=other.stores)
        assert import_lora_file(shared, "", tools, bench.ctx).recommended_scale == 0.65


def test_hub_is_behind_until_it_is_updated_in_one_commit(bench, lora):
    sent, send = [], bench.hub.publish
    bench.hub.publish = lambda bundle, ctx: (sent.append(bundle), send(bundle, ctx))[1]
    published = publish_lora(lora.id, "fox", Visibility.PUBLIC, bench.tools, bench.ctx)
    order = PictureRequest("replicate", "base", "a fox", seed=1)
    (picture,) = make_pictures(order_pictures(order, bench.tools), order, bench.tools, bench.ctx)
    publication = replace(published.publication, pictures=(picture.id, "gone"))
    assert not bench.tools.stores.loras.publish(publication).hub_is_behind

    changed = choose(bench, lora, 0.8).lora
    assert changed.hub_is_behind
    looked = look_at_publication(lora.id, bench.tools)
    assert looked.hub_is_behind
    assert looked.publication.status is PublicationStatus.VERIFIED

    bench.hub.trouble = [ServiceUnreachable("huggingface", kind="dns")]
    with pytest.raises(ServiceUnreachable):
        update_on_hub(lora.id, bench.tools, bench.ctx)
    assert bench.tools.stores.loras.get(lora.id).hub_is_behind

    updated = update_on_hub(lora.id, bench.tools, bench.ctx)
    assert not updated.hub_is_behind
    assert (updated.publication.repo, updated.publication.public) == ("tester/fox", True)
    assert updated.publication.pictures == (picture.id,)
    bundle = sent[-1]
    assert bundle.card.recommended_scale == 0.8
    place = bench.tools.stores.files.lora(lora.id)
    assert bundle.weights_sha256 == hashlib.sha256(place.read_bytes()).hexdigest()
    assert [card.prompt for card in bundle.pictures] == ["a fox"]


def test_other_weights_at_the_hub_are_not_called_older(bench, lora):
    publish_lora(lora.id, "fox", Visibility.PUBLIC, bench.tools, bench.ctx)
    choose(bench, lora, 0.8)
    there = bench.hub.repos["tester/fox"]
    bench.hub.repos["tester/fox"] = replace(there, weights_sha256="f" * 64)
    looked = look_at_publication(lora.id, bench.tools)
    assert looked.publication.status is PublicationStatus.DIFFERENT
    assert not looked.hub_is_behind
    with pytest.raises(InputError):
        bench.tools.stores.loras.unpublish(lora.id)
        update_on_hub(lora.id, bench.tools, bench.ctx)
