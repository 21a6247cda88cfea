from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from fluxlora_desktop.domain.gallery import PictureQuery, PictureSort
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState
from tests.store.conftest import Shelf

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def picture(picture_id: str, **changes: Any) -> Picture:
    plain = Picture(
        id=picture_id,
        order_id="order",
        state=PictureState.DONE,
        generator="together",
        model="flux-2-dev",
        base="flux2-dev",
        prompt="a fox",
        loras=(),
        width=1024,
        height=768,
        steps=28,
        guidance=3.5,
        seed=42,
        created_at=_NOON,
    )
    return replace(plain, **changes)


def test_picture_is_the_same_when_the_library_is_opened_again(shelf: Shelf) -> None:
    kept = picture(
        "p",
        tags=("a fox", "snow"),
        facts={"Sampler": "Euler"},
        negative_prompt="blurry",
        rating=4,
        seconds=2.5,
        loras=(PictureLora("l1", "Fox", 0.8, "ab12"), PictureLora("l2", "Ink", 1.2)),
        cost_usd=Decimal("0.0125"),
        seed=2**53,
        file="pictures/2026/11/p.png",
    )
    shelf.stores.pictures.add([kept])

    assert shelf.reopen().pictures.get("p") == kept


def test_picture_changes_columns_and_loras(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture("p", state=PictureState.WAITING, loras=(PictureLora("a", "A", 1.0),))])

    changed = pictures.update(
        "p", state=PictureState.DONE, seed=7, loras=(PictureLora("b", "B", 0.5),)
    )

    assert changed == pictures.get("p")
    assert (changed.state, changed.seed) == (PictureState.DONE, 7)
    assert [lora.lora_id for lora in changed.loras] == ["b"]
    with pytest.raises(TypeError):
        pictures.update("p", colour="red")
    with pytest.raises(KeyError):
        pictures.update("nobody", seed=1)


def test_ids_come_newest_first_and_in_pages_for_2000_pictures(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    made = [
        picture(f"p{n:04d}", created_at=_NOON + timedelta(seconds=n // 4), seed=n)
        for n in range(2000)
    ]
    pictures.add(made)

    ids = pictures.ids()

    assert ids == tuple(p.id for p in reversed(made))
    assert pictures.ids(most=5) == ids[:5]
    assert pictures.page(ids[700:1300]) == tuple(reversed(made))[700:1300]
    assert [p.id for p in pictures.page(("p0003", "gone", "p0001"))] == ["p0003", "p0001"]
    assert pictures.page(()) == ()


def test_adding_nothing_does_nothing(shelf: Shelf) -> None:
    shelf.stores.pictures.add([])

    assert shelf.stores.pictures.ids() == ()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", {"cafe", "snow", "lake"}),
        ("  ", {"cafe", "snow", "lake"}),
        ("fox", {"cafe", "snow"}),
        ("fo sno", {"snow"}),
        ("CAFÉ", {"cafe"}),
        ("cafe", {"cafe"}),
        ("oxes", set()),
        ('"', set()),
        ("*", set()),
        ('lake" OR "fox', set()),
        ("lake OR fox", set()),
        ("prompt:lake", set()),
        ("NEAR(lake", set()),
    ],
)
def test_search_finds_words_by_their_beginning(shelf: Shelf, words: str, found: set[str]) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture("cafe", prompt="A fox in a café, evening")])
    pictures.add([picture("snow", prompt="two foxes, snowfall")])
    pictures.add([picture("lake", prompt="a lake at dawn")])

    assert set(pictures.ids(PictureQuery(words=words))) == found


def test_first_of_a_search_are_the_first_of_all_it_finds(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    made = [
        picture(
            f"p{n:04d}",
            # not in the order of the rows, as imported pictures are not
            created_at=_NOON + timedelta(seconds=n * 7919 % 2600),
            prompt=f"{'a fox' if n % 3 else 'an owl'} {'seldom seen' if n % 40 == 0 else ''}",
            rating=n % 6,
        )
        for n in range(2600)
    ]
    pictures.add(made)
    pictures.trash([one.id for one in made if int(one.id[1:]) % 7 == 0])

    for sort, words, trashed in product(PictureSort, ("fox", "ow", "seldom", "none"), (0, 1)):
        query = PictureQuery(words=words, sort=sort, trashed=bool(trashed))
        assert pictures.ids(query, most=50) == pictures.ids(query)[:50], query


def test_search_follows_a_changed_prompt(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture("p", prompt="a fox")])

    pictures.update("p", prompt="an owl")

    assert pictures.ids(PictureQuery(words="fox")) == ()
    assert pictures.ids(PictureQuery(words="owl")) == ("p",)


def test_ids_are_chosen_by_lora_and_generator(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    fox = PictureLora("fox", "Fox", 1.0)
    pictures.add([picture("a", loras=(fox,)), picture("b", loras=(fox,), generator="replicate")])
    pictures.add([picture("c")])

    assert pictures.ids(PictureQuery(lora_id="fox")) == ("b", "a")
    assert pictures.ids(PictureQuery(generator="together")) == ("c", "a")
    assert pictures.ids(PictureQuery(lora_id="fox", generator="together", words="a")) == ("a",)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (PictureQuery(rating=3), ("good", "best")),
        (PictureQuery(favourite=True), ("good",)),
        (PictureQuery(tag="cover"), ("best",)),
        (PictureQuery(tag="cove"), ()),
        (PictureQuery(source="comfyui"), ("plain",)),
        (PictureQuery(grid_id="g"), ("good",)),
        (PictureQuery(base="flux.1-dev"), ("best",)),
        (PictureQuery(since=_NOON + timedelta(hours=1)), ("plain", "good")),
        (PictureQuery(before=_NOON + timedelta(hours=1)), ("best",)),
        (PictureQuery(words="owl", rating=1), ("good",)),
        (PictureQuery(sort=PictureSort.OLDEST), ("best", "good", "plain")),
        (PictureQuery(sort=PictureSort.BEST), ("best", "good", "plain")),
        (PictureQuery(sort=PictureSort.NAME), ("best", "plain", "good")),
        (PictureQuery(trashed=True), ("gone",)),
    ],
    ids=str,
)
def test_query_chooses_and_sorts(shelf: Shelf, query: PictureQuery, found: tuple[str, ...]) -> None:
    pictures = shelf.stores.pictures
    later = {"created_at": _NOON + timedelta(hours=1)}
    pictures.add(
        [
            picture("best", prompt="a fox", rating=5, tags=("cover", "fox"), base="flux.1-dev"),
            picture("good", prompt="owl", rating=3, favourite=True, grid_id="g", **later),
            picture("plain", prompt="a hare", source="comfyui", **later),
            picture("gone", prompt="owl"),
        ]
    )
    pictures.trash(["gone"])

    assert pictures.ids(query) == found


def test_pictures_are_marked_and_tagged_together(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture("a", tags=("old",)), picture("b"), picture("c", tags=("kept",))])

    pictures.mark(["a", "b"], rating=4, favourite=True)
    pictures.set_tags({"a": ("sea", "light", "sea"), "b": ()})

    a, b, c = pictures.page(("a", "b", "c"))
    assert [(p.rating, p.favourite) for p in (a, b, c)] == [(4, True), (4, True), (0, False)]
    assert [p.tags for p in (a, b, c)] == [("light", "sea"), (), ("kept",)]
    assert pictures.tags() == (("kept", 1), ("light", 1), ("sea", 1))
    pictures.trash(["c"])
    assert pictures.tags() == (("light", 1), ("sea", 1))
    assert pictures.update("b", tags=("sea",)).tags == ("sea",)
    with pytest.raises(TypeError):
        pictures.mark(["a"], prompt="other")


def test_trash_hides_pictures_and_gives_them_back(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture("a"), picture("b")])

    pictures.trash(["a"])
    assert pictures.ids() == ("b",)
    assert pictures.get("a").trashed_at is not None

    pictures.trash(["a"], trashed=False)
    assert pictures.ids() == ("b", "a")


def test_unfinished_are_those_waiting_or_being_made(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture(state.value, state=state) for state in PictureState])

    assert [p.state for p in pictures.unfinished()] == [PictureState.WAITING, PictureState.MAKING]


def test_uses_name_what_pictures_were_made_with_outside_of_the_trash(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    fox, ink = PictureLora("l1", "Fox", 1.0), PictureLora("l2", "Ink", 1.0)
    pictures.add([picture("a", loras=(fox,)), picture("b", loras=(fox, ink), base="flux.1-dev")])
    pictures.add([picture("c", generator="", base="sdxl", source="A1111")])
    pictures.add([picture("gone", generator="fal", source="ComfyUI")])
    pictures.trash(["gone"])

    uses = pictures.uses()

    assert uses.loras == (("l1", "Fox"), ("l2", "Ink"))
    assert uses.bases == ("flux.1-dev", "flux2-dev", "sdxl")
    assert (uses.generators, uses.sources) == (("together",), ("A1111",))
    assert pictures.ids(PictureQuery(imported=True)) == ("c",)
    assert set(pictures.ids(PictureQuery(imported=False))) == {"a", "b"}


def test_forgotten_pictures_leave_nothing_behind(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    fox = PictureLora("l1", "Fox", 1.0)
    pictures.add([picture(f"p{n}", loras=(fox,), tags=("snow",)) for n in range(3)])

    pictures.forget(["p0", "p2", "unknown"])

    assert pictures.ids() == ("p1",)
    assert pictures.ids(PictureQuery(words="fox")) == ("p1",)
    assert pictures.tags() == (("snow", 1),)
    pictures.add([picture("p0", prompt="a lake")])
    assert pictures.get("p0").tags == ()


def test_facts_of_many_are_set_at_once_and_old_trash_is_found(shelf: Shelf) -> None:
    pictures = shelf.stores.pictures
    pictures.add([picture("a", facts={"x": "1"}), picture("b"), picture("c")])
    pictures.set_facts({"a": {}, "b": {"y": "ü"}})
    pictures.trash(["a"])
    between = shelf.clock.now()
    pictures.trash(["b"])

    assert [p.facts for p in pictures.page(["a", "b", "c"])] == [{}, {"y": "ü"}, {}]
    assert pictures.trashed_before(between) == ("a",)
