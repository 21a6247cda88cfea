"""Pictures of other programs come into the gallery byte for byte, with what they say."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import DiskFull, JobCancelled, UnreadablePhoto
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    Picture,
    PictureLora,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.imaging.containers import read_texts
from fluxlora_desktop.imaging.metadata import parse_own
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.store.files import LibraryFiles
from fluxlora_desktop.workflows.events import PicturesLookedAt
from fluxlora_desktop.workflows.import_pictures import ImportedPictures, import_pictures
from fluxlora_desktop.workflows.picture_text import text_of
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from fluxlora_desktop.workflows.take_in import take_in_files
from tests.imaging import pictures_of as of
from tests.workflows.conftest import Bench
from tests.workflows.test_take_in import begin_anew

CHANGED = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def gallery(bench: Bench) -> Bench:
    bench.tools = replace(bench.tools, pictures=PillowPictureWorkshop())
    return bench


def put(bench: Bench, name: str, data: bytes) -> Path:
    path = bench.folder / "given" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (CHANGED.timestamp(), CHANGED.timestamp()))
    return path


def bring(bench: Bench, *paths: Path) -> ImportedPictures:
    return import_pictures(paths, bench.tools, bench.ctx)


def add_lora(bench: Bench, lora_id: str, name: str, tensor_hash: str) -> None:
    bench.tools.stores.loras.add(
        Lora(
            lora_id,
            name,
            "flux.1-dev",
            "TOK",
            sha256=lora_id.ljust(64, "e"),
            tensor_hash=tensor_hash.ljust(64, "0"),
            size_bytes=1,
            rank=16,
            created_at=CHANGED,
        )
    )


def test_picture_comes_in_byte_for_byte_with_what_it_says(gallery: Bench) -> None:
    source = put(gallery, "from forge.PNG", of.png(parameters=of.FORGE))

    (picture,) = bring(gallery, source).pictures

    stores = gallery.tools.stores
    assert stores.pictures.get(picture.id) == picture
    assert stores.files.resolve(picture.file).read_bytes() == source.read_bytes()
    assert stores.files.resolve(picture.thumb).is_file()
    assert (picture.state, picture.source) == (PictureState.DONE, "Forge")
    assert (picture.prompt, picture.seed, picture.steps) == ("a fox", 42, 20)
    assert (picture.guidance, picture.base) == (3.5, "flux.1-dev")
    assert picture.model == "flux1-dev-bnb-nf4-v2"
    assert (picture.width, picture.height) == (64, 48), "as the file is"
    assert picture.facts["Size it was made at"] == "896 × 1152"
    assert picture.facts["Sampler"] == "Euler"
    assert picture.created_at == CHANGED, "the file's own time, as it says none"
    assert picture.cost_usd is None
    assert stores.ledger.charges() == ()
    assert stores.pictures.ids(PictureQuery(words="fox", source="Forge")) == (picture.id,)
    assert check_library(gallery.library.data_dir) == ()


@pytest.mark.parametrize(
    ("name", "data", "suffix"),
    [
        ("a.jpeg", of.swarm_jpeg(), ".jpg"),
        ("b.webp", of.exif("WEBP"), ".webp"),
        ("wrongly named.jpg", of.png(), ".png"),
    ],
    ids=["jpeg", "webp", "by its content"],
)
def test_file_keeps_its_format(gallery: Bench, name: str, data: bytes, suffix: str) -> None:
    (picture,) = bring(gallery, put(gallery, name, data)).pictures

    assert picture.file.endswith(suffix)
    assert check_library(gallery.library.data_dir) == ()


def test_time_that_a_picture_says_counts_before_that_of_its_file(gallery: Bench) -> None:
    (picture,) = bring(gallery, put(gallery, "a.jpg", of.swarm_jpeg())).pictures

    assert picture.created_at == datetime(2024, 8, 7, tzinfo=UTC)
    assert "/2024/08/" in picture.file


@pytest.mark.parametrize("said", ["9999-99-99", "1066-10-14", "2999-01-01", "yesterday"])
def test_impossible_time_gives_way_to_that_of_the_file(gallery: Bench, said: str) -> None:
    swarm = {**of.SWARM, "sui_extra_data": {"date": said}}
    source = put(gallery, "a.png", of.png(parameters=json.dumps(swarm)))

    (picture,) = bring(gallery, source).pictures

    assert picture.created_at == CHANGED


def test_picture_that_says_nothing_comes_in_plain(gallery: Bench) -> None:
    (picture,) = bring(gallery, put(gallery, "a.png", of.png())).pictures

    assert (picture.prompt, picture.model, picture.source) == ("", "", "another program")


def test_the_same_bytes_are_one_picture(gallery: Bench) -> None:
    first = put(gallery, "a.png", of.png(parameters=of.A1111))
    second = put(gallery, "copy/b.png", first.read_bytes())

    once, again = bring(gallery, first, second), bring(gallery, first.parent)

    assert (len(once.pictures), once.known) == (1, 1)
    assert (again.pictures, again.known) == ((), 2)
    assert len(gallery.tools.stores.pictures.ids()) == 1
    folder = gallery.library.data_dir / "pictures"
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def test_picture_in_the_trash_comes_in_again(gallery: Bench) -> None:
    source = put(gallery, "a.png", of.png())
    (first,) = bring(gallery, source).pictures
    gallery.tools.stores.pictures.trash([first.id])

    assert len(bring(gallery, source).pictures) == 1


def test_folders_are_walked_and_what_cannot_be_read_is_named(gallery: Bench) -> None:
    put(gallery, "one/a.png", of.png())
    put(gallery, "one/two/b.jpg", of.exif("JPEG"))
    put(gallery, "one/.hidden/c.png", of.png(parameters="x"))
    put(gallery, "one/notes.txt", b"words")
    bad = [put(gallery, "one/cut.png", of.png()[:60]), put(gallery, "one/empty.webp", b"")]

    result = bring(gallery, gallery.folder / "given", gallery.folder / "gone.png")

    assert len(result.pictures) == 2
    assert [error.path for error in result.left_out] == [
        *bad,
        gallery.folder / "gone.png",
    ]
    assert all(isinstance(error, UnreadablePhoto) and error.reason for error in result.left_out)
    looked = [event for event in gallery.ctx.events if isinstance(event, PicturesLookedAt)]
    assert [event.done for event in looked] == list(range(5))
    assert {event.total for event in looked} == {5}
    assert check_library(gallery.library.data_dir) == ()


def test_lora_is_found_by_its_hash_before_its_name(gallery: Bench) -> None:
    add_lora(gallery, "right", "Renamed since", "9ffa1f31c2a8")
    add_lora(gallery, "wrong", "fox_v1", "aaaaaaaaaaaa")

    for data in (of.png(parameters=of.FORGE), of.png(parameters=json.dumps(of.SWARM))):
        (picture,) = bring(gallery, put(gallery, "a.png", data)).pictures

        if picture.source == "SwarmUI":  # neither 12 nor 64 digits: the name counts
            assert picture.loras[0].lora_id == "wrong"
        else:
            assert (picture.loras[0].lora_id, picture.loras[0].name) == ("right", "fox_v1")
            ids = gallery.tools.stores.pictures.ids(PictureQuery(lora_id="right"))
            assert ids == (picture.id,)


def test_name_alone_links_a_lora_unless_its_tensors_are_others(gallery: Bench) -> None:
    add_lora(gallery, "mine", "Fox V1", "aaaaaaaaaaaa")

    (named,) = bring(
        gallery, put(gallery, "a.png", of.png(prompt=json.dumps(of.COMFY_SD)))
    ).pictures
    (other,) = bring(gallery, put(gallery, "b.png", of.png(parameters=of.FORGE))).pictures

    assert (named.loras[0].lora_id, named.base) == ("mine", "flux.1-dev")
    assert other.loras[0].lora_id == "", "9ffa1f31c2a8 are other tensors"


class Stopping:
    """A context that is stopped after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def report(self, event: object) -> None:
        self.last = event

    def check(self) -> None:
        self.looks -= 1
        if self.looks < 0:
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        raise AssertionError(seconds)


def test_what_came_in_before_a_stop_stays(gallery: Bench) -> None:
    for number in range(4):
        put(gallery, f"{number}.png", of.png(parameters=f"number {number}"))

    result = import_pictures([gallery.folder / "given"], gallery.tools, Stopping(2))

    assert result.stopped
    assert len(result.pictures) == 2
    assert len(gallery.tools.stores.pictures.ids()) == 2
    assert check_library(gallery.library.data_dir) == ()


def test_full_disk_stops_it_and_leaves_nothing_half(
    gallery: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(gallery, "a.png", of.png())
    put(gallery, "b.png", of.png(parameters="b"))
    place = LibraryFiles.place

    def place_one(files: LibraryFiles, source: Path, target: Path) -> None:
        if gallery.tools.stores.pictures.ids():
            raise DiskFull(target)
        place(files, source, target)

    monkeypatch.setattr(LibraryFiles, "place", place_one)

    with pytest.raises(DiskFull):
        bring(gallery, gallery.folder / "given")

    assert len(gallery.tools.stores.pictures.ids()) == 1
    pictures = gallery.library.data_dir / "pictures"
    assert len([path for path in pictures.rglob("*") if path.is_file()]) == 1


def test_imported_pictures_come_back_from_the_disk_without_a_charge(gallery: Bench) -> None:
    add_lora(gallery, "fox", "fox_v1", "9ffa1f31c2a8")
    given = [
        put(gallery, "a.png", of.png(parameters=of.FORGE)),
        put(gallery, "b.jpg", of.swarm_jpeg()),
        put(gallery, "c.webp", of.exif("WEBP")),
    ]
    before = {picture.id: picture for picture in bring(gallery, *given).pictures}
    begin_anew(gallery)
    add_lora(gallery, "fox", "fox_v1", "9ffa1f31c2a8")

    taken = take_in_files(gallery.tools, gallery.ctx)

    assert (taken.pictures, taken.left_out) == (3, ())
    stores = gallery.tools.stores
    assert {p.id: p for p in stores.pictures.page(stores.pictures.ids())} == before
    assert stores.ledger.charges() == ()
    thumb = stores.files.resolve(before[next(iter(before))].thumb)
    thumb.unlink()
    assert take_in_files(gallery.tools, gallery.ctx).pictures == 0
    assert thumb.is_file()
    found = {finding.subject for finding in check_library(gallery.library.data_dir)}
    assert found == {"loras/fox/lora.safetensors"}, "which this test never wrote"


def test_check_of_a_library_without_the_column_still_runs(gallery: Bench) -> None:
    bring(gallery, put(gallery, "a.png", of.png()))
    gallery.library.close()
    database = gallery.library.data_dir / "library.db"
    with closing(sqlite3.connect(database)) as raw, raw:
        raw.execute("UPDATE pictures SET source = ''")
    (finding,) = check_library(gallery.library.data_dir)
    assert finding.what == "charge_missing", "without a source it was made here"

    with closing(sqlite3.connect(database)) as raw, raw:
        raw.execute("ALTER TABLE pictures DROP COLUMN source")
    (finding,) = check_library(gallery.library.data_dir)
    assert finding.what == "charge_missing"


ORDER = PictureRequest("replicate", "base", "a fox", seed=7)


def make_one(bench: Bench) -> Picture:
    bench.generator.replies = [GeneratedImage(of.png(), "image/png", 7, "remote-1")]
    (picture,) = make_pictures(order_pictures(ORDER, bench.tools), ORDER, bench.tools, bench.ctx)
    return picture


def test_made_picture_carries_run_commit_request_and_cost(gallery: Bench) -> None:
    add_lora(gallery, "fox", "Fox", "9ffa1f31c2a8")
    stores = gallery.tools.stores
    run = gallery.draft()
    stores.loras.update("fox", run_id=run.id)
    stores.loras.publish(
        Publication(
            "fox",
            "huggingface",
            "anna/fox",
            "c" * 40,
            Visibility.PUBLIC,
            PublicationStatus.VERIFIED,
            "e" * 64,
            "https://huggingface.co/anna/fox",
            "https://huggingface.co/anna/fox/resolve/main/lora.safetensors",
            CHANGED,
        )
    )
    picture = replace(
        make_one(gallery), loras=(PictureLora("fox", "Fox", 0.8, "9ffa"),), negative_prompt="blur"
    )

    text = text_of(picture, "Base", gallery.tools)

    assert [(one.run_id, one.repo) for one in text.origins] == [(run.id, f"anna/fox@{'c' * 40}")]
    assert (text.request_id, text.cost_usd) == ("remote-1", "0.03")
    assert (text.negative_prompt, text.made_at) == ("blur", picture.created_at.isoformat())
    file = stores.files.resolve(picture.file)
    own = parse_own(read_texts(file).chunks["fluxlora"])
    assert own is not None
    assert (own.request_id, own.cost_usd, own.made_at) == (
        "remote-1",
        "0.03",
        picture.created_at.isoformat(),
    )


def test_picture_of_another_library_of_this_app_is_imported_without_a_charge(
    gallery: Bench, tmp_path: Path
) -> None:
    made = make_one(gallery)
    file = gallery.tools.stores.files.resolve(made.file)
    assert bring(gallery, file).known == 1, "it is there"
    elsewhere = shutil.copyfile(file, tmp_path / "fox.png")
    begin_anew(gallery)

    (picture,) = bring(gallery, Path(elsewhere)).pictures

    assert (picture.source, picture.prompt) == ("FluxLoRA Desktop", "a fox")
    assert picture.created_at == made.created_at
    assert picture.facts["Cost"] == "$0.03"
    assert gallery.tools.stores.ledger.charges() == ()
