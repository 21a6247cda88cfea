"""What the trainings and pictures of this computer ask of the engine, answered at once.

Nothing is started for an answer: they come from the engine's stamp and from what it said last.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.backends.local.advice import advise
from fluxlora_desktop.backends.local.engine import LocalEngine
from fluxlora_desktop.backends.local.parts import Pace
from fluxlora_desktop.domain.engine import LOCAL_BASES, EngineStatus, Gpu, Hardware, local_base
from fluxlora_desktop.domain.errors import EngineAbsent, EngineBusy
from fluxlora_desktop.trainer import figures, plan

_NOT_SET_UP = "The engine of this computer is not set up."


@dataclass(frozen=True, slots=True)
class _Asked:
    """A training as far as its time depends on it."""

    base: str
    steps: int
    resolution: str
    rank: int = 16
    layers: str = "all"
    optimizer: str = "adamw8bit"
    batch_size: int = 1
    precision: str = "auto"


class ReadyEngine:
    """Fills `parts.LocalEngine` over the engine of this computer."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._known: tuple[object, EngineStatus] | None = None

    def not_ready(self, base: str = "") -> str:
        """Return why nothing can be trained here now, in a sentence, "" when it can."""
        status = self._status()
        if not status.usable:
            return _NOT_SET_UP
        probe = status.probe
        if probe is None:
            return ""  # the trainer will say it in its own words
        if not probe.gpus:
            return "The engine of this computer does not see the GPU."
        if base and base not in probe.bases:
            known = local_base(base)
            title = known.title if known else base
            return f"The engine of this computer does not know {title}; update it."
        found = Hardware(sys.platform, probe.gpus, ram_bytes=probe.ram_bytes)
        advice = advise(found, rank=16, steps=1000)
        mine = [it for it in advice.bases if it.base == base]
        if not advice.can:
            return advice.says
        return mine[0].says if mine and not mine[0].can else ""

    def python(self) -> Path:
        """Return the interpreter; raises `EngineAbsent`, `EngineBusy` while it is being changed."""
        if self._engine.is_changing():
            raise EngineBusy("The engine is being changed.", "What waits goes on after that.")
        python = self._status().python
        if python is None:
            raise EngineAbsent(_NOT_SET_UP, "Set it up on the page This computer.")
        return python

    def gpus(self, base: str = "") -> tuple[int, ...]:
        """Return the GPUs that can train, the largest first.

        The first one where nobody asked yet, or none can.
        """
        bases = (base,) if base else tuple(it.key for it in LOCAL_BASES)
        able = [gpu for gpu in self._gpus() if gpu.bf16 and _has_room(gpu, bases)]
        able.sort(key=lambda gpu: gpu.memory_bytes, reverse=True)
        return tuple(gpu.index for gpu in able) or (0,)

    def pace(self, base: str, steps: int, resolution: str) -> Pace | None:
        """Return how long a training would take, None where nothing fits or is known."""
        gpu = max(self._gpus(), key=lambda it: it.memory_bytes, default=None)
        if gpu is None:
            return None
        try:
            found = plan.choose(_Asked(base, steps, resolution), gpu.memory_bytes)
        except plan.Refused:
            return None
        fast, slow = plan.seconds_per_step(found, gpu.name)
        middle = (fast + slow) / 2
        how = "measured on" if figures.speed_of(gpu.name).measured else "an estimate for"
        return Pace(
            start_seconds=sum(figures.START_SECONDS) / 2,
            seconds_per_step=middle,
            spread=(slow - middle) / middle,
            basis=f"{how} {gpu.name}",
        )

    def _gpus(self) -> tuple[Gpu, ...]:
        probe = self._status().probe
        return probe.gpus if probe is not None else ()

    def _status(self) -> EngineStatus:
        """Return the engine's state, read anew when one of its notes is another."""
        notes = tuple(map(_age, self._engine.notes()))
        if self._known is None or self._known[0] != notes:
            self._known = notes, self._engine.status()
        return self._known[1]


def _has_room(gpu: Gpu, bases: Iterable[str]) -> bool:
    """Tell whether a GPU can train one of these bases at any settings."""
    for base in bases:
        with suppress(plan.Refused):
            plan.choose(_Asked(base, 1000, "512"), gpu.memory_bytes)
            return True
    return False


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
