"""The queue in words: the meter while pictures are made, what an order waits for, what it took."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add

from fluxlora_desktop.domain.money import NOTHING
from fluxlora_desktop.domain.orders import NOTHING_YET, OrderProgress, PictureOrder, Queue
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.wording import plural, usd


def meter_words(done: OrderProgress, about: Decimal, *, free: bool = False) -> str:
    """Return how far pictures are and what they took of the price that was said before."""
    counted = f"{done.ended} of {done.total} done"
    so_far = done.charged + done.maybe
    if not about and not so_far:
        return f"{counted}, free" if free else counted
    if not so_far:
        return f"{counted}, about {usd(about)}"
    return f"{counted}, {usd(so_far)} so far of about {usd(max(about, so_far))}"


def queue_words(queue: Queue, free: Collection[str] = ()) -> str:
    """Return the meter of all orders, "" when there are none; `free` generators cost nothing."""
    if not queue.orders:
        return ""
    counted = queue.going or queue.orders
    about = sum((one.low_usd for one in counted), NOTHING)
    costless = all(one.generator in free for one in counted)
    words = meter_words(_sum(queue, counted), about, free=costless)
    if queue.going:
        return f"Making pictures: {words}"
    why = dict.fromkeys(order.note for order in queue.orders if order.note)
    return " ".join([f"Paused: {words}.", *why]).removesuffix("." if not why else "")


def share_of(queue: Queue) -> float:
    """Return how much of all orders is done, from 0 to 1."""
    done = _sum(queue, queue.orders)
    return done.ended / done.total if done.total else 0.0


def over_words(done: OrderProgress) -> str:
    """Return what became of an order and what it took."""
    cost = f" for {usd(done.charged)}" if done.charged else ""
    made = (
        plural(done.total, "picture")
        if done.made == done.total
        else f"{done.made} of {plural(done.total, 'picture')}"
    )
    if done.maybe:
        more = " more" if done.charged else ""
        return f"{made} made{cost}; {usd(done.maybe)}{more} may have been charged."
    return (
        f"{made} made{cost}." if done.made or cost else "No picture was made. Nothing was charged."
    )


def _sum(queue: Queue, orders: tuple[PictureOrder, ...]) -> OrderProgress:
    return reduce(add, (queue.done_of(order.id) for order in orders), NOTHING_YET)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An order as the list of the queue shows it."""

    order: PictureOrder
    done: OrderProgress
    being_made: bool
    queue_paused: bool
    free: bool = False
    steps: str = ""

    @property
    def id(self) -> str:
        """The order's id."""
        return self.order.id

    @property
    def name(self) -> str:
        """Its prompt in one line."""
        return self.order.title

    @property
    def detail(self) -> str:
        """Where it stands and why."""
        order = self.order
        meter = meter_words(self.done, order.low_usd, free=self.free)
        if order.paused:
            return f"Paused. {order.note or meter}"
        if self.being_made:
            where = f"{meter} · {service_title(order.generator)}"
            return f"{where} · {self.steps[:1].lower()}{self.steps[1:]}" if self.steps else where
        if self.queue_paused:
            return f"The queue is paused. {meter}"
        return f"Waits for its turn. {meter} · {service_title(order.generator)}"

    @property
    def share(self) -> float | None:
        """How much of it is done, once some is."""
        begun = self.done.total and (self.being_made or self.done.ended)
        return self.done.ended / self.done.total if begun else None

    @property
    def symbol(self) -> str:
        """Whether it is made, waits, or is paused."""
        if self.order.paused:
            return "pause"
        return "play" if self.being_made else "clock"

    @property
    def says(self) -> str:
        """How a screen reader says it."""
        return f"{self.name}. {self.detail}"
