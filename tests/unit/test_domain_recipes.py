from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.recipes import recommend, recommended_steps
from fluxlora_desktop.domain.training import (
    Parameter,
    ParameterKind,
    ParameterValue,
    Preset,
    PriceRule,
    Quality,
    Trainer,
)

_STEPS = Parameter("steps", "Steps", ParameterKind.WHOLE, 1000, "steps", 3, 1000)
_AUTO = Parameter("autocaption", "Captions", ParameterKind.FLAG, True, "autocaption")
_KIND = Parameter(
    "lora_type", "Kind", ParameterKind.CHOICE, "subject", "lora_type", choices=("subject", "style")
)
_OWN = Parameter("seed", "Seed", ParameterKind.WHOLE, 42)
_TRAINER = Trainer(
    key="t",
    title="Test trainer",
    base="flux.1-dev",
    says="",
    parameters=(_STEPS, _AUTO, _KIND, _OWN),
    price=PriceRule(
        usd_per_second=Decimal("0.001"),
        start_seconds=60,
        seconds_per_step=0.5,
        spread=0.5,
        basis="per second",
    ),
)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (Preset.FACE, (800, 800, 800, 960, 1200, 1600)),
        (Preset.OBJECT, (700, 700, 800, 960, 1200, 1500)),
        (Preset.STYLE, (1000, 1000, 1000, 1000, 1050, 1400)),
        (Preset.QUICK, (400, 400, 400, 400, 400, 400)),
    ],
)
def test_recommended_steps_are_those_of_the_formula(
    preset: Preset, expected: tuple[int, ...]
) -> None:
    assert tuple(recommended_steps(preset, n) for n in (5, 8, 10, 12, 15, 20)) == expected


def _values(preset: Preset, **changes: object) -> dict[str, ParameterValue]:
    asked: dict[str, object] = {"photo_count": 10, "captions_complete": False} | changes
    return {choice.name: choice.value for choice in recommend(preset, _TRAINER, **asked)}  # type: ignore[arg-type]  # the test passes what recommend takes


def test_recipe_chooses_every_parameter_with_a_reason() -> None:
    choices = recommend(Preset.STYLE, _TRAINER, photo_count=10, captions_complete=True)

    assert [choice.name for choice in choices] == ["steps", "autocaption", "lora_type", "seed"]
    assert [choice.value for choice in choices] == [1000, False, "style", 42]
    assert all(choice.why for choice in choices)


def test_recipe_stays_within_the_trainers_limits() -> None:
    assert _values(Preset.FACE, photo_count=20)["steps"] == 1000


def test_quality_makes_a_training_shorter_and_a_quick_test_stays() -> None:
    assert _values(Preset.OBJECT, quality=Quality.QUICK)["steps"] == 480
    assert _values(Preset.QUICK, quality=Quality.THOROUGH)["steps"] == 400


def test_trainer_writes_captions_only_when_some_are_missing() -> None:
    assert _values(Preset.FACE, captions_complete=False)["autocaption"] is True
    assert _values(Preset.FACE, captions_complete=True)["autocaption"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 2), ("steps", 1001), ("steps", "many"), ("lora_type", "face"), ("nothing", 1)],
)
def test_trainer_refuses_values_that_do_not_fit(name: str, value: ParameterValue) -> None:
    with pytest.raises(InputError) as caught:
        _TRAINER.checked({name: value})

    assert caught.value.field == name


def test_price_is_a_range_around_the_seconds_that_steps_take() -> None:
    estimate = _TRAINER.price.estimate(1000)

    assert (estimate.low_seconds, estimate.high_seconds) == (280.0, 840.0)
    assert (estimate.low_usd, estimate.high_usd) == (Decimal("0.28"), Decimal("0.84"))
    assert estimate.times(2).high_usd == (estimate + estimate).high_usd == Decimal("1.68")


_STEPPED = Parameter(
    "steps", "Steps", ParameterKind.WHOLE, 1000, "steps", low=100, high=10000, multiple=100
)
_RATE = Parameter("learning_rate", "Rate", ParameterKind.NUMBER, 0.00005, "learning_rate")
_CAPTION = Parameter("default_caption", "Caption", ParameterKind.TEXT, "", "default_caption")
_IS_STYLE = Parameter("is_style", "Style", ParameterKind.FLAG, False, "is_style")
_MASKS = Parameter("create_masks", "Masks", ParameterKind.FLAG, True, "masks")
_OTHER = replace(_TRAINER, parameters=(_STEPPED, _RATE, _CAPTION, _IS_STYLE, _MASKS))


def _others(preset: Preset, trigger_word: str = "TOK") -> dict[str, ParameterValue]:
    chosen = recommend(
        preset, _OTHER, photo_count=12, captions_complete=False, trigger_word=trigger_word
    )
    return {choice.name: choice.value for choice in chosen}


def test_steps_are_rounded_to_what_the_trainer_takes() -> None:
    assert _others(Preset.FACE)["steps"] == 1000
    with pytest.raises(InputError, match="a multiple of 100"):
        _OTHER.checked({"steps": 960})


def test_rate_is_the_trainers_own() -> None:
    assert _others(Preset.FACE)["learning_rate"] == 0.00005


@pytest.mark.parametrize(
    ("preset", "trigger", "caption"),
    [
        (Preset.FACE, "TOK", "a photo of TOK person"),
        (Preset.FACE, "TOK man", "a photo of TOK man"),
        (Preset.OBJECT, "TOK", "a photo of TOK"),
        (Preset.OBJECT, "TOK mug", "a photo of TOK mug"),
        (Preset.STYLE, "TOK", "a picture in TOK style"),
        (Preset.QUICK, "TOK {trigger}", "a photo of TOK {trigger}"),
    ],
)
def test_default_caption_is_made_of_trigger_and_class(
    preset: Preset, trigger: str, caption: str
) -> None:
    assert _others(preset, trigger)["default_caption"] == caption


def test_class_of_the_captions_comes_before_that_of_the_preset() -> None:
    def captions(preset: Preset) -> list[ParameterValue]:
        asked = {"photo_count": 12, "captions_complete": False}
        asked |= {"trigger_word": "TOK", "class_word": "woman"}
        return [choice.value for choice in recommend(preset, _OTHER, **asked)]  # type: ignore[arg-type]  # as above

    assert "a photo of TOK woman" in captions(Preset.FACE)
    assert "a picture in TOK style" in captions(Preset.STYLE)


@pytest.mark.parametrize(
    ("trainer", "chosen", "describes"),
    [
        (replace(_OTHER, parameters=(_IS_STYLE,)), {"is_style": False}, True),
        (replace(_OTHER, parameters=(_IS_STYLE,)), {"is_style": True}, False),
        (replace(_OTHER, parameters=(_AUTO,)), {}, True),
        (replace(_OTHER, parameters=(_AUTO,)), {"autocaption": False}, False),
        (replace(_OTHER, parameters=(), writes_captions=False), {}, False),
    ],
)
def test_photos_are_described_only_under_parameters_that_say_so(
    trainer: Trainer, chosen: dict[str, ParameterValue], describes: bool
) -> None:
    assert trainer.describes_photos(chosen) is describes


def test_reason_for_the_steps_says_what_was_done_to_them() -> None:
    def why(quality: Quality, photos: int) -> str:
        asked = {"photo_count": photos, "captions_complete": True, "quality": quality}
        choices = recommend(Preset.OBJECT, _OTHER, **asked)  # type: ignore[arg-type]  # as above
        return next(choice.why for choice in choices if choice.name == "steps")

    assert why(Quality.NORMAL, 10) == "80 for each of 10 photos, within 700 to 1,500."
    assert why(Quality.NORMAL, 11).endswith("Rounded to what this trainer takes.")
    assert "; then 40 percent less" in why(Quality.QUICK, 10)


def test_style_is_said_to_the_trainer_and_has_nothing_to_mask() -> None:
    style, thing = _others(Preset.STYLE), _others(Preset.OBJECT)

    assert (style["is_style"], style["create_masks"]) == (True, False)
    assert (thing["is_style"], thing["create_masks"]) == (False, True)


def test_price_by_the_step_is_exact_unless_sources_differ() -> None:
    rule = PriceRule(
        start_seconds=100,
        seconds_per_step=1,
        spread=0.5,
        basis="",
        usd_per_step=Decimal("0.0064"),
    )
    sure = rule.estimate(1000)
    few = replace(rule, fewest_steps=1500).estimate(1000)
    unsure = replace(rule, most_usd_per_step=Decimal("0.0255")).estimate(1000)

    assert (sure.low_usd, sure.high_usd) == (Decimal("6.4"), Decimal("6.4"))
    assert (sure.low_seconds, sure.high_seconds) == (550, 1650)
    assert few.low_usd == few.high_usd == Decimal("9.6")
    assert few.high_seconds == sure.high_seconds
    assert (unsure.low_usd, unsure.high_usd) == (Decimal("6.4"), Decimal("25.5"))
