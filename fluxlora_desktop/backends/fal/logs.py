"""Progress, read from a trainer's log lines.

fal documents no form of them. tqdm's bar is what trainers in Python print, so a bar that counts to
the number of steps ordered is the training's, and a loss is read where a line names one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fluxlora_desktop.backends.http.logs import number, seconds_of, seconds_per_step
from fluxlora_desktop.domain.training import TrainingProgress

_BAR = re.compile(
    r"\|\s*(\d+)/(\d+)\s*\[[\d:]+<([\d:?]+),\s*(?:([\d.]+)|\?)(s/it|it/s)([^\]\n]*)\]"
)
_LOSS = re.compile(r"loss\s*[=:]\s*([\d.]+(?:e[+-]?\d+)?)", re.IGNORECASE)
_FEWEST_STEPS = 100  # other bars, such as 10/10 photos, are not the training


def read_progress(log: str, steps: int | None) -> TrainingProgress:
    """Return how far the training is; `steps` is how many were ordered, where that is known."""
    bars = list(_bars(log, steps))
    if not bars:
        lines = [line for line in log.splitlines() if line.strip()]
        return TrainingProgress(stage=lines[-1].strip()[:60] if lines else "Starting")
    step, total, left, rate, unit, rest = bars[-1].groups()
    return TrainingProgress(
        stage="Training",
        step=int(step),
        total=int(total),
        seconds_per_step=seconds_per_step(rate, unit),
        eta_seconds=seconds_of(left),
        loss=_loss_of(rest),
    )


def read_losses(log: str, steps: int | None) -> tuple[tuple[int, float], ...]:
    """Return (step, loss) in order of steps."""
    found = {int(bar.group(1)): _loss_of(bar.group(6)) for bar in _bars(log, steps)}
    return tuple(sorted((step, loss) for step, loss in found.items() if loss is not None))


def _bars(log: str, steps: int | None) -> Iterator[re.Match[str]]:
    for bar in _BAR.finditer(log):
        total = int(bar.group(2))
        if total == steps if steps else total >= _FEWEST_STEPS:
            yield bar


def _loss_of(text: str) -> float | None:
    said = _LOSS.search(text)
    return number(said.group(1)) if said else None
