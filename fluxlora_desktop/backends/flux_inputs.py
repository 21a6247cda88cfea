"""The inputs of the hosted FLUX models, as Replicate's and fal's name them.

Whoever passes a request on to them, as Hugging Face's router does, sends the same. Replicate's:
replicate/cog-flux 51e81e0; the official models take the nearest of eleven shapes, not a size in
pixels. fal's: the models' pages of 2026.
"""

from __future__ import annotations

import math
from typing import Any

from fluxlora_desktop.domain.pictures import PictureRequest
from fluxlora_desktop.domain.training import ParameterValue

_SHAPES = (
    "1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21",
)  # fmt: skip
_SMALL_PIXELS = 512 * 512


def trained_inputs(request: PictureRequest) -> dict[str, ParameterValue]:
    """Return what a model trained at Replicate is given; it takes the size in pixels."""
    return _common_inputs(request) | {
        "model": "dev",
        "aspect_ratio": "custom",
        "width": request.width,
        "height": request.height,
        "guidance_scale": request.guidance,
        "lora_scale": request.loras[0].scale,
    }


def official_inputs(request: PictureRequest) -> dict[str, ParameterValue]:
    """Return what flux-dev and flux-dev-lora are given, with up to two Loras by address."""
    inputs = _common_inputs(request) | {
        "aspect_ratio": _nearest_shape(request.width, request.height),
        "megapixels": "0.25" if request.width * request.height <= _SMALL_PIXELS else "1",
        "guidance": request.guidance,
    }
    for use, name in zip(request.loras, ("lora", "extra_lora"), strict=False):
        address = "lora_weights" if name == "lora" else name
        inputs |= {address: use.address, f"{name}_scale": use.scale}
    return inputs


def fal_inputs(request: PictureRequest) -> dict[str, Any]:
    """Return what fal's models are given, with Loras by address."""
    inputs: dict[str, Any] = {
        "prompt": request.prompt,
        "image_size": {"width": request.width, "height": request.height},
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
        "num_images": 1,
        "seed": request.seed,
        "output_format": "png",
    }
    if request.loras:
        inputs["loras"] = [{"path": use.address, "scale": use.scale} for use in request.loras]
    return inputs


def _common_inputs(request: PictureRequest) -> dict[str, ParameterValue]:
    return {
        "prompt": request.prompt,
        "num_outputs": 1,
        "num_inference_steps": request.steps,
        "seed": request.seed,
        "output_format": "png",
        "go_fast": False,  # the fast way is not the same twice for one seed
    }


def _nearest_shape(width: int, height: int) -> str:
    def distance(shape: str) -> float:
        wide, high = shape.split(":")
        return abs(math.log(width / height) - math.log(int(wide) / int(high)))

    return min(_SHAPES, key=distance)
