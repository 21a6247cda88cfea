"""Weights stored small: int8 with a scale for each row, NF4 by bitsandbytes; computed in full.

Layers are replaced by own code, since bitsandbytes' own way through diffusers refuses to work
without a GPU, and so that a base is quantised tensor by tensor while it is read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .machine import in_turn_with_default

KINDS = ("int8", "nf4")
NF4_BLOCK = 64


class _Int8Product(torch.autograd.Function):
    """x times int8 rows, scaled after; the weight is unpacked again for the way back."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(weight, scale)
        return functional.linear(x, weight.to(x.dtype)) * scale

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        weight, scale = ctx.saved_tensors
        return (grads[0] * scale) @ weight.to(grads[0].dtype), None, None


class Int8Linear(nn.Linear):
    """A frozen linear layer of a quarter (of fp32) or half (of bf16) the size.

    The error of a weight is at most 1/254 of its row's largest.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        high, wide = weight.shape
        super().__init__(wide, high, bias=False, device="meta")
        scale = weight.float().abs().amax(dim=1).clamp(min=1e-12) / 127
        small = (weight.float() / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
        self.weight = nn.Parameter(small, requires_grad=False)
        self.register_buffer("scale", scale.to(dtype))
        if bias is not None:
            self.bias = nn.Parameter(bias.to(dtype), requires_grad=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Compute the layer in the input's kind of numbers."""
        made = _Int8Product.apply(input, self.weight, self.scale.to(input.dtype))
        return made if self.bias is None else made + self.bias


class _Nf4Product(torch.autograd.Function):
    """x times a weight that is unpacked for the way there, and again for the way back."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, packed: torch.Tensor, absmax: torch.Tensor, high: int, wide: int
    ) -> torch.Tensor:
        ctx.save_for_backward(packed, absmax)
        ctx.size = (high, wide)
        return functional.linear(x, _unpacked(packed, absmax, (high, wide), x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        packed, absmax = ctx.saved_tensors
        weight = _unpacked(packed, absmax, ctx.size, grads[0].dtype)
        return grads[0] @ weight, None, None, None, None


def _unpacked(
    packed: torch.Tensor, absmax: torch.Tensor, size: tuple[int, int], dtype: torch.dtype
) -> torch.Tensor:
    found: torch.Tensor = torch.ops.bitsandbytes.dequantize_4bit(
        packed, absmax, NF4_BLOCK, "nf4", size, dtype
    )
    return found


class Nf4Linear(nn.Linear):
    """A frozen linear layer in 4.5 bits a weight, in blocks of 64 with their largest in fp32.

    Its tensors are plain ones, which `torch.compile` sees through; bitsandbytes' own layer keeps
    what describes them in Python, and each block of a base would be compiled on its own.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> None:
        from bitsandbytes.functional import quantize_4bit

        high, wide = weight.shape
        super().__init__(wide, high, bias=False, device="meta")
        full = weight.to(dtype)
        with in_turn_with_default(full.device):
            packed, state = quantize_4bit(full, blocksize=NF4_BLOCK, quant_type="nf4")
        self.weight = nn.Parameter(packed, requires_grad=False)
        self.register_buffer("absmax", state.absmax)
        if bias is not None:
            self.bias = nn.Parameter(bias.to(weight.device, dtype), requires_grad=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Compute the layer in the input's kind of numbers."""
        made = _Nf4Product.apply(
            input, self.weight, self.absmax, self.out_features, self.in_features
        )
        return made if self.bias is None else made + self.bias


def quantised_linear(
    weight: torch.Tensor, bias: torch.Tensor | None, kind: str, dtype: torch.dtype
) -> nn.Module:
    """Return a frozen layer of a weight that lies on its device already; `dtype` it computes in."""
    return (Int8Linear if kind == "int8" else Nf4Linear)(weight, bias, dtype)


def shrink(model: Any, kind: str, dtype: torch.dtype, device: torch.device) -> None:
    """Replace every Linear of a loaded model by a small one on the device, one after the other."""
    names = [name for name, module in model.named_modules() if type(module) is nn.Linear]
    for name in names:
        layer = model.get_submodule(name)
        bias = None if layer.bias is None else layer.bias.data.to(device)
        owner, _, last = name.rpartition(".")
        made = quantised_linear(layer.weight.data.to(device, dtype), bias, kind, dtype)
        setattr(model.get_submodule(owner), last, made)
