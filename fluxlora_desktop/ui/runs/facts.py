"""Facts of a run in words: what it costs, where it runs, how long it took, bytes on the move."""

from __future__ import annotations

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.wording import duration, file_size, plural, price_range, usd, when

_MOVING = {
    RunState.PACKAGING: "Packing the photos",
    RunState.UPLOADING: "Uploading the photos",
    RunState.COLLECTING: "Downloading the weights",
    RunState.PUBLISHING: "Uploading the weights",
    RunState.READY: "Uploading the weights",  # published later, by hand
}
_CHARGED = "It may have been charged."


def facts_of(run: Run, trained_at: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of name and value; `trained_at` is the service's title."""
    facts = [cost_fact(run), ("Trained at", trained_at)]
    if run.base:
        facts.append(("Base", title_of(run.base)))
    if run.total:
        facts.append(("Length", plural(run.total, "step")))
    if run.started_at is not None:
        facts.append(("Started", when(run.started_at)))
        if run.finished_at is not None:
            took = (run.finished_at - run.started_at).total_seconds()
            facts.append(("Took", duration(took)))
    return tuple(facts)


def cost_fact(run: Run) -> tuple[str, str]:
    """Return what a run cost, or what it is expected to cost."""
    if run.cost_usd is not None:
        return "Cost", usd(run.cost_usd)
    if run.price_low is None or run.price_high is None:
        return "Cost", "not known"
    expected = price_range(Estimate(run.price_low, run.price_high))
    return ("Expected cost" if run.open else "Estimated cost"), expected


def transfer_words(run: Run, moved: Transferred) -> str:
    """Return how many bytes went by, of how many."""
    what = _MOVING.get(run.state, "Moving")
    if not moved.total:
        return f"{what}: {file_size(moved.done)}"
    return f"{what}: {file_size(moved.done)} of {file_size(moved.total)}"


def trouble_words(run: Run) -> str:
    """Return why a run failed and whether that was charged, in sentences."""
    if run.state is not RunState.FAILED:
        return ""
    reason = (run.error or "The service gave no reason").rstrip(".")
    if run.cost_usd is not None:
        charged = f"Charged: {usd(run.cost_usd)}." if run.cost_usd else "Nothing was charged."
    elif run.external_training_id is None:
        charged = "" if "charged" in reason else "Nothing was charged."
    else:
        charged = _CHARGED
    return f"{reason}. {charged}".strip()
