"""Text encoders: where they are put, and how they are used from there.

A language model can be larger than the GPU: FLUX.2-dev's has 48 GB. It gives the same text whether
it lies there whole or its layers are brought there one after another, so that is what is done where
nobody asks for it to be stored smaller.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..quantise import KINDS, shrink
from ..recognise import weights_bytes
from .base import Device, DType, Module, Text

_WORK = 2_000_000_000
"""Bytes left free on the GPU beside an encoder, for what it computes."""
_REST_OF_RAM = 4_000_000_000


class TextReader(ABC):
    """Encodes prompts; the encoders are freed when it is dropped."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = tuple(modules)
        self._streamed: Device = None

    @property
    def device(self) -> Device:
        """Return where a text is computed."""
        if self._streamed is not None:
            return self._streamed
        return getattr(self.modules[0], "hf_device", None) or self.modules[0].device

    def stream_to(self, device: Device) -> None:
        """Compute on `device`, with the layers brought there one after another.

        For encoders that were loaded into the computer's memory and stay there.
        """
        from accelerate import cpu_offload

        for module in self.modules:
            cpu_offload(module, execution_device=torch.device(device))
        self._streamed = torch.device(device)

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str]) -> list[Text]:
        """Encode prompts, each on its own."""
        return [self.read(prompt) for prompt in prompts]

    @abstractmethod
    def read(self, prompt: str) -> Text:
        """Encode one prompt."""


def place(kind: Any, folder: Path, device: Device, dtype: DType, precision: str) -> Module:
    """Load an encoder onto a device; where it has no room there, partly into memory or the disk.

    `precision` "int8" or "nf4" stores its layers small.
    """
    device = torch.device(device)
    small = precision in KINDS
    if small or device.type != "cuda" or weights_bytes(folder) + _WORK < _free(device):
        model = kind.from_pretrained(folder, dtype=dtype, local_files_only=True)
        if small:
            shrink(model, precision, dtype, device)
        return model.to(device).eval().requires_grad_(requires_grad=False)
    room = tempfile.TemporaryDirectory(prefix="encoder-")
    model = kind.from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        device_map="auto",
        max_memory={device.index or 0: max(_free(device) - _WORK, 0), "cpu": free_ram()},
        offload_folder=room.name,
    )
    model.hf_device, model.room = device, room
    return model.eval().requires_grad_(requires_grad=False)


def _free(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0])


def free_ram() -> int:
    """Return how many bytes of the computer's own memory a model may take."""
    from accelerate.utils import get_max_memory

    return max(int(get_max_memory().get("cpu", 0)) - _REST_OF_RAM, 0)
