"""Findings about captions, trigger words and counts: exactly these, in exactly these words."""

from __future__ import annotations

import pytest

from fluxlora_desktop.domain.captions import caption_findings, check_trigger
from fluxlora_desktop.domain.datasets import (
    Dataset,
    DatasetPhoto,
    Finding,
    IdealCount,
    Mend,
    Photo,
    PhotoFacts,
    Severity,
    count_findings,
)
from fluxlora_desktop.domain.training import Preset

LONG = "TOK on a wooden shelf beside a window in the evening"
FACTS = PhotoFacts("JPEG", 1024, 768, "p" * 64, 0, 100.0, 0.0, 0.5)


def dataset(*captions: str, word: str = "TOK", kept: tuple[bool, ...] = ()) -> Dataset:
    photos = tuple(
        DatasetPhoto(
            Photo(letter * 64, f"{letter}.jpg", 5, FACTS),
            caption,
            kept=kept[place] if kept else True,
        )
        for place, (letter, caption) in enumerate(zip("abcdef", captions, strict=False))
    )
    return Dataset("d", photos, trigger_word=word)


def hashes(letters: str) -> tuple[str, ...]:
    return tuple(letter * 64 for letter in letters)


def trigger(what: str, severity: Severity, says: str) -> Finding:
    return Finding(what, severity, says, (), Mend.CHANGE_TRIGGER)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("TOK", ()),
        ("TOK mug", ()),
        ("GLZ", ()),
        ("abcdefghijkl", ()),
        (
            "  ",
            trigger(
                *("trigger_empty", Severity.BLOCK),
                "Give the LoRA a trigger word, for example TOK.",
            ),
        ),
        (
            "TOK red mug",
            trigger(
                *("trigger_spaces", Severity.WARN),
                "Use one word, or one word and what it is: TOK mug.",
            ),
        ),
        (
            " TOK",
            trigger(
                *("trigger_spaces", Severity.WARN),
                "Use one word, or one word and what it is: TOK mug.",
            ),
        ),
        (
            "TÖK",
            trigger(
                *("trigger_ascii", Severity.WARN),
                "Use plain letters: some trainers stumble over others.",
            ),
        ),
        ("TO", trigger("trigger_length", Severity.WARN, "Use 3 to 12 letters.")),
        ("abcdefghijklm", trigger("trigger_length", Severity.WARN, "Use 3 to 12 letters.")),
        (
            "Fox",
            trigger(
                *("trigger_common", Severity.WARN),
                "“Fox” already means something to the base model. Use a made-up word.",
            ),
        ),
    ],
)
def test_trigger_word_gets_the_remark_that_it_deserves(
    word: str, found: Finding | tuple[()]
) -> None:
    assert check_trigger(word) == ((found,) if found else ())


def test_trigger_word_inside_another_word_is_named_with_the_first_of_them() -> None:
    found = check_trigger("TOK mug", ["a mug in TOKYO", "TOK in TOKAJ", "TOK alone"])
    assert found == (
        trigger(
            *("trigger_hidden", Severity.WARN),
            "“TOK” is part of “TOKAJ” in a caption, so the trainer would not add it.",
        ),
    )


def test_several_remarks_about_one_word_come_in_a_fixed_order() -> None:
    whats = [finding.what for finding in check_trigger(" Ö b c ", ["xÖ"])]
    assert whats == ["trigger_spaces", "trigger_ascii", "trigger_length", "trigger_hidden"]


def test_good_captions_are_without_remark() -> None:
    captions = (f"{LONG} {number}" for number in range(4))
    assert caption_findings(dataset(*captions)) == ()


@pytest.mark.parametrize(
    ("captions", "says", "letters"),
    [
        ((LONG, "", f"{LONG} 2"), "1 photo has no caption. One that you write teaches more.", "b"),
        ((LONG, "", " "), "2 photos have no caption. One that you write teaches more.", "bc"),
    ],
)
def test_missing_captions_are_counted(captions: tuple[str, ...], says: str, letters: str) -> None:
    assert caption_findings(dataset(*captions)) == (
        Finding("caption_missing", Severity.NOTE, says, hashes(letters)),
    )


def test_set_without_any_caption_and_a_photo_that_is_left_out_are_without_remark() -> None:
    assert caption_findings(dataset("", "")) == ()
    assert caption_findings(dataset(LONG, "", kept=(True, False))) == ()


def test_captions_that_are_all_the_same_teach_nothing() -> None:
    assert caption_findings(dataset(LONG, LONG, LONG)) == (
        Finding(
            "caption_identical",
            Severity.WARN,
            "All captions are the same, so they teach the LoRA nothing about what varies.",
            hashes("abc"),
        ),
    )
    assert caption_findings(dataset(LONG, LONG)) == ()
    assert caption_findings(dataset(LONG, LONG, f"{LONG} 2")) == ()


@pytest.mark.parametrize(
    ("captions", "says", "letters"),
    [
        (
            (LONG, LONG.replace("TOK", "a mug")),
            "1 caption does not name TOK. It is put in front at the training.",
            "b",
        ),
        (
            (LONG.replace("TOK", "tok"), LONG.replace("TOK", "a mug"), LONG),
            "2 captions do not name TOK. It is put in front at the training.",
            "ab",
        ),
    ],
)
def test_captions_without_the_trigger_word_are_counted(
    captions: tuple[str, ...], says: str, letters: str
) -> None:
    assert caption_findings(dataset(*captions)) == (
        Finding("caption_trigger", Severity.NOTE, says, hashes(letters), Mend.ADD_TRIGGER),
    )


@pytest.mark.parametrize(
    ("captions", "count", "letters"),
    [
        (("TOK on a shelf by the window", LONG), "1 caption has", "a"),
        (("TOK here", LONG, "TOK there"), "2 captions have", "ac"),
    ],
)
def test_short_captions_are_counted_but_for_a_quick_test(
    captions: tuple[str, ...], count: str, letters: str
) -> None:
    says = f"{count} fewer than 8 words. Say more of what varies: the place, the pose, the light."
    assert caption_findings(dataset(*captions)) == (
        Finding("caption_short", Severity.NOTE, says, hashes(letters)),
    )
    assert caption_findings(dataset(*captions), Preset.QUICK) == ()


@pytest.mark.parametrize(
    ("captions", "count", "letters"),
    [
        ((f"{LONG} with blue eyes", LONG), "1 caption describes", "a"),
        (
            (f"{LONG} with blue eyes", LONG, f"{LONG}, brown hair"),
            "2 captions describe",
            "ac",
        ),
    ],
)
def test_words_about_the_face_are_remarked_for_a_face_alone(
    captions: tuple[str, ...], count: str, letters: str
) -> None:
    says = (
        f"{count} the face (“blue eyes”). What captions name is not learnt as part of the "
        "person: better leave it out."
    )
    assert caption_findings(dataset(*captions), Preset.FACE) == (
        Finding("caption_identity", Severity.NOTE, says, hashes(letters)),
    )
    assert caption_findings(dataset(*captions), Preset.OBJECT) == ()


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, None),
        (1, "Add at least 4 more photos: the trainer needs 5."),
        (4, "Add at least 1 more photo: the trainer needs 5."),
    ],
)
def test_too_few_photos_block(count: int, says: str | None) -> None:
    found = count_findings(count)
    assert found == (
        (Finding("too_few", Severity.BLOCK, says, (), Mend.ADD_PHOTOS),) if says else ()
    )


@pytest.mark.parametrize(
    ("ideal", "says"),
    [
        (
            IdealCount(12, 15, "a face"),
            "{} photos work. For a face about 15 are best: with few, the LoRA copies poses and "
            "backgrounds.",
        ),
        (
            IdealCount(12, 15),
            "{} photos work. About 15 are best: with few, the LoRA copies poses and backgrounds.",
        ),
    ],
)
def test_few_photos_are_remarked_below_what_the_preset_asks_for(
    ideal: IdealCount, says: str
) -> None:
    for count in (5, 11):
        assert count_findings(count, ideal) == (
            Finding("few", Severity.NOTE, says.format(count), (), Mend.ADD_PHOTOS),
        )
    assert count_findings(12, ideal) == count_findings(20, ideal) == ()


def test_many_photos_are_remarked_beyond_twenty() -> None:
    says = (
        "21 photos are more than the 20 that help. A smaller, better choice usually trains a "
        "better LoRA."
    )
    assert count_findings(21) == (Finding("many", Severity.NOTE, says),)
    assert count_findings(20) == ()
