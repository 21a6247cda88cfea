"""The card, licence and notice of a published Lora."""

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from fluxlora_desktop.backends.huggingface.card import (
    render_card,
    render_licence,
    render_notice,
    run_mark_comment,
)
from fluxlora_desktop.domain.bases import (
    BASES,
    FLUX1_DEV,
    FLUX2_DEV,
    FLUX2_KLEIN_4B,
    FLUX2_KLEIN_9B,
    BaseModel,
)
from fluxlora_desktop.domain.loras import CardFacts
from fluxlora_desktop.domain.pictures import CardPicture

PICTURES = (
    CardPicture(Path("a.png"), 'GLZFOX: on "a beach"\nat night'),
    CardPicture(Path("b.JPG"), "- a list? | no"),
)


def facts(base: BaseModel = FLUX1_DEV, **changes: object) -> CardFacts:
    values: dict[str, object] = {
        "title": "Glazed fox",
        "base": base,
        "trigger_word": "GLZFOX",
        "recommended_scale": 0.9,
        "parameters": (("Steps", "1000 | odd"),),
        "photo_count": 16,
        "rights_confirmed": True,
    }
    return CardFacts(**{**values, **changes})  # type: ignore[arg-type] # values of every field's type


def test_card_front_matter_keeps_prompts_whole_when_they_hold_yaml_signs() -> None:
    card = ModelCard(render_card(facts(), PICTURES, "run-1", repo="p/fox"))

    assert [entry["text"] for entry in card.data.widget] == [one.prompt for one in PICTURES]
    assert [entry["output"]["url"] for entry in card.data.widget] == [
        "images/1.png",
        "images/2.jpg",
    ]


def test_card_front_matter_holds_what_providers_look_for() -> None:
    data = ModelCard(render_card(facts(), (), "run-1", repo="p/fox")).data.to_dict()

    assert data["base_model"] == "black-forest-labs/FLUX.1-dev"
    assert data["base_model_relation"] == "adapter"
    assert {"lora", "text-to-image", "template:sd-lora"} <= set(data["tags"])
    assert data["pipeline_tag"] == "text-to-image"
    assert data["instance_prompt"] == "GLZFOX"
    assert data["license"] == "other"
    assert data["license_name"] == "flux-1-dev-non-commercial-license"
    assert "widget" not in data


def test_card_body_tells_how_to_use_it_and_whose_it_is() -> None:
    text = render_card(facts(), PICTURES, "run-1", repo="p/fox")

    assert "<Gallery />" in text
    assert "`GLZFOX`" in text
    assert 'pipe.load_lora_weights("p/fox", weight_name="lora.safetensors"' in text
    assert "Recommended strength: 0.9" in text
    assert "| Steps | 1000 \\| odd |" in text
    assert run_mark_comment("run-1") in text


def test_card_does_not_claim_rights_that_nobody_confirmed() -> None:
    text = render_card(facts(rights_confirmed=False), (), "run-1", repo="p/fox")

    assert "stated that" not in text


@pytest.mark.parametrize("base", [FLUX1_DEV, FLUX2_DEV, FLUX2_KLEIN_9B], ids=lambda base: base.key)
def test_licence_and_notice_hold_what_the_base_model_asks_for(base: BaseModel) -> None:
    assert base.licence_link in render_licence(base)
    assert "directly granted by Black Forest Labs Inc." in render_licence(base)
    assert render_notice(base).startswith(base.notice)
    assert "contains modifications" in render_notice(base)


def test_a_lora_of_an_open_base_is_not_given_a_non_commercial_licence() -> None:
    base = FLUX2_KLEIN_4B
    card = render_card(facts(base), PICTURES, "run-1", repo="p/fox")
    data = ModelCard(card).data.to_dict()
    texts = card + render_licence(base) + render_notice(base)

    assert data["license"] == "apache-2.0"
    assert "license_name" not in data and "license_link" not in data
    assert data["base_model"] == "black-forest-labs/FLUX.2-klein-4B"
    assert "Apache" in render_notice(base) and "contains modifications" in render_notice(base)
    assert base.licence_link in render_licence(base)
    assert "non-commercial" not in texts.casefold()
    assert "granted by Black Forest Labs" not in texts


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.key)
def test_card_loads_the_pipeline_of_its_base(base: BaseModel) -> None:
    text = render_card(facts(base), PICTURES, "run-1", repo="p/fox")

    assert f'pipe = {base.pipeline}.from_pretrained("{base.hub_id}"' in text
