"""What the arguments ask for. Standard library only; each command imports what it needs."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from .exits import BAD_INPUT, TrainerError
from .job import read_job

USAGE = (
    "trainer JOBDIR | --plan JOBDIR [--memory BYTES] | --fetch BASE [--leashed] | --probe | --serve"
)

# Read by CUDA's libraries when torch is imported: sums in a fixed order, and (not known to Windows)
# memory that is taken in pieces which can grow, so that photos of many sizes leave few gaps.
_FOR_CUDA = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
if sys.platform == "linux":
    _FOR_CUDA |= {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}


def main(arguments: list[str]) -> int:
    """Run what the arguments ask for and return the exit code."""
    for name, value in _FOR_CUDA.items():
        os.environ.setdefault(name, value)
    # Xet swallows what its progress raises, so a wish to stop, and counts each byte twice.
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    match arguments:
        case ["--probe"]:
            return _say(_module("probe").probe())
        case ["--serve"]:
            return int(_module("serve").main() or 0)
        case ["--fetch", base, *how] if how in ([], ["--leashed"]):
            return int(_module("fetch").main(base, leashed=bool(how)))
        case ["--plan", folder]:
            return _plan(Path(folder), None)
        case ["--plan", folder, "--memory", memory] if memory.isdecimal():
            return _plan(Path(folder), int(memory))
        case [folder] if not folder.startswith("-"):
            return int(_module("training").train(Path(folder)))
    sys.stderr.write(USAGE + "\n")
    return BAD_INPUT


def _module(name: str) -> Any:
    return import_module(f".{name}", __package__)


def _plan(folder: Path, memory: int | None) -> int:
    try:
        job = read_job(folder)
    except TrainerError as error:
        _say({"v": 1, "refused": error.says, "mend": error.mend})
        return error.code
    gpu, capability = "", ""
    if memory is None:
        gpus = _module("probe").probe()["gpus"]
        best = max(gpus, key=lambda each: int(each["memory_bytes"]), default=None)
        memory = int(best["memory_bytes"]) if best else 0
        gpu, capability = (best["name"], best["capability"]) if best else ("", "")
    return _say(_module("plan").tell(job, memory, gpu, capability))


def _say(table: object) -> int:
    sys.stdout.write(json.dumps(table) + "\n")
    sys.stdout.flush()
    return 0
