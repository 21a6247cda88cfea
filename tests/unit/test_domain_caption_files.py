from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.caption_files import (
    read_table,
    read_texts,
    safe_name,
    text_names,
    write_table,
)
from fluxlora_desktop.domain.datasets import DatasetPhoto, Photo, PhotoFacts
from fluxlora_desktop.domain.errors import InputError

CAPTION = st.text(st.sampled_from("ab=+-@'\",;\t\r\n é\ufeff"), max_size=12)
NAME = st.text(st.sampled_from("aAb.=:/' "), min_size=1, max_size=6)


def photos(*pairs: tuple[str, str]) -> tuple[DatasetPhoto, ...]:
    """Return photos by (name, caption); the hash of the third is 3333..."""
    facts = PhotoFacts("JPEG", 1024, 1024, "", 0, 1.0, 0.0, 1.0)
    return tuple(
        DatasetPhoto(Photo(f"{n:x}" * 64, name, 1, facts), caption)
        for n, (name, caption) in enumerate(pairs, 1)
    )


@given(st.lists(st.tuples(NAME, CAPTION), max_size=6))
def test_table_comes_back_as_it_was(pairs: list[tuple[str, str]]) -> None:
    mine = photos(*pairs)
    read = read_table("\ufeff" + write_table(mine), mine)
    assert dict(read.captions) == {
        item.photo.sha256: item.caption for item in mine if item.caption.strip()
    }
    assert read.unknown == ()


@given(CAPTION, NAME)
def test_no_cell_of_the_table_is_a_formula(caption: str, name: str) -> None:
    rows = list(csv.reader(io.StringIO(write_table(photos((name, caption))), newline="")))
    assert not any(re.match(r"[=+\-@\t\r\n]", cell) for cell in rows[1])


def test_rows_of_no_photo_are_named_and_all_others_are_read() -> None:
    mine = photos(("a.jpg", ""), ("b.jpg", "old"), ("c.jpg", "kept"))
    text = (
        "file,sha256,caption\r\n"
        f"renamed.jpg,{'1' * 64},by hash\r\n"
        "b.jpg,,by name\r\n"
        "b.jpg,,twice\r\n"
        "gone.jpg,,lost\r\n"
        f"a.jpg,{'9' * 64},another photo\r\n"
        "c.jpg,,\r\n"
        "\r\n"
    )
    read = read_table(text, mine)
    assert dict(read.captions) == {"1" * 64: "by hash", "2" * 64: "by name"}
    assert read.unknown == ("b.jpg", "gone.jpg", "a.jpg")
    assert read.empty == 1


@pytest.mark.parametrize("mark", [";", "\t"])
def test_table_of_another_spreadsheet_is_read(mark: str) -> None:
    text = f"\ufeffCaption{mark}File\na fox, red{mark}a.jpg\n"
    assert dict(read_table(text, photos(("a.jpg", ""))).captions) == {"1" * 64: "a fox, red"}


def test_name_that_two_photos_have_belongs_to_neither() -> None:
    mine = photos(("a.jpg", ""), ("a.jpg", ""))
    read = read_table("file,caption\na.jpg,one\n", mine)
    assert (dict(read.captions), read.unknown) == ({}, ("a.jpg",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Its first row must name"),
        ("file,text\na,b\n", "Its first row must name"),
        ('file,caption\na.jpg,"open\n', "a quote is not closed"),
    ],
)
def test_table_that_cannot_be_read_is_told_in_words(text: str, says: str) -> None:
    with pytest.raises(InputError) as told:
        read_table(text, photos(("a.jpg", "")))
    assert says in told.value.reason


@given(st.lists(NAME, max_size=6))
def test_text_files_have_names_of_their_own_and_find_their_photos(names: list[str]) -> None:
    mine = photos(*((name, f"caption {n}") for n, name in enumerate(names)))
    files = text_names(mine)
    assert len({name.casefold() for name in files.values()}) == len(mine)
    read = read_texts({files[item.photo.sha256]: item.caption for item in mine}, mine)
    assert dict(read.captions) == {item.photo.sha256: item.caption for item in mine}
    assert read.unknown == ()


def test_text_files_are_called_as_trainers_look_for_them() -> None:
    mine = photos(("a.jpg", ""), ("b.jpg", ""), ("b.png", ""), ("c.jpg", ""), ("c.jpg", ""))
    assert list(text_names(mine).values()) == [
        *("a.txt", "b.jpg.txt", "b.png.txt", "c.jpg.44444444.txt", "c.jpg.55555555.txt")
    ]


def test_text_file_is_found_by_its_stem_in_any_case() -> None:
    read = read_texts({"A.txt": " a fox\r\nin snow\n", "b.txt": "x"}, photos(("a.JPG", "")))
    assert dict(read.captions) == {"1" * 64: "a fox\nin snow"}
    assert read.unknown == ("b.txt",)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../a:b.jpg", "_a_b.jpg"),
        ("con.jpg", "_con.jpg"),
        ("...", "photo"),
        ("a\\b.png", "a_b.png"),
    ],
)
def test_photo_name_becomes_a_name_that_every_disk_takes(name: str, safe: str) -> None:
    assert safe_name(name) == safe
