"""What it trains on: the device, its memory, tensors on their way there."""

from __future__ import annotations

import os
import sys

import torch

from .exits import BadInput


class Machine:
    """The device of a job; raises `BadInput` for one that is not here."""

    def __init__(self, wish: str) -> None:
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if wish == "auto":
            wish = "cuda" if found else "cpu"
        device = torch.device(wish)
        if device.type == "cuda":
            device = torch.device("cuda", device.index or 0)
            if device.index >= found:
                raise BadInput(
                    f"device in job.json is {wish}, but there are {found} GPUs.",
                    "Set device: auto.",
                )
            torch.cuda.set_device(device)
            _compute_the_same_each_time()
        self.device = device
        self.kind: str = device.type
        self.pid = os.getpid()

    @property
    def gpu(self) -> str:
        """Return the GPU's name, "" on a processor."""
        return torch.cuda.get_device_name(self.device) if self.kind == "cuda" else ""

    def total_bytes(self) -> int:
        """Return the GPU's memory."""
        return int(torch.cuda.get_device_properties(self.device).total_memory)

    def peak_bytes(self) -> int:
        """Return the most memory that was in use: of the GPU, else of the process."""
        if self.kind == "cuda":
            return int(torch.cuda.max_memory_reserved(self.device))
        return _most_resident()

    def seed(self, seed: int) -> None:
        """Seed what draws random numbers without a generator of its own."""
        torch.manual_seed(seed)

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor on the device; the copy runs beside what the GPU still computes."""
        if self.kind == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor


def _compute_the_same_each_time() -> None:
    """Add numbers up in a fixed order on the GPU too, so that a resumed training is the same.

    Attention's way back is the only part of a step that would not; what has no such way only warns.
    """
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False


def _most_resident() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
