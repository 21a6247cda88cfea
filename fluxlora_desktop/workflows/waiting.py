"""What a run says while a service asks to wait in the middle of a step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from fluxlora_desktop.domain.errors import (
    ArrivedDamaged,
    ServiceBusy,
    ServiceInterrupted,
    ServiceUnreachable,
)
from fluxlora_desktop.domain.ports import JobContext, Waiting
from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.workflows.events import RunChanged
from fluxlora_desktop.workflows.tools import Tools

T = TypeVar("T")


class WaitsTold:
    """A job's context that writes each wait into the run's row, and clears it when it is over."""

    def __init__(self, run_id: str, tools: Tools, ctx: JobContext) -> None:
        self._run_id, self._tools, self._ctx = run_id, tools, ctx
        self._waits = False

    def report(self, event: object) -> None:
        """Pass an event on; a wait becomes the run's words."""
        if isinstance(event, Waiting):
            self._waits = True
            until = self._tools.clock.now() + timedelta(seconds=event.seconds)
            self._say(f"{service_title(event.service)} asks to wait.", until)
        else:
            self._ctx.report(event)

    def check(self) -> None:
        """Stop where the owner asked to stop."""
        self._ctx.check()

    def pause(self, seconds: float) -> None:
        """Wait; what was said of it is over then."""
        self._ctx.pause(seconds)
        if self._waits:
            self._waits = False
            self._say("", None)

    def _say(self, words: str, until: object) -> None:
        runs = self._tools.stores.runs
        run = runs.update(self._run_id, attention=words, wait_until=until)
        self._ctx.report(RunChanged(run))


_WAITED_OUT = (ServiceUnreachable, ServiceInterrupted, ServiceBusy)


def patiently(call: Callable[[], T], run: Run, title: str, tools: Tools, ctx: JobContext) -> T:
    """Return what a step that costs nothing brings, tried again while its service is away.

    The run says so meanwhile. What is still away after `Patience.give_up` seconds is raised, so is
    a service that asks to wait more than `Patience.launch_tries` times, and at once what waiting
    does not mend: a connection that is not trustworthy, bytes that arrived damaged.
    """
    until, asked = tools.clock.monotonic() + tools.patience.give_up, 0
    for wait in tools.patience.retries():
        try:
            return call()
        except ArrivedDamaged:
            raise
        except _WAITED_OUT as error:
            busy = isinstance(error, ServiceBusy)
            asked += busy
            late = asked > tools.patience.launch_tries if busy else tools.clock.monotonic() > until
            if late or getattr(error, "kind", "") == "tls":
                raise
            seconds = max(wait, error.retry_after) if isinstance(error, ServiceBusy) else wait
            words = (
                "asks to wait." if busy else "does not answer. Nothing was started; trying again."
            )
            ends = tools.clock.now() + timedelta(seconds=seconds) if busy else None
            told = tools.stores.runs.update(run.id, attention=f"{title} {words}", wait_until=ends)
            ctx.report(RunChanged(told))
            ctx.pause(seconds)
    raise AssertionError("retries never end")
