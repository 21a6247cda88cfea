"""The inputs of a picture, as cog-flux reads them: bounds, sizes, formats."""

import io
import random
from dataclasses import dataclass
from typing import Any

from PIL import Image

from fluxlora_desktop.practice.replicate.errors import Refusal

SHAPES = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
_FORMATS = {"webp": "WEBP", "jpg": "JPEG", "png": "PNG"}
_BOUNDS = {
    "num_outputs": (1, 4),
    "num_inference_steps": (1, 50),
    "guidance_scale": (0, 10),
    "guidance": (0, 10),
    "lora_scale": (-1, 3),
    "extra_lora_scale": (-1, 3),
    "output_quality": (0, 100),
    "width": (256, 1440),
    "height": (256, 1440),
}


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """What is to be painted."""

    prompt: str
    seed: int
    width: int
    height: int
    count: int
    steps: int
    output_format: str
    quality: int

    def encode(self, png: bytes) -> bytes:
        """Return a painted picture in the format that was asked for."""
        if self.output_format == "png":
            return png
        out = io.BytesIO()
        with Image.open(io.BytesIO(png)) as picture:
            picture.convert("RGB").save(out, _FORMATS[self.output_format], quality=self.quality)
        return out.getvalue()


def check_inputs(given: dict[str, Any]) -> None:
    """Refuse what the model's schema forbids, in the words that users report; status 422."""
    if not isinstance(given.get("prompt"), str):
        raise _invalid("prompt", "prompt is required", field="input")
    for name, (low, high) in _BOUNDS.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(name, f"Invalid type. Expected: number, given: {type(value).__name__}")
        if not low <= value <= high:
            limit = f"less than or equal to {high}" if value > high else "greater than or equal to"
            raise _invalid(name, f"Must be {limit}" + ("" if value > high else f" {low}"))
    for name, allowed in (("output_format", _FORMATS), ("aspect_ratio", [*SHAPES, "custom"])):
        if given.get(name) is not None and given[name] not in allowed:
            raise _invalid(name, f"{name} must be one of the following: {', '.join(allowed)}")


def read_order(given: dict[str, Any], *, default_seed: str) -> PictureOrder:
    """Return the order in inputs that were checked."""
    width, height = SHAPES.get(str(given.get("aspect_ratio", "1:1")), (0, 0))
    if str(given.get("megapixels", "1")) == "0.25":
        width, height = width // 2, height // 2
    if not width:
        width = _sixteen(given.get("width", 1024))
        height = _sixteen(given.get("height", 1024))
    seed = given.get("seed")
    return PictureOrder(
        prompt=given["prompt"],
        seed=seed if isinstance(seed, int) else random.Random(default_seed).randrange(2**31),
        width=width,
        height=height,
        count=int(given.get("num_outputs", 1)),
        steps=int(given.get("num_inference_steps", 28)),
        output_format=str(given.get("output_format", "webp")),
        quality=int(given.get("output_quality", 80)),
    )


def _sixteen(value: float) -> int:
    return max(256, int(value) // 16 * 16)


def _invalid(name: str, says: str, *, field: str = "") -> Refusal:
    place = field or f"input.{name}"
    return Refusal(
        422,
        f"- {place}: {says}\n",
        title="Input validation failed",
        invalid_fields=[{"type": "invalid", "field": place, "description": says}],
    )
