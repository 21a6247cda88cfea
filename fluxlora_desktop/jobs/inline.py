"""Jobs without threads: work runs at once, for tests of logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.jobs.runner import Work


class InlineSignal:
    """Remember what was emitted and tell it to whoever connects afterwards."""

    def __init__(self) -> None:
        self._emitted: list[tuple[Any, ...]] = []

    def connect(self, slot: Any) -> None:
        """Call the slot, or emit the signal, once for each emission so far."""
        tell: Callable[..., Any] = getattr(slot, "emit", slot)
        for values in self._emitted:
            tell(*values)

    def emit(self, *values: Any) -> None:
        """Remember an emission."""
        self._emitted.append(values)


class InlineJob:
    """A job that is over already; its signals tell their past to whoever connects."""

    def __init__(self, name: str, lane: str) -> None:
        self.name = name
        self.lane = lane
        self.progressed = InlineSignal()
        self.succeeded = InlineSignal()
        self.failed = InlineSignal()
        self.cancelled = InlineSignal()
        self.finished = InlineSignal()

    def cancel(self) -> None:
        """Come too late."""


class InlineRunner:
    """Run each job inside `start`, in the caller's thread; the interface is `JobRunner`'s.

    `started` lists the names of the jobs in order.
    """

    def __init__(self) -> None:
        self.started: list[str] = []
        self._closing = False

    def start(self, name: str, work: Work, *, lane: str = "default") -> InlineJob:
        """Run the work and return its job, which is over."""
        job = InlineJob(name, lane)
        context = CancellableContext(job.progressed.emit)
        self.started.append(name)
        if self._closing:
            context.cancel()
        try:
            context.check()
            value = work(context)
        except JobCancelled:
            job.cancelled.emit()
        except Exception as error:  # noqa: BLE001  the thread body's border, without the thread
            job.failed.emit(error)
        else:
            job.succeeded.emit(value)
        context.close()
        job.finished.emit()
        return job

    def live(self) -> int:
        """Return zero: nothing outlives `start`."""
        return 0

    def shutdown(self, ms: int = 5000) -> bool:
        """Cancel whatever is started from now on."""
        self._closing = True
        return True
