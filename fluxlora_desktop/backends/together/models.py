"""The models that the app knows at Together, in one table; the live catalogue says which run.

Limits: docs.together.ai, inference/images/parameters (2026). Prices: FLUX.2-dev from a copy of the
pricing page of 2026-05, FLUX.1-dev-lora from the quickstart; neither is confirmed, so each says so.
The price of the others is not known: their estimates are set too high rather than too low.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from fluxlora_desktop.domain.pictures import GeneratorModel, SizeRule

_SIZE = SizeRule(low=256, high=1920, multiple=8)
_LORA_SCALE = (0.0, 2.0)
_QUICKSTART_PRICE = "Together's quickstart, per megapixel; it may have changed"
_UNKNOWN_PRICE = "The price is not known here, this is a guess: see Together's price list"

FLUX2_DEV = GeneratorModel(
    key="black-forest-labs/FLUX.2-dev",
    title="FLUX.2-dev at Together",
    base="flux.2-dev",
    max_loras=2,
    size=_SIZE,
    steps=(1, 50),
    default_steps=28,
    guidance=(0.0, 10.0),
    default_guidance=3.5,
    scale=_LORA_SCALE,
    usd_per_megapixel=Decimal("0.0154"),
    price_basis="Together's price of 2026-05, per megapixel at 28 steps; it may have changed",
)
FLUX1_DEV_LORA = GeneratorModel(
    key="black-forest-labs/FLUX.1-dev-lora",
    title="FLUX.1-dev at Together",
    base="flux.1-dev",
    max_loras=2,
    size=_SIZE,
    steps=(1, 50),
    default_steps=28,
    guidance=(0.0, 10.0),
    default_guidance=3.5,
    scale=_LORA_SCALE,
    usd_per_megapixel=Decimal("0.035"),
    price_basis=_QUICKSTART_PRICE,
    available=False,
)
FLUX1_SCHNELL = GeneratorModel(
    key="black-forest-labs/FLUX.1-schnell",
    title="FLUX.1-schnell at Together",
    base="",
    size=_SIZE,
    steps=(1, 12),
    default_steps=4,
    usd_per_megapixel=Decimal("0.01"),
    price_basis=_UNKNOWN_PRICE,
    available=False,
)
FLUX1_1_PRO = GeneratorModel(
    key="black-forest-labs/FLUX.1.1-pro",
    title="FLUX 1.1 pro at Together",
    base="",
    size=_SIZE,
    steps=(1, 50),
    default_steps=28,
    usd_per_megapixel=Decimal("0.08"),
    price_basis=_UNKNOWN_PRICE,
    available=False,
)

MODELS: tuple[GeneratorModel, ...] = (FLUX2_DEV, FLUX1_DEV_LORA, FLUX1_SCHNELL, FLUX1_1_PRO)


def with_ids(ids: Mapping[str, str]) -> tuple[GeneratorModel, ...]:
    """Return the table with other ids for the models that take LoRAs, given by their base."""
    return tuple(
        replace(model, key=ids.get(model.base) or model.key) if model.max_loras else model
        for model in MODELS
    )


def models_listed(
    names: Iterable[str], models: Iterable[GeneratorModel] = MODELS
) -> tuple[GeneratorModel, ...]:
    """Return what is offered when the catalogue lists these ids.

    A model that takes LoRAs stays, marked as not available, so that a Lora's routes can say why it
    does not work there; the others are left out.
    """
    listed = {name.casefold() for name in names}
    marked = (replace(model, available=model.key.casefold() in listed) for model in models)
    return tuple(model for model in marked if model.available or model.max_loras)
