"""Captions that a model writes: who writes, what is asked, what it may cost, what is kept.

What a photo costs in tokens differs from model to model and is documented for few: the estimate is
a range, and an unknown price is set too high rather than too low.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from types import MappingProxyType

from fluxlora_desktop.domain.captions import (
    class_in,
    has_trigger,
    replace_trigger,
    with_trigger,
)
from fluxlora_desktop.domain.datasets import Dataset, DatasetPhoto
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.money import NOTHING, Estimate
from fluxlora_desktop.domain.recipes import PRESETS
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token
from fluxlora_desktop.domain.training import Preset

IMAGE_SIDE = 1024
"""The longest side in pixels of what is sent of a photo."""
MOST_WORDS_TOKENS = 400
"""How many tokens a model may write: a caption has about 60, the rest is for what leads to it."""
LONGEST_CAPTION = 480
"""Characters that are kept of an answer: about what the smaller text encoder of FLUX.1 can read
twice over (77 tokens); longer ones are cut at the end of a sentence."""

_MILLION = Decimal(1_000_000)
_MICRO = Decimal("0.000001")
_PHOTO_TOKENS = (1_000, 6_500)
_PROMPT_TOKENS = 300
_ANSWER_TOKENS = (40, MOST_WORDS_TOKENS)
_SECONDS = (2.0, 12.0)


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """US dollars for a million tokens that are read, and for a million that are written."""

    reading: Decimal
    writing: Decimal

    def of(self, read: int, written: int) -> Decimal:
        """Return the price of so many tokens, rounded up to a millionth of a dollar."""
        exact = (self.reading * read + self.writing * written) / _MILLION
        return exact.quantize(_MICRO, ROUND_UP)


FREE = TokenPrice(NOTHING, NOTHING)
_GUESSED = (
    TokenPrice(Decimal("0.1"), Decimal("0.4")),
    TokenPrice(Decimal(3), Decimal(15)),
)
_FREE_BASIS = "It runs on your own computer or network: free"
_GUESS_BASIS = "The price is not known here, this is a guess"
_ASSUMED = "for 1,000 to 6,500 tokens a photo"


@dataclass(frozen=True, slots=True)
class CaptionModel:
    """One model that may describe photos.

    `price` is None where it is not known. `sees` tells whether its name says that it looks at
    pictures: no catalogue has a field for that.
    """

    key: str
    title: str
    price: TokenPrice | None = None
    sees: bool = True

    @property
    def free(self) -> bool:
        """Tell whether it costs nothing."""
        return self.price == FREE

    def estimate(self) -> Estimate:
        """Return the price and time range of one photo."""
        low, high = (self.price, self.price) if self.price else _GUESSED
        if self.free:
            basis = _FREE_BASIS
        else:
            basis = f"The service's price list, {_ASSUMED}" if self.price else _GUESS_BASIS
        return Estimate(
            low.of(_PHOTO_TOKENS[0] + _PROMPT_TOKENS, _ANSWER_TOKENS[0]),
            high.of(_PHOTO_TOKENS[1] + _PROMPT_TOKENS, _ANSWER_TOKENS[1]),
            *_SECONDS,
            basis,
        )

    def cost(self, written: WrittenCaption) -> Decimal:
        """Return what an answer cost: by its own count of tokens, else the estimate's upper end."""
        if self.free:
            return NOTHING
        if self.price is None or written.tokens_read is None or written.tokens_written is None:
            return self.estimate().high_usd
        return self.price.of(written.tokens_read, written.tokens_written)


@dataclass(frozen=True, slots=True)
class CaptionerAbilities:
    """What a captioner offers; `checked` tells whether it was asked, or this is what is known.

    `takes_address` marks one whose address a person gives; `price` is that of models which are
    not listed.
    """

    models: tuple[CaptionModel, ...] = ()
    checked: bool = False
    takes_address: bool = False
    price: TokenPrice | None = None

    def model(self, key: str) -> CaptionModel:
        """Return the model with this id; one that is not listed may be typed in by a person."""
        known = next((model for model in self.models if model.key == key), None)
        return known or CaptionModel(key, key, self.price)


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """One photo to be described: a JPEG without metadata, and what is asked about it."""

    model: str
    prompt: str
    image: bytes


@dataclass(frozen=True, slots=True)
class WrittenCaption:
    """An answer as it came, with the tokens that the service counted, where it did."""

    text: str
    remote_id: str = ""
    tokens_read: int | None = None
    tokens_written: int | None = None


class Choice(StrEnum):
    """Which photos get a caption."""

    MISSING = "missing"
    SELECTED = "selected"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class CaptionOrder:
    """What one click asks for: `captions` holds the caption of each photo as it was then.

    `id` opens the name of every request of it in the journal; `prompt` is filled in.
    """

    id: str
    dataset_id: str
    captioner: str
    model: str
    prompt: str
    trigger: str
    captions: Mapping[str, str]


CAPTION_PROMPTS: Mapping[Preset, str] = MappingProxyType(
    {
        Preset.FACE: (
            "Describe this photo of {trigger}, a {class}, in one sentence for training an image "
            "model. Call the subject {trigger}. Say what can change from photo to photo: place, "
            "clothes, pose, what the {class} does, light, camera angle. Do not mention face, "
            "hair, skin, eyes, age or build. Answer with the sentence alone."
        ),
        Preset.OBJECT: (
            "Describe this photo of {trigger}, a {class}, in one sentence for training an image "
            "model. Call it {trigger} {class}. Say where it is, what is around it, the light and "
            "the camera angle. Do not describe how the {class} itself looks. Answer with the "
            "sentence alone."
        ),
        Preset.STYLE: (
            "Describe what this picture shows in one or two sentences for training an image "
            "model: everything in it, where it is, colours and composition. Do not name the "
            "style, the technique or the artist. Answer with the description alone."
        ),
        Preset.QUICK: (
            "Describe this photo of {trigger} in one short sentence: the subject, called "
            "{trigger} {class}, and where it is. Answer with the sentence alone."
        ),
    }
)
"""What a model is asked, by preset; the rules are those of each preset's `caption_advice`."""


def fill_prompt(prompt: str, dataset: Dataset, preset: Preset) -> str:
    """Return a prompt with the trigger word for {trigger} and what it is for {class}.

    Raises `InputError` for one that is empty or holds a token.
    """
    if not prompt.strip():
        raise InputError("prompt", "Say what the model shall write.")
    if holds_token(prompt):
        raise InputError("prompt", NOT_A_TOKEN_FIELD)
    words = dataset.trigger_word.split()
    named = class_in((item.caption for item in dataset.photos), words[0] if words else "")
    kind = (words[1] if len(words) > 1 else named) or PRESETS[preset].class_word or "subject"
    return prompt.strip().replace("{trigger}", words[0] if words else "it").replace("{class}", kind)


def photos_for(choice: Choice, dataset: Dataset, selected: Iterable[str]) -> dict[str, str]:
    """Return the photos that a choice means, in order, each with the caption that it has."""
    chosen = frozenset(selected)
    return {
        item.photo.sha256: item.caption
        for item in dataset.photos
        if choice is Choice.ALL
        or (choice is Choice.SELECTED and item.photo.sha256 in chosen)
        or (choice is Choice.MISSING and not item.caption.strip())
    }


_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad\ufffd]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FENCE = re.compile(r"^\s*```[\w-]*\s*$", re.MULTILINE)
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|[-*+]\s+|>\s+|\d{1,2}[.)]\s+)", re.MULTILINE)
_MARKS = re.compile(r"\*\*|__|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_LABEL = re.compile(
    r"^(?:(?:sure|certainly|of course)[,.!]?\s+)?(?:here(?: is|'s|\u2019s)[^:]{0,60}:|"
    r"(?:the |a )?(?:image |photo )?(?:caption|description|answer)\s*:)\s*",
    re.IGNORECASE,
)
_QUOTES = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb\u201e"
_ARTICLE = re.compile(r"^(?:An?|The)\b")
_DECLINED = re.compile(
    r"(?:i'?m|i\u2019m|i am) (?:sorry|unable)|sorry,|i (?:can'?t|can\u2019t|cannot|won'?t) ",
    re.IGNORECASE,
)


def clean_caption(answer: str, trigger: str) -> str:
    """Return an answer as a caption: one line, without quotes and marks, the trigger word in it.

    Raises `InputError` for one that holds no words, declines, or holds what looks like a token.
    """
    text = _LINE_START.sub("", _FENCE.sub("", _THOUGHT.sub("", answer)))
    text = _MARKS.sub("", _CONTROL.sub(" ", _UNSEEN.sub("", text)))
    text = " ".join(text.split())
    text = _LABEL.sub("", text).strip().strip(_QUOTES).strip()
    if not any(letter.isalpha() for letter in text):
        raise InputError("caption", "The model answered without words.")
    if _DECLINED.match(text):
        raise InputError("caption", f"The model declined: {text[:120]}")
    if holds_token(text):
        raise InputError("caption", "The answer holds what looks like a token. It was not kept.")
    short = _shortened(text, LONGEST_CAPTION)
    if trigger.strip() and not has_trigger(short, trigger.strip()):
        short = _ARTICLE.sub(lambda article: article[0].lower(), short)
    return with_trigger(short, trigger.strip())


def _shortened(text: str, most: int) -> str:
    """Cut a text at the last sentence that fits, or else at the last word."""
    if len(text) <= most:
        return text
    head = text[: most + 1]
    end = max(head.rfind(". "), head.rfind("! "), head.rfind("? "))
    if end > most // 2:
        return head[: end + 1]
    return head.rpartition(" ")[0].rstrip(" ,;:") or text[:most]


def with_models(abilities: CaptionerAbilities, *models: CaptionModel) -> CaptionerAbilities:
    """Return abilities with these models, as a service listed them just now."""
    return replace(abilities, models=models, checked=True)


@dataclass(frozen=True, slots=True)
class TrainersCaptions:
    """Captions that a trainer wrote in a run, for photos that had none.

    `photos` are those of the run's frozen set, in its order, each with what was written for it;
    `trigger_word` is the set's.
    """

    trigger_word: str = ""
    photos: tuple[DatasetPhoto, ...] = ()

    def for_dataset(self, dataset: Dataset) -> dict[str, str]:
        """Return those of photos that a dataset holds too, with its own trigger word in them."""
        here, own = set(dataset.hashes()), dataset.trigger_word.strip()
        old = self.trigger_word.strip() if own else ""
        return {
            item.sha256: replace_trigger(item.caption, old, own)
            for item in self.photos
            if item.sha256 in here
        }
