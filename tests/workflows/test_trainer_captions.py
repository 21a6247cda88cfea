"""What a trainer wrote for photos without a caption is kept beside the run, by the photo's hash."""

from __future__ import annotations

import pytest

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.domain.ports import FetchedWeights
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.workflows import collect
from fluxlora_desktop.workflows.captioning import trainer_captions
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run


def trained(bench, captions, monkeypatch, *, own=()):
    """Carry a run to its end whose archive holds these captions; return its frozen dataset."""
    run = bench.draft(6, publish=False)
    store = bench.tools.stores.datasets
    for place, sha256 in enumerate(store.get(run.dataset_id).hashes()):
        store.set_caption(run.dataset_id, sha256, "TOK mine" if place in own else "")
    fetch = bench.backend.fetch_weights

    def fetching(*arguments):
        return FetchedWeights(fetch(*arguments).path, tuple(captions.items()))

    monkeypatch.setattr(bench.backend, "fetch_weights", fetching)
    start_run(run.id, bench.tools)
    carry_run(run.id, bench.tools, bench.ctx)
    run = bench.tools.stores.runs.get(run.id)
    assert run.state is RunState.READY, run.error
    return run, store.get(run.dataset_id)


def bare(bench, dataset):
    """Return a new dataset of the same photos, without captions."""
    store = bench.tools.stores.datasets
    made = store.create()
    store.set_photos(made.id, dataset.hashes()[::-1])
    return store.get(made.id)


def test_captions_are_found_for_the_same_photos_in_another_order(bench, monkeypatch):
    told = {f"img_{place:03d}": f"a photo of TOK,\nside {place}" for place in range(6)}
    _, dataset = trained(bench, told, monkeypatch)

    found = trainer_captions(bare(bench, dataset), bench.tools)

    assert [found[sha] for sha in dataset.hashes()] == [
        f"a photo of TOK, side {place}" for place in range(6)
    ]


def test_photos_with_words_of_a_persons_own_are_left_out(bench, monkeypatch):
    told = {f"img_{place:03d}": f"side {place}" for place in range(6)}
    _, dataset = trained(bench, told, monkeypatch, own={0, 1})

    assert set(trainer_captions(bare(bench, dataset), bench.tools)) == set(dataset.hashes()[2:])


def test_strange_names_empty_texts_and_tokens_are_not_kept(bench, monkeypatch):
    told = {"img_000": "hf_" + "aB3" * 12, "img_001": " ", "other": "x", "img_099": "far"}
    told["img_002"] = "side 2"
    _, dataset = trained(bench, told, monkeypatch)

    found = trainer_captions(bare(bench, dataset), bench.tools)

    assert found == {dataset.hashes()[2]: "side 2"}


@pytest.mark.parametrize(
    "text", ["", "no json", "[1, 2]", '{"a": 1}', "[" * 100_000, '"x"'], ids=range(6)
)
def test_file_that_cannot_be_read_counts_as_none(bench, monkeypatch, text):
    run, dataset = trained(bench, {"img_000": "side 0"}, monkeypatch)
    place = bench.tools.stores.files.run_folder(run.id) / "captions.json"
    assert place.is_file()
    place.write_text(text, encoding="utf-8")

    assert trainer_captions(bare(bench, dataset), bench.tools) == {}


def test_run_comes_home_also_when_its_captions_cannot_be_kept(bench, monkeypatch, caplog):
    def full(*_arguments):
        raise StorageError("captions.json", "no room")

    monkeypatch.setattr(collect, "keep_trainer_captions", full)

    run, dataset = trained(bench, {"img_000": "side 0"}, monkeypatch)

    assert run.lora_id
    assert trainer_captions(bare(bench, dataset), bench.tools) == {}
    assert "captions were not kept" in caplog.text


def test_run_without_captions_leaves_no_file(bench, monkeypatch):
    run, _ = trained(bench, {}, monkeypatch)

    assert not (bench.tools.stores.files.run_folder(run.id) / "captions.json").exists()
