"""Together's JSON, in and out. Shapes: Together APIs 2.0.0 (togethercomputer/openapi)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel as WireModel
from pydantic import Field, TypeAdapter, ValidationError

from fluxlora_desktop.domain.errors import OutcomeUnknown, UnexpectedReply
from fluxlora_desktop.domain.pictures import PictureRequest

SERVICE = "together"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


class _Model(WireModel):
    id: str


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


def picture_order(request: PictureRequest) -> dict[str, object]:
    """Return the body that asks for one picture, in the reply itself and without loss.

    `guidance_scale` is the name in the specification; `guidance` stands in some pages only.
    """
    order: dict[str, object] = {
        "model": request.model,
        "prompt": request.prompt,
        "width": request.width,
        "height": request.height,
        "steps": request.steps,
        "guidance_scale": request.guidance,
        "seed": request.seed,
        "n": 1,
        "response_format": "base64",
        "output_format": "png",
    }
    if request.loras:
        order["image_loras"] = [{"path": use.address, "scale": use.scale} for use in request.loras]
    return order


def parse_catalogue(reply: Any) -> tuple[str, ...]:
    """Return the ids that the catalogue lists, from its bare array."""
    try:
        models = TypeAdapter(list[_Model]).validate_python(reply)
    except ValidationError as error:
        raise UnexpectedReply(SERVICE, "models", f"{error.error_count()} odd fields") from error
    return tuple(model.id for model in models)


def parse_picture(reply: Any) -> MadePicture:
    """Return the picture in a reply, by the key that is there: `type` may be null or wrong.

    Raises `OutcomeUnknown`: a success without a picture may have been charged.
    """
    try:
        images = _Images.model_validate(reply)
        first = images.data[0]
        data = base64.b64decode(first.b64_json, validate=True) if first.b64_json else b""
    except (ValidationError, binascii.Error) as error:
        raise OutcomeUnknown(SERVICE, "the reply holds no picture") from error
    if not data and not first.url:
        raise OutcomeUnknown(SERVICE, "the reply holds no picture")
    return MadePicture(images.id or "", data, "" if data else first.url or "")


def media_type_of(data: bytes) -> str:
    """Return the type of a picture by its first bytes; empty for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in _SIGNATURES if data.startswith(start)), "")
