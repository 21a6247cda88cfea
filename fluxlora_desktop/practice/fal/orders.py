"""The inputs of a picture: bounds, sizes, formats."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fluxlora_desktop.practice.fal.catalogue import Painter
from fluxlora_desktop.practice.fal.forms import Form

SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
_USUAL_SIZE = "landscape_4_3"
_MOST_SCALE = 4.0


@dataclass(frozen=True, slots=True)
class LoraOrder:
    """A LoRA by its address, and how strongly it is used."""

    path: str
    scale: float


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be painted."""

    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    count: int
    loras: tuple[LoraOrder, ...]
    checks_safety: bool
    output_format: str
    inline: bool
    """Whether the pictures come within the output, not by address."""

    @property
    def is_unsafe(self) -> bool:
        """Whether the pictures are painted black."""
        return self.checks_safety and "nsfw" in self.prompt.casefold()

    @property
    def megapixels(self) -> int:
        """What all pictures are billed as: every begun megapixel of each."""
        return self.count * -(-self.width * self.height // 2**20)


def read_order(painter: Painter, given: Mapping[str, Any], *, request_id: str) -> Order:
    """Read the inputs; raises `InvalidInput`. Without a seed, one follows from the request's id."""
    form = Form(given)
    width, height = _size(painter, form, given)
    seed = form.optional_whole("seed")
    form.number("guidance_scale", *painter.guidance, default=painter.usual_guidance)
    order = Order(
        prompt=form.needed_text("prompt"),
        seed=random.Random(request_id).randrange(2**32) if seed is None else seed,
        width=width,
        height=height,
        steps=form.whole("num_inference_steps", *painter.steps, default=28),
        count=form.whole("num_images", 1, 4, default=1),
        loras=tuple(
            LoraOrder(part.needed_text("path"), part.number("scale", 0, _MOST_SCALE, default=1))
            for part in form.parts("loras", most=painter.most_loras)
        ),
        checks_safety=form.flag("enable_safety_checker", default=True),
        output_format=form.choice("output_format", "jpeg", "png", default=painter.usual_format),
        inline=form.flag("sync_mode", default=False),
    )
    form.check()
    return order


def _size(painter: Painter, form: Form, given: Mapping[str, Any]) -> tuple[int, int]:
    if isinstance(given.get("image_size", _USUAL_SIZE), str):
        return SIZES[form.choice("image_size", *SIZES, default=_USUAL_SIZE)]
    part = form.part("image_size")
    width, height = (part.whole(side, *painter.sides, default=512) for side in ("width", "height"))
    return width, height
