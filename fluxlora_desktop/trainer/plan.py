"""How a training is fitted into the memory of a GPU, how long it takes, and why it is refused.

Standard library only. The figures stand in `figures.py`; this file is the reckoning:

    weights         quantised layers by precision, the others in bf16
    LoRA            weight, gradient and the optimiser's two numbers for each of its parameters
    activations     the input of each block, or everything in it where it is not checkpointed, and
                    twice one block's for the backward pass
    reserved        CUDA, its libraries, the desktop; and some room for gaps

The text encoder is alone on the GPU before the transformer is loaded, so it counts by itself.
Plans are tried in order of preference: the resolution asked for is kept longest, then precision,
then speed; `smaller` gives the next that needs less memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Protocol

from . import figures
from .figures import BaseFigures

PRECISIONS = ("bf16", "int8", "nf4")
CHECKPOINTING = ("none", "half", "all")
SIDES = (1024, 768, 512)
DEFAULT_SIDES = (512, 768, 1024)
_LATENT = 16
"""Pixels along a side that become one token: the autoencoder's 8 times the patches' 2."""
_WORKING = 500_000_000
"""Bytes that a text encoder needs beside its weights for one caption; an estimate."""


class Job(Protocol):
    """What the reckoning reads of a job; `resolution` is a list of sides such as "512,768,1024"."""

    @property
    def base(self) -> str:
        """Return the base's key."""

    @property
    def rank(self) -> int:
        """Return the LoRA's rank."""

    @property
    def layers(self) -> str:
        """Return "all" or "attention"."""

    @property
    def optimizer(self) -> str:
        """Return "adamw8bit" or "adamw"."""

    @property
    def batch_size(self) -> int:
        """Return how many photos a step sees."""

    @property
    def resolution(self) -> str:
        """Return the sides, in pixels."""

    @property
    def precision(self) -> str:
        """Return "auto", or the precision that a person insists on."""

    @property
    def steps(self) -> int:
        """Return how many steps are trained."""


class Refused(Exception):
    """This cannot be trained here: `says` why, `mend` what to do instead, both in words."""

    def __init__(self, says: str, mend: str) -> None:
        super().__init__(f"{says} {mend}")
        self.says = says
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to train a job; `gpu_bytes` and `ram_bytes` are what it is expected to need.

    `text_precision` and `offload` are about the text encoder: "text" computes it on the processor,
    "none" on the GPU, where it needs `text_bytes` before the transformer is there. `rank` and
    `layers` are the job's.
    """

    base: str
    precision: str
    checkpointing: str
    resolutions: tuple[int, ...]
    optimizer: str
    batch_size: int
    rank: int
    layers: str
    asked: tuple[int, ...]
    """The sides that the job asks for; `resolutions` are those of them that fit."""
    fixed: bool
    """A person insists on the precision."""
    memory_bytes: int
    text_precision: str
    offload: str
    text_bytes: int
    gpu_bytes: int
    ram_bytes: int


ELSEWHERE = "Train at a service instead, such as Replicate or fal: the LoRA is the same."


def choose(job: Job, memory_bytes: int) -> Plan:
    """Return the best plan for a GPU with this much memory; raises `Refused` in words."""
    base = _figures_of(job.base)
    if memory_bytes <= 0:
        raise Refused(
            "No NVIDIA GPU was found. FLUX cannot be trained on a processor or on Apple's GPUs in "
            "a time that makes sense.",
            ELSEWHERE,
        )
    if memory_bytes < base.floor:
        raise Refused(
            f"The GPU has {memory_words(memory_bytes)} of memory; {base.title} needs at least "
            f"{need_words(base.floor)}.",
            ELSEWHERE,
        )
    plan = next(_plans(job, base, memory_bytes), None)
    if plan is None:
        raise Refused(_too_small(job, base, memory_bytes), ELSEWHERE)
    return plan


def smaller(plan: Plan) -> Plan | None:
    """Return the next plan of the same job that needs less memory, or None behind the last.

    A plan that was kept is found again when other figures reckon it now.
    """
    base = _figures_of(plan.base)
    needed: int | None = None
    for other in _all_plans(_Again(plan), base, plan.memory_bytes):
        if needed is not None and other.gpu_bytes < needed and _fits(other):
            return other
        if needed is None and _way_of(other) == _way_of(plan):
            needed = other.gpu_bytes
    return None


def _way_of(plan: Plan) -> tuple[object, ...]:
    return plan.resolutions, plan.precision, plan.optimizer, plan.checkpointing


def refusal_of_gpu(capability: str) -> Refused | None:
    """Return why a GPU of this compute capability, such as "7.5", is too old; None: it is not."""
    try:
        major, _, minor = capability.partition(".")
        known = (int(major), int(minor or 0))
    except ValueError:
        return None
    if known >= figures.MIN_CAPABILITY:
        return None
    return Refused(
        "The GPU is older than NVIDIA's RTX 30 series: it has no bf16, which training needs.",
        ELSEWHERE,
    )


def for_processor(job: Job) -> Plan:
    """Return the plan for a processor, which only tiny models are trained on."""
    sides = sides_of(job.resolution)
    return Plan(
        base=job.base,
        precision="fp32" if job.precision == "auto" else job.precision,
        checkpointing="none",
        resolutions=sides,
        optimizer=job.optimizer,
        batch_size=job.batch_size,
        rank=job.rank,
        layers=job.layers,
        asked=sides,
        fixed=True,
        memory_bytes=0,
        text_precision="fp32",
        offload="none",
        text_bytes=0,
        gpu_bytes=0,
        ram_bytes=0,
    )


def sides_of(resolution: str) -> tuple[int, ...]:
    """Return the sides of "512,768,1024", ascending, each once; all three for "" or nonsense."""
    found = {int(part) for part in resolution.replace(" ", "").split(",") if part.isdecimal()}
    return tuple(sorted(side for side in found if side > 0)) or DEFAULT_SIDES


def seconds_per_step(plan: Plan, gpu: str = "") -> tuple[float, float]:
    """Return between which seconds a step is expected to take on the GPU of this name."""
    base, speed = _figures_of(plan.base), figures.speed_of(gpu)
    work = sum(_operations(base, plan, side) for side in plan.resolutions) / len(plan.resolutions)
    usual = work / (speed.teraflops * 1e12) * figures.SLOWER[plan.precision]
    spread = figures.MEASURED_SPREAD if speed.measured else figures.SPREAD
    fast, slow = spread if speed.name else figures.UNKNOWN_SPREAD
    return usual * fast, usual * slow


def seconds_in_all(plan: Plan, steps: int, gpu: str = "") -> tuple[float, float]:
    """Return between which seconds the training takes in all, without a download."""
    fast, slow = seconds_per_step(plan, gpu)
    least, most = figures.START_SECONDS
    return least + fast * steps, most + slow * steps


def memory_words(size: int) -> str:
    """Return memory that is there as its box says it, in powers of two."""
    return f"{size / 2**30:.0f} GB"


def need_words(size: int) -> str:
    """Return memory that is needed, rounded up, in the same measure."""
    return f"{math.ceil(size / 2**30)} GB"


def tell(job: Job, memory_bytes: int, gpu: str = "", capability: str = "") -> dict[str, Any]:
    """Return what `--plan` prints: the plan, those behind it, memory and time; or the refusal."""
    try:
        refused = refusal_of_gpu(capability)
        if refused is not None:
            raise refused
        plan = choose(job, memory_bytes)
    except Refused as error:
        return {"v": 1, "refused": error.says, "mend": error.mend}
    step = seconds_per_step(plan, gpu)
    in_all = seconds_in_all(plan, job.steps, gpu)
    return {
        "v": 1,
        "plan": asdict(plan),
        "smaller": [asdict(other) for other in _behind(plan)],
        "gpu": gpu,
        "gpu_bytes": plan.gpu_bytes,
        "ram_bytes": plan.ram_bytes,
        "seconds_per_step": [round(seconds, 3) for seconds in step],
        "seconds": [round(seconds) for seconds in in_all],
        "estimate": not figures.speed_of(gpu).measured,
    }


def _behind(plan: Plan) -> Iterator[Plan]:
    following = smaller(plan)
    while following is not None:
        yield following
        following = smaller(following)


@dataclass(frozen=True, slots=True)
class _Again:
    """The job that a plan was made for."""

    plan: Plan
    steps: int = 0

    @property
    def base(self) -> str:
        return self.plan.base

    @property
    def rank(self) -> int:
        return self.plan.rank

    @property
    def layers(self) -> str:
        return self.plan.layers

    @property
    def optimizer(self) -> str:
        return self.plan.optimizer

    @property
    def batch_size(self) -> int:
        return self.plan.batch_size

    @property
    def resolution(self) -> str:
        return ",".join(map(str, self.plan.asked))

    @property
    def precision(self) -> str:
        return self.plan.precision if self.plan.fixed else "auto"


def _figures_of(key: str) -> BaseFigures:
    base = figures.BASES.get(key)
    if base is None:
        known = ", ".join(row.title for row in figures.BASES.values())
        raise Refused(f"The base {key!r} is not known here.", f"Choose one of {known}.")
    return base


def _plans(job: Job, base: BaseFigures, memory: int) -> Iterator[Plan]:
    """Yield the plans that fit, the best first."""
    for plan in _all_plans(job, base, memory):
        if _fits(plan):
            yield plan


def _fits(plan: Plan) -> bool:
    memory = plan.memory_bytes
    return plan.gpu_bytes <= memory * figures.USABLE and _is_held(plan, memory)


def _all_plans(job: Job, base: BaseFigures, memory: int) -> Iterator[Plan]:
    precisions = PRECISIONS if job.precision == "auto" else (job.precision,)
    optimizers = dict.fromkeys((job.optimizer, "adamw8bit"))
    asked = sides_of(job.resolution)
    ways = product(_cut(asked), precisions, optimizers, CHECKPOINTING)
    for sides, precision, optimizer, checkpointing in ways:
        training = _training_bytes(base, job, sides, precision, optimizer, checkpointing)
        text, offload, text_bytes = _text_way(base, training, memory)
        yield Plan(
            base=base.key,
            precision=precision,
            checkpointing=checkpointing,
            resolutions=sides,
            optimizer=optimizer,
            batch_size=job.batch_size,
            rank=job.rank,
            layers=job.layers,
            asked=asked,
            fixed=job.precision != "auto",
            memory_bytes=memory,
            text_precision=text,
            offload=offload,
            text_bytes=text_bytes,
            gpu_bytes=training,
            ram_bytes=_ram_bytes(base, offload),
        )


def _cut(asked: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the sides asked for, then those up to each usual smaller one, at last 512 alone."""
    seen: list[tuple[int, ...]] = []
    for limit in (max(asked), *SIDES):
        sides = tuple(side for side in asked if side <= limit) or (min(limit, max(asked)),)
        if sides not in seen and (not seen or max(sides) <= max(seen[-1])):
            seen.append(sides)
            yield sides


def _is_held(plan: Plan, memory: int) -> bool:
    """Say whether others' experience backs the plan, where there is any; a person may insist."""
    ceilings = figures.CEILINGS.get(plan.base, ())
    for least, precision, side in ceilings:
        if memory >= least:
            good = plan.fixed or _rank_of(plan.precision) >= _rank_of(precision)
            return good and max(plan.resolutions) <= max(side, min(plan.asked))
    return True


def _rank_of(precision: str) -> int:
    return PRECISIONS.index(precision) if precision in PRECISIONS else -1


def _text_way(base: BaseFigures, training: int, memory: int) -> tuple[str, str, int]:
    """Return precision, offload and bytes on the GPU of the text encoder.

    It shall need no more than the training after it; else as little as there is room for.
    """
    needed = {precision: _text_bytes(base, precision) for precision in PRECISIONS}
    fitting = [it for it in PRECISIONS if needed[it] <= min(training, memory)]
    fitting += [it for it in reversed(PRECISIONS) if needed[it] <= memory]
    if not fitting:
        return "bf16", "text", 0
    return fitting[0], "none", needed[fitting[0]]


def _text_bytes(base: BaseFigures, precision: str) -> int:
    each = figures.BYTES_PER_PARAM[precision]
    weights = (base.text_params - base.text_embeddings) * each + base.text_embeddings * 2
    return int((weights + _WORKING + figures.RESERVED) * figures.SPARE)


def _training_bytes(
    base: BaseFigures,
    job: Job,
    sides: Sequence[int],
    precision: str,
    optimizer: str,
    checkpointing: str,
) -> int:
    each = figures.BYTES_PER_PARAM[precision]
    rest = 4 if precision == "fp32" else 2
    weights = base.quantised * each + (base.params - base.quantised) * rest
    per_rank = base.lora_all if job.layers == "all" else base.lora_attention
    lora = per_rank * job.rank * figures.TRAINED_BYTES[optimizer]
    width = rest * base.hidden * _tokens(base, max(sides)) * job.batch_size
    again = round(base.blocks * figures.PASSES[checkpointing])
    whole = width * figures.WIDTHS_KEPT
    activations = again * width + (base.blocks - again) * whole + 2 * whole
    return int((weights + lora + activations + figures.RESERVED) * figures.SPARE)


def _ram_bytes(base: BaseFigures, offload: str) -> int:
    held = base.text_params * 2 if offload == "text" else figures.RAM_FILE
    return figures.RAM_PROGRAM + held


def _tokens(base: BaseFigures, side: int) -> int:
    return (side // _LATENT) ** 2 + base.text_tokens


def _operations(base: BaseFigures, plan: Plan, side: int) -> float:
    """Return the floating point operations of a step at one resolution.

    Forward, backward through the activations, and forward again where it is checkpointed; the
    weights stand still. Attention costs two and a half times as much backward.
    """
    tokens, again = _tokens(base, side), figures.PASSES[plan.checkpointing]
    linear = 2 * base.trained * tokens * (2 + again)
    attention = 4 * tokens**2 * base.hidden * base.blocks * (3.5 + again)
    return (linear + attention) * plan.batch_size


def _too_small(job: Job, base: BaseFigures, memory: int) -> str:
    least = min(plan.gpu_bytes for plan in _all_plans(job, base, memory))
    wish = "" if job.precision == "auto" else f" in {job.precision}"
    return (
        f"The GPU has {memory_words(memory)} of memory; {base.title}{wish}, rank {job.rank} and "
        f"{job.batch_size} in a batch, needs about {need_words(least)}."
    )
