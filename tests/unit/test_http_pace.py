"""Deadlines and pace on a clock that a test moves: sleep is no slowness, slowness is."""

from __future__ import annotations

import httpx
import pytest

from fluxlora_desktop.backends.http.transport import Exchange, Pace, exchange


class SteppedTime:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 5000.0

    def __call__(self) -> float:
        return self.seconds


def reads(watched: Exchange, now: SteppedTime, size: int, took: float, idle: float = 60.0) -> None:
    """Let one read of so many bytes take so many seconds."""
    allowed, began = watched.left(idle), now()
    now.seconds += took
    watched.moved(size, began, allowed)


@pytest.fixture
def now() -> SteppedTime:
    return SteppedTime()


def test_transfer_of_a_byte_now_and_then_ends(now: SteppedTime) -> None:
    with exchange(None, clock=now) as watched, pytest.raises(httpx.ReadTimeout):
        for _ in range(10):
            reads(watched, now, 100, 30)

    assert now.seconds == 5000 + 120


def test_transfer_at_a_thousand_bytes_a_second_goes_on_for_hours(now: SteppedTime) -> None:
    with exchange(None, clock=now) as watched:
        for _ in range(1000):
            reads(watched, now, 30_000, 30)


def test_each_window_counts_for_itself(now: SteppedTime) -> None:
    with exchange(None, clock=now) as watched:
        reads(watched, now, 900_000_000, 60)
        reads(watched, now, 900_000_000, 60)
        with pytest.raises(httpx.ReadTimeout):
            for _ in range(4):
                reads(watched, now, 1, 30)


def test_sleep_of_the_computer_is_no_slowness(now: SteppedTime) -> None:
    with exchange(None, clock=now) as watched:
        reads(watched, now, 100_000, 8 * 3600)  # the read was allowed to take a minute
        reads(watched, now, 100_000, 1)


def test_time_that_the_app_takes_itself_is_no_slowness(now: SteppedTime) -> None:
    with exchange(None, clock=now) as watched:
        for _ in range(100):
            reads(watched, now, 10, 0.1)
            now.seconds += 60


def test_deadline_holds_whatever_comes(now: SteppedTime) -> None:
    with exchange(90, clock=now) as watched:
        reads(watched, now, 1_000_000, 89)
        assert watched.left(60) == 1
        now.seconds += 1
        with pytest.raises(httpx.ReadTimeout):
            watched.left(60)


def test_reply_of_a_transfer_must_begin(now: SteppedTime) -> None:
    with exchange(None, head=90, clock=now) as watched:
        watched.wrote()
        now.seconds += 80
        watched.wrote()  # the body still leaves
        now.seconds += 80
        assert watched.left(60) == 10
        watched.begins()
        now.seconds += 80
        assert watched.left(60) == 60


def test_reply_to_an_upload_must_end_too(now: SteppedTime) -> None:
    with exchange(None, head=90, clock=now) as watched:
        watched.wrote()
        watched.begins(90)
        now.seconds += 91
        with pytest.raises(httpx.ReadTimeout):
            watched.left(60)


def test_pace_can_be_chosen(now: SteppedTime) -> None:
    with exchange(None, pace=Pace(10, 1), clock=now) as watched:
        reads(watched, now, 10, 1)
        with pytest.raises(httpx.ReadTimeout):
            reads(watched, now, 9, 1)
