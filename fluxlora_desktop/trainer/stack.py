"""LoRAs beside a base that makes pictures: several at once, each at its strength, taken off again.

What is in a file is read by diffusers, which knows the names of many trainers, and put beside the
layers here: a layer that was stored small is treated like any other, every tensor is seen to have
found its layer, and taking all off leaves the base's own layers, so that its pictures are the same
to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .exits import BadInput

_OTHER = "Choose another LoRA."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_TEXT = ("text_encoder.", "text_encoder_2.")


@dataclass(frozen=True, slots=True)
class Part:
    """What a LoRA adds to one layer: up times down times scale."""

    down: torch.Tensor
    up: torch.Tensor
    scale: float


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA in the computer's memory: its parts by the names of the transformer's layers."""

    name: str
    parts: Mapping[str, Part]


class StackedLinear(nn.Module):
    """A layer of the base and what LoRAs add to it."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.base = base
        self._scales: list[float] = []

    @property
    def weight(self) -> torch.Tensor:
        """Return the base's weight, for who asks a layer for its kind of numbers."""
        return self.base.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """Return the base's bias."""
        return self.base.bias

    def add(self, part: Part, scale: float, dtype: torch.dtype) -> None:
        """Add a LoRA at a strength; as buffers it goes where the layer goes."""
        number, device = len(self._scales), self.base.weight.device
        self.register_buffer(f"down_{number}", part.down.to(device, dtype), persistent=False)
        self.register_buffer(f"up_{number}", part.up.to(device, dtype), persistent=False)
        self._scales.append(part.scale * scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the base's layer and add what each LoRA does."""
        made = self.base(x)
        for number, scale in enumerate(self._scales):
            down = functional.linear(x, getattr(self, f"down_{number}").to(x.dtype))
            up = functional.linear(down, getattr(self, f"up_{number}").to(x.dtype))
            made = made + up * scale
        return made


def put_on(model: Any, chosen: Sequence[tuple[Adapter, float]], dtype: torch.dtype) -> None:
    """Put these LoRAs, and no others, beside the model's layers; strength 0 is none at all.

    Raises `BadInput` where a LoRA is for other layers; nothing is on the model then.
    """
    take_off(model)
    layers = dict(model.named_modules())
    for adapter, _scale in chosen:
        _check(adapter, layers)
    for adapter, scale in chosen:
        if scale == 0:
            continue
        for name, part in adapter.parts.items():
            owner, _, last = name.rpartition(".")
            layer = getattr(layers[owner], last)
            if not isinstance(layer, StackedLinear):
                layer = StackedLinear(layer)
                setattr(layers[owner], last, layer)
            layer.add(part, scale, dtype)


def take_off(model: Any) -> None:
    """Take every LoRA off; the layers are the base's own again."""
    for owner in list(model.modules()):
        for last, layer in list(owner.named_children()):
            if isinstance(layer, StackedLinear):
                setattr(owner, last, layer.base)


def put_layers(model: Any) -> int:
    """Return how many layers of a model have a LoRA beside them."""
    return sum(isinstance(layer, StackedLinear) for layer in model.modules())


def _check(adapter: Adapter, layers: Mapping[str, Any]) -> None:
    for name, part in adapter.parts.items():
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            raise BadInput(f"{adapter.name} changes {name}, which this base has not.", _OTHER)
        sides = (part.up.shape[0], part.down.shape[1])
        if sides != (layer.out_features, layer.in_features) or part.up.shape[1] != len(part.down):
            raise BadInput(f"{adapter.name} does not fit this base: {name}.", _OTHER)


def read_adapter(path: Path, pipeline: Any) -> Adapter:
    """Read a LoRA's file as diffusers' pipeline of its base understands it; raises `BadInput`.

    Metadata of PEFT and `.alpha` tensors give the scale; without them it is 1.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            # Copies: what the file maps holds it open, and lies where products come out otherwise.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path.name} cannot be read: {error}.", "Fetch it again.") from error
    scales = _scales_by_alpha(tensors)
    try:
        found = pipeline.lora_state_dict(_renamed(tensors, pipeline))
    except (ValueError, RuntimeError, KeyError, AssertionError, IndexError) as error:
        says = f"{path.name} is written in a way that cannot be read: {str(error)[:300]}."
        raise BadInput(says, _OTHER) from error
    parts = {
        name: Part(down, up, scales.get(name, _told_scale(metadata)))
        for name, (down, up) in _pairs(path, found).items()
    }
    if not parts:
        # diffusers passes over names that it does not know, and only warns.
        raise BadInput(f"{path.name} changes nothing in this base.", _OTHER)
    return Adapter(path.name, parts)


def _pairs(
    path: Path, found: Mapping[str, torch.Tensor]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return down and up by layer; what is for text encoders, which learn nothing here, is left."""
    own = {name: t for name, t in found.items() if not name.startswith(_TEXT)}
    pairs = {}
    for name, tensor in own.items():
        if name.endswith(_UP):
            continue
        if not name.endswith(_DOWN) or name.removesuffix(_DOWN) + _UP not in own:
            raise BadInput(f"{path.name} holds {name[:200]}, which is not LoRA's.", _OTHER)
        layer = name.removesuffix(_DOWN)
        pairs[layer.removeprefix("transformer.")] = (tensor, own[layer + _UP])
    ups = sum(name.endswith(_UP) for name in own)
    if ups != len(pairs):
        raise BadInput(f"{path.name} is not complete: a layer has one half only.", _OTHER)
    return pairs


def _renamed(tensors: Mapping[str, torch.Tensor], pipeline: Any) -> dict[str, torch.Tensor]:
    """Return the tensors under names that diffusers knows.

    It passes over PEFT's names without a prefix. Of ComfyUI's names, its loader of FLUX.1 reads
    those with down and up, and passes over those with A and B.
    """
    flux1 = pipeline.__name__ == "FluxPipeline"
    renamed = {}
    for name, tensor in tensors.items():
        new = f"transformer.{name}" if re.match(r"(single_)?transformer_blocks\.", name) else name
        if flux1 and re.match(r"diffusion_model\.(double|single)_blocks\.", name):
            new = new.replace(".lora_A.", ".lora_down.").replace(".lora_B.", ".lora_up.")
        renamed[new] = tensor
    return renamed


def _scales_by_alpha(tensors: dict[str, torch.Tensor]) -> dict[str, float]:
    """Take `.alpha` tensors that lie beside A and B out, and return scales by layer."""
    scales = {}
    for name in [name for name in tensors if name.endswith(".alpha")]:
        layer = name.removesuffix(".alpha")
        down = tensors.get(layer + _DOWN)
        if down is not None and tensors[name].numel() == 1:
            scales[_bare(layer)] = float(tensors.pop(name)) / len(down)
    return scales


def _bare(layer: str) -> str:
    return layer.removeprefix("transformer.")


def _told_scale(metadata: Mapping[str, str]) -> float:
    """Return alpha / rank as PEFT's metadata in the file tell it, 1 where they do not."""
    try:
        told = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        alpha, rank = told["transformer.lora_alpha"], told["transformer.r"]
        return float(alpha) / float(rank)
    except (ValueError, TypeError, KeyError, ZeroDivisionError, RecursionError):
        return 1.0
