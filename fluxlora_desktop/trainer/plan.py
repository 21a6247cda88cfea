"""How a training is fitted into memory; a small stand-in for the reckoning that is still to come.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

_STAGES = ((40e9, "bf16"), (20e9, "int8"), (10e9, "nf4"))
_ORDER = ("fp32", "bf16", "int8", "nf4")


class Job(Protocol):
    """What is read of a job."""

    @property
    def base(self) -> str:
        """Return the base's key."""

    @property
    def precision(self) -> str:
        """Return "auto", or the precision that a person insists on."""

    @property
    def optimizer(self) -> str:
        """Return "adamw8bit" or "adamw"."""

    @property
    def resolution(self) -> str:
        """Return the sides, in pixels."""


class Refused(Exception):
    """This cannot be trained here: `says` why, `mend` what to do instead, both in words."""

    def __init__(self, says: str, mend: str) -> None:
        super().__init__(f"{says} {mend}")
        self.says = says
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to train a job."""

    base: str
    precision: str
    checkpointing: str
    resolutions: tuple[int, ...]
    optimizer: str
    memory_bytes: int = 0
    text_precision: str = "bf16"
    offload: str = "none"


def choose(job: Job, memory_bytes: int) -> Plan:
    """Return the best plan for a GPU with this much memory; raises `Refused` in words."""
    found = next((name for least, name in _STAGES if memory_bytes >= least), "")
    if not found:
        raise Refused("The GPU has too little memory.", "Train at a service, or rent a GPU.")
    precision = found if job.precision == "auto" else job.precision
    sides = sides_of(job.resolution)
    return Plan(job.base, precision, "all", sides, job.optimizer, memory_bytes)


def for_processor(job: Job) -> Plan:
    """Return the plan for a processor, which only tiny models are trained on."""
    precision = "fp32" if job.precision == "auto" else job.precision
    sides = sides_of(job.resolution)
    return Plan(job.base, precision, "none", sides, job.optimizer, 0, "fp32")


def smaller(plan: Plan) -> Plan | None:
    """Return the next plan that needs less memory, or None behind the last."""
    if plan.checkpointing != "all":
        return replace(plan, checkpointing="all")
    if plan.precision != _ORDER[-1]:
        return replace(plan, precision=_ORDER[_ORDER.index(plan.precision) + 1])
    if len(plan.resolutions) > 1:
        return replace(plan, resolutions=plan.resolutions[:-1])
    return None


def sides_of(resolution: str) -> tuple[int, ...]:
    """Return the sides of "512,768,1024", ascending, each once."""
    return tuple(sorted({int(side) for side in resolution.split(",")}))
