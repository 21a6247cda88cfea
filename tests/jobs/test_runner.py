from __future__ import annotations

import threading
import traceback
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread, Signal, Slot
from PySide6.QtWidgets import QLabel

from fluxlora_desktop.domain.errors import JobCancelled
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.jobs.inline import InlineRunner
from fluxlora_desktop.jobs.runner import Job, JobRunner


class Record:
    """Everything a job said, in order, with the thread it was heard in."""

    def __init__(self, job: Job) -> None:
        self.said: list[tuple[str, Any]] = []
        self.threads: set[QThread] = set()
        job.progressed.connect(lambda event: self._hear("progressed", event))
        job.succeeded.connect(lambda value: self._hear("succeeded", value))
        job.failed.connect(lambda error: self._hear("failed", error))
        job.cancelled.connect(lambda: self._hear("cancelled", None))
        job.finished.connect(lambda: self._hear("finished", None))

    def _hear(self, what: str, value: Any) -> None:
        self.said.append((what, value))
        self.threads.add(QThread.currentThread())

    def words(self) -> list[str]:
        return [what for what, _ in self.said]


@pytest.fixture
def runner(qtbot):
    runner = JobRunner({"one": 1, "many": 8})
    yield runner
    assert runner.shutdown(10_000)
    assert runner.live() == 0


def settle(qtbot, runner: JobRunner) -> None:
    qtbot.waitUntil(lambda: runner.live() == 0)


def wait_until_cancelled(ctx) -> None:
    ctx.pause(600)


def test_job_reports_then_succeeds_then_finishes_in_the_gui_thread(qtbot, runner):
    worker_threads = []

    def work(ctx):
        worker_threads.append(threading.get_ident())
        ctx.report("half")
        return {"x": 1}

    record = Record(runner.start("work", work))
    settle(qtbot, runner)

    assert record.said == [
        ("progressed", "half"),
        ("succeeded", {"x": 1}),
        ("finished", None),
    ]
    assert record.threads == {QThread.currentThread()}
    assert worker_threads != [threading.get_ident()]


def test_failure_keeps_its_traceback(qtbot, runner):
    def break_here(ctx):
        raise ValueError("broken")

    record = Record(runner.start("work", break_here))
    settle(qtbot, runner)

    assert record.words() == ["failed", "finished"]
    assert "break_here" in "".join(traceback.format_exception(record.said[0][1]))


def test_cancel_wakes_a_pause(qtbot, runner):
    waiting = threading.Event()

    def work(ctx):
        waiting.set()
        ctx.pause(600)

    job = runner.start("work", work)
    record = Record(job)
    qtbot.waitUntil(waiting.is_set)
    job.cancel()
    job.cancel()
    settle(qtbot, runner)

    assert record.words() == ["cancelled", "finished"]


def test_cancel_before_the_start_never_runs_the_work(qtbot, runner):
    ran = []
    job = runner.start("work", lambda ctx: ran.append(1))
    record = Record(job)
    job.cancel()
    settle(qtbot, runner)

    assert record.words() == ["cancelled", "finished"]
    assert ran == []


def test_progress_always_comes_before_the_end(qtbot, runner):
    def work(ctx):
        for number in range(50):
            ctx.report(number)

    records = [Record(runner.start(f"w{i}", work, lane="many")) for i in range(50)]
    settle(qtbot, runner)

    for record in records:
        assert [v for what, v in record.said if what == "progressed"] == list(range(50))
        assert record.words()[-2:] == ["succeeded", "finished"]


def test_two_hundred_jobs_all_settle(qtbot, runner):
    records = [Record(runner.start(f"w{i}", lambda ctx, i=i: i, lane="many")) for i in range(200)]
    settle(qtbot, runner)

    assert [record.said[0] for record in records] == [("succeeded", i) for i in range(200)]


def test_lane_runs_one_at_a_time_in_order(qtbot, runner):
    order, inside, most = [], [], []

    def work(number):
        def body(ctx):
            inside.append(number)
            most.append(len(inside))
            order.append(number)
            inside.remove(number)

        return body

    for number in range(20):
        runner.start(f"w{number}", work(number), lane="one")
    settle(qtbot, runner)

    assert order == list(range(20))
    assert max(most) == 1


def test_waiting_job_is_cancelled_without_running(qtbot, runner):
    ran = []
    first = runner.start("first", wait_until_cancelled, lane="one")
    second = runner.start("second", lambda ctx: ran.append(1), lane="one")
    record = Record(second)
    second.cancel()
    first.cancel()
    settle(qtbot, runner)

    assert record.words() == ["cancelled", "finished"]
    assert ran == []


def test_result_for_a_deleted_widget_is_dropped(qtbot, runner):
    label = QLabel()
    go = threading.Event()

    def work(ctx):
        go.wait(30)
        return "text"

    job = runner.start("work", work)
    job.succeeded.connect(label.setText)
    record = Record(job)
    label.deleteLater()
    with qtbot.waitSignal(label.destroyed):
        pass
    go.set()
    settle(qtbot, runner)

    assert record.words() == ["succeeded", "finished"]


def test_shutdown_cancels_running_and_waiting_jobs_and_says_so(qtbot):
    runner = JobRunner({"one": 1})
    began = threading.Event()

    def work(ctx):
        began.set()
        ctx.report("begun")
        ctx.pause(600)

    running = Record(runner.start("running", work, lane="one"))
    waiting = Record(runner.start("waiting", wait_until_cancelled, lane="one"))
    qtbot.waitUntil(began.is_set)

    assert runner.shutdown(10_000)
    assert running.words() == ["progressed", "cancelled", "finished"]
    assert waiting.words() == ["cancelled", "finished"]
    assert runner.live() == 0


def test_shutdown_tells_when_a_job_does_not_stop(qtbot):
    runner = JobRunner()
    began, release = threading.Event(), threading.Event()

    def stubborn(ctx):
        began.set()
        release.wait(60)

    runner.start("stubborn", stubborn)
    qtbot.waitUntil(began.is_set)

    assert not runner.shutdown(20)
    release.set()
    assert runner.shutdown(10_000)


def test_start_after_shutdown_only_cancels(qtbot):
    runner = JobRunner()
    runner.shutdown(10)
    ran = []
    record = Record(runner.start("late", lambda ctx: ran.append(1)))
    settle(qtbot, runner)

    assert record.words() == ["cancelled", "finished"]
    assert ran == []


@pytest.mark.no_qt_log
def test_keyboard_interrupt_in_a_job_is_raised_in_the_gui_thread(qtbot):
    runner = JobRunner()

    def interrupt(ctx):
        raise KeyboardInterrupt

    with qtbot.captureExceptions() as caught:
        record = Record(runner.start("work", interrupt))
        settle(qtbot, runner)

    assert [kind for kind, _, _ in caught] == [KeyboardInterrupt]
    assert record.words() == ["cancelled", "finished"]


class Ticks:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_byte_counts_are_thinned_and_the_last_is_kept():
    ticks, heard = Ticks(), []
    context = CancellableContext(heard.append, monotonic=ticks)
    for done in range(1, 100):
        ticks.now = done / 1000
        context.report(Transferred("photos", done, 1000))
    context.report("next stage")
    ticks.now = 0.35
    context.report(Transferred("photos", 500, 1000))
    context.report(Transferred("photos", 501, 1000))
    context.close()
    context.report("too late")

    assert heard == [
        Transferred("photos", 1, 1000),
        Transferred("photos", 99, 1000),
        "next stage",
        Transferred("photos", 500, 1000),
        Transferred("photos", 501, 1000),
    ]


def test_byte_counts_of_two_things_do_not_thin_each_other():
    heard = []
    context = CancellableContext(heard.append, monotonic=Ticks())
    context.report(Transferred("a", 1, 9))
    context.report(Transferred("b", 1, 9))

    assert heard == [Transferred("a", 1, 9), Transferred("b", 1, 9)]


class Receiver(QObject):
    relayed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []
        self.relayed.connect(self.hear)

    @Slot(object)
    def hear(self, value: object) -> None:
        self.heard.append(value)


def test_inline_runner_tells_its_past_to_slots_and_signals(qtbot):
    receiver = Receiver()
    job = InlineRunner().start("work", lambda ctx: ctx.report("step") or "value")
    job.progressed.connect(receiver.hear)
    job.succeeded.connect(receiver.relayed)

    assert receiver.heard == ["step", "value"]


def test_inline_runner_settles_failures_and_cancels():
    def cancelled(ctx):
        raise JobCancelled

    def failed(ctx):
        raise ValueError("no")

    runner, heard = InlineRunner(), []
    runner.start("a", cancelled).cancelled.connect(lambda: heard.append("cancelled"))
    runner.start("b", failed).failed.connect(lambda error: heard.append(str(error)))

    assert heard == ["cancelled", "no"]
