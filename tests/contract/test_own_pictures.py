"""What is special about a server at an address of one's own; the contract holds the rest."""

from __future__ import annotations

from decimal import Decimal

import pytest
from counting import PostCount
from patient_context import PatientContext

from fluxlora_desktop.backends.openai_images.pictures import OwnPictures
from fluxlora_desktop.domain.errors import (
    InputError,
    ModelWithdrawn,
    OutcomeUnknown,
    ServiceRefused,
)
from fluxlora_desktop.domain.pictures import OwnServer, PictureRequest
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.own_pictures.app import MODEL, STRICT_MODEL
from fluxlora_desktop.practice.services import PracticeServices

_PATH = "/v1/images/generations"


def own(cloud: PracticeServices, server: OwnServer) -> OwnPictures:
    token = Secret(cloud.own_pictures.token)
    return OwnPictures(server=lambda: server, token=lambda: token)


def at(cloud: PracticeServices, model: str = MODEL, *, extras: bool = True) -> OwnServer:
    return OwnServer(f"{cloud.own_pictures.url}/v1", model, extras)


def ask(model: str = MODEL) -> PictureRequest:
    return PictureRequest("own_pictures", model, "a fox", (), 256, 256, 4, seed=7)


def test_nothing_is_offered_before_address_and_model_are_given(cloud: PracticeServices) -> None:
    for server in (OwnServer(), OwnServer("", MODEL), OwnServer("http://127.0.0.1:1/v1", "")):
        generator = own(cloud, server)
        assert generator.abilities().models == generator.refresh().models == ()


def test_own_computer_costs_nothing_and_a_strange_one_is_guessed(cloud: PracticeServices) -> None:
    (free,) = own(cloud, at(cloud)).abilities().models
    (far,) = own(cloud, OwnServer("https://example.org/v1", "a/b")).abilities().models

    assert free.estimate(1024, 1024, 28).high_usd == 0
    assert far.estimate(1024, 1024, 28).low_usd > Decimal("0.01")
    assert "guess" in far.price_basis


def test_plain_order_holds_the_protocol_alone(cloud: PracticeServices, ctx: PatientContext) -> None:
    strict = own(cloud, at(cloud, STRICT_MODEL))
    with pytest.raises(ServiceRefused, match="Unknown parameter"):
        strict.generate(ask(STRICT_MODEL), ctx)

    plain = own(cloud, at(cloud, STRICT_MODEL, extras=False))
    assert plain.generate(ask(STRICT_MODEL), ctx).media_type == "image/png"


def test_model_that_is_not_listed_is_gone_until_it_is_listed_again(
    cloud: PracticeServices, ctx: PatientContext
) -> None:
    generator = own(cloud, at(cloud, "gone/model"))
    with pytest.raises(ModelWithdrawn, match="gone/model"):
        generator.look(ask("gone/model"), ctx)
    assert not generator.abilities().models[0].available

    cloud.own_pictures.next(path="/v1/models", status=200, json={"data": [{"id": "Gone/Model"}]})
    assert generator.look(ask("gone/model"), ctx).models[0].available


@pytest.mark.parametrize(
    "fault", [{"status": 404, "json": {}}, {"status": 200, "json": {"data": []}}], ids=str
)
def test_server_without_a_list_of_models_is_not_doubted(
    cloud: PracticeServices, ctx: PatientContext, fault: dict[str, object]
) -> None:
    generator = own(cloud, at(cloud, "any/model"))
    cloud.own_pictures.next(path="/v1/models", **fault)

    assert generator.look(ask("any/model"), ctx).models[0].available


def test_picture_by_address_is_read_from_the_server_itself_alone(
    cloud: PracticeServices, ctx: PatientContext
) -> None:
    server, generator = cloud.own_pictures, own(cloud, at(cloud))
    here = {"data": [{"url": f"{server.url}/made.png"}]}
    server.next(method="POST", path=_PATH, status=200, json=here)
    server.next(path="/made.png", body=b"\x89PNG\r\n\x1a\npaint")
    assert generator.generate(ask(), ctx).data.endswith(b"paint")

    far = {"data": [{"url": "https://example.org/made.png"}]}
    server.next(method="POST", path=_PATH, status=200, json=far)
    with pytest.raises(OutcomeUnknown, match="could not be fetched"):
        generator.generate(ask(), ctx)


def test_address_that_may_not_be_used_is_refused_before_anything_is_sent(
    cloud: PracticeServices, ctx: PatientContext
) -> None:
    posts = PostCount(cloud.own_pictures, _PATH)
    generator = own(cloud, OwnServer("http://example.org/v1", MODEL))

    for send in (generator.look, generator.generate):
        with pytest.raises(InputError):
            send(ask(), ctx)
    assert posts() == 0


def test_check_needs_the_key_that_the_server_asks_for(cloud: PracticeServices) -> None:
    assert own(cloud, at(cloud)).check().service == "own_pictures"
