"""Where a Lora can be used, said before anything is sent.

A Lora is never sent to a model of another base. Everything here follows from data: the Lora's
base and addresses, and what each generator says that it can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.errors import (
    EngineAbsent,
    InputError,
    LoraNotUsable,
    NextRoute,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import (
    GeneratorAbilities,
    GeneratorModel,
    LoraUse,
    PictureRequest,
)
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token


class Remedy(StrEnum):
    """What a person can do so that a Lora works somewhere; NONE when nothing of theirs helps."""

    NONE = ""
    PUBLISH = "publish"
    MAKE_PUBLIC = "make_public"
    SET_UP = "set_up"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model cannot be used, in words, and what helps; `lora_id` is whom the remedy is for."""

    words: str
    remedy: Remedy = Remedy.NONE
    lora_id: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One answer to "can this Lora be used there": a generator's model, yes or no, and why.

    `fits` tells whether the model runs the Lora's base today, so that only publishing is missing,
    `remedy` what makes it work, `private_works` whether the Lora's repo may be private,
    `takes_files` that it need not be published at all.
    """

    generator: str
    generator_title: str
    model: str
    model_title: str
    works: bool
    reason: str
    fits: bool = True
    remedy: Remedy = Remedy.NONE
    private_works: bool = False
    takes_files: bool = False


def use_of(lora: Lora, scale: float | None = None) -> LoraUse:
    """Return the Lora as generators see it."""
    published = lora.publication
    return LoraUse(
        lora_id=lora.id,
        name=lora.name,
        base=lora.base,
        scale=lora.recommended_scale if scale is None else scale,
        trigger_word=lora.trigger_word,
        trained_version=lora.output_version,
        trained_at=lora.output_service,
        address=published.address if published else "",
        private=not (published and published.public),
        tensor_hash=lora.tensor_hash,
        file=lora.file,
    )


def refusal(generator: str, model: GeneratorModel, use: LoraUse) -> str:
    """Return why a model cannot use a Lora, in words; empty when it can."""
    against = refused(generator, model, use)
    return against.words if against else ""


def refused(generator: str, model: GeneratorModel, use: LoraUse) -> Refusal | None:
    """Return what keeps a model from using a Lora, or None."""
    if model.base == use.base and model.lacks:
        return _lacking(model)
    if not model.available:
        return Refusal(f"{model.title} is not served at present.")
    if model.max_loras == 0 and not model.needs_trained_version:
        return Refusal(f"{model.title} takes no LoRA.")
    if use.base != model.base:
        return Refusal(
            f"{use.name} is for {title_of(use.base)}; "
            f"{model.title} takes those for {title_of(model.base)}."
        )
    if model.needs_trained_version:
        if use.trained_version and use.trained_at == generator:
            return None
        return Refusal(f"{use.name} was not trained there, so it has no model there.")
    if model.takes_files:
        return None if use.file else Refusal(f"The file of {use.name} is not on this computer.")
    if not use.address:
        return Refusal(f"{use.name} is not published yet.", Remedy.PUBLISH, use.lora_id)
    if use.private and not model.private_works:
        words = f"{use.name} is private, and {model.title} can only read public repos."
        return Refusal(words, Remedy.MAKE_PUBLIC, use.lora_id)
    return None


def refused_for(generator: str, model: GeneratorModel, loras: Sequence[LoraUse]) -> Refusal | None:
    """Return what keeps a model from using these Loras together, or none at all, or None."""
    if not loras:
        if model.needs_lora or model.needs_trained_version:
            return Refusal(f"{model.title} needs a LoRA.")
        if model.lacks:
            return _lacking(model)
        return None if model.available else Refusal(f"{model.title} is not served at present.")
    for use in loras:
        if against := refused(generator, model, use):
            return against
    limit = most_loras(model)
    return Refusal(f"{model.title} takes at most {limit}.") if len(loras) > limit else None


def _lacking(model: GeneratorModel) -> Refusal:
    return Refusal(model.lacks, Remedy.SET_UP)


def most_loras(model: GeneratorModel) -> int:
    """Return how many Loras a model takes; a trained version is one itself."""
    return 1 if model.needs_trained_version else model.max_loras


Offered = Iterable[tuple[str, str, GeneratorAbilities]]
"""Generators as (key, title, abilities)."""


def routes_for(use: LoraUse, generators: Offered) -> tuple[Route, ...]:
    """Return every generator's answer for a Lora."""
    answers: list[Route] = []
    for key, title, abilities in generators:
        for model in abilities.models:
            if model.max_loras == 0 and not model.needs_trained_version:
                continue
            against = refused(key, model, use)
            answers.append(
                Route(
                    key,
                    title,
                    model.key,
                    model.title,
                    works=against is None,
                    reason=against.words if against else "",
                    fits=model.available and model.base == use.base,
                    remedy=against.remedy if against else Remedy.NONE,
                    private_works=model.private_works,
                    takes_files=model.takes_files,
                )
            )
    return tuple(answers)


def next_routes(request: PictureRequest, base: str, generators: Offered) -> tuple[NextRoute, ...]:
    """Return every other model that can make an order, those of its base first.

    Without a Lora any model can; another one of the same base is nearer to what was ordered.
    """
    found: list[tuple[bool, NextRoute]] = []
    for key, title, abilities in generators:
        for model in abilities.models:
            same = (key, model.key) == (request.generator, request.model)
            if not same and refused_for(key, model, request.loras) is None:
                found.append((model.base != base, NextRoute(key, model.key, title, model.title)))
    return tuple(route for _other_base, route in sorted(found, key=lambda entry: entry[0]))


def check_request(
    request: PictureRequest,
    abilities: GeneratorAbilities,
    *,
    working_routes: tuple[str, ...] = (),
    instead: NextRoute | None = None,
) -> GeneratorModel:
    """Return the model of a request that may be sent.

    Raises `LoraNotUsable` for a Lora that does not fit, `InputError` for values out of range,
    `EngineAbsent` where this computer lacks something; nothing has been sent then.
    """
    model = _model_in(abilities, request.model)
    if not request.prompt.strip():
        raise InputError("prompt", "Write what the picture shall show.")
    if holds_token(request.prompt):
        raise InputError("prompt", NOT_A_TOKEN_FIELD)
    if model.needs_lora and not request.loras:
        raise InputError("lora", f"{model.title} needs a LoRA")
    limit = most_loras(model)
    for use in request.loras:
        reason = refusal(request.generator, model, use)
        if reason:
            raise LoraNotUsable(request.generator, reason, working_routes, instead)
        if not model.scale[0] <= use.scale <= model.scale[1]:
            raise InputError("scale", f"from {model.scale[0]:g} to {model.scale[1]:g}")
    if len(request.loras) > limit:
        raise InputError("lora", f"{model.title} takes at most {limit}")
    for field, side in (("width", request.width), ("height", request.height)):
        rule = model.size
        if not rule.low <= side <= rule.high or side % rule.multiple:
            raise InputError(
                field, f"{rule.low} to {rule.high} pixels, in multiples of {rule.multiple}"
            )
    if not model.steps[0] <= request.steps <= model.steps[1]:
        raise InputError("steps", f"from {model.steps[0]} to {model.steps[1]}")
    if not model.guidance[0] <= request.guidance <= model.guidance[1]:
        raise InputError("guidance", f"from {model.guidance[0]:g} to {model.guidance[1]:g}")
    return model


def _model_in(abilities: GeneratorAbilities, key: str) -> GeneratorModel:
    model = abilities.model(key)
    if model is None:
        raise InputError("model", f"{key} is not offered at present")
    if model.lacks:
        raise EngineAbsent(model.lacks)
    return model
