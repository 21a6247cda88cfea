"""The queue desk: orders of pictures are placed, made in their order, paused, moved and stopped."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.errors import (
    AppError,
    EngineBusy,
    LimitReached,
    LoraNotUsable,
    ModelWithdrawn,
)
from fluxlora_desktop.domain.orders import OrderProgress, PictureOrder, Queue, due, moved
from fluxlora_desktop.domain.pictures import Picture, PictureRequest
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.workflows.events import OrderRefused, PictureAdvanced, PictureChanged
from fluxlora_desktop.workflows.orders import (
    Placed,
    Settled,
    make_order,
    pause_order,
    place_order,
    settle_queue,
    take_up,
)
from fluxlora_desktop.workflows.pictures import FAULT, STOPPED, end_order
from fluxlora_desktop.workflows.tools import Tools

OVER_LIMIT = "It would pass the monthly limit. Resume asks again."
CARD_TAKEN = "A training, or a change of the engine, comes first. It is made once that is over."
BROKEN_OFF = "It could not be made to its end. Resume makes the rest."
ELSEWHERE = "Another computer had the library open and may have made it. Resume makes it here."


@dataclass(frozen=True, slots=True)
class OrderOver:
    """An order that has left the queue, with what became of it and what it took."""

    order: PictureOrder
    done: OrderProgress


class QueueDesk(Desk):
    """Holds the queue as it stands in `queue`; what a person does to it counts at once.

    `ordered(tuple of Picture)` when new pictures wait, `changed(Picture)` for each step of one,
    `advanced(PictureAdvanced)` when its generator tells how far it is,
    `queue_changed(Queue)`, `order_over(OrderOver)`, `refused()` when `refused_order` is new.
    """

    ordered = Signal(object)
    changed = Signal(object)
    advanced = Signal(object)
    queue_changed = Signal(object)
    order_over = Signal(object)
    refused = Signal()

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self.queue = Queue()
        self._running: dict[str, Job] = {}
        self._leaving: set[str] = set()
        self._set_aside: dict[str, str] = {}
        self._agreed: dict[str, Agreement | None] = {}
        self._asked: dict[str, PictureRequest] = {}
        self._refused: PictureRequest | None = None
        self._ending: dict[str, str] = {}
        self._ended: deque[Picture] = deque()
        self._over: set[str] = set()
        self._closing = False
        self._version = 0
        self._looking = False
        self._look_again = False
        self.held_changed.connect(self._go_on)

    def resume(self, *, elsewhere: bool = False) -> None:
        """Take up what was ordered and never sent; `elsewhere`: ask before any of it is made."""
        self._run(
            "Find waiting pictures",
            lambda _ctx: take_up(self.tools, ELSEWHERE if elsewhere else ""),
            lane="library",
            done=self._on_taken_up,
        )

    def _on_taken_up(self, found: tuple[Queue, tuple[Picture, ...]]) -> None:
        queue, pictures = found
        orders: dict[str, list[Picture]] = {}
        for picture in pictures:
            orders.setdefault(picture.order_id, []).append(picture)
        for some in orders.values():
            self.ordered.emit(tuple(some))
        self._show(queue)

    def make(self, request: PictureRequest, agreed: Agreement | None = None) -> None:
        """Order pictures: the click that costs money. They appear one by one."""
        if not self._may_launch():
            return
        self._run(
            "Order pictures",
            partial(self._place, request, agreed),
            lane="library",
            done=partial(self._on_placed, request),
            failed=partial(self._on_not_ordered, request),
            agreeable=partial(self.make, request),
        )

    def _on_not_ordered(self, request: PictureRequest, error: object) -> None:
        self._note_refused(request, error)
        self._on_failed_work(partial(self.make, request), error)

    def _note_refused(self, request: PictureRequest | None, error: object) -> None:
        """Remember an order that another route may take."""
        if isinstance(error, ModelWithdrawn | LoraNotUsable):
            self._refused = request
            self.refused.emit()

    @property
    def refused_order(self) -> PictureRequest | None:
        """Return the order that was refused last because its model or Lora cannot be used there."""
        return self._refused

    def _place(self, request: PictureRequest, agreed: Agreement | None, _ctx: JobContext) -> Placed:
        return place_order(request, self.tools, agreed)

    def _on_placed(self, request: PictureRequest, placed: Placed) -> None:
        self._asked[placed.order.id] = request
        self.ordered.emit(placed.pictures)
        waiting = OrderProgress(len(placed.pictures), len(placed.pictures))
        self._change(
            replace(
                self.queue,
                orders=(*self.queue.orders, placed.order),
                progress={**self.queue.progress, placed.order.id: waiting},
            )
        )

    def making(self) -> int:
        """Return how many orders are not over."""
        return len({*self._running, *(order.id for order in self.queue.orders)})

    def waits_for(self, order_id: str) -> bool:
        """Tell whether an order is not over."""
        return order_id in self._running or self.queue.order(order_id) is not None

    def is_being_made(self, order_id: str) -> bool:
        """Tell whether pictures of an order are asked for now."""
        return order_id in self._running

    def pause(self, order_id: str, paused: bool = True) -> None:
        """Let an order wait, or go on; a picture that is being made is waited for."""
        self._set_aside.pop(order_id, None)
        now = self.tools.clock.now()
        orders = tuple(
            replace(order, paused=paused, note="", since=order.since if paused else now)
            if order.id == order_id
            else order
            for order in self.queue.orders
        )
        self._change(replace(self.queue, orders=orders))
        self._save("Pause order", partial(pause_order, order_id, paused, self.tools))

    def pause_all(self, paused: bool = True) -> None:
        """Let the whole queue wait, or go on; orders that wait on their own go on waiting."""
        self._change(replace(self.queue, paused=paused))
        self._save("Pause the queue", partial(self.tools.stores.orders.pause, paused))

    def resume_all(self) -> None:
        """Let the queue go on; where each of its orders waits on its own, all of them."""
        if self.queue.paused:
            self.pause_all(False)
        if not self.queue.going:
            for order in self.queue.orders:
                self.pause(order.id, False)

    def move(self, order_id: str, place: int) -> None:
        """Bring an order to a place in the queue, counted from 0."""
        ids = moved(self.queue, order_id, place)
        known = {order.id: order for order in self.queue.orders}
        if order_id not in known or ids == tuple(known):
            return
        self._change(replace(self.queue, orders=tuple(known[one] for one in ids)))
        self._save("Move order", partial(self.tools.stores.orders.arrange, ids))

    def stop(self, order_id: str) -> None:
        """Stop an order: what was sent is kept, the rest is not sent.

        What waits is ended at once, so that no later start takes it up; a picture whose request
        was about to leave is looked at again when the work has stopped.
        """
        job = self._running.get(order_id)
        if job is not None:
            self._ending[order_id] = STOPPED
            job.cancel()
        self._end(order_id, STOPPED)

    def stop_all(self) -> None:
        """Stop every order."""
        for order in self.queue.orders:
            self.stop(order.id)

    def _end(self, order_id: str, words: str) -> None:
        """Write that an order is over; from here on nothing of it is sent, whatever is read."""
        self._over.add(order_id)

        def write() -> None:
            self._ended.extend(end_order(order_id, self.tools, words))

        self._save("End order", write)

    @Slot(object)
    def _on_saved(self, nothing: object) -> None:
        super()._on_saved(nothing)
        while self._ended:
            self.changed.emit(self._ended.popleft())
        self._look()

    def _change(self, queue: Queue) -> None:
        """Take the queue over as a person changed it; what is being read meanwhile is older."""
        self._version += 1
        self._show(queue)

    def _show(self, queue: Queue) -> None:
        orders = tuple(
            replace(order, paused=True, note=self._set_aside[order.id])
            if order.id in self._set_aside and not order.paused and queue.done_of(order.id).waiting
            else order
            for order in queue.orders
        )
        self.queue = replace(queue, orders=orders)
        self.queue_changed.emit(self.queue)
        self._go_on()

    @Slot()
    def _go_on(self) -> None:
        """Make what is due; what is being made and is not due stops after its next picture."""
        if self._closing:
            return
        going = tuple(order for order in self.queue.orders if order.id not in self._over)
        wanted = due(replace(self.queue, orders=going), self._at_once) if self.held is None else ()
        self._leaving = set(self._running) - set(wanted)
        for order_id in wanted:
            if order_id not in self._running and self._has_room(order_id):
                self._start(order_id)

    def _has_room(self, order_id: str) -> bool:
        order = self.queue.order(order_id)
        running = (self.queue.order(one) for one in self._running)
        at_it = [one for one in running if one and order and one.generator == order.generator]
        return order is not None and len(at_it) < self._at_once(order.generator)

    def _at_once(self, generator: str) -> int:
        """Return how many orders of a generator are made at the same time."""
        for made in self.tools.services.generators:
            if made.key == generator:
                return made.abilities().at_once
        return 1

    def free_generators(self) -> frozenset[str]:
        """Return the keys of those that nobody is paid for."""
        offered = ((made.key, made.abilities().models) for made in self.tools.services.generators)
        return frozenset(key for key, models in offered if models and all(m.free for m in models))

    def _start(self, order_id: str) -> None:
        order = self.queue.order(order_id)
        since = order.since if order is not None else None
        job = self._run(
            "Make pictures",
            partial(self._make, order_id, self._agreed.pop(order_id, None), since),
            lane="orders",
            done=partial(self._on_order_made, order_id),
            failed=partial(self._on_order_failed, order_id),
            progress=partial(self._on_progress, order_id),
            agreeable=partial(self._go_on_with, order_id),
            waits="They go on waiting in the queue.",
        )
        self._running[order_id] = job
        job.failed.connect(partial(self._on_maybe_too_dear, order_id))
        job.cancelled.connect(partial(self._on_order_cancelled, order_id))
        job.finished.connect(partial(self._on_order_left, order_id))

    def _make(
        self, order_id: str, agreed: Agreement | None, since: datetime | None, ctx: JobContext
    ) -> bool:
        def goes_on() -> bool:
            return order_id not in self._leaving

        return make_order(order_id, self.tools, ctx, goes_on, agreed, since=since)

    def _on_maybe_too_dear(self, order_id: str, error: object) -> None:
        """Let an order wait that passes the monthly limit, until a person agrees or resumes it.

        One that a training keeps from the graphics card waits for `card_freed`.
        """
        if isinstance(error, LimitReached):
            self._set_aside[order_id] = OVER_LIMIT
        elif isinstance(error, EngineBusy):
            self._set_aside[order_id] = CARD_TAKEN

    def card_freed(self) -> None:
        """Make what waited for the graphics card; a training that runs keeps it waiting."""
        waiting = [one for one, why in self._set_aside.items() if why == CARD_TAKEN]
        for order_id in waiting:
            self.pause(order_id, False)

    def _go_on_with(self, order_id: str, agreed: Agreement | None) -> None:
        """Make an order that a person agreed to pass the limit with."""
        self._agreed[order_id] = agreed
        self.pause(order_id, False)

    def _on_order_made(self, order_id: str, whole: bool) -> None:
        """Never begin an order again by itself whose pictures still wait: a disk may be full."""
        if whole:
            self._set_aside[order_id] = BROKEN_OFF

    def _on_progress(self, order_id: str, event: object) -> None:
        if isinstance(event, PictureChanged):
            self.changed.emit(event.picture)
            self._look()
        elif isinstance(event, PictureAdvanced):
            self.advanced.emit(event)
        elif isinstance(event, OrderRefused):
            self._note_refused(self._asked.get(order_id), event.error)
            self._tell_only(event.error)

    def _on_order_failed(self, order_id: str, error: object) -> None:
        """Tell of trouble, never to be done again by a click on the bar: what was sent is paid."""
        if isinstance(error, EngineBusy):
            return
        self._note_refused(self._asked.get(order_id), error)
        self._ending[order_id] = error.detail if isinstance(error, AppError) else FAULT
        self._tell_only(error)

    def _on_order_cancelled(self, order_id: str) -> None:
        """Start nothing more once the app ends: only a person's stop ends an order."""
        self._closing = self._closing or order_id not in self._ending

    def _on_order_left(self, order_id: str) -> None:
        self._running.pop(order_id, None)
        self._version += 1  # what was read before knows less
        words = self._ending.pop(order_id, "")
        if words:
            self._end(order_id, words)
        elif not self._closing:
            self._look()

    def _look(self) -> None:
        """Read the queue anew, once for all that asks meanwhile."""
        if self._looking:
            self._look_again = True
            return
        self._looking, self._look_again = True, False
        job = self._run(
            "Read the queue",
            lambda _ctx: settle_queue(self.tools, self.is_being_made),
            lane="library",
            done=partial(self._on_settled, self._version),
        )
        job.finished.connect(self._on_looked)

    def _on_settled(self, version: int, settled: Settled) -> None:
        over = {order.id for order, _done in settled.over}
        self._over -= over
        for order_id in over:
            self._set_aside.pop(order_id, None)
            if order_id not in self._running:
                self._asked.pop(order_id, None)
        if self.unsaved() or version != self._version:  # what is in memory is newer
            left = tuple(order for order in self.queue.orders if order.id not in over)
            self._show(replace(self.queue, orders=left))
            self._look_again = not self.unsaved()
        else:
            self._show(settled.queue)
        for order, done in settled.over:
            self.order_over.emit(OrderOver(order, done))

    @Slot()
    def _on_looked(self) -> None:
        self._looking = False
        if self._look_again and not self._closing:
            self._look()
