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
from fluxlora_desktop.domain.routes import Route, check_request, refusal, routes_for, use_of
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD
from fluxlora_desktop.domain.training import Visibility

_MODEL = GeneratorModel("flux", "Flux with LoRA", "flux.1-dev", max_loras=1)
_TRAINED = GeneratorModel(
    "own", "The trained model", "flux.1-dev", needs_lora=True, needs_trained_version=True
)
_PLAIN = GeneratorModel("plain", "Plain", "")
_USE = LoraUse("l", "Fox", "flux.1-dev", 1.0, address="https://hub/x", private=False)
_SIZES = "256 to 1440 pixels, in multiples of 16"
_ABILITIES = GeneratorAbilities((_MODEL, _TRAINED, _PLAIN))


@pytest.mark.parametrize(
    ("model", "use", "says"),
    [
        (_MODEL, {}, ""),
        (
            _MODEL,
            {"base": "flux.2-dev"},
            "Fox is for FLUX.2-dev; Flux with LoRA takes those for FLUX.1-dev.",
        ),
        (
            _MODEL,
            {"base": ""},
            "Fox is for an unknown base; Flux with LoRA takes those for FLUX.1-dev.",
        ),
        (_MODEL, {"address": ""}, "Fox is not published yet."),
        (
            _MODEL,
            {"private": True},
            "Fox is private, and Flux with LoRA can only read public repos.",
        ),
        (replace(_MODEL, private_works=True), {"private": True}, ""),
        (replace(_MODEL, available=False), {}, "Flux with LoRA is not served at present."),
        (_PLAIN, {}, "Plain takes no LoRA."),
        (_TRAINED, {}, "Fox was not trained there, so it has no model there."),
        (
            _TRAINED,
            {"trained_version": "a/b:c", "trained_at": "elsewhere"},
            "Fox was not trained there, so it has no model there.",
        ),
        (_TRAINED, {"trained_version": "a/b:c", "trained_at": "here", "address": ""}, ""),
    ],
)
def test_lora_is_refused_with_the_reason(
    model: GeneratorModel, use: dict[str, Any], says: str
) -> None:
    assert refusal("here", model, replace(_USE, **use)) == says


def test_routes_name_every_model_that_takes_loras() -> None:
    gone = replace(_MODEL, key="gone", title="Gone", available=False)
    far = replace(_MODEL, key="far", title="Far", base="flux.2-dev")
    abilities = GeneratorAbilities((*_ABILITIES.models, gone, far))

    assert routes_for(_USE, [("here", "Here", abilities)]) == (
        Route("here", "Here", "flux", "Flux with LoRA", True, "", True),
        Route(
            *("here", "Here", "own", "The trained model", False),
            *("Fox was not trained there, so it has no model there.", True),
        ),
        Route("here", "Here", "gone", "Gone", False, "Gone is not served at present.", False),
        Route(
            *("here", "Here", "far", "Far", False),
            *("Fox is for FLUX.1-dev; Far takes those for FLUX.2-dev.", False),
        ),
    )


def test_fitting_request_gives_its_model() -> None:
    assert check_request(PictureRequest("here", "flux", "a fox", (_USE,)), _ABILITIES) is _MODEL
    assert check_request(PictureRequest("here", "plain", "a fox"), _ABILITIES) is _PLAIN


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"model": "gone"}, "model", "gone is not offered at present"),
        ({"prompt": " \n"}, "prompt", "Write what the picture shall show."),
        ({"prompt": "hf_" + "A" * 34}, "prompt", NOT_A_TOKEN_FIELD),
        ({"model": "own", "loras": ()}, "lora", "The trained model needs a LoRA"),
        ({"loras": (_USE, _USE)}, "lora", "Flux with LoRA takes at most 1"),
        ({"loras": (replace(_USE, scale=2.1),)}, "scale", "from 0 to 2"),
        ({"loras": (replace(_USE, scale=-0.1),)}, "scale", "from 0 to 2"),
        ({"loras": (replace(_USE, scale=float("nan")),)}, "scale", "from 0 to 2"),
        ({"width": 255}, "width", _SIZES),
        ({"width": 1000}, "width", _SIZES),
        ({"height": 1456}, "height", _SIZES),
        ({"steps": 0}, "steps", "from 1 to 50"),
        ({"steps": 51}, "steps", "from 1 to 50"),
        ({"guidance": -0.1}, "guidance", "from 0 to 10"),
        ({"guidance": 10.5}, "guidance", "from 0 to 10"),
    ],
)
def test_request_out_of_range_is_refused_by_field(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    fitting = PictureRequest("here", "flux", "a fox", (_USE,))

    with pytest.raises(InputError) as caught:
        check_request(replace(fitting, **changes), _ABILITIES)

    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 256, "height": 1440},
        {"steps": 1},
        {"steps": 50},
        {"guidance": 0.0},
        {"guidance": 10.0},
        {"loras": (replace(_USE, scale=0.0),)},
        {"loras": (replace(_USE, scale=2.0),)},
    ],
)
def test_request_at_the_edge_of_a_range_may_be_sent(changes: dict[str, Any]) -> None:
    fitting = PictureRequest("here", "flux", "a fox", (_USE,))
    assert check_request(replace(fitting, **changes), _ABILITIES) is _MODEL


def test_lora_of_another_base_is_refused_with_the_routes_that_work() -> None:
    request = PictureRequest("here", "flux", "a fox", (replace(_USE, base="flux.2-dev"),))

    with pytest.raises(LoraNotUsable) as caught:
        check_request(request, _ABILITIES, working_routes=("fal",))

    assert caught.value.routes == ("fal",)
    assert caught.value.generator == "here"
    assert "Fox is for FLUX.2-dev" in caught.value.detail


@pytest.mark.parametrize("visibility", Visibility)
def test_use_of_a_lora_follows_its_publication(visibility: Visibility) -> None:
    now = datetime.now(UTC)
    lora = Lora(
        *("l", "Fox", "flux.1-dev", "F0X", "", "t" * 64, 1, 16, now),
        recommended_scale=0.9,
        output_version="tester/fox:1",
        output_service="replicate",
    )
    publication = Publication(
        "l", "hub", "a/b", "", visibility, PublicationStatus.VERIFIED, "", "", "https://x", now
    )

    use = use_of(replace(lora, publication=publication), 1.2)

    assert use == LoraUse(
        lora_id="l",
        name="Fox",
        base="flux.1-dev",
        scale=1.2,
        trigger_word="F0X",
        trained_version="tester/fox:1",
        trained_at="replicate",
        address="https://x",
        private=visibility is Visibility.PRIVATE,
        tensor_hash="t" * 64,
        file="loras/l/lora.safetensors",
    )
    assert (use.scale, use_of(lora).scale) == (1.2, 0.9)
    assert (use_of(lora).address, use_of(lora).private) == ("", True)
