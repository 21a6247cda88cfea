"""What the picture server is asked for: one JSON object a line, checked field by field.

Standard library only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exits import BadInput
from .job import BASES, PRECISIONS

LONGEST = 1_000_000
"""The most bytes that a request may have."""
SIDE_STEP = 16
MOST_LORAS = 16
_MEND = "Ask again with other values."


@dataclass(frozen=True, slots=True)
class LoraWish:
    """A LoRA of an order: its file and its strength."""

    path: Path
    scale: float = 1.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One picture; the names are those of the request. `guidance` None is the base's usual one."""

    id: str
    base: str
    prompt: str
    out: Path
    model: str = ""
    revision: str = ""
    negative_prompt: str = ""
    width: int = 1024
    height: int = 1024
    steps: int = 28
    guidance: float | None = None
    seed: int = 0
    loras: tuple[LoraWish, ...] = ()
    precision: str = "auto"


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the object in a line; raises `BadInput` where there is none."""
    try:
        found = json.loads(line.decode("utf-8")) if len(line) <= LONGEST else None
    except (ValueError, RecursionError) as error:
        raise BadInput("A request is not JSON.", _MEND) from error
    if not isinstance(found, dict):
        raise BadInput("A request is not a table of fields.", _MEND)
    return found


def id_of(request: dict[str, Any]) -> str:
    """Return the id that answers to a request bear."""
    value = request.get("id", "")
    return value if isinstance(value, str) and len(value) <= 200 else ""


def parse_order(request: dict[str, Any]) -> Order:
    """Check a request for a picture; raises `BadInput` that names the field."""
    values = {name: value for name, value in request.items() if name != "do"}
    unknown = sorted(set(values) - set(_CHECKS))
    if unknown:
        raise BadInput(
            f"The request has an unknown field: {unknown[0][:80]}.", "Update the engine."
        )
    for name in ("id", "base", "prompt", "out"):
        if name not in values:
            raise _refused(name, "is missing")
    return Order(**{name: _CHECKS[name](name, value) for name, value in values.items()})


def _refused(name: str, says: str) -> BadInput:
    return BadInput(f"{name} in the request {says}.", _MEND)


def _text(longest: int) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise _refused(name, f"is not a text of at most {longest} characters")
        return value

    return check


def _choice(allowed: tuple[str, ...]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise _refused(name, f"is none of {', '.join(allowed)}")
        return str(value)

    return check


def _whole(low: int, high: int, step: int = 1) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if type(value) is not int or not low <= value <= high or value % step:
            steps = f" in steps of {step}" if step > 1 else ""
            raise _refused(name, f"is not a whole number from {low} to {high}{steps}")
        return value

    return check


def _number(name: str, value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
        raise _refused(name, f"is not a number from {low:g} to {high:g}")
    return float(value)


def _guidance(name: str, value: Any) -> float | None:
    return None if value is None else _number(name, value, 0, 100)


def _file(name: str, value: Any) -> Path:
    path = Path(_text(4000)(name, value))
    if not path.is_absolute() or "\0" in str(path):
        raise _refused(name, "is no absolute path")
    return path


def _picture(name: str, value: Any) -> Path:
    path = _file(name, value)
    if path.suffix.lower() != ".png":
        raise _refused(name, "does not end in .png")
    return path


def _loras(name: str, value: Any) -> tuple[LoraWish, ...]:
    if not isinstance(value, list) or len(value) > MOST_LORAS:
        raise _refused(name, f"is not a list of at most {MOST_LORAS}")
    return tuple(_lora(name, entry) for entry in value)


def _lora(name: str, entry: Any) -> LoraWish:
    known = {"path", "scale", "name"}
    if not isinstance(entry, dict) or not set(entry) <= known or "path" not in entry:
        raise _refused(name, "has an entry without a path")
    return LoraWish(
        _file(f"{name}.path", entry["path"]),
        _number(f"{name}.scale", entry.get("scale", 1.0), -10, 10),
        _text(500)(f"{name}.name", entry.get("name", "")),
    )


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "id": _text(200),
    "base": _choice(BASES),
    "model": _text(4000),
    "revision": _text(200),
    "prompt": _text(20_000),
    "negative_prompt": _text(20_000),
    "width": _whole(64, 4096, SIDE_STEP),
    "height": _whole(64, 4096, SIDE_STEP),
    "steps": _whole(1, 200),
    "guidance": _guidance,
    "seed": _whole(0, 2**63 - 1),
    "loras": _loras,
    "out": _picture,
    "precision": _choice(PRECISIONS),
}
