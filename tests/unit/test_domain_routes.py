from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fluxlora_desktop.domain.errors import InputError, LoraNotUsable
from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.pictures import (
    GeneratorAbilities,
    GeneratorModel,
    LoraUse,
    PictureRequest,
)
from fluxlora_desktop.domain.routes import check_request, refusal, routes_for, use_of
from fluxlora_desktop.domain.training import Visibility

_MODEL = GeneratorModel("flux", "Flux with LoRA", "flux.1-dev", max_loras=1)
_TRAINED = GeneratorModel(
    "own", "The trained model", "flux.1-dev", needs_lora=True, needs_trained_version=True
)
_PLAIN = GeneratorModel("plain", "Plain", "")
_USE = LoraUse("l", "Fox", "flux.1-dev", 1.0, address="https://hub/x", private=False)
_ABILITIES = GeneratorAbilities((_MODEL, _TRAINED, _PLAIN))


@pytest.mark.parametrize(
    ("model", "use", "says"),
    [
        (_MODEL, {}, ""),
        (_MODEL, {"base": "flux.2-dev"}, "is for FLUX.2-dev"),
        (_MODEL, {"base": ""}, "an unknown base"),
        (_MODEL, {"address": ""}, "not published"),
        (_MODEL, {"private": True}, "private"),
        (replace(_MODEL, private_works=True), {"private": True}, ""),
        (replace(_MODEL, available=False), {}, "not served"),
        (_PLAIN, {}, "takes no LoRA"),
        (_TRAINED, {}, "not trained there"),
        (_TRAINED, {"trained_version": "a/b:c", "trained_at": "elsewhere"}, "not trained there"),
        (_TRAINED, {"trained_version": "a/b:c", "trained_at": "here", "address": ""}, ""),
    ],
)
def test_lora_is_refused_with_the_reason(
    model: GeneratorModel, use: dict[str, Any], says: str
) -> None:
    reason = refusal("here", model, replace(_USE, **use))

    assert (says in reason) if says else reason == ""


def test_routes_name_every_model_that_takes_loras() -> None:
    routes = routes_for(_USE, [("here", "Here", _ABILITIES)])

    assert [(route.model, route.works) for route in routes] == [("flux", True), ("own", False)]
    assert all(route.works is not bool(route.reason) for route in routes)


def test_fitting_request_gives_its_model() -> None:
    assert check_request(PictureRequest("here", "flux", "a fox", (_USE,)), _ABILITIES) is _MODEL
    assert check_request(PictureRequest("here", "plain", "a fox"), _ABILITIES) is _PLAIN


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "gone"}, "model"),
        ({"prompt": " \n"}, "prompt"),
        ({"model": "own", "loras": ()}, "lora"),
        ({"loras": (_USE, _USE)}, "lora"),
        ({"loras": (replace(_USE, scale=2.1),)}, "scale"),
        ({"loras": (replace(_USE, scale=float("nan")),)}, "scale"),
        ({"width": 255}, "width"),
        ({"width": 1000}, "width"),
        ({"height": 1456}, "height"),
        ({"steps": 0}, "steps"),
        ({"steps": 51}, "steps"),
        ({"guidance": 10.5}, "guidance"),
    ],
)
def test_request_out_of_range_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    fitting = PictureRequest("here", "flux", "a fox", (_USE,))

    with pytest.raises(InputError) as caught:
        check_request(replace(fitting, **changes), _ABILITIES)

    assert caught.value.field == field


def test_lora_of_another_base_is_refused_with_the_routes_that_work() -> None:
    request = PictureRequest("here", "flux", "a fox", (replace(_USE, base="flux.2-dev"),))

    with pytest.raises(LoraNotUsable) as caught:
        check_request(request, _ABILITIES, working_routes=("fal",))

    assert caught.value.routes == ("fal",)


@pytest.mark.parametrize("visibility", Visibility)
def test_use_of_a_lora_follows_its_publication(visibility: Visibility) -> None:
    now = datetime.now(UTC)
    lora = Lora("l", "Fox", "flux.1-dev", "F0X", "", "", 1, 16, now, recommended_scale=0.9)
    publication = Publication(
        "l", "hub", "a/b", "", visibility, PublicationStatus.VERIFIED, "", "", "https://x", now
    )

    use = use_of(replace(lora, publication=publication), 1.2)

    assert (use.address, use.private) == ("https://x", visibility is Visibility.PRIVATE)
    assert (use.scale, use_of(lora).scale) == (1.2, 0.9)
    assert (use_of(lora).address, use_of(lora).private) == ("", True)
