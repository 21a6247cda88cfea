"""Numbers, sizes, prices and times as people read them."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.runs import AT_SERVICE, Run, RunState
from fluxlora_desktop.domain.training import STANDS_STILL
from fluxlora_desktop.ui.units import duration as duration
from fluxlora_desktop.ui.units import file_size as file_size
from fluxlora_desktop.ui.units import plural as plural

STATE_WORDS = {
    RunState.DRAFT: "Draft",
    RunState.PACKAGING: "Packing photos",
    RunState.UPLOADING: "Uploading photos",
    RunState.LAUNCHING: "Starting the training",
    RunState.QUEUED: "Waiting in the queue",
    RunState.TRAINING: "Training",
    RunState.COLLECTING: "Fetching the weights",
    RunState.PUBLISHING: "Publishing",
    RunState.READY: "Ready",
    RunState.FAILED: "Failed",
    RunState.CANCELLED: "Cancelled",
    RunState.UNKNOWN: "Checking whether it started",
}


def usd(amount: Decimal) -> str:
    """Return an amount in dollars, with cents; below ten cents with tenths of a cent."""
    places = Decimal("0.001") if 0 < abs(amount) < Decimal("0.1") else Decimal("0.01")
    text = f"{amount.quantize(places, ROUND_HALF_UP):f}"
    if places == Decimal("0.001") and text.endswith("0"):
        text = text[:-1]
    return f"${text}"


def cost(amount: Decimal) -> str:
    """Return what something cost: an amount in dollars, or that it was free."""
    return usd(amount) if amount else "Free"


def price_range(estimate: Estimate) -> str:
    """Return a price range in words."""
    if not estimate.high_usd:
        return "free"
    low, high = usd(estimate.low_usd), usd(estimate.high_usd)
    return f"about {low}" if low == high else f"{low} to {high}"


def time_range(estimate: Estimate) -> str:
    """Return a time range in words."""
    low, high = duration(estimate.low_seconds), duration(estimate.high_seconds)
    if low == high:
        return f"about {low}"
    low_unit, high_unit = low.split()[-1], high.split()[-1]
    if low_unit == high_unit and " h " not in high:
        low = low.rsplit(" ", 1)[0]
    return f"{low} to {high}"


def when(moment: datetime) -> str:
    """Return a moment in local time, day and minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def run_words(run: Run) -> str:
    """Return where a run stands, in a few words."""
    if needs_person(run):
        return "Needs you"
    if run.state in AT_SERVICE and run.stage in STANDS_STILL:
        at = f" at {run.step:,} of {run.total:,}" if run.step and run.total else ""
        return f"{run.stage}{at}"
    if run.state is RunState.TRAINING and run.step and run.total:
        return f"Training {run.step:,} of {run.total:,}"
    if run.state is RunState.TRAINING and run.stage:
        return run.stage
    return STATE_WORDS[run.state]


def needs_person(run: Run) -> bool:
    """Tell whether a run was stopped where nothing of it is lost and a person's click goes on."""
    stopped_here = run.failed_at is not None and run.failed_at not in AT_SERVICE
    return run.state is RunState.FAILED and stopped_here


def run_share(run: Run) -> float | None:
    """Return how much of a run is done, from 0 to 1, or None when that is not known."""
    fixed = {
        RunState.PACKAGING: 0.02,
        RunState.UPLOADING: 0.05,
        RunState.LAUNCHING: 0.08,
        RunState.QUEUED: 0.1,
        RunState.COLLECTING: 0.93,
        RunState.PUBLISHING: 0.97,
        RunState.READY: 1.0,
    }
    if run.state is RunState.TRAINING:
        return 0.1 + 0.82 * (run.step / run.total) if run.step and run.total else 0.1
    return fixed.get(run.state)
