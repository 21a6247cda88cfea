"""How the LoRA's numbers are changed: optimiser, learning rate by step, running mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from .exits import is_out_of_memory
from .job import Job
from .machine import in_turn_with_default

WEIGHT_DECAY = 1e-4
LARGEST_GRADIENT = 1.0
_TRIED = 65_536
"""Numbers of a trial; bitsandbytes keeps 8 bits only of 4,096 and more."""
_LATE, _LATER = (2048, 2048), 20
"""Products that keep a GPU busy for some milliseconds."""
_ALIKE = 0.2
"""How far 8 bits may lie from the way of 32, of its length; what reads old gradients is off by all
of it."""


def rate_at(job: Job, step: int) -> float:
    """Return the learning rate of a step (from 1): it rises for `warmup` steps, then falls."""
    if step <= job.warmup:
        return job.learning_rate * step / job.warmup
    done = (step - 1 - job.warmup) / max(1, job.steps - job.warmup)
    if job.schedule == "linear":
        return job.learning_rate * max(0.0, 1 - done)
    if job.schedule == "cosine":
        return job.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return job.learning_rate


def make_optimizer(kind: str, parameters: Sequence[torch.Tensor], rate: float) -> Any:
    """Return AdamW, or bitsandbytes' with its numbers in 8 bits; ImportError without that."""
    if kind == "adamw8bit":
        import bitsandbytes

        return bitsandbytes.optim.AdamW8bit(parameters, lr=rate, weight_decay=WEIGHT_DECAY)
    on_gpu = parameters[0].device.type == "cuda"
    return torch.optim.AdamW(
        parameters, lr=rate, weight_decay=WEIGHT_DECAY, fused=True if on_gpu else None
    )


def refusal_of(kind: str, device: torch.device) -> str:
    """Return why an optimiser cannot be used, "" where it takes the way of torch's own.

    That is tried by steps of no account. On a GPU their gradients come late: an optimiser that did
    not wait for them would read old ones.
    """
    try:
        found, wanted = (_taken(each, device) for each in (kind, "adamw"))
    except (ImportError, RuntimeError, OSError) as error:
        if is_out_of_memory(error):
            raise
        return str(error).rstrip(".")
    alike = bool((found - wanted).norm() <= _ALIKE * wanted.norm())
    return "" if alike else "it computes something else"


def _taken(kind: str, device: torch.device) -> torch.Tensor:
    """Return numbers after some steps."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.nn.Parameter(torch.ones(_TRIED, device=device))
    numbers.grad = torch.zeros_like(numbers)
    optimizer = make_optimizer(kind, [numbers], 1e-2)
    late = torch.zeros(_LATE if device.type == "cuda" else (1, 1), device=device)
    for _ in range(4):
        for _ in range(_LATER):
            late = late @ late
        gradients = torch.randn(_TRIED, generator=generator).to(device)
        numbers.grad.copy_(gradients + late.sum())
        take_step(optimizer, numbers)
        numbers.grad.zero_()
    return numbers.detach() - 1


def take_step(optimizer: Any, numbers: torch.Tensor) -> None:
    """Change the numbers by their gradients, after these are computed."""
    torch.nn.utils.clip_grad_norm_([numbers], LARGEST_GRADIENT)
    with in_turn_with_default(numbers.device):
        optimizer.step()


class RunningMean:
    """A mean of the LoRA over the last steps, which is what is handed out when it is kept.

    In the first steps it follows faster, since it would else hold the start for long.
    """

    def __init__(self, decay: float, tensors: dict[str, torch.Tensor]) -> None:
        self._decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    def update(self, step: int, tensors: dict[str, torch.Tensor]) -> None:
        """Take the numbers of step `step` (from 1) in."""
        decay = min(self._decay, (1 + step) / (10 + step))
        names = list(self.tensors)
        mine, new = [self.tensors[name] for name in names], [tensors[name] for name in names]
        torch._foreach_lerp_(mine, new, 1 - decay)
