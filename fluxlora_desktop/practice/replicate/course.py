"""How a training stands at a moment: a function of its plan, its speed and the time alone."""

from dataclasses import dataclass, replace

from fluxlora_desktop.practice.replicate.state import ReplicateState, Training


@dataclass(frozen=True, slots=True)
class Course:
    """Moments are on the server's clock; durations are those of a real training, in seconds."""

    status: str
    started_at: float | None
    """None while it waits, and for a training that ended before its start."""
    ends_at: float
    run_s: float
    """How far the run has come."""
    total_s: float
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in ("succeeded", "failed", "canceled", "aborted")

    @property
    def predict_s(self) -> float:
        """How long it used the machine, which is what is charged."""
        return self.run_s if self.started_at is not None else 0.0


def course_of(training: Training, now: float) -> Course:
    """Return how a training stands now."""
    plan, speed, start = training.plan, training.speed, training.created_at
    ends_at = start + (plan.queue_s + plan.run_s) / speed
    if training.canceled_at is not None and training.canceled_at < ends_at:
        return _until(training, training.canceled_at, "canceled", training.canceled_at)
    if now < ends_at:
        waits = now < start + plan.queue_s / speed
        return _until(training, now, "starting" if waits else "processing", ends_at)
    whole = _until(training, ends_at, plan.outcome, ends_at)
    runs = whole.started_at is not None
    return replace(whole, run_s=plan.run_s if runs else 0.0, total_s=plan.queue_s + plan.run_s)


def _until(training: Training, moment: float, status: str, ends_at: float) -> Course:
    plan, speed = training.plan, training.speed
    passed = max(0.0, moment - training.created_at) * speed
    runs = status != "aborted" and (passed > plan.queue_s or status in ("processing", "succeeded"))
    return Course(
        status=status,
        started_at=training.created_at + plan.queue_s / speed if runs else None,
        ends_at=ends_at,
        run_s=min(plan.run_s, max(0.0, passed - plan.queue_s)) if runs else 0.0,
        total_s=passed,
        error=plan.error if status == "failed" else None,
    )


def count_unfinished(state: ReplicateState, now: float) -> int:
    """Return how many trainings still run or wait."""
    return sum(not course_of(training, now).ended for training in state.trainings)
