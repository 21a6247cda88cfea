"""Together's JSON, in and out. Shapes: Together APIs 2.0.0 (togethercomputer/openapi)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel as WireModel
from pydantic import TypeAdapter, ValidationError

from fluxlora_desktop.domain.errors import UnexpectedReply
from fluxlora_desktop.domain.pictures import PictureRequest

SERVICE = "together"


class _Model(WireModel):
    id: str


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
