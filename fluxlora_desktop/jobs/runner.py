"""The one mechanism for background work.

A job's handle lives in the GUI thread; a private `QThread` without slots runs a plain function.
Why not moved workers or `QRunnable`: their cancel comes late, their lambdas run in the wrong
thread, and their signal objects die in the pool's threads.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QDeadlineTimer,
    QEvent,
    QObject,
    QThread,
    QTimer,
    Signal,
    Slot,
)

from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.domain.work import JobContext
from fluxlora_desktop.jobs.context import CancellableContext

Work = Callable[[JobContext], Any]

DEFAULT_LIMIT = 4
LANES: Mapping[str, int] = MappingProxyType(
    {"training": 16, "network": 4, "disk": 2, "photos": 2, "thumbs": 2, "pictures": 2, "orders": 16}
    | {"library": 1, "details": 1, "captions": 1}
)
"""How many jobs of a lane run at once.

"library" is one, so that writes to SQLite keep order; "details" and "captions" are, so that what is
asked last is answered last. A training mostly waits, so many may be followed; which orders of
pictures are made at once is decided by their queue.
"""


@dataclass(frozen=True, slots=True)
class _Succeeded:
    value: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class _Thread(QThread):
    """Runs one function and keeps what came of it; no slots, no event loop."""

    def __init__(self, work: Work, context: CancellableContext) -> None:
        super().__init__()
        self._work: Work | None = work
        self._context = context
        self.outcome: _Succeeded | _Failed | None = None
        """None: the work was cancelled."""

    def run(self) -> None:
        work, self._work = self._work, None
        assert work is not None
        try:
            self._context.check()
            self.outcome = _Succeeded(work(self._context))
        except JobCancelled:
            pass
        except BaseException as error:  # noqa: BLE001  carried to the GUI thread, not lost here
            self.outcome = _Failed(error)
        finally:
            self._context.close()


class Job(QObject):
    """Handle of one piece of background work; every signal is emitted in the GUI thread.

    `progressed` any number of times, then exactly one of `succeeded`, `failed` (the exception,
    with its traceback) and `cancelled`, then `finished`.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    finished = Signal()
    _reported = Signal(object)
    _settled = Signal(object)

    def __init__(self, name: str, lane: str, work: Work) -> None:
        super().__init__()
        self.setObjectName(name)
        self.lane = lane
        self._over = False
        self._context = CancellableContext(self._reported.emit)
        self._thread = _Thread(work, self._context)
        self._thread.setObjectName(name)
        self._reported.connect(self._on_reported)
        self._thread.finished.connect(self._on_thread_finished)

    @Slot()
    def cancel(self) -> None:
        """Ask the work to stop; harmless when asked twice or too late."""
        self._context.cancel()

    def launch(self) -> None:
        """Start the thread; for the runner only."""
        self._thread.start()

    def abandon(self) -> None:
        """Settle as cancelled without having run; for the runner only."""
        self._context.cancel()
        self._settle(None)

    def wait(self, deadline: QDeadlineTimer) -> bool:
        """Wait for the work to end and emit its end; False when it has not; for the runner only."""
        if not self._thread.wait(deadline):
            return False
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)
        return True

    @Slot(object)
    def _on_reported(self, event: object) -> None:
        if not self._over:
            self.progressed.emit(event)

    @Slot()
    def _on_thread_finished(self) -> None:
        self._thread.wait()
        self._settle(self._thread.outcome)

    def _settle(self, outcome: _Succeeded | _Failed | None) -> None:
        if self._over:
            return
        self._over = True
        leaving: BaseException | None = None
        match outcome:
            case _Succeeded(value):
                self.succeeded.emit(value)
            case _Failed(error) if isinstance(error, Exception):
                self.failed.emit(error)
            case _Failed(error):
                leaving = error
                self.cancelled.emit()
            case None:
                self.cancelled.emit()
        self._thread.outcome = None
        self.finished.emit()
        self._settled.emit(self)
        if leaving is not None:  # KeyboardInterrupt and SystemExit end the app, not a thread
            raise leaving


class JobRunner(QObject):
    """Starts jobs, first come first served in each lane, and owns them until they settle.

    `limits` says how many jobs of a lane run at once; other lanes run `DEFAULT_LIMIT`.
    """

    def __init__(
        self, limits: Mapping[str, int] | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._limits = dict(LANES if limits is None else limits)
        self._running: dict[str, list[Job]] = defaultdict(list)
        self._waiting: dict[str, deque[Job]] = defaultdict(deque)
        self._closing = False
        self._pump = QTimer(self)
        self._pump.setSingleShot(True)
        self._pump.setInterval(0)
        self._pump.timeout.connect(self._on_pump)

    def start(self, name: str, work: Work, *, lane: str = "default") -> Job:
        """Queue a function; it starts in the next turn of the event loop at the earliest.

        After `shutdown` the job settles as cancelled.
        """
        job = Job(name, lane, work)
        job._settled.connect(self._on_settled)
        self._waiting[lane].append(job)
        self._pump.start()
        return job

    def live(self) -> int:
        """Return how many jobs run or wait."""
        return len(self._all_running()) + sum(map(len, self._waiting.values()))

    def shutdown(self, ms: int = 5000) -> bool:
        """Start nothing more, cancel everything, wait at most `ms` milliseconds in all.

        Every job that ended has emitted its end by then. Returns False when one still runs:
        a process may then only leave by `os._exit`.
        """
        self._closing = True
        running = self._all_running()
        for job in running:
            job.cancel()
        self._abandon_waiting()
        deadline = QDeadlineTimer(ms)
        ended = [job.wait(deadline) for job in running]
        return all(ended)

    def _all_running(self) -> list[Job]:
        return [job for jobs in self._running.values() for job in jobs]

    def _abandon_waiting(self) -> None:
        for queue in list(self._waiting.values()):
            while queue:
                queue.popleft().abandon()

    @Slot()
    def _on_pump(self) -> None:
        if self._closing:
            self._abandon_waiting()
            return
        for lane, queue in self._waiting.items():
            running = self._running[lane]
            while queue and len(running) < self._limits.get(lane, DEFAULT_LIMIT):
                job = queue.popleft()
                running.append(job)
                job.launch()

    @Slot(object)
    def _on_settled(self, job: Job) -> None:
        running = self._running[job.lane]
        if job in running:
            running.remove(job)
        job.deleteLater()
        self._pump.start()
