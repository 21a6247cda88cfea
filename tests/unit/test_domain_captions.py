from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.captions import (
    caption_findings,
    check_trigger,
    class_in,
    has_trigger,
    identity_words,
    one_line,
    replace_trigger,
    with_trigger,
)
from fluxlora_desktop.domain.datasets import (
    Dataset,
    DatasetPhoto,
    Finding,
    Mend,
    Photo,
    PhotoFacts,
    Readiness,
    Severity,
    count_findings,
    readiness,
)
from fluxlora_desktop.domain.recipes import PRESETS
from fluxlora_desktop.domain.training import Preset


def _dataset(*captions: str, trigger: str = "TOK") -> Dataset:
    facts = PhotoFacts("JPEG", 1024, 1024, "", 0, 1.0, 0.0, 1.0)
    photos = (
        DatasetPhoto(Photo(str(n) * 64, f"{n}.jpg", 1, facts), text)
        for n, text in enumerate(captions)
    )
    return Dataset("d", tuple(photos), trigger)


def _whats(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.what for finding in findings]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("TOK", []),
        ("TOK mug", []),
        ("F0X", []),
        ("", ["trigger_empty"]),
        ("   ", ["trigger_empty"]),
        (" TOK", ["trigger_spaces"]),
        ("TOK the mug", ["trigger_spaces"]),
        ("TÖK", ["trigger_ascii"]),
        ("ab", ["trigger_length"]),
        ("abcdefghijklm", ["trigger_length"]),
        ("Fox", ["trigger_common"]),
    ],
)
def test_trigger_word_is_judged(word: str, expected: list[str]) -> None:
    assert _whats(check_trigger(word)) == expected


def test_trigger_hidden_in_a_word_is_told_and_only_when_case_agrees() -> None:
    assert _whats(check_trigger("TOK", ["in TOKYO"])) == ["trigger_hidden"]
    assert check_trigger("TOK", ["in Tokyo, a TOK"]) == ()


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a mug", "TOK, a mug"),
        ("a TOK mug", "a TOK mug"),
        ("in TOKYO", "TOK, in TOKYO"),
        ("  ", "TOK"),
    ],
)
def test_trigger_is_put_in_front_once(caption: str, expected: str) -> None:
    assert with_trigger(caption, "TOK") == expected
    assert with_trigger(expected, "TOK") == expected


def test_trigger_is_replaced_as_a_word_only() -> None:
    assert replace_trigger("TOK in TOKYO, TOK", "TOK", r"A\1") == r"A\1 in TOKYO, A\1"
    assert replace_trigger("a mug", "", "TOK") == "a mug"


@given(st.text(), st.text(alphabet="TOK+.(", min_size=1))
def test_caption_with_trigger_always_begins_with_or_holds_it(caption: str, trigger: str) -> None:
    made = with_trigger(caption, trigger)

    assert made.startswith(trigger) or has_trigger(made, trigger)


@given(st.text())
def test_caption_becomes_one_line_and_stays_so(caption: str) -> None:
    line = one_line(caption)

    assert len(line.splitlines()) <= 1
    assert one_line(line) == line


def test_lines_and_parts_of_a_caption_are_joined_by_commas() -> None:
    assert one_line("a fox ,, red\r\n\n in snow,") == "a fox, red, in snow"


@pytest.mark.parametrize(
    ("captions", "word"),
    [
        (["TOK fox on a shelf", "close-up of TOK Fox", ""], "fox"),
        (["TOK fox", "TOK mug", "TOK fox", "TOK cup"], ""),
        (["TOK fox"], ""),
        (["TOK Mädchen", "TOK Mädchen, froh"], "mädchen"),
        (["TOK café", "TOK café."], "café"),
        (["TOK the dog", "TOK the dog"], ""),
        (["TOK has a hat", "TOK has a hat"], ""),
        (["TOK riding on a bus", "TOK riding, smile"], ""),
        (["TOK red mug", "TOK red mug"], ""),
        (["TOK ein Hund", "TOK ein Hund"], ""),
        (["TOK asleep", "TOK asleep in bed"], ""),
        (["TOK on a shelf", "TOK on a table"], ""),
        (["TOK, a fox", "TOK, asleep"], ""),
        (["TOKYO tower", "TOKYO tower"], ""),
        ([], ""),
    ],
)
def test_class_is_what_most_captions_call_the_subject(captions: list[str], word: str) -> None:
    assert class_in(captions, "TOK") == word
    assert class_in(captions, "") == ""


def test_captions_get_remarks_that_fit() -> None:
    long = "on a table in the morning sun, seen from the left"
    assert _whats(caption_findings(_dataset("", "", ""))) == []
    assert _whats(caption_findings(_dataset(f"TOK {long}", f"TOK red {long}"))) == []
    assert _whats(caption_findings(_dataset(f"TOK {long}", "", f"TOK b {long}"))) == [
        "caption_missing"
    ]
    same = _dataset(*[f"TOK {long}"] * 3)
    assert _whats(caption_findings(same)) == ["caption_identical"]
    assert _whats(caption_findings(_dataset(f"TOK {long}", long))) == ["caption_trigger"]


def test_short_captions_are_noted_together_except_for_a_quick_test() -> None:
    eight, seven = "TOK mug on a table in the sun", "TOK mug on a table outside"
    dataset = _dataset(eight, seven, "", "TOK mug")

    (finding,) = [f for f in caption_findings(dataset) if f.what == "caption_short"]

    assert (finding.severity, finding.photos) == (Severity.NOTE, ("1" * 64, "3" * 64))
    assert "caption_short" not in _whats(caption_findings(dataset, Preset.QUICK))


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("TOK with long hair, at the sea", ("long hair",)),
        ("a red-haired TOK", ("red-haired",)),
        ("TOK, Freckles, green eyes", ("freckles", "green eyes")),
        ("TOK with an oval face and thick eyebrows", ("oval face", "eyebrows")),
        ("TOK with pale skin", ("skin",)),
        ("TOK with a hair clip and a hairband", ()),
        ("TOK wearing a hair-tie", ()),
        ("close-up of the face of TOK, eyes closed", ()),
        ("TOK on a chair, a skinny cat, brown eyeshadow", ()),
    ],
)
def test_words_about_a_face_are_found_and_a_hair_clip_is_not(
    caption: str, words: tuple[str, ...]
) -> None:
    assert identity_words(caption) == words


def test_what_is_said_of_a_face_is_noted_for_a_face_alone() -> None:
    dataset = _dataset("TOK with blue eyes", "TOK at the sea", "TOK, blond hair")

    (finding,) = [f for f in caption_findings(dataset, Preset.FACE) if f.what == "caption_identity"]

    assert (finding.severity, finding.mend) == (Severity.NOTE, Mend.NONE)
    assert finding.photos == ("0" * 64, "2" * 64)
    assert "2 captions describe" in finding.says
    assert "caption_identity" not in _whats(caption_findings(dataset, Preset.OBJECT))


@pytest.mark.parametrize(
    ("count", "what", "severity"),
    [
        (1, "too_few", Severity.BLOCK),
        (4, "too_few", Severity.BLOCK),
        (5, "few", Severity.NOTE),
        (9, "few", Severity.NOTE),
        (21, "many", Severity.NOTE),
    ],
)
def test_number_of_photos_gets_a_remark(count: int, what: str, severity: Severity) -> None:
    (finding,) = count_findings(count)

    assert (finding.what, finding.severity) == (what, severity)


@pytest.mark.parametrize("count", [0, 10, 20])
def test_number_of_photos_that_fits_gets_none(count: int) -> None:
    assert count_findings(count) == ()


@pytest.mark.parametrize(
    ("preset", "enough", "best"),
    [(Preset.FACE, 12, 15), (Preset.OBJECT, 10, 10), (Preset.STYLE, 15, 20)],
)
def test_how_many_photos_help_follows_from_what_they_show(
    preset: Preset, enough: int, best: int
) -> None:
    ideal = PRESETS[preset].count

    (finding,) = count_findings(enough - 1, ideal)

    assert (finding.what, finding.severity) == ("few", Severity.NOTE)
    assert f"For {ideal.what} about {best} are best" in finding.says
    assert count_findings(enough, ideal) == ()
    assert str(enough) in PRESETS[preset].ideal


def test_quick_test_never_has_too_few_once_it_can_start() -> None:
    assert count_findings(5, PRESETS[Preset.QUICK].count) == ()


def test_verdict_is_that_of_the_gravest_finding() -> None:
    note, warn, block = (Finding(s.value, s, "") for s in Severity)

    assert readiness((note,)) is Readiness.READY
    assert readiness((note, warn)) is Readiness.ATTENTION
    assert readiness((note, warn, block)) is Readiness.BLOCKED
