"""The inputs of a training; every trainer has its own, and ignores those that it does not know."""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fluxlora_desktop.practice.fal.catalogue import Trainer
from fluxlora_desktop.practice.fal.forms import Form
from fluxlora_desktop.practice.lora import Naming

_PLAIN_WORDS = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "the", "to", "with"}
    | {"drawing", "image", "painting", "photo", "picture", "portrait", "style"}
)
"""What captions share without naming anything."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training is to do."""

    archive: str
    """The address of the zip of photos."""
    steps: int
    trigger_word: str = ""
    """"" where a trainer has no such input."""
    default_caption: str | None = None
    naming: Naming = "peft"


def read_recipe(trainer: Trainer, given: Mapping[str, Any]) -> Recipe:
    """Read the inputs; raises `InvalidInput` with all that is wrong."""
    form = Form(given)
    archive = form.needed_text(trainer.archive_field)
    if trainer.kind == "flux-2":
        recipe = _flux2(archive, form)
    elif trainer.kind == "fast":
        recipe = _fast(archive, form)
    else:
        recipe = _portrait(archive, form)
    form.check()
    return recipe


def find_trigger_word(captions: Iterable[str], default_caption: str | None) -> str:
    """Return the first word that all captions share and that is not one of plain English.

    The FLUX.2 trainers have no input for it: the word stands in the captions alone, and counts in
    that of photos without one, too.
    """
    texts = [*captions, *([default_caption] if default_caption else [])]
    shared = [_words(text) for text in texts]
    return next(
        (
            word
            for word in (shared[0] if shared else [])
            if word.casefold() not in _PLAIN_WORDS and all(word in others for others in shared)
        ),
        "",
    )


def _flux2(archive: str, form: Form) -> Recipe:
    form.number("learning_rate", 0.0, 1.0, default=0.00005)
    naming = form.choice("output_lora_format", "fal", "comfy", default="fal")
    return Recipe(
        archive,
        form.whole("steps", 100, 10_000, default=1000, of=100),
        default_caption=form.optional_text("default_caption"),
        naming="comfyui" if naming == "comfy" else "peft",
    )


def _fast(archive: str, form: Form) -> Recipe:
    form.flag("is_style", default=False)
    form.flag("create_masks", default=True)
    form.flag("is_input_format_already_preprocessed", default=False)
    form.optional_text("data_archive_format")
    steps = form.whole("steps", 1, 10_000, default=1000)
    return Recipe(archive, steps, form.optional_text("trigger_word") or "")


def _portrait(archive: str, form: Form) -> Recipe:
    form.number("learning_rate", 0.0, 1.0, default=0.00009)
    form.flag("multiresolution_training", default=True)
    form.flag("subject_crop", default=True)
    form.optional_text("data_archive_format")
    form.optional_text("resume_from_checkpoint")
    steps = form.whole("steps", 1, 10_000, default=2500)
    return Recipe(archive, steps, form.optional_text("trigger_phrase") or "")


def _words(text: str) -> list[str]:
    return [bare for word in text.split() if (bare := word.strip(string.punctuation))]
