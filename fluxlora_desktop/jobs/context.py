"""What a piece of background work may do to the outside, without Qt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.domain.work import Transferred

REPORT_INTERVAL = 0.1
"""Seconds between two reports of bytes about the same thing."""


class CancellableContext:
    """Fill the `JobContext` port: reports go to `deliver`, cancelling is an event.

    Byte counts are thinned to ten a second for each `what`, which is more than a screen can show;
    the last count is always delivered, and always before any later event of another kind.
    """

    def __init__(
        self,
        deliver: Callable[[object], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._monotonic = monotonic
        self._cancel = threading.Event()
        self._lock = threading.RLock()
        self._closed = False
        self._sent_at: dict[str, float] = {}
        self._held: dict[str, Transferred] = {}

    def report(self, event: object) -> None:
        """Tell the owner something; any thread may call, nothing arrives after the end."""
        with self._lock:
            if self._closed:
                return
            if isinstance(event, Transferred):
                self._report_bytes(event)
                return
            self._flush()
            self._deliver(event)

    def check(self) -> None:
        """Raise `JobCancelled` when the owner asked to stop."""
        if self._cancel.is_set():
            raise JobCancelled

    def pause(self, seconds: float) -> None:
        """Wait, waking up at once with `JobCancelled` when the owner asks to stop."""
        with self._lock:
            self._flush()
        if self._cancel.wait(seconds):
            raise JobCancelled

    def cancel(self) -> None:
        """Ask the work to stop; harmless when asked twice."""
        self._cancel.set()

    def close(self) -> None:
        """Deliver what was held back and refuse everything after."""
        with self._lock:
            self._flush()
            self._closed = True

    def _report_bytes(self, event: Transferred) -> None:
        now = self._monotonic()
        last = self._sent_at.get(event.what)
        complete = event.total > 0 and event.done >= event.total
        if complete or last is None or now - last >= REPORT_INTERVAL:
            self._held.pop(event.what, None)
            self._sent_at[event.what] = now
            self._deliver(event)
        else:
            self._held[event.what] = event

    def _flush(self) -> None:
        for event in self._held.values():
            self._deliver(event)
        self._held.clear()
