"""A transformer whose blocks lie in the computer's memory and visit the GPU one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def stream_blocks(model: Any, device: torch.device) -> None:
    """Keep the blocks of a model where they are and compute each on `device`; the rest moves there.

    What lies in memory is copied and the copy dropped again, so nothing is ever written back.
    """
    for child in model.children():
        if not isinstance(child, nn.ModuleList):
            child.to(device)
            continue
        for block in child:
            visit = _Visit(device)
            block.register_forward_pre_hook(visit.come, prepend=True)
            block.register_forward_hook(visit.leave, always_call=True)


class _Visit:
    """One block's way to the device and back."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._home: list[tuple[torch.Tensor, torch.Tensor]] = []

    def come(self, block: Any, _inputs: Any) -> None:
        """Give the block's tensors numbers on the device."""
        self._home = [(tensor, tensor.data) for tensor in _tensors(block)]
        for tensor, kept in self._home:
            tensor.data = kept.to(self._device, non_blocking=True)

    def leave(self, _block: Any, _inputs: Any, _made: Any) -> None:
        """Give them back those that stayed."""
        for tensor, kept in self._home:
            tensor.data = kept
        self._home = []


def _tensors(block: Any) -> Iterator[torch.Tensor]:
    yield from block.parameters()
    yield from block.buffers()
