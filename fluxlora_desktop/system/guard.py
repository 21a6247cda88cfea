"""Calls that may stand still, such as to a password store whose prompt nobody answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS = 30.0


class NoAnswer(Exception):
    """A call did not end in time, or the app is closing; it may still go on by itself."""


class Guard:
    """Makes calls one after another, each in a thread that nobody waits for longer than agreed.

    A call that does not end keeps the next ones waiting, each for at most its own time; after it
    ended, all is as before. `close` lets everybody go who waits now or later. Any thread may call.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = self._closed = False

    def call(self, work: Callable[[], T], *, seconds: float = SECONDS) -> T:
        """Return what `work` returns, or raise what it raises; `NoAnswer` after `seconds`."""
        until = time.monotonic() + seconds
        with self._changed:
            self._wait(lambda: not self._busy, until)
            self._busy = True
        ended: list[tuple[Any, BaseException | None]] = []
        threading.Thread(
            target=self._run, args=(work, ended), name="guarded call", daemon=True
        ).start()
        with self._changed:
            self._wait(lambda: bool(ended), until)
        value, error = ended.pop()
        if error is not None:
            raise error
        result: T = value
        return result

    def close(self) -> None:
        """Let go everybody who waits; what still stands is left to itself."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, there: Callable[[], bool], until: float) -> None:
        self._changed.wait_for(lambda: self._closed or there(), max(0.0, until - time.monotonic()))
        if self._closed or not there():
            raise NoAnswer

    def _run(self, work: Callable[[], Any], ended: list[tuple[Any, BaseException | None]]) -> None:
        value, raised = None, None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - carried to whoever asked
            raised = error
        with self._changed:
            ended.append((value, raised))
            self._busy = False
            self._changed.notify_all()
