"""The loss curve as numbers and as one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fluxlora_desktop.domain.runs import LossPoint

_SAME = 0.01
_SUMMARY_WEIGHT = 0.9


def smoothed(points: Sequence[LossPoint], weight: float) -> tuple[LossPoint, ...]:
    """Return the exponential moving average; `weight` from 0 (as it is) to below 1.

    Corrected for its start, so that the first value is the first loss.
    """
    average, correction, curve = 0.0, 0.0, []
    for point in points:
        average = weight * average + (1 - weight) * point.loss
        correction = weight * correction + (1 - weight)
        curve.append(LossPoint(point.step, average / correction))
    return tuple(curve)


def loss_summary(points: Sequence[LossPoint]) -> str:
    """Say in one sentence how the loss went, told from the smoothed curve."""
    if len(points) < 2:
        return "No losses yet. The trainer writes the first ones after some steps."
    first = points[0].loss
    last = smoothed(points, _SUMMARY_WEIGHT)[-1].loss
    steps = f"over {points[-1].step - points[0].step:,} steps"
    if abs(last - first) < _SAME * max(abs(first), abs(last), _SAME):
        return f"Loss stayed near {last:.3g} {steps}."
    verb = "fell" if last < first else "rose"
    return f"Loss {verb} from {first:.2f} to {last:.2f} {steps}."


def ticks(low: float, high: float, at_most: int) -> tuple[float, ...]:
    """Return round numbers between two values, at most so many, in steps of 1, 2 or 5."""
    span = high - low
    if span <= 0 or at_most < 1:
        return ()
    rough = span / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return tuple(round((first + place) * step, 10) for place in range(count))


def nearest(points: Sequence[LossPoint], step: float) -> int:
    """Return the place of the point whose step lies nearest; there must be one."""
    return min(range(len(points)), key=lambda place: abs(points[place].step - step))
