"""Presets: which values a recipe chooses for so many photos, and why.

The step formulas are the project's own synthesis of what hosted trainers and ai-toolkit train with
at a learning rate of 4e-4. How much a trainer at another rate wants is not known, so the steps stay
and the rate is the trainer's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.captions import default_caption
from fluxlora_desktop.domain.datasets import ANY_COUNT, IdealCount
from fluxlora_desktop.domain.training import (
    Choice,
    Parameter,
    ParameterKind,
    ParameterValue,
    Preset,
    Quality,
    Trainer,
)

_QUALITY_FACTOR = {Quality.QUICK: 0.6, Quality.NORMAL: 1.0, Quality.THOROUGH: 1.4}


@dataclass(frozen=True, slots=True)
class PresetFacts:
    """The numbers behind a preset: steps for each photo, their limits, and what goes with them.

    `caption_form` makes the caption of a photo that has none, with the trigger word for {trigger};
    `class_word` says what the trigger word is where its second word does not. `count` says how many
    photos help: `fewest` is where `ideal` begins, `best` the dataset workbench's number.
    """

    title: str
    says: str
    per_photo: int
    fewest: int
    most: int
    rank: int
    resolution: str
    caption_dropout: float
    lora_type: str
    ideal: str
    caption_advice: str
    caption_form: str = "a photo of {trigger}"
    class_word: str = ""
    count: IdealCount = ANY_COUNT


PRESETS: dict[Preset, PresetFacts] = {
    Preset.FACE: PresetFacts(
        title="Face",
        says="One person, seen from several sides",
        per_photo=80,
        fewest=800,
        most=1800,
        rank=16,
        resolution="512,768,1024",
        caption_dropout=0.05,
        lora_type="subject",
        ideal="12 to 20 photos",
        caption_advice="Say what varies: place, clothes, pose, light. Leave the face out.",
        class_word="person",
        count=IdealCount(12, 15, "a face"),
    ),
    Preset.OBJECT: PresetFacts(
        title="Object",
        says="A thing, a pet or a product",
        per_photo=80,
        fewest=700,
        most=1500,
        rank=16,
        resolution="512,768,1024",
        caption_dropout=0.05,
        lora_type="subject",
        ideal="10 to 15 photos",
        caption_advice="Say what it is and where: TOK mug on a wooden table.",
        count=IdealCount(10, 10, "an object"),
    ),
    Preset.STYLE: PresetFacts(
        title="Style",
        says="The look of a set of pictures",
        per_photo=70,
        fewest=1000,
        most=2000,
        rank=16,
        resolution="768,1024",
        caption_dropout=0.10,
        lora_type="style",
        ideal="15 to 20 pictures or more",
        caption_advice="Describe the whole content. Leave words about the style out.",
        caption_form="a picture in {trigger}",
        class_word="style",
        count=IdealCount(15, 20, "a style"),
    ),
    Preset.QUICK: PresetFacts(
        title="Quick test",
        says="The cheapest way to see that it works",
        per_photo=0,
        fewest=400,
        most=400,
        rank=16,
        resolution="512",
        caption_dropout=0.05,
        lora_type="subject",
        ideal="5 photos or more",
        caption_advice="Captions are not needed for a test.",
        count=IdealCount(5, 5, "a test"),
    ),
}


def recommended_steps(preset: Preset, photo_count: int) -> int:
    """Return the steps for so many kept photos: photos times a factor, between two limits."""
    facts = PRESETS[preset]
    return min(max(facts.per_photo * photo_count, facts.fewest), facts.most)


def recommend(
    preset: Preset,
    trainer: Trainer,
    *,
    photo_count: int,
    captions_complete: bool,
    quality: Quality = Quality.NORMAL,
    trigger_word: str = "",
    class_word: str = "",
) -> tuple[Choice, ...]:
    """Return a value and its reason for every parameter of the trainer.

    `class_word` is what the person's own captions call the subject; the preset's where it is "".
    A style is no subject, so its own word stays.
    """
    facts = PRESETS[preset]
    subject = "" if preset is Preset.STYLE else class_word
    caption = default_caption(trigger_word, facts.caption_form, subject or facts.class_word)
    by_role = _values_by_role(preset, photo_count, captions_complete, quality, caption)
    return tuple(_choose(parameter, by_role) for parameter in trainer.parameters)


def _choose(parameter: Parameter, by_role: dict[str, tuple[ParameterValue, str]]) -> Choice:
    value, why = by_role.get(parameter.role, (parameter.default, parameter.why))
    if parameter.kind in {ParameterKind.WHOLE, ParameterKind.NUMBER} and not isinstance(value, str):
        wish, value = value, parameter.nearest(value)
        if value != wish:
            why = f"{why} Rounded to what this trainer takes."
    return Choice(parameter.name, parameter.checked(value), why)


def _values_by_role(
    preset: Preset,
    photo_count: int,
    captions_complete: bool,
    quality: Quality,
    caption: str,
) -> dict[str, tuple[ParameterValue, str]]:
    facts = PRESETS[preset]
    steps = recommended_steps(preset, photo_count)
    if preset is Preset.QUICK:
        why_steps = "Few steps: enough to see that everything works."
    else:
        steps = round(steps * _QUALITY_FACTOR[quality] / 10) * 10
        pace = {
            Quality.QUICK: "; then 40 percent less, for a quick training",
            Quality.NORMAL: "",
            Quality.THOROUGH: "; then 40 percent more, for a thorough training",
        }[quality]
        why_steps = (
            f"{facts.per_photo} for each of {photo_count} photos, "
            f"within {facts.fewest:,} to {facts.most:,}{pace}."
        )
    own_captions = "Every photo has your caption, so the trainer need not write any."
    its_captions = "The trainer writes a caption for each photo that has none."
    return {
        "steps": (steps, why_steps),
        "rank": (facts.rank, "Rank 16 holds one subject well; more learns noise from few photos."),
        "resolution": (
            facts.resolution,
            "Trains at several sizes, so that pictures of any size come out right."
            if "," in facts.resolution
            else "One small size: fastest.",
        ),
        "caption_dropout": (
            facts.caption_dropout,
            "Now and then a caption is left out, so that the trigger word carries the subject.",
        ),
        "batch_size": (1, "One photo a step suits small sets."),
        "optimizer": ("adamw8bit", "The usual choice; it needs little memory."),
        "autocaption": (
            not captions_complete,
            own_captions if captions_complete else its_captions,
        ),
        "lora_type": (facts.lora_type, "What the photos have in common: a subject or a style."),
        "is_style": (
            preset is Preset.STYLE,
            "A style has no subject to cut out, and needs your own captions."
            if preset is Preset.STYLE
            else "The photos share a subject, not a look.",
        ),
        "masks": (
            preset is not Preset.STYLE,
            "Of a style all of the picture counts."
            if preset is Preset.STYLE
            else "The trainer looks at the subject more than at what is behind it.",
        ),
        "default_caption": (
            caption,
            "For each photo that has no caption of yours: it must name the trigger word.",
        ),
    }
