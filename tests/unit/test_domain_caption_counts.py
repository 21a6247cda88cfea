from __future__ import annotations

import pytest

from fluxlora_desktop.domain.caption_counts import count_words, estimate_tokens, length_of
from fluxlora_desktop.domain.caption_filter import CaptionFilter
from fluxlora_desktop.domain.datasets import DatasetPhoto, Finding, Photo, PhotoFacts, Severity

# What the tokenizer of openai/CLIP makes of these, its two marks included.
MEASURED = (
    ("a fox", 4),
    ("TOK fox sitting on a wooden shelf, soft window light", 13),
    ("GLZFOX, a small orange fox figure in the snow", 14),
    ("a photo of a man wearing a blue jacket, standing in front of a brick wall at night", 21),
    ("close-up, shallow depth of field, 35mm film", 15),
)


@pytest.mark.parametrize(("caption", "tokens"), MEASURED)
def test_tokens_are_about_what_clip_makes_of_a_caption(caption: str, tokens: int) -> None:
    assert abs(estimate_tokens(caption) - tokens) <= 1


@pytest.mark.parametrize(
    ("caption", "words"), [("", 0), ("a fox", 2), (" a  fox - here ", 3), ("close-up, 35mm", 2)]
)
def test_words_are_counted_without_lone_marks(caption: str, words: int) -> None:
    assert count_words(caption) == words


def test_short_caption_is_within_every_limit() -> None:
    length = length_of("a red fox on a shelf", "flux.1-dev")
    assert (length.words, length.tokens, length.limit, length.cut) == (6, 8, 77, "")


def test_empty_caption_has_no_tokens() -> None:
    assert length_of(" ", "flux.1-dev").tokens == 0


def test_caption_longer_than_clip_reads_is_told() -> None:
    assert length_of("fox " * 75, "flux.1-dev").cut == ""
    assert length_of("fox " * 76, "flux.1-dev").cut == "CLIP reads only the first 77, T5 all of it."
    assert "T5 the first 512" in length_of("fox " * 500, "flux.1-dev").cut


def test_base_with_one_long_encoder_has_its_own_limit() -> None:
    length = length_of("fox " * 200, "flux.2-dev")
    assert (length.limit, length.cut) == (512, "")
    assert length_of("fox " * 500, "flux.2-dev").cut == "The rest after 512 is cut off."


def item(caption: str, name: str = "a.jpg", sha256: str = "1") -> DatasetPhoto:
    facts = PhotoFacts("JPEG", 1024, 1024, "", 0, 1.0, 0.0, 1.0)
    return DatasetPhoto(Photo(sha256, name, 1, facts), caption)


@pytest.mark.parametrize(
    ("wanted", "caption", "shown"),
    [
        (CaptionFilter(), "a fox", True),
        (CaptionFilter("FOX snow"), "snow and a fox", True),
        (CaptionFilter("fox snow"), "a fox", False),
        (CaptionFilter("a.JPG"), "", True),
        (CaptionFilter(missing=True), " ", True),
        (CaptionFilter(missing=True), "a fox", False),
        (CaptionFilter(shorter=2), "fox", True),
        (CaptionFilter(shorter=2), "a fox", False),
        (CaptionFilter(longer=1), "a fox", True),
        (CaptionFilter(longer=2), "a fox", False),
        (CaptionFilter(finding="blurry"), "", True),
        (CaptionFilter(finding="small"), "", False),
        (CaptionFilter("fox", finding="blurry"), "", False),
    ],
)
def test_filter_shows_what_all_its_parts_hold_for(
    wanted: CaptionFilter, caption: str, shown: bool
) -> None:
    findings = (
        Finding("blurry", Severity.WARN, "It is blurred.", ("1",)),
        Finding("small", Severity.WARN, "It is small.", ("2",)),
    )
    assert wanted.shows(item(caption), findings) is shown


def test_filter_that_asks_for_nothing_is_none() -> None:
    assert not CaptionFilter()
    assert CaptionFilter(shorter=8)
