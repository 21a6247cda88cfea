"""What it trains on: the device, its memory, tensors on their way there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .exits import BadInput
from .recording import CudaRecorder, Recorder


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
            make_ready()
        self.device = device
        self.kind: str = device.type
        self.pid = os.getpid()

    @property
    def gpu(self) -> str:
        """Return the GPU's name, "" on a processor."""
        return torch.cuda.get_device_name(self.device) if self.kind == "cuda" else ""

    def recorder(self) -> Recorder | None:
        """Return what records steps here; None on a processor, which launches nothing."""
        return CudaRecorder(self.device) if self.kind == "cuda" else None

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


def make_ready() -> None:
    """Set how a GPU computes, before its first work.

    A stream of its own, since the default one cannot be recorded. cuDNN's attention is left out:
    with torch 2.11 on an H100 it read outside its memory as soon as a block of FLUX.1 was computed
    again for the way back (CUDA error: an illegal memory access). A workspace of fixed size lets
    cuBLAS add up in one order (CUDA's own advice for equal results).
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.cuda.set_stream(torch.cuda.Stream())


@contextmanager
def in_turn_with_default(device: torch.device) -> Iterator[None]:
    """Let what is started in here wait for torch's stream, and torch's stream for it.

    bitsandbytes starts its optimisers and `quantize_4bit` on CUDA's default stream (`csrc/ops.cu`
    names no stream there), and torch's streams neither wait for that one nor does it for them:
    an optimiser would read gradients that are not computed yet.
    """
    if device.type != "cuda":
        yield
        return
    own, default = torch.cuda.current_stream(device), torch.cuda.default_stream(device)
    default.wait_stream(own)
    with torch.cuda.stream(default):
        yield
    own.wait_stream(default)


def _most_resident() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
