"""The LoRA: two narrow layers beside each layer that learns.

alpha is the rank, always: other programs know no other scale for files without `.alpha` tensors.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .buckets import mixed

Tensors = dict[str, torch.Tensor]


class LoraLinear(nn.Module):
    """A frozen linear layer and what is learnt beside it, kept in fp32."""

    def __init__(self, base: Any, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        device = base.weight.device
        down = torch.randn(rank, base.in_features, generator=generator) / rank
        self.lora_A = nn.Parameter(down.to(device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, device=device))

    @property
    def weight(self) -> torch.Tensor:
        """Return the frozen weight, for who asks a layer for its kind of numbers."""
        return self.base.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """Return the frozen bias."""
        return self.base.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the layer and add what was learnt."""
        down = functional.linear(x, self.lora_A.to(x.dtype))
        return self.base(x) + functional.linear(down, self.lora_B.to(x.dtype))


def add_lora(model: Any, pattern: str, rank: int, seed: int) -> dict[str, LoraLinear]:
    """Freeze a model, put a LoRA beside each Linear whose whole name matches, return them by name.

    The first weights depend on the seed and on a layer's name, on nothing else.
    """
    model.requires_grad_(requires_grad=False)
    matching = re.compile(pattern)
    found = [
        name
        for name, module in model.named_modules()
        if matching.fullmatch(name) and isinstance(module, nn.Linear)
    ]
    if not found:
        raise ValueError("no layer of the base matches what should learn")
    layers = {}
    for name in found:
        generator = torch.Generator().manual_seed(mixed(seed, "lora", name))
        layers[name] = LoraLinear(model.get_submodule(name), rank, generator)
        owner, _, last = name.rpartition(".")
        setattr(model.get_submodule(owner), last, layers[name])
    return layers


def tensors_of(layers: dict[str, LoraLinear]) -> Tensors:
    """Return the LoRA as diffusers and PEFT name it: `transformer.NAME.lora_A.weight`."""
    found = {}
    for name, layer in layers.items():
        found[f"transformer.{name}.lora_A.weight"] = layer.lora_A.data
        found[f"transformer.{name}.lora_B.weight"] = layer.lora_B.data
    return found


def put_tensors(layers: dict[str, LoraLinear], tensors: Tensors) -> None:
    """Set the LoRA's numbers; raises KeyError or RuntimeError where they are of another one."""
    own = tensors_of(layers)
    if set(own) != set(tensors):
        raise KeyError("the tensors are those of another LoRA")
    for name, tensor in own.items():
        tensor.copy_(tensors[name])
