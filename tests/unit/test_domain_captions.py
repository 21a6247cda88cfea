from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.captions import (
    caption_findings,
    check_trigger,
    class_in,
    has_trigger,
    one_line,
    replace_trigger,
    with_trigger,
)
from fluxlora_desktop.domain.datasets import (
    Dataset,
    DatasetPhoto,
    Finding,
    Photo,
    PhotoFacts,
    Readiness,
    Severity,
    count_findings,
    readiness,
)


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
    assert _whats(caption_findings(_dataset("", "", ""))) == []
    assert _whats(caption_findings(_dataset("TOK a", "", "TOK b"))) == ["caption_missing"]
    assert _whats(caption_findings(_dataset("TOK", "TOK", "TOK"))) == ["caption_identical"]
    assert _whats(caption_findings(_dataset("TOK a", "b"))) == ["caption_trigger"]


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


def test_verdict_is_that_of_the_gravest_finding() -> None:
    note, warn, block = (Finding(s.value, s, "") for s in Severity)

    assert readiness((note,)) is Readiness.READY
    assert readiness((note, warn)) is Readiness.ATTENTION
    assert readiness((note, warn, block)) is Readiness.BLOCKED
