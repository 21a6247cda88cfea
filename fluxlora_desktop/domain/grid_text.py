"""Grids as text: lists of values as a person types them, and the JSON that the library keeps."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.grids import (
    KIND_WORDS,
    MOST_CELLS,
    Axis,
    AxisKind,
    BaseLora,
    GridBase,
    GridSpec,
    Value,
    check_shape,
)

SCHEMA = 1
LONGEST = 20_000
"""Characters that are read of a typed list."""
_LONGEST_PROMPT = 10_000
_WHOLE = frozenset({AxisKind.SEED, AxisKind.STEPS})
_TEXTS = frozenset({AxisKind.PROMPT, AxisKind.LORA})
_USUAL_STEP = {AxisKind.SCALE: Decimal("0.2")}
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_RANGE = re.compile(
    rf"({_NUMBER})\s*(?:\.\.\.?|…|to)\s*({_NUMBER})(?:\s*(?:step|by)\s*({_NUMBER}))?"
)
_LARGEST = Decimal(2**31 - 1)


def parse_values(kind: AxisKind, text: str) -> tuple[Value, ...]:
    """Return the values of a typed list; those that stand twice are taken once.

    Numbers stand between commas, semicolons or lines, and `0.4 .. 1.2 step 0.2` is a range with
    both ends. Prompts stand one in a line. Raises `InputError`, with what it cannot read named.
    """
    if len(text) > LONGEST:
        raise InputError(kind, f"The list is longer than {LONGEST:,} characters")
    if kind in _TEXTS:
        lines = (line.strip() for line in text.splitlines())
        return _bounded(kind, [line for line in lines if line])
    found: list[Value] = []
    for part in re.split(r"[,;\n]", text):
        if part.strip():
            found += _numbers(kind, part.strip())
    return _bounded(kind, found)


def write_values(axis: Axis) -> str:
    """Return an axis as it would be typed."""
    if axis.kind in _TEXTS:
        return "\n".join(str(value) for value in axis.values)
    return ", ".join(_plain(value) for value in axis.values)


def _plain(value: Value) -> str:
    return str(value) if isinstance(value, int | str) else f"{value:g}"


def _bounded(kind: AxisKind, values: list[Value]) -> tuple[Value, ...]:
    unique = tuple(dict.fromkeys(values))
    if len(unique) > MOST_CELLS:
        words = KIND_WORDS[kind]
        raise InputError(kind, f"{words} has {len(unique)} values, and a grid at most {MOST_CELLS}")
    return unique


def _numbers(kind: AxisKind, part: str) -> list[Value]:
    found = _RANGE.fullmatch(part)
    if found is None:
        return [_number(kind, part)]
    first, last = Decimal(str(_number(kind, found[1]))), Decimal(str(_number(kind, found[2])))
    step = Decimal(found[3]) if found[3] else _USUAL_STEP.get(kind, Decimal(1))
    if step <= 0 or last < first:
        raise InputError(kind, f"“{part[:40]}” does not lead upwards")
    count = int((last - first) / step) + 1
    if count > MOST_CELLS:
        raise InputError(kind, f"“{part[:40]}” is {count} values, and a grid has {MOST_CELLS}")
    return [_number(kind, f"{first + place * step:f}") for place in range(count)]


def _number(kind: AxisKind, text: str) -> Value:
    words = KIND_WORDS[kind]
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise InputError(kind, f"{words}: “{text[:40]}” is no number") from None
    if not number.is_finite() or abs(number) > _LARGEST:
        raise InputError(kind, f"{words}: “{text[:40]}” is too large")
    if kind not in _WHOLE:
        return round(float(number), 3) + 0.0  # never minus nought
    if number != number.to_integral_value() or number < 0:
        raise InputError(kind, f"{words}: “{text[:40]}” is no whole number")
    return int(number)


def spec_as_json(spec: GridSpec) -> dict[str, Any]:
    """Return a grid as JSON can hold it."""
    base = spec.base
    return {
        "schema": SCHEMA,
        "generator": base.generator,
        "model": base.model,
        "prompt": base.prompt,
        "loras": [
            {"id": lora.lora_id, "name": lora.name, "scale": lora.scale, "hash": lora.tensor_hash}
            for lora in base.loras
        ],
        "width": base.width,
        "height": base.height,
        "steps": base.steps,
        "guidance": base.guidance,
        "seed": base.seed,
        "rows": _axis_as_json(spec.rows),
        "columns": _axis_as_json(spec.columns),
    }


def _axis_as_json(axis: Axis) -> dict[str, Any]:
    return {"kind": axis.kind.value, "values": list(axis.values)}


def spec_from(values: Mapping[str, Any]) -> GridSpec:
    """Return the grid that JSON holds; raises `InputError` for what is none, or not of this app."""
    try:
        if values["schema"] != SCHEMA:
            raise InputError("grid", "It was written by a newer version")
        base = GridBase(
            str(values["generator"]),
            str(values["model"]),
            str(values["prompt"])[:_LONGEST_PROMPT],
            tuple(_lora_from(part) for part in list(values["loras"])[:2]),
            int(values["width"]),
            int(values["height"]),
            int(values["steps"]),
            _finite(values["guidance"]),
            int(values["seed"]),
        )
        spec = GridSpec(base, _axis_from(values["rows"]), _axis_from(values["columns"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError("grid", "It cannot be read") from error
    check_shape(spec)
    return spec


def _lora_from(part: Mapping[str, Any]) -> BaseLora:
    return BaseLora(str(part["id"]), str(part["name"]), _finite(part["scale"]), str(part["hash"]))


def _axis_from(part: Mapping[str, Any]) -> Axis:
    kind = AxisKind(part["kind"])
    read = str if kind in _TEXTS else int if kind in _WHOLE else _finite
    return Axis(kind, tuple(read(value) for value in list(part["values"])[: MOST_CELLS + 1]))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number
