from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.caption_edits import (
    LONGEST_FIND,
    AddText,
    Change,
    Edit,
    FindReplace,
    OrderTags,
    Part,
    RemoveTag,
    TagOrder,
    pieces_of,
    preview_edit,
    tag_counts,
    tags_of,
)
from fluxlora_desktop.domain.errors import InputError

TEXT = st.text(st.sampled_from("ab ,.\n(\\é"), max_size=20)


def after(edit: Edit, *captions: str) -> list[str]:
    """Return what becomes of captions."""
    named = {str(place): text for place, text in enumerate(captions)}
    made = preview_edit(edit, named).captions
    return [made.get(key, text) for key, text in named.items()]


def test_preview_counts_only_captions_that_change() -> None:
    made = preview_edit(FindReplace("fox", "cat"), {"a": "a fox", "b": "a dog", "c": "Fox, fox"})
    assert made.changes == (Change("a", "a fox", "a cat"), Change("c", "Fox, fox", "cat, cat"))
    assert made.total == 3


@pytest.mark.parametrize(
    ("edit", "before", "wanted"),
    [
        (FindReplace("fox", "cat"), "Fox in a foxhole", "cat in a cathole"),
        (FindReplace("fox", "cat", whole_words=True), "fox in a foxhole", "cat in a foxhole"),
        (FindReplace("fox", "cat", match_case=True), "Fox, fox", "Fox, cat"),
        (FindReplace("a.b", "x"), "a.b acb", "x acb"),
        (FindReplace("a", "\\1"), "a", "\\1"),
        (FindReplace("(\\w+) fox", "fox of \\1", expression=True), "red fox", "fox of red"),
        (FindReplace("(?P<n>\\d+)", "<\\g<n>>", expression=True), "day 12", "day <12>"),
        (FindReplace("cat|dog", "x", expression=True, whole_words=True), "cats cat", "cats x"),
        (FindReplace("", "x"), "abc", "abc"),
    ],
)
def test_find_and_replace_takes_what_is_asked(edit: Edit, before: str, wanted: str) -> None:
    assert after(edit, before) == [wanted]


@pytest.mark.parametrize(
    ("edit", "field", "says"),
    [
        (FindReplace("(", expression=True), "find", "A bracket ( is not closed, at character 1."),
        (FindReplace("[a", expression=True), "find", "A bracket [ is not closed, at character 1."),
        (
            FindReplace("a)", expression=True),
            "find",
            "A bracket ) was never opened, at character 2.",
        ),
        (FindReplace("*", expression=True), "find", "Before *, + or ? there is nothing"),
        (FindReplace("a{99999999999}", expression=True), "find", "This expression is too large."),
        (FindReplace("a", "\\2", expression=True), "replace", "It names a group ( ) that is not"),
        (
            FindReplace("a", "\\g<x>", expression=True),
            "replace",
            "It names a group ( ) that is not",
        ),
        (FindReplace("a" * (LONGEST_FIND + 1)), "find", "Use at most 200 characters."),
    ],
)
def test_what_cannot_be_searched_for_is_told_in_words(edit: Edit, field: str, says: str) -> None:
    with pytest.raises(InputError) as told:
        preview_edit(edit, {"a": "abc"})
    assert told.value.field == field
    assert told.value.reason.startswith(says)


def test_replacing_does_not_make_a_caption_without_end() -> None:
    with pytest.raises(InputError, match="20,000"):
        preview_edit(FindReplace("a", "b" * 200), {"a": "a" * 101})


@given(TEXT, TEXT, st.lists(TEXT, max_size=4))
def test_plain_replacing_is_what_python_does_with_text(
    find: str, into: str, captions: list[str]
) -> None:
    wanted = [text.replace(find, into) if find else text for text in captions]
    assert after(FindReplace(find, into, match_case=True), *captions) == wanted


@pytest.mark.parametrize(
    ("edit", "before", "wanted"),
    [
        (AddText("TOK"), "a fox", "TOK, a fox"),
        (AddText("TOK"), "TOK, a fox", "TOK, a fox"),
        (AddText("TOK"), "TOKYO at night", "TOK, TOKYO at night"),
        (AddText("in snow", before=False), "a fox", "a fox, in snow"),
        (AddText("photo of ", as_tag=False), "a fox", "photo of a fox"),
        (AddText(".", before=False, as_tag=False), "a fox", "a fox."),
        (AddText(".", before=False, as_tag=False), "a fox.", "a fox."),
        (AddText("TOK"), "  ", "  "),
        (AddText(" , "), "a fox", "a fox"),
    ],
)
def test_text_is_added_where_it_is_not_yet(edit: Edit, before: str, wanted: str) -> None:
    assert after(edit, before) == [wanted]


@given(TEXT, st.booleans(), st.booleans(), TEXT)
def test_adding_twice_adds_once(text: str, before: bool, as_tag: bool, caption: str) -> None:
    edit = AddText(text, before=before, as_tag=as_tag)
    once = after(edit, caption)
    assert after(edit, *once) == once


def test_tag_is_removed_where_it_stands_alone() -> None:
    edit = RemoveTag(" Red  Fur ")
    assert after(edit, "a fox, red fur, snow", "a fox with red fur ,snow", "red fur") == [
        "a fox, snow",
        "a fox with red fur ,snow",
        "",
    ]


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        (OrderTags(TagOrder.FRONT, "snow"), ["snow, fox, day", "snow, fox"]),
        (OrderTags(TagOrder.BACK, "FOX"), ["day, snow, fox", "snow, fox"]),
        (OrderTags(TagOrder.FREQUENCY), ["fox, snow, day", "snow, fox"]),
        (OrderTags(TagOrder.FRONT, "sun"), ["fox, day,snow", "snow, fox"]),
    ],
)
def test_tags_are_put_in_order(edit: Edit, wanted: list[str]) -> None:
    assert after(edit, "fox, day,snow", "snow, fox") == wanted


@given(st.lists(TEXT, max_size=4), st.sampled_from(TagOrder), TEXT)
def test_ordering_keeps_every_tag_and_done_twice_changes_nothing(
    captions: list[str], how: TagOrder, tag: str
) -> None:
    edit = OrderTags(how, tag)
    once = after(edit, *captions)
    assert [sorted(tags_of(text)) for text in once] == [sorted(tags_of(text)) for text in captions]
    assert after(edit, *once) == once


def test_tags_are_counted_once_a_caption_whatever_their_case() -> None:
    assert tag_counts({"a": "fox, Fox, snow", "b": "FOX"}) == {"fox": 2, "snow": 1}


@given(TEXT, TEXT)
def test_pieces_spell_the_old_caption_and_the_new_one(before: str, into: str) -> None:
    pieces = pieces_of(Change("k", before, into))
    assert "".join(p.text for p in pieces if p.part is not Part.NEW) == before
    assert "".join(p.text for p in pieces if p.part is not Part.GONE) == into


def test_pieces_of_long_captions_spell_both_too() -> None:
    change = Change("k", "a fox " * 300 + "x" + " end", "a fox " * 300 + "yy" + " end")
    pieces = pieces_of(change)
    assert [piece.part for piece in pieces] == [Part.SAME, Part.GONE, Part.NEW, Part.SAME]
    assert "".join(p.text for p in pieces if p.part is not Part.NEW) == change.before
    assert "".join(p.text for p in pieces if p.part is not Part.GONE) == change.after


def test_only_the_word_that_changes_is_marked() -> None:
    pieces = pieces_of(Change("k", "a red fox", "a blue fox"))
    assert [(piece.part, piece.text) for piece in pieces] == [
        (Part.SAME, "a "),
        (Part.GONE, "red"),
        (Part.NEW, "blue"),
        (Part.SAME, " fox"),
    ]
