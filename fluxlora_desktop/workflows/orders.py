"""The queue of pictures: orders are placed, taken up after a restart, made, paused and stopped.

An order's row is what the person sees of the queue; whether a picture is sent is decided by the
picture's own row and its journal, so a queue that is lost or out of date sends nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from fluxlora_desktop.domain.money import NOTHING, Estimate
from fluxlora_desktop.domain.orders import (
    NOTHING_YET,
    TOO_OLD,
    OrderProgress,
    PictureOrder,
    Queue,
    title_for,
)
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState
from fluxlora_desktop.domain.ports import ImageGenerator, JobContext
from fluxlora_desktop.domain.prompts import Spread, escaped
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.workflows.events import PictureChanged
from fluxlora_desktop.workflows.pictures import (
    make_each,
    order_pictures,
    request_of,
    template_of,
)
from fluxlora_desktop.workflows.tools import Tools

_SERVICE_GONE = "The service that it was for is not set up any more. Nothing was charged."
_LORA_GONE = "Its LoRA is no longer in the library. Nothing was charged."


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was placed, and its pictures, which wait."""

    order: PictureOrder
    pictures: tuple[Picture, ...]


def place_order(request: PictureRequest, tools: Tools, agreed: Agreement | None = None) -> Placed:
    """Check an order, write its pictures down, put it at the end of the queue; nothing is sent.

    Its prompt goes into the history. Raises `InputError`, `LoraNotUsable` and `LimitReached`.
    """
    pictures = order_pictures(request, tools, agreed)
    price = _price_of(pictures, tools)
    written = request.prompt if request.spread is not Spread.LITERAL else escaped(request.prompt)
    order = tools.stores.orders.add(_order(pictures, request.prompt, price))
    tools.stores.prompts.use(written)
    return Placed(order, pictures)


def _order(pictures: tuple[Picture, ...], prompt: str, price: Estimate) -> PictureOrder:
    first = pictures[0]
    return PictureOrder(
        id=first.order_id,
        title=title_for(prompt),
        generator=first.generator,
        prompt=prompt,
        count=len(pictures),
        created_at=first.created_at,
        since=first.created_at,
        low_usd=price.low_usd,
        high_usd=price.high_usd,
    )


def _price_of(pictures: Iterable[Picture], tools: Tools) -> Estimate:
    """Return what pictures cost together; one of a model that is not offered counts nothing."""
    total = Estimate(NOTHING, NOTHING)
    for picture in pictures:
        generator = _generator(picture, tools)
        model = generator.abilities().model(picture.model) if generator else None
        if model is not None:
            total += model.estimate(picture.width, picture.height, picture.steps)
    return total


def _generator(picture: Picture, tools: Tools) -> ImageGenerator | None:
    generators = tools.services.generators
    return next((made for made in generators if made.key == picture.generator), None)


@dataclass(frozen=True, slots=True)
class Settled:
    """The queue as it stands, and the orders that are over since the last look."""

    queue: Queue
    over: tuple[tuple[PictureOrder, OrderProgress], ...] = ()


def _never(_order_id: str) -> bool:
    return False


def settle_queue(tools: Tools, is_made: Callable[[str], bool] = _never) -> Settled:
    """Take the orders out of the queue whose pictures have all ended; return what is left.

    So is one of which nothing waits and which nobody makes, as `is_made` says: the next start
    settles the picture that it was broken off with.
    """
    store = tools.stores.orders
    orders = store.all()
    made = {order.id for order in orders if is_made(order.id)}
    progress = store.progress([order.id for order in orders])
    left, over = [], []
    for order in orders:
        done = progress.get(order.id, NOTHING_YET)
        if done.waiting or (done.ended < done.total and (order.id in made or is_made(order.id))):
            left.append(order)
            continue
        store.remove(order.id)
        over.append((order, done))
    return Settled(Queue(tuple(left), store.is_paused(), progress), tuple(over))


def take_up(tools: Tools, hold: str = "") -> tuple[Queue, tuple[Picture, ...]]:
    """Return the queue that an earlier session left, and the pictures in it that wait.

    Nothing is charged silently: an order that nobody has asked for since more than a day comes
    back paused, as all do with `hold`, which says why. One whose LoRA or service is gone ends.
    Pictures that were ordered by another version of the app get an order here.
    """
    store = tools.stores.orders
    waiting: dict[str, list[Picture]] = {}
    for picture in _waiting(tools):
        trouble = _missing(picture, tools)
        if trouble:
            tools.stores.pictures.update(picture.id, state=PictureState.FAILED, error=trouble)
        else:
            waiting.setdefault(picture.order_id, []).append(picture)
    known = {order.id for order in store.all()}
    for order_id, pictures in waiting.items():
        if order_id not in known:
            prompt, _spread = template_of(pictures[0])
            store.add(_order(tuple(pictures), prompt, _price_of(pictures, tools)))
    for order in store.all():
        why = hold or (TOO_OLD if order.is_stale(tools.clock.now()) else "")
        if why and not order.paused:
            store.update(order.id, paused=True, note=why)
    return settle_queue(tools).queue, tuple(one for some in waiting.values() for one in some)


def _waiting(tools: Tools) -> Iterator[Picture]:
    for picture in tools.stores.pictures.unfinished():
        if picture.state is PictureState.WAITING and not picture.grid_id:
            yield picture  # a grid takes up its own cells


def _missing(picture: Picture, tools: Tools) -> str:
    """Return what keeps a waiting picture from ever being made, in words."""
    if _generator(picture, tools) is None:
        return _SERVICE_GONE
    known = {lora.id for lora in tools.stores.loras.all()}
    return "" if all(use.lora_id in known for use in picture.loras) else _LORA_GONE


def _always() -> bool:
    return True


def make_order(
    order_id: str,
    tools: Tools,
    ctx: JobContext,
    goes_on: Callable[[], bool] = _always,
    agreed: Agreement | None = None,
    *,
    since: datetime | None = None,
) -> bool:
    """Make what waits of an order, one after another, for as long as `goes_on` says so.

    `since` is when a person last asked for it, where that may not be written down yet.

    Each picture is asked for as its row says, and one that is being made is waited for. An order
    that has become too old meanwhile, as while the computer slept, is paused. Returns whether all
    of it was gone through. Raises `LimitReached` before anything is sent.
    """
    waiting = [
        (picture, request_of(picture, 1, tools))
        for picture in _waiting(tools)
        if picture.order_id == order_id and not _ended(picture, tools, ctx)
    ]
    goes = partial(_goes_on, order_id, tools, goes_on, since)
    return len(make_each(waiting, tools, ctx, agreed, goes)) == len(waiting)


def _ended(picture: Picture, tools: Tools, ctx: JobContext) -> bool:
    """End a picture that can never be made; tell whether it is one."""
    trouble = _missing(picture, tools)
    if trouble:
        store = tools.stores.pictures
        ended = store.update(picture.id, state=PictureState.FAILED, error=trouble)
        ctx.report(PictureChanged(ended))
    return bool(trouble)


def _goes_on(
    order_id: str, tools: Tools, goes_on: Callable[[], bool], since: datetime | None
) -> bool:
    store = tools.stores.orders
    order = next((one for one in store.all() if one.id == order_id), None)
    if order is not None:
        asked = order.since if since is None else max(order.since, since)
        if replace(order, since=asked).is_stale(tools.clock.now()):
            store.update(order_id, paused=True, note=TOO_OLD)
            return False
    return goes_on()


def pause_order(order_id: str, paused: bool, tools: Tools) -> None:
    """Let an order wait, or go on: from then on it is sent by itself for a day again."""
    store = tools.stores.orders
    changes: dict[str, Any] = {"paused": paused, "note": ""}
    if not paused:
        changes["since"] = tools.clock.now()
    with suppress(KeyError):  # it was over meanwhile
        store.update(order_id, **changes)
