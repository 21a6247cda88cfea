"""A dataset goes out as a folder and comes back unchanged; a run's photos become a new draft."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, DatasetVersion
from fluxlora_desktop.domain.edits import PLAIN, Box, Edits
from fluxlora_desktop.domain.errors import DatasetError, JobCancelled, UnreadablePhoto
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.domain.versions import compare
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.photos import list_photos
from fluxlora_desktop.workflows.versions import (
    MANIFEST,
    branch,
    export_dataset,
    import_dataset,
    is_exported,
)
from tests.workflows.conftest import Bench
from tests.workflows.fakes import Context

EDITS = Edits(turns=3, straighten=1.5, crop=Box(0.1, 0.2, 0.9, 1.0))


def studied(bench: Bench) -> Dataset:
    """Return a dataset with an edited photo, one that is left out and odd captions."""
    datasets = bench.tools.stores.datasets
    draft = bench.draft()
    first, second, third, *_ = datasets.get(draft.dataset_id).hashes()
    datasets.set_change(draft.dataset_id, first, EDITS, kept=True)
    datasets.set_change(draft.dataset_id, second, PLAIN, kept=False)
    datasets.set_caption(draft.dataset_id, third, "TOK fuchs, “größer”, 🦊")
    datasets.set_trigger(draft.dataset_id, "GLZ")
    return datasets.get(draft.dataset_id)


def same(one: Dataset) -> tuple[object, ...]:
    photos = [
        (item.sha256, item.photo.name, item.caption, item.edits, item.kept) for item in one.photos
    ]
    return (photos, one.trigger_word)


def test_exported_folder_is_what_other_trainers_read(bench, tmp_path):
    folder = export_dataset(studied(bench), tmp_path, bench.tools, bench.ctx)

    stems = {path.stem for path in folder.glob("*.jpg")}
    assert stems == {path.stem for path in folder.glob("*.txt")}
    assert len(stems) == 5, "the one that was left out is not trained"
    assert (folder / "0003.txt").read_text("utf-8") == "TOK fuchs, “größer”, 🦊"
    assert [path.name for path in list_photos([folder])] == sorted(f"{stem}.jpg" for stem in stems)


def test_exported_folder_comes_back_unchanged_into_another_library(bench, tmp_path):
    before = studied(bench)
    folder = export_dataset(before, tmp_path, bench.tools, bench.ctx)
    files = bench.tools.stores.files
    originals = {sha256: files.original(sha256).read_bytes() for sha256 in before.hashes()}
    for sha256 in before.hashes():
        files.original(sha256).unlink()
    fresh = bench.tools.stores.datasets.create()

    assert is_exported(folder)
    after = import_dataset(folder, fresh.id, bench.tools, bench.ctx)

    assert same(after) == same(before)
    assert {sha: files.original(sha).read_bytes() for sha in after.hashes()} == originals
    assert files.working(before.hashes()[0], EDITS).is_file()


def test_caption_that_another_program_wrote_into_the_folder_comes_back(bench, tmp_path):
    folder = export_dataset(studied(bench), tmp_path, bench.tools, bench.ctx)
    (folder / "0003.txt").write_text("GLZ on a hill,\nat dusk", encoding="utf-8")
    (folder / "0004.txt").unlink()
    fresh = bench.tools.stores.datasets.create()

    after = import_dataset(folder, fresh.id, bench.tools, bench.ctx)

    assert after.photos[2].caption == "GLZ on a hill, at dusk"
    assert after.photos[3].caption == "on table 3"


def test_second_export_takes_a_name_of_its_own(bench, tmp_path):
    dataset = studied(bench)
    names = [export_dataset(dataset, tmp_path, bench.tools, bench.ctx).name for _ in range(3)]
    assert names == ["fluxlora-dataset", "fluxlora-dataset-2", "fluxlora-dataset-3"]


def test_export_that_is_stopped_leaves_nothing(bench, tmp_path):
    class Stopped(Context):
        def check(self) -> None:
            raise JobCancelled

    target = tmp_path / "out"
    with pytest.raises(JobCancelled):
        export_dataset(studied(bench), target, bench.tools, Stopped(bench.clock))
    assert list(target.glob("*")) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: found | {"format": "kohya"}, "not of this app"),
        (lambda found: found | {"version": 2}, "newer version"),
        (lambda found: found | {"photos": "all"}, "damaged"),
        (lambda found: found | {"photos": [{"name": "a"}]}, "damaged"),
        (lambda found: found | {"photos": [found["photos"][0] | {"sha256": "../x"}]}, "elsewhere"),
        (lambda found: found | {"photos": [found["photos"][0] | {"file": "../x"}]}, "elsewhere"),
        (lambda found: found | {"photos": [found["photos"][0] | {"edits": 7}]}, "damaged"),
        (lambda found: found | {"trigger_word": "hf_" + "A" * 34}, "token"),
    ],
)
def test_manifest_that_is_not_right_is_refused_in_words(bench, tmp_path, change, says):
    folder = export_dataset(studied(bench), tmp_path, bench.tools, bench.ctx)
    path = folder / MANIFEST
    path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), encoding="utf-8")
    fresh = bench.tools.stores.datasets.create()

    with pytest.raises(DatasetError, match=says):
        import_dataset(folder, fresh.id, bench.tools, bench.ctx)
    assert bench.tools.stores.datasets.get(fresh.id).photos == ()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"a"'])
def test_manifest_that_is_no_manifest_is_refused_in_words(bench, tmp_path, text):
    folder = export_dataset(studied(bench), tmp_path, bench.tools, bench.ctx)
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    fresh = bench.tools.stores.datasets.create()
    with pytest.raises(DatasetError):
        import_dataset(folder, fresh.id, bench.tools, bench.ctx)


def test_original_that_was_changed_or_is_gone_is_named(bench, tmp_path):
    dataset = studied(bench)
    folder = export_dataset(dataset, tmp_path, bench.tools, bench.ctx)
    fresh = bench.tools.stores.datasets.create()
    original = folder / ".fluxlora" / dataset.hashes()[0]
    original.write_bytes(b"something else")
    with pytest.raises(UnreadablePhoto, match=r"photo0\.jpg was changed"):
        import_dataset(folder, fresh.id, bench.tools, bench.ctx)
    original.unlink()
    with pytest.raises(UnreadablePhoto, match=r"photo0\.jpg is missing"):
        import_dataset(folder, fresh.id, bench.tools, bench.ctx)


def test_draft_made_of_a_runs_photos_is_as_it_was_frozen_and_the_run_stays(bench):
    dataset = studied(bench)
    draft = next(run for run in bench.tools.stores.runs.drafts() if run.dataset_id == dataset.id)
    run = start_run(draft.id, bench.tools)
    frozen = bench.tools.stores.datasets.version(run.version_id)

    made = branch(run, bench.tools)

    copy = bench.tools.stores.datasets.get(made.dataset_id)
    assert made.state is RunState.DRAFT
    assert copy.photos == frozen.photos
    assert copy.trigger_word == "GLZ"
    assert (made.plan.name, made.plan.rights_confirmed) == ("Fox", False)
    bench.tools.stores.datasets.set_caption(copy.id, copy.hashes()[0], "other words")
    assert bench.tools.stores.datasets.version(run.version_id) == frozen


def test_run_without_a_frozen_dataset_makes_no_draft(bench):
    with pytest.raises(KeyError):
        branch(bench.draft(), bench.tools)


def state(*photos: DatasetPhoto, word: str = "TOK") -> DatasetVersion:
    return DatasetVersion("v", "d", photos, word)


def test_what_differs_between_two_states_is_told_by_photo(bench):
    one, two, three, four, *_ = studied(bench).photos
    before = state(one, replace(two, kept=True), three)
    changed = replace(three, caption="other words", edits=Edits(flip=True))

    diff = compare(before, state(changed, one, four, word="GLZ"))

    assert diff.added == (four,)
    assert [item.sha256 for item in diff.removed] == [two.sha256]
    assert [(c.before, c.after) for c in diff.captions] == [(three.caption, "other words")]
    assert diff.edited == (changed,)
    assert diff.reordered
    assert diff.trigger == ("TOK", "GLZ")
    assert compare(before, before).empty
