"""Steps recorded on a GPU and played again.

Torch launches some ten thousand kernels for a step of FLUX.1, one by one, which takes a processor
longer than an H100 needs to compute them. A CUDA graph holds them all and is launched as one. What
it reads lies at fixed places: the inputs are copied there, the LoRA and its gradients stay theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

Inputs = dict[str, torch.Tensor]


class Recording(Protocol):
    """One shape of inputs, recorded."""

    def play(self, inputs: Inputs) -> torch.Tensor:
        """Compute with new inputs and return the loss."""


Recorder = Callable[[Callable[..., torch.Tensor], Inputs], Recording]
"""Records what a function does with these inputs; RuntimeError where something cannot be."""


class CudaRecorder:
    """Records with CUDA graphs; they share their memory, since one is played at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None

    def __call__(self, work: Callable[..., torch.Tensor], inputs: Inputs) -> Recording:
        """Record; the inputs themselves are not kept."""
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        own = torch.cuda.current_stream(self._device)
        try:
            return _CudaRecording(work, inputs, self._pool)
        except RuntimeError:
            # A recording that is broken off leaves its own stream as the current one.
            torch.cuda.set_stream(own)
            raise


class _CudaRecording:
    def __init__(self, work: Callable[..., torch.Tensor], inputs: Inputs, pool: Any) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._loss = work(**self._inputs)

    def play(self, inputs: Inputs) -> torch.Tensor:
        """Compute with new inputs; the loss is a copy, since the next play overwrites it."""
        for name, tensor in inputs.items():
            self._inputs[name].copy_(tensor, non_blocking=True)
        self._graph.replay()
        return self._loss.clone()
