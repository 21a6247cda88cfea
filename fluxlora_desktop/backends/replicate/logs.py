"""Progress, read from the trainer's log.

The log comes whole with every poll, its last line may be cut, and the bar ends one step short of
its total. The lines are those of replicate/flux-fine-tuner 3dd14e3 over ai-toolkit bedb8197.
"""

from __future__ import annotations

import re
from dataclasses import replace

from fluxlora_desktop.backends.http.logs import number, seconds_of, seconds_per_step
from fluxlora_desktop.domain.training import TrainingProgress

_BAR = re.compile(
    r"flux_train_replicate:\s*\d+%\|[^|\n]*\|\s*(\d+)/(\d+)\s*\[[\d:]+<([\d:?]+),\s*"
    r"(?:([\d.]+)|\?)(s/it|it/s)(?:,\s*lr:\s*\S+\s+loss:\s*([^\s\]]+))?\s*\]"
)
_ANY_BAR = re.compile(r"\d+%\|[^|\n]*\|\s*(\d+)/(\d+)\s*\[")
_FEWEST_STEPS = 100  # other bars, such as 10/10 photos, are not the training
_STAGES: tuple[tuple[str, str], ...] = (
    ("[ Initiating ]", "Fetching the base model"),
    ("Downloaded base weights", "Fetching the base model"),
    ("files from zip to", "Reading photos"),
    ("Caption for ", "Writing captions"),
    (" is already captioned", "Writing captions"),
    ("Starting train job", "Loading the model"),
    ("Running job:", "Loading the model"),
    ("Loading Flux model", "Loading the model"),
    ("Dataset: ", "Preparing photos"),
    ("Caching latents", "Preparing photos"),
    ("Generating baseline samples", "Preparing photos"),
    ("flux_train_replicate:", "Training"),
    ("Saved to output/", "Saving"),
)


def read_progress(log: str) -> TrainingProgress:
    """Return the stage and, once training runs, the last bar that is whole."""
    progress = TrainingProgress(stage=_stage_of(log))
    last = None
    for last in _BAR.finditer(log):  # noqa: B007 - only the last is wanted
        pass
    if last is not None:
        step, total, left, rate, unit, loss = last.groups()
        return replace(
            progress,
            step=int(step),
            total=int(total),
            seconds_per_step=seconds_per_step(rate, unit),
            eta_seconds=seconds_of(left),
            loss=number(loss),
        )
    bars = [bar for bar in _ANY_BAR.finditer(log) if int(bar.group(2)) >= _FEWEST_STEPS]
    if bars:
        step, total = bars[-1].groups()
        return replace(progress, stage="Training", step=int(step), total=int(total))
    return progress


def read_losses(log: str) -> tuple[tuple[int, float], ...]:
    """Return (step, loss) in order of steps; what is not a number is left out."""
    losses: dict[int, float] = {}
    for bar in _BAR.finditer(log):
        loss = number(bar.group(6))
        if loss is not None:
            losses[int(bar.group(1))] = loss
    return tuple(sorted(losses.items()))


def _stage_of(log: str) -> str:
    found = max((log.rfind(marker), words) for marker, words in _STAGES)
    return found[1] if found[0] >= 0 else "Starting"
