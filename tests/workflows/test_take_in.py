"""Files that no row knows come back into rows; what cannot be used stays where it is."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import GeneratedImage, PictureRequest, PictureState
from fluxlora_desktop.domain.runs import RunPlan, RunState
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.store.repair import FolderCare
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from fluxlora_desktop.workflows.take_in import take_in_files
from tests.workflows.conftest import Bench, write_lora

ORDER = PictureRequest("replicate", "base", "TOK fox: on a beach, Steps: 3", seed=7, count=2)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 80), (shade, 120, 40)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def full(bench: Bench) -> Bench:
    """A library with photos, a finished run, its Lora, and two pictures, made the usual way."""
    bench.tools = replace(
        bench.tools, photos=PillowPhotoWorkshop(), pictures=PillowPictureWorkshop()
    )
    bench.generator.replies = [
        GeneratedImage(png(shade), "image/png", 7, "remote") for shade in (10, 200)
    ]
    stores = bench.tools.stores
    dataset = stores.datasets.create()
    hashes = []
    for number in range(5):
        source = bench.folder / f"{number}.png"
        noise = Image.effect_noise((600, 560), 40 + number).convert("RGB")
        noise.save(source)
        hashes.append(take_in_photo(source, bench.tools, bench.ctx).photo.sha256)
    stores.datasets.set_photos(dataset.id, hashes)
    run = stores.runs.create(dataset.id, RunPlan(name="Fox", rights_confirmed=True, publish=False))
    start_run(run.id, bench.tools)
    assert carry_run(run.id, bench.tools, bench.ctx).state is RunState.READY
    make_pictures(order_pictures(ORDER, bench.tools), ORDER, bench.tools, bench.ctx)
    return bench


def begin_anew(bench: Bench) -> None:
    """Lose every row, as after damage without a backup."""
    folder = bench.library.data_dir
    bench.library.close()
    FolderCare(data_dir=folder, clock=bench.clock).start_anew()
    bench.library = open_library(folder, clock=bench.clock)
    bench.tools = replace(bench.tools, stores=bench.library.stores)


def test_whole_library_has_nothing_to_take_in(full: Bench) -> None:
    assert take_in_files(full.tools, full.ctx) == take_in_files(full.tools, full.ctx)
    taken = take_in_files(full.tools, full.ctx)
    assert (taken.photos, taken.loras, taken.pictures, taken.left_out) == (0, 0, 0, ())


def test_everything_on_the_disk_comes_back_into_an_empty_library(full: Bench) -> None:
    before = full.tools.stores
    (lora,) = before.loras.all()
    pictures = before.pictures.page(before.pictures.ids())
    cost = [charge.amount_usd for charge in before.ledger.charges() if charge.picture_id]
    begin_anew(full)

    taken = take_in_files(full.tools, full.ctx)

    assert (taken.photos, taken.loras, taken.pictures, taken.left_out) == (5, 1, 2, ())
    stores = full.tools.stores
    (found,) = stores.loras.all()
    kept = ("id", "base", "sha256", "tensor_hash", "size_bytes", "rank", "key_style")
    assert [getattr(found, name) for name in kept] == [getattr(lora, name) for name in kept]
    back = {picture.id: picture for picture in stores.pictures.page(stores.pictures.ids())}
    same = (
        *("order_id", "state", "generator", "model", "base", "prompt", "loras", "width", "height"),
        *("steps", "guidance", "seed", "file", "thumb", "sha256", "cost_usd"),
    )
    for picture in pictures:
        for name in same:
            assert getattr(back[picture.id], name) == getattr(picture, name), name
    assert stores.pictures.ids(PictureQuery(words="beach")) == stores.pictures.ids()
    assert [charge.amount_usd for charge in stores.ledger.charges()] == cost
    left = check_library(full.library.data_dir)
    assert {finding.subject.split("/")[0] for finding in left} == {"runs"}  # the archive it sent
    assert all(finding.harmless for finding in left)


def test_photos_that_came_back_stand_in_a_draft(full: Bench) -> None:
    begin_anew(full)

    take_in_files(full.tools, full.ctx)

    (draft,) = full.tools.stores.runs.drafts()
    assert len(full.tools.stores.datasets.get(draft.dataset_id).photos) == 5


def test_draft_that_is_there_is_not_hidden_by_another(full: Bench) -> None:
    begin_anew(full)
    mine = full.tools.stores.runs.create(
        full.tools.stores.datasets.create().id, RunPlan(name="Mine")
    )

    take_in_files(full.tools, full.ctx)

    assert [draft.id for draft in full.tools.stores.runs.drafts()] == [mine.id]


def test_taking_in_twice_adds_nothing(full: Bench) -> None:
    begin_anew(full)
    take_in_files(full.tools, full.ctx)

    again = take_in_files(full.tools, full.ctx)

    assert (again.photos, again.loras, again.pictures) == (0, 0, 0)
    assert len(full.tools.stores.ledger.charges()) == 2


def test_picture_that_the_restored_rows_call_maybe_charged_is_done_when_its_file_is_there(
    full: Bench,
) -> None:
    stores = full.tools.stores
    picture_id = stores.pictures.ids()[0]
    stores.pictures.update(
        picture_id, state=PictureState.MAYBE_CHARGED, file="", thumb="", sha256="", error="lost"
    )

    taken = take_in_files(full.tools, full.ctx)

    assert taken.pictures == 1
    picture = stores.pictures.get(picture_id)
    assert (picture.state, picture.error) == (PictureState.DONE, "")
    assert stores.files.resolve(picture.file).is_file()
    charges = [c for c in stores.ledger.charges() if c.picture_id == picture_id]
    assert [(c.certainty, c.amount_usd) for c in charges] == [(Certainty.CHARGED, Decimal("0.03"))]


def test_missing_small_copies_are_made_again(full: Bench) -> None:
    stores = full.tools.stores
    picture = stores.pictures.get(stores.pictures.ids()[0])
    sha256 = next((full.library.data_dir / "thumbs" / "photos").iterdir()).stem
    for path in (
        stores.files.resolve(picture.thumb),
        stores.files.photo_thumb(sha256),
        stores.files.working(sha256),
    ):
        path.unlink()
    name = stores.datasets.photo(sha256).name

    taken = take_in_files(full.tools, full.ctx)

    assert (taken.photos, taken.pictures) == (0, 0)
    assert check_library(full.library.data_dir) == ()
    assert stores.datasets.photo(sha256).name == name


def test_what_cannot_be_used_is_named_and_stays(full: Bench) -> None:
    root = full.library.data_dir
    (root / "loras" / "bad").mkdir()
    harm = {
        "loras/bad/lora.safetensors": b"not weights",
        "pictures/2026/11/stranger.png": png(5),
        f"photos/{'c' * 64}": next(full.folder.glob("*.png")).read_bytes(),  # not what it says
    }
    for name, data in harm.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)

    taken = take_in_files(full.tools, full.ctx)

    assert sorted(taken.left_out) == sorted(harm)
    assert all((root / name).read_bytes() == data for name, data in harm.items())


def test_the_same_weights_under_another_id_are_no_second_lora(full: Bench) -> None:
    (lora,) = full.tools.stores.loras.all()
    copy = full.library.data_dir / "loras" / "copy" / "lora.safetensors"
    copy.parent.mkdir()
    copy.write_bytes(full.tools.stores.files.lora(lora.id).read_bytes())

    assert take_in_files(full.tools, full.ctx).loras == 0
    assert full.tools.stores.loras.all() == (lora,)


def test_weights_of_a_run_that_was_collecting_are_its_lora(bench: Bench) -> None:
    run = bench.draft()
    start_run(run.id, bench.tools)
    weights = bench.tools.stores.files.lora(run.id)
    weights.parent.mkdir(parents=True)
    write_lora(weights)

    assert take_in_files(bench.tools, bench.ctx).loras == 1

    lora = bench.tools.stores.loras.get(run.id)
    assert (lora.name, lora.run_id) == ("Fox", run.id)


def test_folder_names_that_are_no_ids_are_left_alone(bench: Bench, tmp_path: Path) -> None:
    odd = bench.library.data_dir / "loras" / "two words" / "lora.safetensors"
    odd.parent.mkdir(parents=True)
    write_lora(odd)

    assert take_in_files(bench.tools, bench.ctx).loras == 0
