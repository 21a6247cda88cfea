"""What this interpreter and this computer can do, as `--probe` tells it.

A library that is missing or broken is told as null or false, with what it said among `problems`.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import platform
import sys
from typing import Any

_CLASSES = {
    "flux.1-dev": ("FluxPipeline", "FluxTransformer2DModel"),
    "flux.2-dev": ("Flux2Pipeline", "Flux2Transformer2DModel"),
    "flux.2-klein-4b": ("Flux2KleinPipeline", "Flux2Transformer2DModel"),
    "flux.2-klein-9b": ("Flux2KleinPipeline", "Flux2Transformer2DModel"),
}
"""The classes of diffusers that each base needs."""
_LIBRARIES = ("transformers", "peft", "accelerate", "safetensors")
_LONGEST = 300


def probe() -> dict[str, Any]:
    """Return the probe as it is printed; never raises for what the libraries do.

    They may print as they are imported, which goes to stderr.
    """
    problems: dict[str, str] = {}
    with contextlib.redirect_stdout(sys.stderr):
        torch = _import("torch", problems)
        cuda = _quietly(lambda: torch.version.cuda, None, problems, "cuda") if torch else None
        gpus = _quietly(lambda: _gpus(torch), [], problems, "gpus") if torch else []
        mps = _quietly(lambda: bool(_mps(torch)), False, problems, "mps") if torch else False
        bitsandbytes = _import("bitsandbytes", problems) is not None
        diffusers = _import("diffusers", problems)
        for name in _LIBRARIES:
            _import(name, problems)
        bases = [key for key in _CLASSES if diffusers and _has(diffusers, key, problems)]
    return {
        "v": 1,
        "python": platform.python_version(),
        "torch": getattr(torch, "__version__", None) and str(torch.__version__),
        "cuda": cuda,
        "gpus": gpus,
        "mps": mps,
        "ram_bytes": ram_bytes(),
        "bitsandbytes": bitsandbytes,
        "diffusers": getattr(diffusers, "__version__", None),
        "bases": bases,
        "problems": problems,
    }


def ram_bytes() -> int:
    """Return the computer's memory in bytes, 0 where it is not told."""
    if sys.platform == "win32":
        return _ram_of_windows()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "free", "page", "page_free")),
        *((name, ctypes.c_uint64) for name in ("virtual", "virtual_free", "extended")),
    )


def _ram_of_windows() -> int:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - known to mypy on Windows only
    return int(status.total) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else 0


def _mps(torch: Any) -> Any:
    return torch.backends.mps.is_available()


def _gpus(torch: Any) -> list[dict[str, Any]]:
    if not torch.cuda.is_available():
        return []
    return [_gpu(torch, index) for index in range(torch.cuda.device_count())]


def _gpu(torch: Any, index: int) -> dict[str, Any]:
    facts = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    return {
        "index": index,
        "name": str(facts.name),
        "memory_bytes": int(total),
        "free_bytes": int(free),
        "capability": f"{facts.major}.{facts.minor}",
        "bf16": facts.major >= 8,
    }


def _has(diffusers: Any, key: str, problems: dict[str, str]) -> bool:
    """Say whether the base's classes load; diffusers imports them at this moment."""
    return all(
        _quietly(lambda name=name: getattr(diffusers, name), None, problems, name) is not None
        for name in _CLASSES[key]
    )


def _import(name: str, problems: dict[str, str]) -> Any:
    return _quietly(lambda: importlib.import_module(name), None, problems, name)


def _quietly(ask: Any, otherwise: Any, problems: dict[str, str], what: str) -> Any:
    """Return what `ask` returns; whatever it raises is noted, since it says what is broken."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - a broken library may raise anything
        problems[what] = f"{type(error).__name__}: {error}"[:_LONGEST]
        return otherwise
