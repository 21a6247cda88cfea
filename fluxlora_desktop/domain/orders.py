"""The queue of pictures: orders, in which order they are made, and what they took so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from fluxlora_desktop.domain.money import NOTHING

LONGEST_WAIT = timedelta(days=1)
"""How long after a person's last word about it an order is still sent by itself."""
TOO_OLD = "It has waited for more than a day. Resume makes it."
LONGEST_TITLE = 80


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """An order that waits or is being made; those of lower `position` come first.

    `prompt` is as the person wrote it, `count` and the price range in US dollars are of all its
    pictures. `since` is when a person last said that it shall be made. `note` says why the app
    paused it by itself.
    """

    id: str
    title: str
    generator: str
    prompt: str
    count: int
    created_at: datetime
    since: datetime
    low_usd: Decimal = NOTHING
    high_usd: Decimal = NOTHING
    position: int = 0
    paused: bool = False
    note: str = ""

    def is_stale(self, now: datetime) -> bool:
        """Tell whether it must not be sent without asking again."""
        return now - self.since > LONGEST_WAIT


@dataclass(frozen=True, slots=True)
class OrderProgress:
    """What became of an order's pictures: `waiting` and `ended` of `total`, `made` of the latter.

    `charged` and `maybe` are in US dollars; the latter may have been charged.
    """

    total: int = 0
    waiting: int = 0
    ended: int = 0
    made: int = 0
    charged: Decimal = NOTHING
    maybe: Decimal = NOTHING

    def __add__(self, other: OrderProgress) -> OrderProgress:
        return OrderProgress(
            self.total + other.total,
            self.waiting + other.waiting,
            self.ended + other.ended,
            self.made + other.made,
            self.charged + other.charged,
            self.maybe + other.maybe,
        )


NOTHING_YET = OrderProgress()


@dataclass(frozen=True, slots=True)
class Queue:
    """Every order that is not over, first to last; `paused` holds all of them."""

    orders: tuple[PictureOrder, ...] = ()
    paused: bool = False
    progress: Mapping[str, OrderProgress] = field(default_factory=dict)

    @property
    def going(self) -> tuple[PictureOrder, ...]:
        """Return the orders that are made or wait for their turn, and are not paused."""
        return () if self.paused else tuple(one for one in self.orders if not one.paused)

    def order(self, order_id: str) -> PictureOrder | None:
        """Return an order by its id, or None when it is over."""
        return next((order for order in self.orders if order.id == order_id), None)

    def done_of(self, order_id: str) -> OrderProgress:
        """Return how far an order is."""
        return self.progress.get(order_id, NOTHING_YET)


def title_for(prompt: str) -> str:
    """Return what an order is called: its prompt in one line, cut at a word."""
    words = " ".join(prompt.split())
    if len(words) <= LONGEST_TITLE:
        return words
    return f"{words[:LONGEST_TITLE].rsplit(' ', 1)[0]} …"


def due(queue: Queue, at_once: Callable[[str], int]) -> tuple[str, ...]:
    """Return the orders that shall be made now: the first `at_once` of each generator, by its key.

    One whose last pictures are being made is not among them.
    """
    taken: dict[str, int] = {}
    found: list[str] = []
    for order in queue.going:
        over = not queue.done_of(order.id).waiting
        if over or taken.get(order.generator, 0) >= at_once(order.generator):
            continue
        taken[order.generator] = taken.get(order.generator, 0) + 1
        found.append(order.id)
    return tuple(found)


def moved(queue: Queue, order_id: str, place: int) -> tuple[str, ...]:
    """Return the ids in their new order when one goes to a place; places are cut to those there."""
    others = [order.id for order in queue.orders if order.id != order_id]
    others.insert(max(0, min(place, len(others))), order_id)
    return tuple(others)
