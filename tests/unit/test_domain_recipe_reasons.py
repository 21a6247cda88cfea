"""Every value of a recipe comes with its reason, in exactly these words."""

from __future__ import annotations

import pytest

from fluxlora_desktop.domain.recipes import PRESETS, recommend
from fluxlora_desktop.domain.training import (
    Choice,
    Parameter,
    ParameterKind,
    ParameterValue,
    Preset,
    PriceRule,
    Quality,
    Trainer,
)

_DEFAULTS: dict[str, ParameterValue] = {
    **{"steps": 1, "rank": 1, "resolution": "", "caption_dropout": 0.5, "batch_size": 4},
    **{"optimizer": "", "autocaption": True, "lora_type": "", "is_style": True, "masks": True},
    **{"default_caption": ""},
}
_KINDS = {int: ParameterKind.WHOLE, float: ParameterKind.NUMBER, str: ParameterKind.TEXT}
_RULE = PriceRule(start_seconds=0, seconds_per_step=1, spread=0, basis="")
TRAINER = Trainer(
    key="t",
    title="The trainer",
    base="flux.1-dev",
    says="",
    parameters=(
        *(
            Parameter(f"its_{role}", "", _KINDS.get(type(value), ParameterKind.FLAG), value, role)
            for role, value in _DEFAULTS.items()
        ),
        Parameter("seed", "", ParameterKind.WHOLE, 7),
    ),
    price=_RULE,
)

SIZES = "Trains at several sizes, so that pictures of any size come out right."
SUBJECT = {
    "rank": (16, "Rank 16 holds one subject well; more learns noise from few photos."),
    "resolution": ("512,768,1024", SIZES),
    "caption_dropout": (
        0.05,
        "Now and then a caption is left out, so that the trigger word carries the subject.",
    ),
    "batch_size": (1, "One photo a step suits small sets."),
    "optimizer": ("adamw8bit", "The usual choice; it needs little memory."),
    "autocaption": (True, "The trainer writes a caption for each photo that has none."),
    "lora_type": ("subject", "What the photos have in common: a subject or a style."),
    "is_style": (False, "The photos share a subject, not a look."),
    "masks": (True, "The trainer looks at the subject more than at what is behind it."),
}
WHY_CAPTION = "For each photo that has no caption of yours: it must name the trigger word."
STYLE = SUBJECT | {
    "resolution": ("768,1024", SIZES),
    "caption_dropout": (0.1, SUBJECT["caption_dropout"][1]),
    "lora_type": ("style", SUBJECT["lora_type"][1]),
    "is_style": (True, "A style has no subject to cut out, and needs your own captions."),
    "masks": (False, "Of a style all of the picture counts."),
}
QUICK = SUBJECT | {"resolution": ("512", "One small size: fastest.")}


def chosen(preset: Preset, **more: object) -> dict[str, tuple[ParameterValue, str]]:
    asked = {"photo_count": 12, "captions_complete": False, "trigger_word": "TOK"} | more
    found = recommend(preset, TRAINER, **asked)  # type: ignore[arg-type]  # plain values
    assert all(isinstance(choice, Choice) for choice in found)
    return {choice.name.removeprefix("its_"): (choice.value, choice.why) for choice in found}


@pytest.mark.parametrize(
    ("preset", "rest", "steps", "caption"),
    [
        (
            *(Preset.FACE, SUBJECT),
            (960, "80 for each of 12 photos, within 800 to 1,800."),
            "a photo of TOK person",
        ),
        (
            *(Preset.OBJECT, SUBJECT),
            (960, "80 for each of 12 photos, within 700 to 1,500."),
            "a photo of TOK",
        ),
        (
            *(Preset.STYLE, STYLE),
            (1000, "70 for each of 12 photos, within 1,000 to 2,000."),
            "a picture in TOK style",
        ),
        (
            *(Preset.QUICK, QUICK),
            (400, "Few steps: enough to see that everything works."),
            "a photo of TOK",
        ),
    ],
)
def test_each_preset_chooses_these_values_for_these_reasons(
    preset: Preset,
    rest: dict[str, tuple[ParameterValue, str]],
    steps: tuple[int, str],
    caption: str,
) -> None:
    assert chosen(preset) == rest | {
        "steps": steps,
        "default_caption": (caption, WHY_CAPTION),
        "seed": (7, "The trainer's own default."),
    }


@pytest.mark.parametrize(
    ("quality", "steps"),
    [
        (
            Quality.QUICK,
            (
                580,
                "80 for each of 12 photos, within 700 to 1,500; then 40 percent less, for a "
                "quick training.",
            ),
        ),
        (
            Quality.THOROUGH,
            (
                1340,
                "80 for each of 12 photos, within 700 to 1,500; then 40 percent more, for a "
                "thorough training.",
            ),
        ),
    ],
)
def test_quality_takes_off_or_adds_steps_and_says_so(
    quality: Quality, steps: tuple[int, str]
) -> None:
    assert chosen(Preset.OBJECT, quality=quality)["steps"] == steps
    assert chosen(Preset.QUICK, quality=quality)["steps"][0] == 400


def test_trainer_writes_no_captions_where_every_photo_has_one() -> None:
    assert chosen(Preset.OBJECT, captions_complete=True)["autocaption"] == (
        False,
        "Every photo has your caption, so the trainer need not write any.",
    )


def test_class_word_of_the_captions_stands_in_for_a_photo_without_one_but_not_for_a_style() -> None:
    assert chosen(Preset.OBJECT, class_word="mug")["default_caption"][0] == "a photo of TOK mug"
    assert chosen(Preset.FACE, class_word="man")["default_caption"][0] == "a photo of TOK man"
    style = chosen(Preset.STYLE, class_word="mug")["default_caption"][0]
    assert style == "a picture in TOK style"


def test_value_that_the_trainer_does_not_take_is_rounded_and_that_is_said() -> None:
    steps = Parameter("steps", "", ParameterKind.WHOLE, 100, "steps", low=100, high=900)
    trainer = Trainer("t", "", "flux.1-dev", "", (steps,), _RULE)
    (choice,) = recommend(Preset.FACE, trainer, photo_count=12, captions_complete=True)
    assert (choice.value, choice.why) == (
        900,
        "80 for each of 12 photos, within 800 to 1,800. Rounded to what this trainer takes.",
    )


def test_trigger_word_is_empty_unless_it_is_given() -> None:
    found = recommend(Preset.OBJECT, TRAINER, photo_count=12, captions_complete=True)
    caption = next(choice.value for choice in found if choice.name == "its_default_caption")
    assert caption == "a photo of "
    assert PRESETS[Preset.OBJECT].class_word == ""
