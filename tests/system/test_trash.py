from __future__ import annotations

import pytest

from fluxlora_desktop.domain.errors import StorageError
from fluxlora_desktop.system.trash import erase, find_in_trash, move_to_trash, restore


@pytest.fixture
def photo(home):
    # In the home folder: a trash is looked for on the file's own file system.
    file = home / "pictures" / "a b.png"
    file.parent.mkdir()
    file.write_bytes(b"picture")
    return file


def test_trashed_file_comes_back_as_it_was(photo):
    trashed = move_to_trash(photo)
    assert trashed is not None
    assert not photo.exists()
    assert trashed.read_bytes() == b"picture"

    restore(trashed, photo)
    assert photo.read_bytes() == b"picture"
    assert not trashed.exists()
    assert list(trashed.parent.parent.joinpath("info").glob("*")) == []


def test_file_comes_back_although_its_folder_is_gone(photo):
    trashed = move_to_trash(photo)
    photo.parent.rmdir()
    assert trashed is not None
    restore(trashed, photo)

    assert photo.is_file()


def test_restoring_never_replaces_another_file(photo):
    trashed = move_to_trash(photo)
    photo.write_bytes(b"newer")
    assert trashed is not None

    with pytest.raises(StorageError):
        restore(trashed, photo)
    assert photo.read_bytes() == b"newer"
    assert trashed.exists()


def test_missing_file_has_no_place_in_the_trash(tmp_path):
    assert move_to_trash(tmp_path / "missing") is None


def test_restoring_what_left_the_trash_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError):
        restore(tmp_path / "files" / "gone", tmp_path / "back")


def test_trashed_file_is_found_by_its_note_and_erased_with_it(photo):
    trashed = move_to_trash(photo)
    photo.write_bytes(b"another")
    again = move_to_trash(photo)

    assert find_in_trash(photo, trashed) == trashed
    assert find_in_trash(photo, None) in {trashed, again}
    assert find_in_trash(photo.with_name("other.png"), trashed) is None

    erase(trashed)
    erase(again)
    assert find_in_trash(photo, trashed) is None
    assert list(trashed.parent.parent.joinpath("info").glob("*")) == []
