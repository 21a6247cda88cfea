"""When a request that costs nothing is made again, and how the wait is spent.

The class of an error decides and not the place where it was raised: `AGAIN` is the whole rule.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeVar

import stamina

from fluxlora_desktop.domain.errors import (
    ArrivedDamaged,
    ChangedAtService,
    GarbledReply,
    NameTaken,
    ServiceBusy,
    ServiceConflict,
    ServiceInterrupted,
    ServiceUnreachable,
    UntrustedConnection,
)
from fluxlora_desktop.domain.ports import JobContext, Waiting

T = TypeVar("T")

_LONGEST_WAIT = 60.0
_LONGEST_BLIND_WAIT = 5.0
_FIRST_WAIT = 0.5
_ANY = 100
AGAIN: dict[type[Exception], int] = {
    UntrustedConnection: 0,
    ServiceUnreachable: _ANY,
    ServiceInterrupted: _ANY,
    ServiceBusy: _ANY,
    GarbledReply: 3,
    ServiceConflict: 3,
    NameTaken: 0,
    ChangedAtService: 0,
    ArrivedDamaged: 0,
}
"""How often a read is made again at most after each kind of trouble; the nearest class counts.

Whatever is not here is final: a refusal, a wrong token, an account without credit, a reply of
another form. The caller's own number of attempts holds besides.
"""
NEVER_TAKEN: tuple[type[Exception], ...] = (ServiceUnreachable, ServiceBusy)
_chance = secrets.SystemRandom()


def times_again(error: Exception) -> int:
    """Return how often a read may be made again after this, by the nearest class in `AGAIN`."""
    return next((AGAIN[kind] for kind in type(error).__mro__ if kind in AGAIN), 0)


def repeat_free(
    call: Callable[[], T],
    ctx: JobContext | None,
    *,
    attempts: int = 4,
    on: tuple[type[Exception], ...] = (Exception,),
) -> T:
    """Make a call that costs nothing until it answers, at most `attempts` times.

    With a context every wait is the context's, so that a cancel ends it at once, and as long as the
    service asks for: asking earlier makes it longer. Without one only short waits are made here and
    a longer one is the caller's, as `ServiceBusy` says. `on` narrows the kinds of trouble after
    which it is made again.
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
        if not isinstance(error, self._on) or self._failed >= times_again(error):
            return False
        wait = _chance.uniform(0.5, 1.0) * min(_FIRST_WAIT * 2**self._failed, _LONGEST_WAIT)
        if isinstance(error, ServiceBusy):
            wait = error.retry_after
        self._failed += 1
        if self._failed >= self._attempts:
            return False
        if self._ctx is None:
            return wait if wait <= _LONGEST_BLIND_WAIT else False
        if isinstance(error, ServiceBusy):
            self._ctx.report(Waiting(error.service, wait))
        self._ctx.pause(wait)
        return 0.0
