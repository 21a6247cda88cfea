"""What is looked at before the engine is made, and before it is put in place."""

from __future__ import annotations

from pathlib import Path

from fluxlora_desktop.backends.local.advice import best_gpu
from fluxlora_desktop.backends.local.hardware import Maker
from fluxlora_desktop.domain.engine import GB, Hardware, Needs, Probe
from fluxlora_desktop.domain.errors import DiskFull, EngineError
from fluxlora_desktop.trainer import plan

NEEDS = Needs(download_bytes=3 * GB, room_bytes=11 * GB, disk_bytes=7 * GB)
"""torch 2.13 with CUDA 13 and what else the trainer imports: about 3 GB of wheels, 6 to 7 GB
unpacked, and both at once while they are. Without CUDA it is 1.3 GB (measured). An estimate."""
MIN_RAM = 12 * GB
"""Bytes of the computer's memory below which not even the smallest weights file can be read."""
CUDA13_DRIVER = 580
"""The driver that torch with CUDA 13 needs, which pip installs; uv finds older builds too."""


def require_fit(found: Hardware, maker: Maker, folder: Path, needs: Needs) -> None:
    """Refuse in words what would end in vain, before anything is downloaded.

    Raises `EngineError`, and `DiskFull` with the sizes.
    """
    gpu = best_gpu(found)
    if gpu is None:
        raise EngineError(found.trouble, plan.ELSEWHERE)
    old = plan.refusal_of_gpu(gpu.capability)
    if old is not None:
        raise EngineError(old.says, old.mend)
    if maker.trouble:
        raise EngineError("Nothing here can make the engine.", maker.trouble)
    major = found.driver.split(".")[0]
    if maker.uv is None and major.isdecimal() and int(major) < CUDA13_DRIVER:
        raise EngineError(
            f"NVIDIA's driver {found.driver} is older than the libraries need.",
            f"Update it to {CUDA13_DRIVER} or newer, or install uv, which finds libraries for "
            "older drivers.",
        )
    if 0 < found.ram_bytes < MIN_RAM:
        raise EngineError(
            f"This computer has {plan.memory_words(found.ram_bytes)} of memory; reading a base "
            f"model takes {plan.need_words(MIN_RAM)} and more.",
            plan.ELSEWHERE,
        )
    if found.free_bytes < needs.room_bytes:
        raise DiskFull(folder, needed=needs.room_bytes, free=found.free_bytes)


def require_works(probe: Probe, log: Path) -> None:
    """Refuse an environment whose libraries do not load or do not see the GPU."""
    if not probe.works:
        name, says = probe.problems[0] if probe.problems else ("torch", "it is missing")
        raise EngineError(
            f"The packages were installed, but {name} does not load.",
            f"It says: {says[:200].rstrip('.')}. Try again; the log says more.",
            log=log,
        )
    if not probe.gpus:
        raise EngineError(
            "The packages were installed, but they do not see the GPU.",
            "Update NVIDIA's driver, restart the computer, then try again.",
            log=log,
        )
