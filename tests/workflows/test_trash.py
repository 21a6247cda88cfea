"""Pictures in the computer's own trash: there and back, emptied, forgotten after 30 days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from fluxlora_desktop.domain.gallery import EVERYTHING, TRASH_PLACE, PictureQuery
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from fluxlora_desktop.store.check import check_library
from fluxlora_desktop.ui.pages import ComputersTrash
from fluxlora_desktop.workflows.trash import (
    bring_back,
    delete_for_good,
    empty_old_trash,
    put_in_trash,
)
from tests.workflows.conftest import Bench

TRASHED = PictureQuery(trashed=True)


@dataclass
class Shelf:
    """A library with pictures that are files, and the computer's trash."""

    bench: Bench
    trash: ComputersTrash

    def add(self, picture_id: str, **columns: object) -> Path:
        files, now = self.bench.tools.stores.files, self.bench.clock.now()
        path, thumb = files.picture(picture_id, now), files.picture_thumb(picture_id)
        for place in (path, thumb):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(f"bytes of {picture_id}".encode())
        state = columns.pop("state", PictureState.DONE)
        picture = Picture(
            *(picture_id, "order", state, "replicate", "base", "flux.1-dev", f"a fox {picture_id}"),
            loras=(PictureLora("fox", "Fox", 0.8),),
            **{"width": 64, "height": 64, "steps": 28, "guidance": 3.0, "seed": 7},
            created_at=now,
            file=files.relative(path),
            thumb=files.relative(thumb),
            facts={"Sampler": "Euler"},
            tags=("snow",),
            **columns,
        )
        self.bench.tools.stores.pictures.add([picture])
        return path

    def put(self, *ids: str) -> tuple[str, ...]:
        return put_in_trash(ids, self.trash, self.bench.tools, self.bench.ctx)

    def back(self, *ids: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = bring_back(ids, self.trash, self.bench.tools, self.bench.ctx)
        return found.ids, tuple(picture.id for picture in found.missing)

    def shown(self, query: PictureQuery = EVERYTHING) -> set[str]:
        return set(self.bench.tools.stores.pictures.ids(query))

    def place(self, picture_id: str) -> Path:
        return Path(self.bench.tools.stores.pictures.get(picture_id).facts[TRASH_PLACE])

    def after(self, days: float) -> int:
        self.bench.clock.pass_seconds(timedelta(days=days).total_seconds())
        return empty_old_trash(self.bench.tools, self.bench.ctx)


@pytest.fixture
def shelf(bench: Bench) -> Shelf:
    return Shelf(bench, ComputersTrash())


def test_pictures_come_back_from_the_computers_trash_as_they_were(shelf: Shelf) -> None:
    paths = [shelf.add("one"), shelf.add("two")]

    assert shelf.put("one", "two") == ("one", "two")
    assert not any(path.exists() for path in paths)
    assert shelf.place("one").read_bytes() == b"bytes of one"
    assert (shelf.shown(), shelf.shown(TRASHED)) == (set(), {"one", "two"})

    assert shelf.back("one", "two") == (("one", "two"), ())
    assert [path.read_bytes() for path in paths] == [b"bytes of one", b"bytes of two"]
    assert shelf.shown() == {"one", "two"}
    assert shelf.bench.tools.stores.pictures.get("one").facts == {"Sampler": "Euler"}


def lose_the_place(shelf: Shelf) -> None:
    """What is left when the app ends before it wrote down where files went."""
    shelf.bench.tools.stores.pictures.set_facts({"one": {}})


def name_another_file(shelf: Shelf) -> None:
    """What a remembered place is worth when the trash has given the name to another file."""
    stranger = shelf.trash.put(shelf.add("stranger"))
    shelf.bench.tools.stores.pictures.set_facts({"one": {TRASH_PLACE: str(stranger)}})


@pytest.mark.parametrize("spoil", [lose_the_place, name_another_file])
def test_file_is_found_by_the_trashs_own_note(shelf: Shelf, spoil: Callable[[Shelf], None]) -> None:
    path = shelf.add("one")
    shelf.put("one")
    spoil(shelf)

    assert shelf.back("one") == (("one",), ())
    assert path.read_bytes() == b"bytes of one"


def test_file_in_the_trash_of_its_own_disk_is_found(shelf: Shelf, home: Path) -> None:
    """A disk that is not the home's keeps names in its notes that begin where it does."""
    path = shelf.add("one")
    shelf.put("one")
    place = shelf.place("one")
    note = place.parents[1] / "info" / f"{place.name}.trashinfo"
    note.write_text(f"[Trash Info]\nPath={quote(str(path.relative_to('/')))}\n")

    assert shelf.back("one") == (("one",), ())
    assert path.is_file()


def test_picture_stays_in_the_trash_when_its_file_is_nowhere(shelf: Shelf) -> None:
    shelf.add("one")
    shelf.add("two")
    shelf.put("one", "two")
    shelf.place("one").unlink()

    assert shelf.back("one", "two") == (("two",), ("one",))
    assert (shelf.shown(), shelf.shown(TRASHED)) == ({"two"}, {"one"})


def test_picture_is_back_when_a_person_put_its_file_back_by_hand(shelf: Shelf) -> None:
    path = shelf.add("one")
    shelf.put("one")
    shelf.place("one").rename(path)

    assert shelf.back("one") == (("one",), ())


def test_file_stays_in_the_library_when_there_is_no_trash(shelf: Shelf) -> None:
    path = shelf.add("one")
    shelf.trash.put = lambda _path: None  # type: ignore[method-assign]

    shelf.put("one")
    assert path.is_file()
    assert shelf.shown(TRASHED) == {"one"}
    assert shelf.back("one") == (("one",), ())


def test_picture_that_is_being_made_is_not_thrown_away(shelf: Shelf) -> None:
    shelf.add("one", state=PictureState.MAKING)

    assert shelf.put("one") == ()
    assert shelf.shown() == {"one"}


def test_picture_is_forgotten_after_30_days_and_its_charge_is_not(shelf: Shelf) -> None:
    tools = shelf.bench.tools
    path = shelf.add("one")
    kept = shelf.add("two")
    tools.stores.ledger.add(
        Charge("picture-one", "replicate", "picture", Decimal("0.025"), shelf.bench.clock.now(),
               Certainty.CHARGED, picture_id="one")
    )  # fmt: skip
    shelf.put("one")
    in_trash = shelf.place("one")

    assert shelf.after(29.9) == 0
    assert shelf.back("one") == (("one",), ())
    shelf.put("one")
    assert shelf.after(30.1) == 1

    assert shelf.shown(TRASHED) == set()
    assert tools.stores.pictures.ids(PictureQuery(words="one")) == ()
    assert not tools.stores.files.picture_thumb("one").exists()
    assert in_trash.read_bytes() == b"bytes of one"
    assert not path.exists()
    assert kept.is_file()
    assert [charge.picture_id for charge in tools.stores.ledger.charges()] == ["one"]
    found = check_library(tools.stores.files.root)
    assert [finding.subject for finding in found if "one" in finding.subject] == []


def test_picture_is_deleted_for_good_with_its_file_in_the_trash(shelf: Shelf) -> None:
    shelf.add("one")
    shelf.add("two")
    shelf.put("one")
    place = shelf.place("one")
    note = place.parents[1] / "info" / f"{place.name}.trashinfo"
    assert note.is_file()

    gone = delete_for_good(["one", "two"], shelf.trash, shelf.bench.tools, shelf.bench.ctx)

    assert gone == ("one",)
    assert not place.exists()
    assert not note.exists()
    assert shelf.shown() == {"two"}
    assert shelf.shown(TRASHED) == set()


def test_row_that_names_another_file_of_the_library_deletes_none(shelf: Shelf) -> None:
    shelf.add("one")
    shelf.put("one")
    shelf.bench.tools.stores.pictures.update("one", file="library.db")

    delete_for_good(["one"], shelf.trash, shelf.bench.tools, shelf.bench.ctx)

    assert (shelf.bench.tools.stores.files.root / "library.db").is_file()
