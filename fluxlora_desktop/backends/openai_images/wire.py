"""The protocol's JSON, in and out.

Shapes: OpenAI's images API (POST images/generations: model, prompt, n, size, response_format), as
Together APIs 2.0.0, vLLM-Omni and LocalAI repeat it. Steps, guidance and a seed are no part of it;
servers that take them call them as vLLM-Omni does (docs.vllm.ai, image generation API).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel as WireModel
from pydantic import Field, ValidationError

from fluxlora_desktop.domain.errors import OutcomeUnknown
from fluxlora_desktop.domain.pictures import PictureRequest

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


class _Item(WireModel):
    b64_json: str | None = None
    url: str | None = None


class _Images(WireModel):
    id: str | None = None
    data: list[_Item] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class MadePicture:
    """A reply with one picture: its bytes, or the address where they can be read."""

    remote_id: str
    data: bytes = b""
    url: str = ""


def picture_order(request: PictureRequest, *, extras: bool) -> dict[str, object]:
    """Return the body that asks for one picture; `extras` adds what the protocol itself lacks.

    Without them the body holds what every server takes: some refuse whatever else comes.
    """
    order: dict[str, object] = {
        "model": request.model,
        "prompt": request.prompt,
        "n": 1,
        "size": f"{request.width}x{request.height}",
    }
    if extras:
        order |= {
            "response_format": "b64_json",
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            "seed": request.seed,
        }
    return order


def parse_picture(service: str, reply: Any) -> MadePicture:
    """Return the picture in a reply, by the key that is there: `type` may be null or wrong.

    Raises `OutcomeUnknown`: a success without a picture may have been charged.
    """
    try:
        images = _Images.model_validate(reply)
        first = images.data[0]
        data = base64.b64decode(first.b64_json, validate=True) if first.b64_json else b""
    except (ValidationError, binascii.Error) as error:
        raise OutcomeUnknown(service, "the reply holds no picture") from error
    if not data and not first.url:
        raise OutcomeUnknown(service, "the reply holds no picture")
    return MadePicture(images.id or "", data, "" if data else first.url or "")


def media_type_of(data: bytes) -> str:
    """Return the type of a picture by its first bytes; empty for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _SIGNATURES if data.startswith(start)), "")
