"""What the programs of the engine say in lines of JSON; the probe's answer as a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fluxlora_desktop.domain.engine import Gpu, Probe

_MAX_GPUS = 32
_MAX_PROBLEMS = 20
_LONGEST = 300


def object_in(line: bytes | str) -> Mapping[str, Any] | None:
    """Return the JSON object in a line, None for whatever else a library printed there."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def parse_probe(line: str) -> Probe | None:
    """Return what a line of `--probe` says, None for anything else."""
    found = object_in(line)
    if found is None or found.get("v") != 1:
        return None
    gpus, bases, problems = (found.get(key) for key in ("gpus", "bases", "problems"))
    return Probe(
        python=_text(found, "python"),
        torch=_text(found, "torch"),
        cuda=_text(found, "cuda"),
        gpus=tuple(_gpu(gpu) for gpu in _items(gpus)[:_MAX_GPUS]),
        mps=found.get("mps") is True,
        ram_bytes=_number(found, "ram_bytes"),
        bitsandbytes=found.get("bitsandbytes") is True,
        diffusers=_text(found, "diffusers"),
        bases=tuple(it for it in bases if isinstance(it, str)) if isinstance(bases, list) else (),
        problems=tuple(
            (str(name)[:_LONGEST], str(says)[:_LONGEST]) for name, says in problems.items()
        )[:_MAX_PROBLEMS]
        if isinstance(problems, dict)
        else (),
    )


def _items(found: object) -> list[Mapping[str, Any]]:
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


def _gpu(found: Mapping[str, Any]) -> Gpu:
    return Gpu(
        index=_number(found, "index"),
        name=_text(found, "name"),
        memory_bytes=_number(found, "memory_bytes"),
        free_bytes=_number(found, "free_bytes"),
        capability=_text(found, "capability"),
        bf16=found.get("bf16") is True,
    )


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value[:_LONGEST] if isinstance(value, str) else ""


def _number(found: Mapping[str, Any], key: str) -> int:
    value = found.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
