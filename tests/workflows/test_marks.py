"""Favourites, ratings and tags of many pictures at once, and the way back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.gallery import LONGEST_TAG, PictureQuery, clean_tag
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.workflows.marks import rate, tag, tag_sheet, take_back, toggle_favourite
from tests.workflows.conftest import Bench


def add(bench: Bench, count: int, **columns: object) -> list[str]:
    made = [
        Picture(
            *(f"p{number:05d}", "order", PictureState.DONE, "replicate", "base", "flux.1-dev"),
            **{"prompt": "a fox", "loras": (), "width": 64, "height": 64, "steps": 28},
            **{"guidance": 3.0, "seed": 7, "created_at": datetime(2026, 11, 23, tzinfo=UTC)},
            **columns,
        )
        for number in range(count)
    ]
    bench.tools.stores.pictures.add(made)
    return [picture.id for picture in made]


def test_favourites_of_thousands_are_set_at_once_and_taken_back(bench: Bench) -> None:
    pictures = bench.tools.stores.pictures
    ids = add(bench, 3000)
    pictures.mark(ids[:1000], favourite=True)

    marked = toggle_favourite(ids, bench.tools)
    assert len(marked.after) == 2000
    assert len(pictures.ids(PictureQuery(favourite=True))) == 3000

    take_back(marked, bench.tools)
    assert set(pictures.ids(PictureQuery(favourite=True))) == set(ids[:1000])


def test_all_favourites_are_none_when_toggled(bench: Bench) -> None:
    ids = add(bench, 2, favourite=True)

    marked = toggle_favourite(ids, bench.tools)

    assert [picture.favourite for picture in marked.after] == [False, False]
    assert bench.tools.stores.pictures.ids(PictureQuery(favourite=True)) == ()


def test_ratings_come_back_each_as_it_was(bench: Bench) -> None:
    pictures = bench.tools.stores.pictures
    ids = add(bench, 3)
    pictures.mark(ids[:1], rating=2)
    pictures.mark(ids[1:2], rating=4)

    marked = rate(ids, 4, bench.tools)
    assert [picture.id for picture in marked.before] == [ids[0], ids[2]]
    assert {picture.rating for picture in pictures.page(ids)} == {4}
    pictures.mark(ids[:1], favourite=True)

    back = take_back(marked, bench.tools)
    assert [picture.rating for picture in pictures.page(ids)] == [2, 4, 0]
    assert [picture.favourite for picture in back.after] == [True, False]
    with pytest.raises(ValueError, match="rating"):
        rate(ids, 6, bench.tools)


def test_tags_are_added_and_taken_without_touching_others(bench: Bench) -> None:
    pictures = bench.tools.stores.pictures
    ids = add(bench, 3)
    pictures.set_tags({ids[0]: ["dawn", "snow"], ids[1]: ["snow"]})
    assert tag_sheet(ids, bench.tools).used == {"snow": 2, "dawn": 1}

    marked = tag(ids, ["fox"], ["snow"], bench.tools)
    assert [picture.tags for picture in pictures.page(ids)] == [("dawn", "fox"), ("fox",), ("fox",)]
    assert tag_sheet(ids[:1], bench.tools).known == ("dawn", "fox")

    take_back(marked, bench.tools)
    assert [picture.tags for picture in pictures.page(ids)] == [("dawn", "snow"), ("snow",), ()]
    assert tag(ids, [], ["nothing"], bench.tools).after == ()


@given(st.text(max_size=200))
def test_tag_is_one_short_line(text: str) -> None:
    tag_text = clean_tag(text)

    assert len(tag_text) <= LONGEST_TAG
    assert tag_text == tag_text.strip()
    assert all(c.isprintable() for c in tag_text)
    assert clean_tag(tag_text) == tag_text
