"""The queue of pictures: its order, pause and stop, a restart, and a disk that takes nothing."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.errors import DiskFull, PaymentRequired
from fluxlora_desktop.domain.pictures import (
    AT_ONCE,
    GeneratedImage,
    Picture,
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.desks.queue import BROKEN_OFF, ELSEWHERE, OrderOver
from fluxlora_desktop.workflows.pictures import STOPPED
from tests.ui.desk_bench import DeskBench, Heard
from tests.workflows.fakes import FakeGenerator

DONE, WAITING, FAILED = PictureState.DONE, PictureState.WAITING, PictureState.FAILED


@dataclass
class Press(FakeGenerator):
    """Makes a picture for each ticket of its prompt, or at once while it is `free`."""

    tickets: dict[str, threading.Semaphore] = field(
        default_factory=lambda: defaultdict(partial(threading.Semaphore, 0))
    )
    free: bool = False
    began: list[str] = field(default_factory=list)

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        self.began.append(request.prompt)
        tickets = self.tickets[request.prompt]
        while not self.free and not tickets.acquire(blocking=False):
            ctx.pause(0.005)
        return super().generate(request, ctx)


class Hall:
    """A picture desk over a library that can be closed and opened again."""

    def __init__(self, bench: DeskBench, qtbot: QtBot) -> None:
        self.bench, self.qtbot = bench, qtbot
        self.open()

    def open(self) -> None:
        bench = self.bench
        self.desk = PictureDesk(bench.tools, bench.jobs, bench.owner)
        self.over, self.ordered = Heard(self.desk.order_over), Heard(self.desk.ordered)

    @property
    def press(self) -> Press:
        assert isinstance(self.bench.generator, Press)
        return self.bench.generator

    def order(self, prompt: str, count: int = 2) -> str:
        before = len(self.ordered)
        self.desk.make(PictureRequest("replicate", "base", prompt, seed=7, count=count))
        self.until(lambda: len(self.ordered) > before)
        pictures = self.ordered.last
        assert isinstance(pictures, tuple)
        return str(pictures[0].order_id)

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition)

    def rest(self) -> None:
        self.until(lambda: self.bench.jobs.live() == 0)

    def states(self, order_id: str) -> list[PictureState]:
        return [picture.state for picture in self.of(order_id)]

    def of(self, order_id: str) -> list[Picture]:
        store = self.bench.tools.stores.pictures
        pictures = sorted(store.page(store.ids()), key=lambda picture: picture.id)
        return [picture for picture in pictures if picture.order_id == order_id]

    def names(self) -> list[str]:
        return [order.prompt for order in self.desk.queue.orders]

    def kept(self) -> list[tuple[str, bool]]:
        return [(order.prompt, order.paused) for order in self.bench.tools.stores.orders.all()]


@pytest.fixture
def hall(qtbot: QtBot, tmp_path: Path) -> Iterator[Hall]:
    with DeskBench(tmp_path, generator=Press()) as bench:
        yield Hall(bench, qtbot)


def test_orders_wait_for_their_turn_and_one_moved_first_is_made_after_the_next_picture(
    hall: Hall,
) -> None:
    for name in "abcd":
        hall.order(name)
    hall.until(lambda: sorted(hall.press.began) == ["a", "b"])
    assert hall.names() == ["a", "b", "c", "d"]
    last = hall.desk.queue.orders[3].id

    hall.desk.move(last, 0)
    assert hall.names() == ["d", "a", "b", "c"]
    for name in "ab":
        hall.press.tickets[name].release()  # b gives way, a goes on
    hall.until(lambda: sorted(hall.press.began[2:]) == ["a", "d"])

    hall.until(lambda: hall.kept() == [(name, False) for name in "dabc"])
    hall.press.free = True
    hall.until(lambda: len(hall.over) == 4)
    assert len(hall.press.asked) == 8
    assert hall.press.began.count("b") == 2


def test_paused_order_ends_its_picture_and_goes_on_when_it_is_resumed(hall: Hall) -> None:
    order_id = hall.order("a fox", 3)
    hall.until(lambda: len(hall.press.began) == 1)

    hall.desk.pause(order_id)
    assert hall.desk.queue.orders[0].paused
    hall.press.free = True
    hall.rest()
    assert hall.states(order_id) == [DONE, WAITING, WAITING]
    assert hall.kept() == [("a fox", True)]
    assert hall.desk.making() == 1

    hall.desk.pause(order_id, False)
    hall.until(lambda: len(hall.over) == 1)
    assert hall.states(order_id) == [DONE] * 3
    assert len(hall.press.asked) == 3
    assert hall.desk.queue.orders == ()


def test_paused_queue_stays_paused_after_a_restart_and_then_goes_on_in_its_order(
    hall: Hall,
) -> None:
    hall.press.free = True
    hall.desk.pause_all()
    for name in "abc":
        hall.order(name, 1)
    hall.rest()
    assert hall.press.began == []
    hall.desk.move(hall.desk.queue.orders[2].id, 0)
    hall.rest()

    hall.bench.reopen()
    hall.open()
    hall.desk.resume()
    hall.until(lambda: hall.names() == ["c", "a", "b"])
    hall.rest()
    assert hall.desk.queue.paused
    assert hall.press.began == []

    hall.desk.pause_all(False)
    hall.until(lambda: len(hall.over) == 3)
    assert sorted(hall.press.began[:AT_ONCE]) == ["a", "c"]
    assert hall.press.began[AT_ONCE:] == ["b"]


def test_order_that_is_under_way_when_the_window_closes_goes_on_at_the_next_start(
    hall: Hall,
) -> None:
    ids = [hall.order(name) for name in "abc"]
    hall.until(lambda: len(hall.press.began) == AT_ONCE)

    hall.bench.reopen()
    hall.open()
    hall.press.free = True
    hall.desk.resume()

    hall.until(lambda: len(hall.over) == 3)
    # What was sent when the window closed may be charged, and is not sent again.
    ends = [hall.states(order_id) for order_id in ids]
    assert ends == [[PictureState.MAYBE_CHARGED, DONE]] * 2 + [[DONE, DONE]]
    assert len(hall.press.began) == 6


def test_library_that_was_open_elsewhere_asks_before_it_makes_anything(hall: Hall) -> None:
    hall.desk.pause_all()
    order_id = hall.order("a fox")
    hall.rest()
    hall.bench.reopen()
    hall.press.free = True
    hall.open()

    hall.desk.resume(elsewhere=True)
    hall.until(lambda: hall.desk.making() == 1)
    hall.desk.pause_all(False)
    hall.rest()
    (order,) = hall.desk.queue.orders
    assert (order.paused, order.note) == (True, ELSEWHERE)
    assert hall.states(order_id) == [WAITING] * 2

    hall.desk.pause(order.id, False)
    hall.until(lambda: len(hall.over) == 1)
    assert hall.states(order_id) == [DONE] * 2


def test_stopped_queue_sends_no_more_and_is_empty(hall: Hall) -> None:
    ids = [hall.order(name) for name in "abc"]
    hall.until(lambda: len(hall.press.began) == AT_ONCE)

    hall.desk.stop_all()
    hall.until(lambda: hall.desk.making() == 0)
    hall.rest()

    assert len(hall.press.began) == AT_ONCE
    assert hall.kept() == []
    assert hall.states(ids[2]) == [FAILED] * 2
    assert {picture.error for picture in hall.of(ids[2])} == {STOPPED}


def test_order_that_broke_off_is_not_begun_again_before_its_end_is_written(hall: Hall) -> None:
    hall.press.replies = [RuntimeError("a bug")]
    order_id = hall.order("a fox")
    hall.until(lambda: hall.press.began == ["a fox"])
    written = threading.Event()
    hall.bench.jobs.start("Hold the library", lambda _ctx: written.wait(10), lane="library")

    hall.press.free = True
    hall.until(lambda: not hall.desk.is_being_made(order_id))
    hall.desk.pause_all(False)  # as anything else that looks at the queue does
    begun = hall.desk.is_being_made(order_id)
    written.set()
    hall.rest()

    assert not begun
    assert hall.press.began == ["a fox"]
    assert hall.states(order_id) == [PictureState.MAYBE_CHARGED, FAILED]


def test_order_that_is_over_tells_what_it_took(hall: Hall) -> None:
    hall.press.free = True
    hall.order("a fox", 3)
    hall.until(lambda: len(hall.over) == 1)

    told = hall.over.last
    assert isinstance(told, OrderOver)
    assert (told.order.prompt, told.done.made, told.done.charged) == ("a fox", 3, Decimal("0.09"))
    assert told.order.low_usd == Decimal("0.09")


def test_account_without_credit_ends_one_order_and_the_next_is_tried(hall: Hall) -> None:
    hall.press.free = True
    hall.press.replies = [PaymentRequired("replicate", "no credit")]
    first = hall.order("a fox", 3)
    hall.until(lambda: len(hall.over) == 1)
    second = hall.order("a mug", 1)
    hall.until(lambda: len(hall.over) == 2)

    assert hall.states(first) == [FAILED] * 3
    assert hall.states(second) == [DONE]
    assert hall.press.began == ["a fox", "a mug"]


def test_order_that_the_disk_does_not_take_waits_for_the_person_and_is_not_sent_in_circles(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall.press.free = True
    store = hall.bench.tools.stores.pictures
    with monkeypatch.context() as patched:

        def refuse(*_arguments: object, **_changes: object) -> None:
            raise DiskFull("library.db")

        patched.setattr(type(store), "update", refuse)
        order_id = hall.order("a fox", 2)
        hall.until(lambda: [o.note for o in hall.desk.queue.orders] == [BROKEN_OFF])
        hall.rest()
        assert hall.press.began == []

    hall.desk.pause(order_id, False)
    hall.until(lambda: hall.states(order_id) == [DONE] * 2)


def test_held_desk_starts_no_order_until_it_is_let_go(hall: Hall) -> None:
    hall.press.free = True
    hall.desk.pause_all()
    hall.order("a fox", 1)
    hall.desk.hold_launches(DiskFull("library.db"))
    hall.desk.pause_all(False)
    hall.rest()
    assert hall.press.began == []

    hall.desk.hold_launches(None)
    hall.until(lambda: len(hall.over) == 1)
    assert hall.press.began == ["a fox"]


def test_two_services_are_asked_at_the_same_time(qtbot: QtBot, tmp_path: Path) -> None:
    other = Press(key="together", title="Together")
    with DeskBench(tmp_path, generator=Press()) as bench:
        services = replace(bench.tools.services, generators=(bench.generator, other))
        bench.tools = replace(bench.tools, services=services)
        hall = Hall(bench, qtbot)
        for name in "abc":
            hall.order(name, 1)
        request = PictureRequest("together", "base", "d", seed=1)
        hall.desk.make(request)

        hall.until(lambda: other.began == ["d"] and sorted(hall.press.began) == ["a", "b"])
        hall.press.free = other.free = True
        hall.until(lambda: len(hall.over) == 4)
