"""The gallery desk: marks with a way back, the trash, copies that say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import NotInTrash, StorageError
from fluxlora_desktop.domain.gallery import TRASH_PLACE, PictureQuery
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from tests.store.test_store_pictures import picture
from tests.ui.desk_bench import DeskBench, Heard


class Wall:
    """A gallery desk on a bench with pictures that are files, and what it said."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.desk = GalleryDesk(bench.tools, bench.jobs, bench.trash, bench.owner)
        self.undoables, self.troubles = Heard(self.desk.undoable), Heard(self.desk.failed)
        self.marked, self.removed = Heard(self.desk.marked), Heard(self.desk.removed)
        self.restored, self.said = Heard(self.desk.restored), Heard(self.desk.said)
        for name in ("a", "b", "c"):
            self.add(name)

    @property
    def store(self) -> object:
        return self.bench.tools.stores.pictures

    def add(self, name: str, **columns: object) -> Path:
        files = self.bench.tools.stores.files
        path = files.picture(name, picture(name).created_at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"image " + name.encode())
        self.store.add([picture(name, file=files.relative(path), **columns)])
        return path

    def path(self, name: str) -> Path:
        return self.bench.tools.stores.files.resolve(self.store.get(name).file)

    def until(self, name: str, **columns: object) -> None:
        """Wait until a picture's row says so."""
        self.qtbot.waitUntil(lambda: replace(self.get(name), **columns) == self.get(name))

    def get(self, name: str) -> Picture:
        return self.store.get(name)

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)


@pytest.fixture
def wall(qtbot: QtBot, tmp_path: Path) -> Iterator[Wall]:
    with DeskBench(tmp_path) as bench:
        yield Wall(bench, qtbot)


def test_marks_are_told_and_taken_back(wall: Wall) -> None:
    wall.desk.toggle_favourite(["a", "b"])
    wall.rest()
    wall.desk.rate(["a"], 4)
    wall.rest()
    wall.desk.change_tags(["a", "c"], ["snow"], [])
    wall.rest()

    says = [undoable.says for undoable in wall.undoables.all]
    assert says == [
        "2 pictures starred.",
        "1 picture rated 4 of 5.",
        "The tags of 2 pictures were changed.",
    ]
    a = wall.get("a")
    assert (a.favourite, a.rating, a.tags) == (True, 4, ("snow",))
    assert [[p.id for p in marked] for marked in wall.marked.all] == [["a", "b"], ["a"], ["a", "c"]]
    for undoable in reversed(wall.undoables.all):
        undoable.undo()
    wall.rest()
    assert wall.get("a") == replace(a, favourite=False, rating=0, tags=())
    assert wall.marked.last[0] == wall.get("a")


def test_star_pressed_twice_at_once_is_off_again(wall: Wall) -> None:
    wall.desk.toggle_favourite(["a"])
    wall.desk.toggle_favourite(["a"])
    wall.rest()

    assert [undoable.says for undoable in wall.undoables.all] == [
        "1 picture starred.",
        "The star was taken off 1 picture.",
    ]
    assert not wall.get("a").favourite


def test_nothing_is_told_when_nothing_changes(wall: Wall) -> None:
    wall.desk.rate(["a", "b"], 0)
    wall.rest()

    assert len(wall.undoables) == 0


def test_deleted_pictures_go_to_the_trash_and_come_back(wall: Wall) -> None:
    wall.desk.delete(["a", "b"])
    wall.rest()
    assert wall.removed.all == [("a", "b")]
    assert wall.store.ids() == ("c",)
    assert not wall.path("a").exists()
    assert wall.undoables.last.says == "2 pictures were moved to the trash."

    wall.undoables.last.undo()
    wall.rest()
    assert wall.restored.all == [("a", "b")]
    assert set(wall.store.ids()) == {"a", "b", "c"}
    assert wall.path("a").read_bytes() == b"image a"


def test_picture_that_is_being_made_is_not_deleted(wall: Wall) -> None:
    wall.add("d", state=PictureState.MAKING)
    wall.desk.delete(["d"])
    wall.rest()

    assert "d" in wall.store.ids()
    assert wall.restored.all == [("d",)]
    assert len(wall.undoables) == 0


def test_what_is_no_longer_in_the_trash_is_told_and_the_rest_comes_back(wall: Wall) -> None:
    wall.desk.delete(["a", "b", "c"])
    wall.rest()
    Path(wall.get("a").facts[TRASH_PLACE]).unlink()

    wall.desk.restore(["a", "b"])
    wall.rest()

    assert wall.restored.all == [("b",)]
    assert isinstance(wall.troubles.last, NotInTrash)
    assert (wall.troubles.last.count, wall.troubles.last.path) == (1, wall.path("a"))
    assert set(wall.store.ids(PictureQuery(trashed=True))) == {"a", "c"}


def test_trouble_in_the_middle_is_told_and_looked_up_anew(wall: Wall) -> None:
    wall.desk.delete(["a"])
    wall.rest()
    wall.bench.trash.restore = lambda *_paths: (_ for _ in ()).throw(StorageError("x", "locked"))
    wall.desk.restore(["a"])
    wall.rest()

    assert isinstance(wall.troubles.last, StorageError)
    assert wall.restored.last == ("a",)
    assert wall.store.ids(PictureQuery(trashed=True)) == ("a",)


def test_picture_is_deleted_for_good(wall: Wall) -> None:
    wall.desk.delete(["a"])
    wall.rest()
    wall.desk.delete_for_good(["a"])
    wall.rest()

    assert wall.removed.last == ("a",)
    assert wall.said.last == "1 picture was deleted for good."
    assert wall.store.page(["a"]) == ()
    assert list(wall.bench.trash.folder.iterdir()) == []


def test_old_trash_and_copies_of_the_last_time_go_at_the_start(wall: Wall) -> None:
    copies: list[tuple[Path, ...]] = []
    wall.desk.clean_copies([wall.get("b")], copies.append)
    wall.desk.delete(["a"])
    wall.rest()
    assert copies[0][0].name == "picture.png"
    assert copies[0][0].is_file()
    long_ago = wall.bench.tools.clock.now() - timedelta(days=31)
    wall.store.update("a", trashed_at=long_ago)

    wall.desk.begin()
    wall.rest()

    assert wall.store.page(["a"]) == ()
    assert not copies[0][0].exists()
