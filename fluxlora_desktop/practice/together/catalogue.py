"""The models that Together listed in a year, and what became of the others.

Source: docs.together.ai, changelog (FLUX.1-dev-lora, FLUX.1-dev and Kontext left on 2026-02-25,
schnell-Free on 2025-12-23, krea on 2026-05-27); prices from the pricing pages of 2025 and 2026-05.
Which chat models are served now is not known; these two stand for those with and without eyes.
"""

import math
from dataclasses import dataclass
from typing import Any

from fluxlora_desktop.practice.lora import FLUX1, FLUX2


@dataclass(frozen=True, slots=True)
class PictureModel:
    """One image model; `lora_base` is the base whose LoRAs it takes, "" for none."""

    id: str
    title: str
    usd_per_megapixel: float
    default_steps: int
    lora_base: str = ""
    whole_megapixels: bool = False
    created: int = 1_725_000_000

    def price_usd(self, *, width: int, height: int, steps: int, count: int) -> float:
        """Return what `count` pictures cost; more steps than the default cost more."""
        megapixels = width * height / 1e6
        if self.whole_megapixels:
            megapixels = math.ceil(megapixels)
        more = max(1.0, steps / self.default_steps)
        return megapixels * self.usd_per_megapixel * more * count

    def as_json(self) -> dict[str, Any]:
        """Return the model as `GET /models` lists it; nothing says that it takes LoRAs."""
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "type": "image",
            "running": False,
            "display_name": self.title,
            "organization": "Black Forest Labs",
            "link": f"https://huggingface.co/{self.id}",
            "pricing": {"hourly": 0, "input": 0, "output": 0, "base": 0, "finetune": 0},
        }


_FLUX2_DEV = PictureModel(
    "black-forest-labs/FLUX.2-dev", "FLUX.2 [dev]", 0.0154, 28, FLUX2, created=1_764_000_000
)
_FLUX1_DEV_LORA = PictureModel(
    "black-forest-labs/FLUX.1-dev-lora", "FLUX.1 [dev] LoRA", 0.035, 28, FLUX1, True
)
_FLUX1_DEV = PictureModel("black-forest-labs/FLUX.1-dev", "FLUX.1 [dev]", 0.025, 28)
_FLUX1_SCHNELL = PictureModel("black-forest-labs/FLUX.1-schnell", "FLUX.1 [schnell]", 0.0027, 4)
_FLUX1_1_PRO = PictureModel("black-forest-labs/FLUX.1.1-pro", "FLUX1.1 [pro]", 0.04, 28)

_LISTED: dict[str, tuple[PictureModel, ...]] = {
    "2026": (_FLUX2_DEV, _FLUX1_SCHNELL, _FLUX1_1_PRO),
    "2025": (_FLUX1_DEV_LORA, _FLUX1_DEV, _FLUX1_SCHNELL, _FLUX1_1_PRO),
}
_WITHDRAWN: dict[str, frozenset[str]] = {
    "2026": frozenset(
        {
            "black-forest-labs/flux.1-dev-lora",
            "black-forest-labs/flux.1-dev",
            "black-forest-labs/flux.1-kontext-dev",
            "black-forest-labs/flux.1-krea-dev",
            "black-forest-labs/flux.1-schnell-free",
        }
    ),
    "2025": frozenset(),
}


@dataclass(frozen=True, slots=True)
class ChatModel:
    """One model that answers in words; only one that `sees` takes photos. Prices per million."""

    id: str
    title: str
    organization: str
    usd_read: float
    usd_written: float
    sees: bool = False

    def price_usd(self, *, read: int, written: int) -> float:
        """Return what so many tokens cost."""
        return (read * self.usd_read + written * self.usd_written) / 1e6

    def as_json(self) -> dict[str, Any]:
        """Return the model as `GET /models` lists it; nothing says whether it takes photos."""
        return {
            "id": self.id,
            "object": "model",
            "created": 1_733_466_629,
            "type": "chat",
            "running": False,
            "display_name": self.title,
            "organization": self.organization,
            "link": f"https://huggingface.co/{self.id}",
            "context_length": 131_072,
            "pricing": {
                "hourly": 0,
                "input": self.usd_read,
                "output": self.usd_written,
                "base": 0,
                "finetune": 0,
            },
        }


_CHATS = (
    ChatModel(
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "Meta Llama 3.3 70B Instruct Turbo",
        "Meta",
        0.88,
        0.88,
    ),
    ChatModel(
        "Qwen/Qwen2.5-VL-72B-Instruct", "Qwen2.5-VL (72B) Instruct", "Qwen", 1.95, 8.0, sees=True
    ),
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is served in a year."""

    year: str

    def find(self, name: str) -> PictureModel | None:
        """Return an image model that runs, by its id in any case."""
        wanted = name.casefold()
        return next((model for model in self._models if model.id.casefold() == wanted), None)

    def was_withdrawn(self, name: str) -> bool:
        """Tell whether a model was served once and is not any more."""
        return name.casefold() in _WITHDRAWN.get(self.year, _WITHDRAWN["2026"])

    def as_json(self) -> list[dict[str, Any]]:
        """Return the bare array of `GET /models`; not only pictures are made at Together."""
        return [
            *(model.as_json() for model in self._models),
            *(model.as_json() for model in _CHATS),
        ]

    def find_chat(self, name: str) -> ChatModel | None:
        """Return a model that answers in words, by its id in any case."""
        wanted = name.casefold()
        return next((model for model in _CHATS if model.id.casefold() == wanted), None)

    @property
    def _models(self) -> tuple[PictureModel, ...]:
        return _LISTED.get(self.year, _LISTED["2026"])
