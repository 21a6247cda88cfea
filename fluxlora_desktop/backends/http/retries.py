"""When a request that costs nothing is made again, and how the wait is spent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import stamina

from fluxlora_desktop.domain.errors import (
    ServiceBusy,
    ServiceInterrupted,
    ServiceUnreachable,
)
from fluxlora_desktop.domain.ports import JobContext, Waiting

T = TypeVar("T")

_LONGEST_WAIT = 60.0
_LONGEST_BLIND_WAIT = 5.0
_FIRST_WAIT = 0.5
_REPEATABLE = (ServiceUnreachable, ServiceBusy, ServiceInterrupted)
NEVER_TAKEN: tuple[type[Exception], ...] = (ServiceUnreachable, ServiceBusy)


def repeat_free(
    call: Callable[[], T],
    ctx: JobContext | None,
    *,
    attempts: int = 4,
    on: tuple[type[Exception], ...] = _REPEATABLE,
) -> T:
    """Make a call that costs nothing until it answers, at most `attempts` times.

    With a context every wait is the context's, so that a cancel ends it at once; without one only
    short waits are made here and a longer one is the caller's, as `ServiceBusy` says.
    """
    hook = _Patience(ctx, attempts, on)
    for attempt in stamina.retry_context(on=hook, attempts=attempts, timeout=None):
        with attempt:
            return call()
    raise AssertionError("stamina returns or raises")


class _Patience:
    """stamina's hook: whether to go on, after the wait where a context can make it."""

    def __init__(
        self, ctx: JobContext | None, attempts: int, on: tuple[type[Exception], ...]
    ) -> None:
        self._ctx, self._attempts, self._on = ctx, attempts, on
        self._failed = 0

    def __call__(self, error: Exception) -> bool | float:
        if not isinstance(error, self._on):
            return False
        if isinstance(error, ServiceUnreachable) and error.kind == "tls":
            return False
        wait = _FIRST_WAIT * 2**self._failed
        if isinstance(error, ServiceBusy):
            wait = min(error.retry_after, _LONGEST_WAIT)
        self._failed += 1
        if self._failed >= self._attempts:
            return False
        if self._ctx is None:
            return wait if wait <= _LONGEST_BLIND_WAIT else False
        if isinstance(error, ServiceBusy):
            self._ctx.report(Waiting(error.service, wait))
        self._ctx.pause(wait)
        return 0.0
