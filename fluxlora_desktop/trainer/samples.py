"""Pictures while it trains: made with the LoRA as it would be handed out at that step."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from .families.base import Family, Text
from .job import Job


class Sampler:
    """Makes the job's sample pictures; the random numbers of the training stay as they are."""

    def __init__(self, job: Job, family: Family, folder: Path, device: torch.device) -> None:
        self._job = job
        self._family = family
        self._folder = folder
        self._device = device
        self._vae: Any = None

    def seed_of(self, index: int) -> int:
        """Return the seed of a prompt: the same at each step, so that steps can be compared."""
        return (self._job.seed + index) % 2**63

    def make(
        self, transformer: Any, dtype: torch.dtype, texts: dict[str, Text], index: int
    ) -> bytes:
        """Return the picture of one prompt as PNG; `texts` holds it and the empty one."""
        if self._vae is None:
            self._vae = self._family.vae(self._folder, torch.device("cpu"), dtype)
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices), _as_written(self._device):
            self._vae.to(self._device)
            try:
                picture = self._family.picture(
                    self._family.sampler(self._folder, self._vae, transformer),
                    texts[self._job.sample_prompts[index]],
                    negative=texts[""] if self._family.contrasts else None,
                    width=self._job.sample_side,
                    height=self._job.sample_side,
                    steps=self._job.sample_steps,
                    guidance=None,
                    generator=torch.Generator().manual_seed(self.seed_of(index)),
                )
            finally:
                self._vae.to("cpu")
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()


def _as_written(device: torch.device) -> AbstractContextManager[object]:
    """Leave out what was compiled: it would be compiled anew for the pictures, and take longer."""
    if device.type != "cuda":
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def sample_path(out: Path, step: int, index: int) -> Path:
    """Return where a sample lies."""
    return out / "samples" / f"{step:06d}_{index}.png"
