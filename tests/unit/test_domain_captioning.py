"""What is asked of a model, what is kept of its answer, and where a photo may be sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fluxlora_desktop.domain.addresses import costs_nothing, own_address
from fluxlora_desktop.domain.captioning import (
    CAPTION_PROMPTS,
    FREE,
    LONGEST_CAPTION,
    CaptionerAbilities,
    CaptionModel,
    Choice,
    TokenPrice,
    WrittenCaption,
    clean_caption,
    fill_prompt,
    photos_for,
)
from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto, Photo, PhotoFacts
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.training import Preset

TOKEN = "hf_" + "aB3" * 12


def dataset(*captions: str, trigger: str = "TOK") -> Dataset:
    facts = PhotoFacts("JPEG", 1024, 768, "", 0, 100.0, 0.0, 0.5)
    photos = (
        DatasetPhoto(Photo(f"{place:064x}", f"{place}.jpg", 1, facts), words)
        for place, words in enumerate(captions)
    )
    return Dataset("set", tuple(photos), trigger)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("A fox on a beach.", "TOK, a fox on a beach."),
        ("TOK fox on a beach", "TOK fox on a beach"),
        ('"TOK fox on a beach"', "TOK fox on a beach"),
        ("\u201cTOK fox\u201d", "TOK fox"),
        ("**TOK fox** on a *sandy* beach", "TOK fox on a sandy beach"),
        ("```text\nTOK fox on\na beach\n```", "TOK fox on a beach"),
        ("# Caption:\n\n- TOK fox\n- on a beach", "TOK fox on a beach"),
        ("Caption: TOK fox", "TOK fox"),
        ("Sure! Here is a caption for your photo: TOK fox", "TOK fox"),
        ("<think>It is a fox, hf_ maybe.</think>TOK fox", "TOK fox"),
        ("TOK fox\u200b on\ta\x07beach", "TOK fox on a beach"),
        ("a snake_case sign, 3*4 tiles", "TOK, a snake_case sign, 3*4 tiles"),
    ],
)
def test_answer_becomes_one_plain_line_with_the_trigger_word(answer: str, kept: str) -> None:
    assert clean_caption(answer, "TOK") == kept


@pytest.mark.parametrize(
    "answer",
    [
        *("", "   \n", "...", "```\n```", "<think>so many thoughts and no end"),
        *("I'm sorry, I can't help with that.", "I cannot describe people."),
        f"TOK fox {TOKEN}",
    ],
)
def test_answer_without_words_or_with_a_token_is_refused(answer: str) -> None:
    with pytest.raises(InputError) as caught:
        clean_caption(answer, "TOK")

    assert TOKEN not in str(caught.value)


def test_long_answer_is_cut_at_the_end_of_a_sentence() -> None:
    kept = clean_caption("TOK fox on a beach with shells. " * 40, "TOK")

    assert len(kept) <= LONGEST_CAPTION
    assert kept.endswith("shells.")


def test_long_answer_without_sentences_is_cut_between_words() -> None:
    kept = clean_caption("TOK " + "shells, " * 200, "TOK")

    assert len(kept) <= LONGEST_CAPTION
    assert kept.endswith("shells")


@pytest.mark.parametrize("preset", Preset)
def test_every_preset_has_a_prompt_whose_places_are_filled(preset: Preset) -> None:
    filled = fill_prompt(CAPTION_PROMPTS[preset], dataset("", trigger="GLZFOX fox"), preset)

    assert not set("{}") & set(filled)
    assert ("GLZFOX" in filled) is (preset is not Preset.STYLE)


@pytest.mark.parametrize(
    ("trigger", "captions", "preset", "filled"),
    [
        ("TOK mug", [""], Preset.OBJECT, "TOK|mug"),
        ("TOK", ["TOK fox on a shelf", "TOK fox, asleep"], Preset.OBJECT, "TOK|fox"),
        ("TOK", [""], Preset.FACE, "TOK|person"),
        ("TOK", [""], Preset.OBJECT, "TOK|subject"),
        ("", [""], Preset.OBJECT, "it|subject"),
    ],
)
def test_class_is_the_second_word_or_what_captions_or_the_preset_say(
    trigger: str, captions: list[str], preset: Preset, filled: str
) -> None:
    assert fill_prompt("{trigger}|{class}", dataset(*captions, trigger=trigger), preset) == filled


@pytest.mark.parametrize("prompt", ["", "  ", f"use {TOKEN}"])
def test_empty_prompt_and_one_with_a_token_are_refused(prompt: str) -> None:
    with pytest.raises(InputError):
        fill_prompt(prompt, dataset(""), Preset.FACE)


def test_choices_of_photos_keep_the_captions_that_are_there() -> None:
    some = dataset("", "TOK fox", " ")
    first, second, third = some.hashes()

    assert photos_for(Choice.MISSING, some, ()) == {first: "", third: " "}
    assert photos_for(Choice.SELECTED, some, [second]) == {second: "TOK fox"}
    assert list(photos_for(Choice.ALL, some, ())) == [first, second, third]


def test_cost_is_counted_by_the_services_own_tokens() -> None:
    model = CaptionModel("m", "m", TokenPrice(Decimal(2), Decimal(8)))

    assert model.cost(WrittenCaption("x", "", 1_000, 50)) == Decimal("0.0024")
    assert model.cost(WrittenCaption("x")) == model.estimate().high_usd
    assert model.estimate().low_usd < model.estimate().high_usd


def test_unknown_price_is_a_guess_and_says_so() -> None:
    estimate = CaptionModel("m", "m").estimate()

    assert "guess" in estimate.basis
    assert estimate.high_usd > estimate.low_usd > 0


def test_model_that_is_not_listed_costs_what_its_captioner_does() -> None:
    assert CaptionerAbilities(price=FREE).model("typed").free
    assert not CaptionerAbilities().model("typed").free
    assert CaptionModel("m", "m", FREE).estimate().high_usd == 0


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:11434/v1", "http://localhost:1234/v1", "http://[::1]:8080/v1"),
        *("http://192.168.1.20:11434/v1", "http://10.0.0.5/v1", "http://172.20.0.2:1/v1"),
        *("http://[fd00::1]/v1", "https://openrouter.ai/api/v1", "https://nas.example:8443"),
    ],
)
def test_own_address_may_be_http_at_home_and_https_anywhere(address: str) -> None:
    assert own_address(f"  {address}/ ") == address


@pytest.mark.parametrize(
    "address",
    [
        *("", "ollama", "ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:none/v1"),
        *("http://example.org/v1", "http://8.8.8.8/v1", "http://172.32.0.1/v1"),
        *("http://2130706433/v1", "http://127.0.0.1.example.org/v1", "http://0.0.0.0:1/v1"),
        *("http://169.254.169.254/v1", "http://nas.local:11434/v1"),
        *("https://user:secret@example.org/v1", "https://example.org/v1?key=1"),
        *("https://example.org\\@127.0.0.1/v1", "https://example.org/v1#x", "https://ex ample.org"),
        f"https://example.org/{TOKEN}",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InputError) as caught:
        own_address(address)

    assert TOKEN not in str(caught.value)


def test_only_ones_own_network_costs_nothing() -> None:
    assert costs_nothing("https://192.168.1.20/v1")
    assert not costs_nothing("https://example.org/v1")
    assert not costs_nothing("")
