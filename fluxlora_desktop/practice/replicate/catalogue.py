"""The models that exist at the practice Replicate from the start, and what things cost there."""

from dataclasses import dataclass
from typing import Any, Literal

USERNAME = "practice"
PICTURE_USD = 0.03
HARDWARE = (
    {"sku": "cpu", "name": "CPU"},
    {"sku": "gpu-t4", "name": "Nvidia T4 GPU"},
    {"sku": "gpu-l40s", "name": "Nvidia L40S GPU"},
    {"sku": "gpu-a100-large", "name": "Nvidia A100 (80GB) GPU"},
    {"sku": "gpu-h100", "name": "Nvidia H100 GPU"},
)

Kind = Literal["ostris", "fast", "pictures"]


@dataclass(frozen=True, slots=True)
class PublicModel:
    """A model of somebody else that everybody may use."""

    name: str
    """owner/name."""
    version: str
    kind: Kind
    description: str
    is_official: bool = False
    usd_per_second: float = 0.0


OSTRIS = PublicModel(
    "ostris/flux-dev-lora-trainer",
    "26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2",
    "ostris",
    "Fine-tune FLUX.1-dev using ai-toolkit",
    usd_per_second=0.001525,
)
FAST = PublicModel(
    "replicate/fast-flux-trainer",
    "8b10794665aed907bb98a1a5324cd1d3a8bea0e9b31e65210967fb9c9e2e08ed",
    "fast",
    "Train subjects or styles faster than ever",
    usd_per_second=0.0122,
)
DEV_LORA = PublicModel(
    "black-forest-labs/flux-dev-lora",
    "ae0d7d645446924cf1871e3ca8796e8318f72465d2b5af9323a835df93bf0917",
    "pictures",
    "A version of flux-dev that supports fast fine-tuned LoRA inference",
    is_official=True,
)
DEV = PublicModel(
    "black-forest-labs/flux-dev",
    "6e4a938f85952bdabcc15aa329178c4d681c52bf25a0342403287dc26944661d",
    "pictures",
    "A 12 billion parameter rectified flow transformer",
    is_official=True,
)
PUBLIC_MODELS = {model.name: model for model in (OSTRIS, FAST, DEV_LORA, DEV)}


def openapi_schema(model: PublicModel | None) -> dict[str, Any]:
    """Return a version's schema: it tells the inputs for pictures, never those of a training."""
    inputs: dict[str, Any] = {"prompt": {"type": "string", "title": "Prompt"}}
    if model is not None and model.kind != "pictures":
        inputs = {"txt": {"type": "string", "title": "Txt"}}
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {},
        "components": {
            "schemas": {
                "Input": {"type": "object", "title": "Input", "properties": inputs},
                "Output": {"type": "array", "items": {"type": "string", "format": "uri"}},
            }
        },
    }
