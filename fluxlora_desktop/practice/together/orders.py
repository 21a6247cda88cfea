"""What a request for pictures asks for, checked against the documented limits."""

import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from fluxlora_desktop.practice.together.errors import TogetherError

_MOST_LORAS = 2
_LARGEST_BODY = 1_000_000
_LARGEST_SEED = 2**32


@dataclass(frozen=True, slots=True)
class LoraOrder:
    """A LoRA by its address, and how strongly it is used."""

    path: str
    scale: float


@dataclass(frozen=True, slots=True)
class Order:
    """One request for pictures."""

    model: str
    prompt: str
    width: int
    height: int
    steps: int | None
    count: int
    seed: int
    by_url: bool
    png: bool
    checks_safety: bool
    loras: tuple[LoraOrder, ...]


async def read_order(request: Request) -> Order:
    """Read a request's body; raise `TogetherError` 400 naming the parameter that is wrong."""
    told = await read_object(request, _LARGEST_BODY)
    return Order(
        model=read_text(told, "model"),
        prompt=read_text(told, "prompt"),
        width=_side(told, "width"),
        height=_side(told, "height"),
        steps=_whole(told, "steps", 1, 50) if told.get("steps") is not None else None,
        count=_whole(told, "n", 1, 4, default=1),
        seed=_whole(told, "seed", 0, 2**63, default=secrets.randbelow(_LARGEST_SEED)),
        by_url=_choice(told, "response_format", "url", "base64") == "url",
        png=_choice(told, "output_format", "jpeg", "png") == "png",
        checks_safety=not told.get("disable_safety_checker", False),
        loras=_loras(told.get("image_loras") or []),
    )


async def read_object(request: Request, most: int) -> Mapping[str, Any]:
    """Read a body of at most so many bytes that is a JSON object."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TogetherError(413, "Request body is too large")
    try:
        told = json.loads(body)
    except ValueError as error:
        raise TogetherError(400, "Invalid JSON in the request body") from error
    if not isinstance(told, dict):
        raise TogetherError(400, "The request body must be a JSON object")
    return told


def read_text(told: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there."""
    value = told.get(name)
    if not isinstance(value, str) or not value.strip():
        raise TogetherError(400, f"{name} is required", param=name)
    return value


def _side(told: Mapping[str, Any], name: str) -> int:
    """Return a width or height in pixels: 256 to 1920, a multiple of 8 (docs)."""
    value = _whole(told, name, 256, 1920, default=1024)
    if value % 8:
        raise TogetherError(400, f"{name} must be a multiple of 8", param=name)
    return value


def _whole(
    told: Mapping[str, Any], name: str, low: int, high: int, *, default: int | None = None
) -> int:
    value = told.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int or not low <= value <= high:
        raise TogetherError(400, f"{name} must be between {low} and {high}", param=name)
    return value


def _choice(told: Mapping[str, Any], name: str, first: str, second: str) -> str:
    value = told.get(name) or first
    if value not in (first, second):
        raise TogetherError(400, f"{name} must be {first} or {second}", param=name)
    return str(value)


def _loras(told: Any) -> tuple[LoraOrder, ...]:
    if not isinstance(told, list) or len(told) > _MOST_LORAS:
        raise TogetherError(
            400, f"image_loras must be a list of at most {_MOST_LORAS}", param="image_loras"
        )
    return tuple(_lora(entry) for entry in told)


def _lora(entry: Any) -> LoraOrder:
    path = entry.get("path") if isinstance(entry, dict) else None
    scale = entry.get("scale") if isinstance(entry, dict) else None
    if not isinstance(path, str) or not path.strip():
        raise TogetherError(400, "path is required for every LoRA", param="image_loras")
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale):
        raise TogetherError(400, "scale is required for every LoRA", param="image_loras")
    return LoraOrder(path, float(scale))
