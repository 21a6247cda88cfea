"""What a step learns from: photos, captions and noise, all by the step's number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from . import data
from .buckets import Order, entries_for, mixed
from .families.base import Family, Tensor, Text
from .job import Job
from .machine import Machine


class Batches:
    """The photos of a job at a plan's resolutions; those that are not encoded yet are now."""

    def __init__(
        self,
        job: Job,
        photos: Sequence[data.Photo],
        encoded: data.Encoded,
        machine: Machine,
        *,
        family: Family,
        base: Path,
        resolutions: Sequence[int],
        check: Callable[[], None],
    ) -> None:
        self._job = job
        self._photos = photos
        self._encoded = encoded
        self._put = machine.put
        entries = entries_for([photo.size for photo in photos], resolutions)
        missing = sorted({entry for entry in entries if not encoded.has(entry)})
        if missing:
            data.add_latents(
                *(encoded, family, base, job.seed, photos),
                entries=missing,
                device=machine.device,
                check=check,
            )
        self._order = Order(entries, job.batch_size, job.seed)

    def of(self, step: int) -> tuple[Tensor, Text, Tensor, Tensor]:
        """Return latents, texts, a standard normal number for each, and noise like the latents."""
        batch = self._order.batch(step)
        generator = torch.Generator().manual_seed(mixed(self._job.seed, "step", step))
        dropped = torch.rand(len(batch), generator=generator) < self._job.caption_dropout
        normal = torch.randn(len(batch), generator=generator)
        latents = torch.cat([self._encoded.latents_of(entry) for entry in batch])
        noise = torch.randn(latents.shape, generator=generator)
        words = [
            "" if drop else self._photos[entry.photo].caption
            for entry, drop in zip(batch, dropped.tolist(), strict=True)
        ]
        texts = [self._encoded.texts[each] for each in words]
        text = {name: self._put(torch.cat([each[name] for each in texts])) for name in texts[0]}
        return self._put(latents), text, normal, self._put(noise)
