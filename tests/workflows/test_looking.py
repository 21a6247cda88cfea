"""Before money is spent the service is looked at; what is gone is told with the next route."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fluxlora_desktop.domain.errors import (
    JobCancelled,
    LoraNotUsable,
    ModelWithdrawn,
    NextRoute,
    ServiceFailing,
    ServiceUnreachable,
    TokenMissing,
)
from fluxlora_desktop.domain.pictures import GeneratorModel, LoraUse, PictureRequest, PictureState
from fluxlora_desktop.workflows.events import OrderRefused
from fluxlora_desktop.workflows.orders import take_up
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from tests.workflows.conftest import Bench
from tests.workflows.fakes import FakeGenerator

ORDER = PictureRequest("replicate", "base", "a fox on grass", seed=7, count=2)
TAKES = GeneratorModel("lora", "FLUX with a LoRA", "flux.1-dev", max_loras=1)
FOX = LoraUse("l1", "Fox", "flux.1-dev", 1.0, address="https://hub/x.safetensors", private=False)


def make(bench: Bench, request: PictureRequest = ORDER):
    return make_pictures(order_pictures(request, bench.tools), request, bench.tools, bench.ctx)


@pytest.fixture
def both(bench: Bench) -> Bench:
    """Return a bench with a second generator, which has models of two bases."""
    far = GeneratorModel("far", "FLUX.2", "flux.2-dev")
    plain = GeneratorModel("plain", "Plain FLUX", "flux.1-dev")
    second = FakeGenerator(key="together", title="Together", models=(far, plain, TAKES))
    services = replace(bench.tools.services, generators=(bench.generator, second))
    bench.tools = replace(bench.tools, services=services)
    return bench


def test_service_is_looked_at_once_for_a_session_and_again_after_hours(bench: Bench) -> None:
    make(bench)
    make(bench, replace(ORDER, prompt="another fox", seed=1))
    assert len(bench.generator.looks) == 1

    bench.clock.pass_seconds(timedelta(hours=7).total_seconds())
    make(bench)
    assert len(bench.generator.looks) == 2


def test_clock_that_was_set_back_makes_no_look_last_longer(bench: Bench) -> None:
    make(bench)
    bench.clock.pass_seconds(-timedelta(days=30).total_seconds())
    make(bench)

    assert len(bench.generator.looks) == 2


def test_another_lora_is_another_look(bench: Bench) -> None:
    bench.generator.models = (TAKES,)
    order = replace(ORDER, model="lora", loras=(FOX,))
    make(bench, order)
    make(bench, replace(order, loras=(replace(FOX, scale=0.5),)))
    assert len(bench.generator.looks) == 1

    make(bench, replace(order, loras=(replace(FOX, address="https://hub/y.safetensors"),)))
    assert len(bench.generator.looks) == 2


def test_withdrawn_model_ends_the_order_unsent_and_names_the_next_route_of_its_base(
    both: Bench,
) -> None:
    both.generator.look_trouble = ModelWithdrawn("replicate", "base")
    pictures = order_pictures(ORDER, both.tools)

    with pytest.raises(ModelWithdrawn) as caught:
        make_pictures(pictures, ORDER, both.tools, both.ctx)

    assert caught.value.instead == NextRoute("together", "plain", "Together", "Plain FLUX")
    assert caught.value.routes[0] == "Together: Plain FLUX"
    assert both.generator.asked == []
    kept = both.tools.stores.pictures.page([picture.id for picture in pictures])
    assert {picture.state for picture in kept} == {PictureState.FAILED}
    assert both.tools.stores.ledger.charges() == ()


def test_route_named_instead_takes_the_loras_of_the_order(both: Bench) -> None:
    both.generator.models = (replace(TAKES, key="here"),)
    both.generator.look_trouble = LoraNotUsable("replicate", "It is not served.")

    with pytest.raises(LoraNotUsable, match="not served") as caught:
        make(both, replace(ORDER, model="here", loras=(FOX,)))

    assert caught.value.instead == NextRoute("together", "lora", "Together", "FLUX with a LoRA")


def test_nothing_is_named_where_nothing_works(bench: Bench) -> None:
    bench.generator.models = (replace(TAKES, key="here"),)
    bench.generator.look_trouble = ModelWithdrawn("replicate", "here")

    with pytest.raises(ModelWithdrawn) as caught:
        make(bench, replace(ORDER, model="here", loras=(FOX,)))

    assert (caught.value.instead, caught.value.routes) == (None, ())


@pytest.mark.parametrize(
    "trouble",
    [ServiceUnreachable("replicate", "no line"), ServiceFailing("replicate", "500")],
    ids=lambda trouble: type(trouble).__name__,
)
def test_service_that_cannot_be_asked_is_sent_nothing(bench: Bench, trouble: Exception) -> None:
    bench.generator.look_trouble = trouble
    pictures = order_pictures(ORDER, bench.tools)

    with pytest.raises(type(trouble)):
        make_pictures(pictures, ORDER, bench.tools, bench.ctx)

    assert bench.generator.asked == []
    (words,) = {p.error for p in bench.tools.stores.pictures.page([p.id for p in pictures])}
    assert words.startswith("Replicate could not be asked whether it takes this")
    assert words.endswith("nothing was charged.")
    bench.generator.look_trouble = None
    assert make(bench)[0].state is PictureState.DONE


def test_missing_token_is_told_as_that(bench: Bench) -> None:
    bench.generator.look_trouble = TokenMissing("replicate")

    with pytest.raises(TokenMissing):
        make(bench)


def test_order_stopped_during_the_look_waits_for_the_next_start(bench: Bench) -> None:
    bench.generator.look_trouble = JobCancelled()
    with pytest.raises(JobCancelled):
        make(bench)

    _queue, waiting = take_up(bench.tools)
    assert [picture.prompt for picture in waiting] == [ORDER.prompt] * 2


def test_model_withdrawn_between_two_pictures_is_told_with_the_next_route(both: Bench) -> None:
    both.generator.replies = [ModelWithdrawn("replicate", "base")]

    make(both)

    (told,) = (event.error for event in both.ctx.events if isinstance(event, OrderRefused))
    assert told.instead is not None and told.instead.generator == "together"
    make(both)
    assert len(both.generator.looks) == 2


def test_model_that_the_look_found_gone_is_not_sent(both: Bench) -> None:
    look = both.generator.look

    def gone(request, ctx):
        (first, *rest) = both.generator.models
        both.generator.models = (replace(first, available=False), *rest)
        return look(request, ctx)

    both.generator.look = gone
    with pytest.raises(ModelWithdrawn) as caught:
        make(both)

    assert caught.value.instead is not None
    assert both.generator.asked == []
