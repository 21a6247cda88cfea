"""What this computer can train, from its hardware and the trainer's own reckoning."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.engine import Advice, BaseAdvice, Gpu, Hardware
from fluxlora_desktop.trainer import figures, plan


@dataclass(frozen=True, slots=True)
class _Usual:
    """A job as the app makes it when nobody changes anything."""

    base: str
    rank: int
    steps: int
    resolution: str = "512,768,1024"
    layers: str = "all"
    optimizer: str = "adamw8bit"
    batch_size: int = 1
    precision: str = "auto"


def advise(hardware: Hardware, *, rank: int, steps: int) -> Advice:
    """Return what can be trained, how fast and at what settings; or why nothing can."""
    gpu = best_gpu(hardware)
    if gpu is None:
        return Advice(says=hardware.trouble, mend=plan.ELSEWHERE)
    old = plan.refusal_of_gpu(gpu.capability)
    if old is not None:
        return Advice(gpu=gpu, says=old.says, mend=old.mend)
    bases = tuple(
        _of_base(_Usual(key, rank, steps), gpu, hardware.ram_bytes) for key in figures.BASES
    )
    if not any(base.can for base in bases):
        return Advice(bases, gpu, bases[0].says, bases[0].mend)
    return Advice(bases, gpu)


def best_gpu(hardware: Hardware) -> Gpu | None:
    """Return the GPU with the most memory, the first of several."""
    return max(hardware.gpus, key=lambda gpu: gpu.memory_bytes, default=None)


def _of_base(job: _Usual, gpu: Gpu, ram: int) -> BaseAdvice:
    title = figures.BASES[job.base].title
    try:
        found = plan.choose(job, gpu.memory_bytes)
    except plan.Refused as error:
        return BaseAdvice(job.base, title, False, error.says, error.mend)
    if 0 < ram < found.ram_bytes:
        return BaseAdvice(
            job.base,
            title,
            False,
            f"The computer has {plan.memory_words(ram)} of memory beside the GPU's; reading "
            f"{title} takes about {plan.need_words(found.ram_bytes)}.",
            plan.ELSEWHERE,
        )
    return BaseAdvice(
        base=job.base,
        title=title,
        can=True,
        precision=found.precision,
        checkpointing=found.checkpointing,
        resolutions=found.resolutions,
        gpu_bytes=found.gpu_bytes,
        ram_bytes=found.ram_bytes,
        steps=job.steps,
        step_seconds=plan.seconds_per_step(found, gpu.name),
        seconds=plan.seconds_in_all(found, job.steps, gpu.name),
        measured=figures.speed_of(gpu.name).measured,
    )
