"""Prompts with alternatives and wildcards: what they become, and what is refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.prompts import (
    LONGEST_PROMPT,
    MOST_PICTURES,
    SEED_LIMIT,
    Spread,
    Template,
    Wildcards,
    entries_of,
    escaped,
    has_choices,
    prompts_of,
)

CARDS = Wildcards(
    {
        "colour": ("red", "{light|dark} __deep/tone__"),
        "deep/tone": ("blue", "green"),
        "loop": ("a __back__",),
        "back": ("__loop__",),
        "none": (),
        "wide": tuple(map(str, range(1000))),
        "long": ("x" * 6000,),
    },
    {"large": "large.txt is larger than 1 MB"},
)
SIGNS = st.text(st.sampled_from("ab {}|\\_#\né"), max_size=24)


def every(text: str) -> list[str]:
    """Return all prompts that a template stands for."""
    template = Template(text, CARDS)
    return [template.nth(number) for number in range(template.combinations)]


@pytest.mark.parametrize(
    ("written", "prompts"),
    [
        ("a fox", ["a fox"]),
        ("a {red|grey} fox", ["a red fox", "a grey fox"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("a {red|{light|dark} grey} fox", ["a red fox", "a light grey fox", "a dark grey fox"]),
        ("a {|red} fox", ["a fox", "a red fox"]),
        ("a fox{|, at night}", ["a fox", "a fox, at night"]),
        ("a {plain} fox", ["a {plain} fox"]),
        ("{}", ["{}"]),
        ("{say {a|b}}", ["{say a}", "{say b}"]),
        (r"a \{red\|grey\} fox", ["a {red|grey} fox"]),
        (r"{a\|b|c\}}", ["a|b", "c}"]),
        ("either | or }", ["either | or }"]),
        ("a __deep/tone__ {fox|cat}", ["a blue fox", "a blue cat", "a green fox", "a green cat"]),
        ("__colour__", ["red", "light blue", "light green", "dark blue", "dark green"]),
        (r"a \__colour__ fox", ["a __colour__ fox"]),
        ("snake_case and C:\\temp", ["snake_case and C:\\temp"]),
        ('{"scene": {"light": "soft"}}', ['{"scene": {"light": "soft"}}']),
    ],
)
def test_template_stands_for_these_prompts(written: str, prompts: list[str]) -> None:
    assert every(written) == prompts


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("a {red|grey fox", r"not closed. Write “\{”"),
        ("__colur__", "no wildcard “colur”. There are: back, colour, deep/tone"),
        ("__loop__", "leads back to itself: loop → back → loop"),
        ("__none__", "has no entries"),
        ("__large__", "larger than 1 MB"),
        ("{a|" * 40 + "}" * 40, "20 deep"),
        ("x" * (LONGEST_PROMPT + 1), "10,000 characters"),
        ("{a|__long__} __long__", "10,000 characters"),
    ],
    ids=lambda text: text[:12],
)
def test_template_that_cannot_be_resolved_says_why(written: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        every(written)
    assert says in refused.value.reason


def test_unknown_wildcard_in_an_empty_folder_says_so() -> None:
    with pytest.raises(InputError, match="the folder of wildcards is empty"):
        Template("__colour__")


def test_same_seed_gives_the_same_prompt_and_others_give_all_of_them() -> None:
    template = Template("a {red|grey|blue} __deep/tone__ fox", CARDS)
    picked = [template.pick(seed) for seed in range(200)]

    assert picked == [template.pick(seed) for seed in range(200)]
    assert set(picked) == set(every("a {red|grey|blue} __deep/tone__ fox"))
    # Held for good: pictures of older versions are made again from their seed.
    assert picked[:3] == ["a grey green fox", "a grey green fox", "a grey blue fox"]


def test_combinations_are_counted_without_being_written() -> None:
    assert Template("__wide__ " * 12, CARDS).combinations == 1000**12


@given(SIGNS)
def test_escaped_prompt_is_sent_as_it_stands(prompt: str) -> None:
    template = Template(escaped(prompt))

    assert template.combinations == 1
    assert template.pick(1) == prompt.strip()
    assert has_choices(prompt) == (escaped(prompt) != prompt)


@given(SIGNS, st.integers(0, SEED_LIMIT))
def test_drawn_prompt_is_one_of_the_combinations(written: str, seed: int) -> None:
    try:
        template = Template(written)
    except InputError:
        return
    assert template.pick(seed) in {template.nth(n) for n in range(template.combinations)}


def test_entries_are_lines_without_comments() -> None:
    assert entries_of("# colours\nred\n\n  light blue \n\\#ff0000\n") == (
        "red",
        "light blue",
        "#ff0000",
    )


def test_random_order_draws_each_prompt_from_its_own_seed() -> None:
    made = prompts_of("a {red|grey} fox", Spread.RANDOM, SEED_LIMIT - 2, 4)

    assert [seed for _prompt, seed in made] == [SEED_LIMIT - 2, SEED_LIMIT - 1, 0, 1]
    for prompt, seed in made:
        assert prompts_of("a {red|grey} fox", Spread.RANDOM, seed, 1) == ((prompt, seed),)


def test_every_combination_is_made_with_one_seed_a_round() -> None:
    made = prompts_of("{a|b|c}", Spread.EVERY, 7, 6)

    assert made == (("a", 7), ("b", 7), ("c", 7), ("a", 8), ("b", 8), ("c", 8))


@pytest.mark.parametrize(
    ("prompt", "spread", "count", "says"),
    [
        ("{a|b|c}", Spread.EVERY, 4, "have changed"),
        ("{a|b|c|d}" * 4, Spread.EVERY, 64, "makes 256 pictures; one order takes 64"),
        ("a", Spread.RANDOM, MOST_PICTURES + 1, "1 to 64"),
        ("a", Spread.LITERAL, 0, "1 to 64"),
    ],
)
def test_order_that_does_not_fit_is_refused(
    prompt: str, spread: Spread, count: int, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        prompts_of(prompt, spread, 1, count)
