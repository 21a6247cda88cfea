from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from fluxlora_desktop.domain.errors import (
    AccessDenied,
    CorruptFile,
    DiskFull,
    LibraryBusy,
    StorageError,
    UnreadablePhoto,
)
from fluxlora_desktop.store import files as files_module
from fluxlora_desktop.store.errors import translate_storage_errors
from fluxlora_desktop.store.files import LibraryFiles

_SHA = "a" * 64


@pytest.fixture
def files(tmp_path: Path) -> LibraryFiles:
    root = tmp_path / "data"
    root.mkdir()
    return LibraryFiles(root=root)


def _parts_left(root: Path) -> list[Path]:
    return list(root.rglob("*.part"))


def test_files_lie_where_the_design_says(files: LibraryFiles) -> None:
    late = datetime.fromisoformat("2026-12-01T00:30:00+02:00")

    assert files.relative(files.original(_SHA)) == f"photos/{_SHA}"
    assert files.relative(files.lora("l1")) == "loras/l1/lora.safetensors"
    assert files.relative(files.picture("p1", late)) == "pictures/2026/11/p1.png"
    assert files.relative(files.run_folder("r1")) == "runs/r1"
    assert files.run_folder("r1").is_dir()
    for path in (files.working(_SHA), files.photo_thumb(_SHA), files.picture_thumb("p1")):
        assert path != files.original(_SHA)
    assert [path.name for path in files.root.iterdir()] == ["runs"], "asking makes no folders"


def test_adopted_photo_is_kept_byte_for_byte_under_its_hash(
    files: LibraryFiles, tmp_path: Path
) -> None:
    data = os.urandom(3_000_001)
    source = tmp_path / "photo.jpg"
    source.write_bytes(data)
    link = tmp_path / "link.jpg"
    link.symlink_to(source)

    sha256, size = files.adopt(source)

    assert (sha256, size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert files.original(sha256).read_bytes() == data
    assert files.adopt(link) == files.adopt_bytes(data) == (sha256, size)
    assert source.read_bytes() == data
    assert [path.name for path in (files.root / "photos").iterdir()] == [sha256]


def test_photo_that_was_cut_short_is_made_whole_when_adopted_again(files: LibraryFiles) -> None:
    sha256, _ = files.adopt_bytes(b"whole photo")
    files.original(sha256).write_bytes(b"whole")

    files.adopt_bytes(b"whole photo")

    assert files.original(sha256).read_bytes() == b"whole photo"


def test_adopt_refuses_what_is_no_photo(
    files: LibraryFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "LARGEST_PHOTO", 10)
    empty, large, pipe = tmp_path / "empty", tmp_path / "large", tmp_path / "pipe"
    empty.touch()
    large.write_bytes(b"x" * 11)
    os.mkfifo(pipe)

    for source in (empty, large, pipe, tmp_path):
        with pytest.raises(UnreadablePhoto):
            files.adopt(source)
    with pytest.raises(UnreadablePhoto):
        files.adopt_bytes(b"x" * 11)
    with pytest.raises(StorageError):
        files.adopt(tmp_path / "gone")

    assert list((files.root / "photos").iterdir()) == []


def test_full_disk_leaves_nothing_half_written(
    files: LibraryFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files_module.os, "fsync", full)

    with pytest.raises(DiskFull):
        files.adopt_bytes(b"photo")

    assert _parts_left(files.root) == []
    assert list((files.root / "photos").iterdir()) == []


def test_place_moves_and_copy_copies_over_what_was_there(
    files: LibraryFiles, tmp_path: Path
) -> None:
    files.lora("l1").parent.mkdir(parents=True)
    files.lora("l1").write_bytes(b"old")
    made = files.run_folder("r1") / "x.safetensors"
    made.write_bytes(b"new")
    elsewhere = tmp_path / "mine.safetensors"
    elsewhere.write_bytes(b"mine")

    files.place(made, files.lora("l1"))
    files.copy(elsewhere, files.lora("l2"))

    assert files.lora("l1").read_bytes() == b"new"
    assert not made.exists()
    assert files.lora("l2").read_bytes() == elsewhere.read_bytes() == b"mine"
    assert _parts_left(files.root) == []


def test_nothing_is_put_outside_the_library(files: LibraryFiles, tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"x")

    with pytest.raises(StorageError):
        files.copy(source, files.root / ".." / "out")
    with pytest.raises(StorageError):
        files.place(source, tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert source.exists()


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/../../x", "/etc/passwd", "C:/x", "a\\..\\x", "a\0b", "pictures/../../x"],
)
def test_resolve_refuses_names_that_leave_the_library(files: LibraryFiles, name: str) -> None:
    with pytest.raises(StorageError):
        files.resolve(name)


def test_resolve_refuses_a_link_that_leaves_the_library(
    files: LibraryFiles, tmp_path: Path
) -> None:
    (files.root / "pictures").symlink_to(tmp_path)

    with pytest.raises(StorageError):
        files.resolve("pictures/x.png")


def test_resolve_follows_every_link_on_the_way(files: LibraryFiles, tmp_path: Path) -> None:
    inside, outside = files.root / "pictures" / "2026", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        (folder / "x.png").write_bytes(b"x")
    (files.root / "pictures" / "this").symlink_to(inside)
    (files.root / "pictures" / "that").symlink_to(outside)
    (inside / "y.png").symlink_to(outside / "x.png")

    assert files.resolve("pictures/this/x.png").read_bytes() == b"x"
    for name in ("pictures/that/x.png", "pictures/2026/y.png"):
        with pytest.raises(StorageError):
            files.resolve(name)


def test_resolve_and_relative_are_each_others_inverse(files: LibraryFiles) -> None:
    name = "pictures/2026/11/p.png"

    assert files.relative(files.resolve(name)) == name
    with pytest.raises(StorageError):
        files.relative(files.root.parent / "x")


@pytest.mark.parametrize("name", ["../x", "a/b", "a.b", "", "NUL", "com1", "-x", "a:b", "ä"])
def test_names_that_some_system_misreads_are_refused(files: LibraryFiles, name: str) -> None:
    for ask in (files.original, files.lora, files.run_folder, files.picture_thumb):
        with pytest.raises(StorageError):
            ask(name)


def test_free_bytes_is_what_the_disk_says(files: LibraryFiles) -> None:
    assert files.free_bytes() > 0


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "x"), DiskFull),
        (PermissionError(errno.EACCES, "x"), AccessDenied),
        (OSError(errno.EROFS, "x"), AccessDenied),
        (OSError(errno.EIO, "x"), StorageError),
        (sqlite3.OperationalError("database or disk is full"), DiskFull),
        (sqlite3.OperationalError("attempt to write a readonly database"), AccessDenied),
        (sqlite3.OperationalError("database is locked"), LibraryBusy),
        (sqlite3.DatabaseError("database disk image is malformed"), CorruptFile),
        (sqlite3.DatabaseError("file is not a database"), CorruptFile),
        (sqlite3.OperationalError("disk I/O error"), StorageError),
    ],
)
def test_trouble_of_the_disk_is_told_apart(
    tmp_path: Path, raised: Exception, expected: type[StorageError]
) -> None:
    with pytest.raises(StorageError) as caught, translate_storage_errors(tmp_path / "x"):
        raise raised

    assert type(caught.value) is expected
    assert caught.value.__cause__ is raised
