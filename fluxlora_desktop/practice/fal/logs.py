"""The log of a request at any moment; nothing is published about how the trainers' look."""

import math
import random
from collections.abc import Iterator
from typing import Any

from fluxlora_desktop.practice.bars import draw_bar, show_rate, show_time
from fluxlora_desktop.practice.fal.plans import Plan
from fluxlora_desktop.practice.fal.wire import moment

_MOST_BARS = 300
_LEAST_EVERY = 10
Line = tuple[float, str]
"""A line of the log and the second of the run in which it appears."""


def render_log(
    plan: Plan, run_s: float, *, started_at: float, speed: float, seed: str
) -> list[dict[str, Any]]:
    """Return all lines after so many seconds of a run, each with its time.

    The times told in progress bars are those that pass, so divided by the speed.
    """
    return [
        {
            "timestamp": moment(started_at + second / speed),
            "message": text,
            "level": "ERROR" if text.startswith("Error: ") else "INFO",
            "source": "USER",
        }
        for second, text in _lines(plan, speed=speed, seed=seed)
        if second <= run_s
    ]


def _lines(plan: Plan, *, speed: float, seed: str) -> Iterator[Line]:
    setup, steps = plan.setup_s, plan.steps * plan.step_s
    if not setup:
        return
    yield 0.05 * setup, "Downloading images"
    if plan.photos:
        yield 0.15 * setup, f"Found {plan.photos} images and {plan.captions} captions"
        yield 0.2 * setup, "Loading model"
        yield 0.7 * setup, "Encoding captions"
        yield 0.8 * setup, "Caching latents"
        yield from _bars(plan, speed=speed, seed=seed)
    if plan.failure is not None:
        yield plan.run_s, f"Error: {plan.failure.message}"
        return
    yield setup + steps, "Saving LoRA weights"
    yield (setup + steps + plan.run_s) / 2, "Uploading LoRA weights"


def _bars(plan: Plan, *, speed: float, seed: str) -> Iterator[Line]:
    """Return a line for every ten steps or more, and for the last one."""
    noise = random.Random(seed)
    every = max(_LEAST_EVERY, math.ceil(plan.steps / _MOST_BARS))
    total, pace = plan.steps, plan.step_s / speed
    for step in (*range(0, total, every), total):
        second = plan.setup_s + step * plan.step_s
        bar = f"Training: {draw_bar(step, total)}| {step}/{total}"
        if step == 0:
            yield second, f"{bar} [00:00<?, ?it/s]"
            continue
        loss = max(0.04, noise.gauss(0.27 + 0.19 * math.exp(-4 * step / total), 0.05))
        times = f"{show_time(step * pace)}<{show_time((total - step) * pace)}"
        yield second, f"{bar} [{times}, {show_rate(pace).strip()}, loss={loss:.3f}]"
