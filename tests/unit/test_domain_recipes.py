from __future__ import annotations

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
    price=PriceRule(Decimal("0.001"), 60, 0.5, 0.5, "per second"),
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
