"""Captions go to files and come back; what is in the way or broken is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Photo, PhotoFacts
from fluxlora_desktop.domain.errors import InputError, JobCancelled, StorageError
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.workflows.caption_files import (
    read_caption_table,
    read_caption_texts,
    texts_in_the_way,
    write_caption_table,
    write_caption_texts,
)
from tests.workflows.fakes import Context, HandClock

HARD = ('a "red" fox, in snow', "=1+1", "two\nlines", "ünïcode, 狐", "'=quoted", "")


def dataset(*captions: str) -> Dataset:
    facts = PhotoFacts("JPEG", 1024, 1024, "", 0, 1.0, 0.0, 1.0)
    photos = (
        DatasetPhoto(Photo(f"{n}" * 64, f"photo {n}.jpg", 1, facts), text)
        for n, text in enumerate(captions)
    )
    return Dataset("d", tuple(photos))


@pytest.fixture
def ctx() -> Context:
    return Context(HandClock())


def filled(some: Dataset) -> dict[str, str]:
    return {item.photo.sha256: item.caption for item in some.photos if item.caption}


def test_table_on_the_disk_comes_back_as_it_was(tmp_path: Path) -> None:
    path, mine = tmp_path / "captions.csv", dataset(*HARD)
    assert write_caption_table(path, mine) == len(HARD)
    read = read_caption_table(path, mine)
    assert dict(read.captions) == filled(mine)
    assert (read.unknown, read.empty) == ((), 1)
    assert path.read_bytes().startswith(b"\xef\xbb\xbffile,sha256,caption\r\n")
    assert [one.name for one in tmp_path.iterdir()] == ["captions.csv"]


def test_text_files_on_the_disk_come_back_as_they_were(tmp_path: Path, ctx: Context) -> None:
    mine = dataset(*HARD)
    assert write_caption_texts(tmp_path, mine, ctx) == len(HARD) - 1
    assert (tmp_path / "photo 3.txt").read_text("utf-8") == HARD[3]
    assert not (tmp_path / "photo 5.txt").exists()
    assert dict(read_caption_texts(tmp_path, mine, ctx).captions) == filled(mine)


def test_only_text_files_that_say_something_else_are_in_the_way(
    tmp_path: Path, ctx: Context
) -> None:
    mine = dataset("a fox", "a dog", "")
    write_caption_texts(tmp_path, mine, ctx)
    assert texts_in_the_way(tmp_path, mine) == ()
    (tmp_path / "photo 1.txt").write_text("of another program")
    (tmp_path / "photo 2.txt").write_text("not touched")
    assert texts_in_the_way(tmp_path, mine) == ("photo 1.txt",)


def test_files_that_are_no_text_are_named_and_left(tmp_path: Path, ctx: Context) -> None:
    mine = dataset("a fox", "a dog")
    (tmp_path / "photo 0.txt").write_bytes(b"\xff\xfea\x00")
    (tmp_path / "photo 1.txt").write_bytes(b"a" * 100_000)
    (tmp_path / "photo 2.TXT").write_text("of none")
    (tmp_path / "folder.txt").mkdir()
    read = read_caption_texts(tmp_path, mine, ctx)
    assert dict(read.captions) == {}
    assert set(read.unknown) == {"photo 0.txt", "photo 1.txt", "photo 2.TXT", "folder.txt"}


def test_table_that_is_no_utf8_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_bytes("file,caption\nphoto 0.jpg,café\n".encode("cp1252"))
    with pytest.raises(InputError, match="CSV UTF-8"):
        read_caption_table(path, dataset("a fox"))


def test_disk_trouble_is_told_as_such_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_caption_table(tmp_path / "gone.csv", dataset("a fox"))
    (tmp_path / "captions.csv").mkdir()
    with pytest.raises(StorageError):
        write_caption_table(tmp_path / "captions.csv", dataset("a fox"))
    assert [one.name for one in tmp_path.iterdir()] == ["captions.csv"]


def test_export_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    stopping = CancellableContext(print)
    stopping.cancel()
    with pytest.raises(JobCancelled):
        write_caption_texts(tmp_path, dataset("a fox"), stopping)
    assert list(tmp_path.iterdir()) == []
