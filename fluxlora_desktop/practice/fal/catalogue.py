"""The endpoints that exist at the practice fal, what they allow and what they cost.

Sources: the models' pages at fal as of 2026-11; the paces are those that users report.
"""

from dataclasses import dataclass
from typing import Literal

from fluxlora_desktop.practice.lora import FLUX1, FLUX2

Kind = Literal["flux-2", "fast", "portrait"]
"""Which inputs a trainer has."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """An endpoint that makes a LoRA."""

    endpoint: str
    kind: Kind
    base: str
    usd_per_step: float
    setup_s: float
    """From the start of the run to the first step."""
    step_s: float
    fewest_steps: int = 0
    """What is billed at least."""

    def price(self, steps: int) -> float:
        """Return what a training of so many steps costs, in US dollars."""
        return round(max(steps, self.fewest_steps) * self.usd_per_step, 6)

    @property
    def archive_field(self) -> str:
        """The input in which the address of the photos comes."""
        return "image_data_url" if self.kind == "flux-2" else "images_data_url"

    @property
    def needs_captions(self) -> bool:
        """Whether it describes no photo itself."""
        return self.kind == "flux-2"

    @property
    def least_photos(self) -> int:
        """With how few photos it works."""
        return 4 if self.kind == "fast" else 1


@dataclass(frozen=True, slots=True)
class Painter:
    """An endpoint that makes pictures with LoRAs."""

    endpoint: str
    base: str
    usd_per_megapixel: float
    sides: tuple[int, int]
    steps: tuple[int, int]
    guidance: tuple[float, float]
    usual_guidance: float
    usual_format: str
    most_loras: int


_FLUX2_TRAINERS = tuple(
    Trainer(f"fal-ai/{name}", "flux-2", FLUX2, usd_per_step=price, setup_s=60.0, step_s=1.27)
    for name, price in (("flux-2-trainer", 0.0064), ("flux-2-trainer-v2", 0.0255))
)
_FAST = Trainer(
    "fal-ai/flux-lora-fast-training",
    "fast",
    FLUX1,
    usd_per_step=0.002,
    setup_s=30.0,
    step_s=0.25,
)
_PORTRAIT = Trainer(
    "fal-ai/flux-lora-portrait-trainer",
    "portrait",
    FLUX1,
    usd_per_step=0.0024,
    setup_s=30.0,
    step_s=0.25,
    fewest_steps=1000,
)
_FLUX_LORA = Painter(
    "fal-ai/flux-lora",
    FLUX1,
    usd_per_megapixel=0.035,
    sides=(64, 1536),
    steps=(1, 50),
    guidance=(0, 35),
    usual_guidance=3.5,
    usual_format="jpeg",
    most_loras=8,
)
_FLUX2_LORA = Painter(
    "fal-ai/flux-2/lora",
    FLUX2,
    usd_per_megapixel=0.021,
    sides=(512, 2048),
    steps=(4, 50),
    guidance=(0, 20),
    usual_guidance=2.5,
    usual_format="png",
    most_loras=3,
)
TRAINERS = {trainer.endpoint: trainer for trainer in (*_FLUX2_TRAINERS, _FAST, _PORTRAIT)}
PAINTERS = {painter.endpoint: painter for painter in (_FLUX_LORA, _FLUX2_LORA)}
ENDPOINTS = frozenset({*TRAINERS, *PAINTERS})


def app_of(endpoint: str) -> str:
    """Return owner and app of an endpoint: the addresses of its requests have nothing more."""
    return "/".join(endpoint.split("/")[:2])


APPS = frozenset(app_of(endpoint) for endpoint in ENDPOINTS)
