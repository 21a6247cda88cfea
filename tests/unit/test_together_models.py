"""Together's models: the ids that a person gave stand in for the app's own."""

from __future__ import annotations

from fluxlora_desktop.backends.registry import MODEL_CHOICES, build_services
from fluxlora_desktop.backends.together.models import models_listed, with_ids

OWN = {base: model for service, base, model in MODEL_CHOICES if service == "together"}


def test_given_id_is_asked_for_in_place_of_the_apps_own():
    services = build_services(
        addresses={}, secret_for=lambda _key: None, model_ids={"flux.2-dev": "me/own-FLUX.2-dev"}
    )

    abilities = services.generator("together").abilities()

    assert abilities.model("me/own-FLUX.2-dev").base == "flux.2-dev"
    assert abilities.model(OWN["flux.2-dev"]) is None
    assert abilities.model(OWN["flux.1-dev"]) is not None


def test_empty_id_means_the_apps_own():
    assert [model.key for model in with_ids({"flux.2-dev": ""})] == [
        model.key for model in with_ids({})
    ]


def test_catalogue_decides_over_a_given_id_too():
    models = with_ids({"flux.2-dev": "me/own-FLUX.2-dev"})

    listed = {model.key: model.available for model in models_listed(["me/own-flux.2-DEV"], models)}

    assert listed == {"me/own-FLUX.2-dev": True, OWN["flux.1-dev"]: False}
