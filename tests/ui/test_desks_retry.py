"""The notice bar's "Try again" does again what failed last, once."""

from __future__ import annotations

from fluxlora_desktop.domain.errors import ServiceUnreachable
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.desks.base import Desk


class Counter(Desk):
    """Fails as often as it is told to, then counts."""

    def __init__(self, jobs: JobRunner, failures: int) -> None:
        super().__init__(None, jobs)
        self.tries, self.failures, self.done = 0, failures, []

    def ask(self) -> None:
        self._run("Ask", self._work, lane="network", done=self.done.append)

    def _work(self, _ctx):
        self.tries += 1
        if self.tries <= self.failures:
            raise ServiceUnreachable("replicate")
        return self.tries


def test_retry_does_the_failed_work_again(qtbot):
    jobs = JobRunner()
    desk = Counter(jobs, failures=1)
    with qtbot.waitSignal(desk.failed):
        desk.ask()

    desk.retry()

    qtbot.waitUntil(lambda: desk.done == [2])
    jobs.shutdown(30_000)


def test_retry_without_trouble_does_nothing(qtbot):
    jobs = JobRunner()
    desk = Counter(jobs, failures=0)
    desk.ask()
    qtbot.waitUntil(lambda: desk.done == [1])

    desk.retry()

    assert jobs.live() == 0
    jobs.shutdown(30_000)
