"""The look at a service before money is spent: free, for each kind of order once in a while.

What an order needs may be gone since it was written: a model withdrawn, a trained version deleted,
a repo not served. So the service is asked before the first charge of a session, and again after
some hours. Where it cannot be asked, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from fluxlora_desktop.domain.errors import LoraNotUsable, ModelWithdrawn, NextRoute
from fluxlora_desktop.domain.pictures import GeneratorModel, PictureRequest
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.routes import Offered, check_request, next_routes
from fluxlora_desktop.workflows.tools import Kind, Tools

_GOOD_FOR = timedelta(hours=6)


def kind_of(request: PictureRequest) -> Kind:
    """Return what of an order a look is about: the generator, its model, and the weights."""
    weights = tuple(use.address or use.trained_version or use.file for use in request.loras)
    return (request.generator, request.model, weights)


def look_first(request: PictureRequest, tools: Tools, ctx: JobContext) -> GeneratorModel:
    """Return the model of an order that may be sent, after a look at the service if one is due.

    Raises like `check_request`, and `ModelWithdrawn` or `LoraNotUsable` with the next route, or
    whatever kept the service from answering; nothing has been sent then.
    """
    generator = tools.services.generator(request.generator)
    with naming_routes(request, tools):
        check_request(request, generator.abilities())
        kind, now = kind_of(request), tools.clock.now()
        if not is_fresh(tools.looked.at(kind), now):
            told = generator.look(request, ctx).model(request.model)
            if told is None or not told.available:
                raise ModelWithdrawn(generator.key, told.title if told else request.model)
            tools.looked.note(kind, now)
        return check_request(request, generator.abilities())


def is_fresh(looked: datetime | None, now: datetime) -> bool:
    """Tell whether a look still counts; one that seems to lie ahead does not."""
    return looked is not None and timedelta(0) <= now - looked < _GOOD_FOR


@contextmanager
def naming_routes(request: PictureRequest, tools: Tools) -> Iterator[None]:
    """Let the refusals of an order name what works instead."""
    try:
        yield
    except (ModelWithdrawn, LoraNotUsable) as error:
        raise with_routes(error, request, tools) from error


def with_routes(
    error: ModelWithdrawn | LoraNotUsable, request: PictureRequest, tools: Tools
) -> ModelWithdrawn | LoraNotUsable:
    """Return the same refusal with what works instead; nothing of the order is fresh any more."""
    tools.looked.forget(kind_of(request))
    found = next_routes(request, _base_of(request, tools), offered(tools))
    words = tuple(f"{route.generator_title}: {route.model_title}" for route in found)
    instead: NextRoute | None = next(iter(found), None)
    if isinstance(error, ModelWithdrawn):
        return ModelWithdrawn(error.service, error.model, words, instead)
    return LoraNotUsable(error.generator, error.reason, words, instead)


def offered(tools: Tools) -> Offered:
    """Return what every generator is known to offer."""
    return [(it.key, it.title, it.abilities()) for it in tools.services.generators]


def _base_of(request: PictureRequest, tools: Tools) -> str:
    for use in request.loras:
        return use.base
    model = tools.services.generator(request.generator).abilities().model(request.model)
    return model.base if model else ""
