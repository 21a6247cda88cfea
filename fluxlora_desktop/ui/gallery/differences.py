"""What differs between pictures, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.ui.gallery.words import model_words
from fluxlora_desktop.ui.wording import when

_MOST_WORDS = 14
_Words = Callable[[Picture], str]


def _loras(picture: Picture) -> str:
    return ", ".join(f"{use.name} {use.scale:g}" for use in picture.loras) or "no LoRA"


_PARTS: tuple[_Words, ...] = (
    _loras,
    model_words,
    lambda picture: f"seed {picture.seed}",
    lambda picture: f"{picture.steps} steps",
    lambda picture: f"guidance {picture.guidance:g}",
    lambda picture: f"{picture.width} × {picture.height}",
    lambda picture: f"without {picture.negative_prompt}" if picture.negative_prompt else "",
)


def differences(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """Return for each picture what it has that not all of them have.

    Of a prompt only the words that are not in all prompts. Where no setting differs, the moment
    at which each was made.
    """
    found: list[list[str]] = [[] for _ in pictures]
    for part in _PARTS:
        said = [part(picture) for picture in pictures]
        if len(set(said)) > 1:
            for words, one in zip(found, said, strict=True):
                words.append(one)
    for words, one in zip(found, _own_words(pictures), strict=True):
        words.append(one)
    lines = tuple("\u00a0· ".join(filter(None, words)) for words in found)
    if any(lines):
        return tuple(line or "nothing of its own" for line in lines)
    return tuple(f"made {when(picture.created_at)}" for picture in pictures)


def _own_words(pictures: Sequence[Picture]) -> list[str]:
    """Return the words of each prompt that some other one lacks, in quotes."""
    each = [re.findall(r"[\w'’-]+", picture.prompt) for picture in pictures]
    shared = set.intersection(*({word.casefold() for word in words} for words in each))
    said = []
    for words in each:
        own = [word for word in words if word.casefold() not in shared]
        text = " ".join(own[:_MOST_WORDS]) + ("…" if len(own) > _MOST_WORDS else "")
        said.append(f"“{text}”" if text else "")
    return said
