"""How a request stands at a moment: a function of its plan, its speed and the time alone."""

from dataclasses import dataclass, replace

from fluxlora_desktop.practice.fal.catalogue import TRAINERS
from fluxlora_desktop.practice.fal.errors import CANCELLED, Failure
from fluxlora_desktop.practice.fal.state import FalState, QueuedRequest

IN_QUEUE, IN_PROGRESS, COMPLETED = "IN_QUEUE", "IN_PROGRESS", "COMPLETED"


@dataclass(frozen=True, slots=True)
class Course:
    """Moments are on the server's clock; `run_s` is in seconds of a real run."""

    status: str
    started_at: float | None = None
    """None while it waits, and where it was cancelled before its start."""
    ended_at: float | None = None
    run_s: float = 0.0
    """How far the run has come."""
    failure: Failure | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status == COMPLETED


def course_of(request: QueuedRequest, now: float) -> Course:
    """Return how a request stands now by its plan, whether or not that was written down."""
    plan, cancelled_at = request.plan, request.cancelled_at
    ends_at = _starts_at(request) + plan.run_s / request.speed
    if cancelled_at is not None and cancelled_at < ends_at:
        return _ended(_until(request, cancelled_at), cancelled_at, CANCELLED)
    if now < ends_at:
        return _until(request, now)
    whole = Course(IN_PROGRESS, _starts_at(request), run_s=plan.run_s)
    return _ended(whole, ends_at, request.failure or plan.failure)


def told_course(request: QueuedRequest, now: float) -> Course:
    """Return how a request stands as clients see it: it ends when its end is written down."""
    course = course_of(request, now)
    if not course.ended or request.settled:
        return course
    status = IN_QUEUE if course.started_at is None else IN_PROGRESS
    return replace(course, status=status, ended_at=None, failure=None)


def count_unfinished(state: FalState, now: float) -> int:
    """Return how many trainings still run or wait."""
    return sum(
        request.endpoint in TRAINERS and not course_of(request, now).ended
        for request in state.requests
    )


def _starts_at(request: QueuedRequest) -> float:
    return request.created_at + request.plan.queue_s / request.speed


def _until(request: QueuedRequest, moment: float) -> Course:
    starts_at = _starts_at(request)
    if moment < starts_at:
        return Course(IN_QUEUE)
    run_s = min(request.plan.run_s, (moment - starts_at) * request.speed)
    return Course(IN_PROGRESS, starts_at, run_s=run_s)


def _ended(course: Course, ended_at: float, failure: Failure | None) -> Course:
    return replace(course, status=COMPLETED, ended_at=ended_at, failure=failure)
