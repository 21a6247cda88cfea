"""The way there and back of a step; on a GPU recorded once for each shape and played again.

Torch launches some ten thousand kernels for a step of FLUX.1, one by one, which takes a processor
longer than an H100 needs to compute them. A CUDA graph holds them all and is launched as one. What
it reads lies at fixed places: the inputs are copied there, the LoRA and its gradients stay theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from .exits import is_out_of_memory
from .families.base import DType, Family, Module, Tensor, Text

WARM_UPS = 2
"""How often a shape is computed before it is recorded: what is made at first use is made then."""
Shape = tuple[int, ...]
Inputs = dict[str, Tensor]


class Passes:
    """Computes the loss of a step and adds its gradients to those that are there."""

    def __init__(
        self,
        family: Family,
        transformer: Module,
        dtype: DType,
        device: torch.device,
        *,
        warn: Callable[[str], None],
    ) -> None:
        self._family = family
        self._transformer = transformer
        self._dtype = dtype
        self._device = device
        self._record = device.type == "cuda"
        self._warn = warn
        self._exact = device.type == "cuda"
        self._pool: Any = None
        self._recordings: dict[Shape, _Recording] = {}

    def prepare(
        self,
        shapes: Iterable[Shape],
        text: Text,
        clear: Callable[[], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Compile and record every shape of latents that will come, always in the same order.

        So the same kernels compute a step whether a training was interrupted or not. `clear` drops
        the gradients of the warm-ups; `check` may raise between two shapes to stop.
        """
        if self._device.type != "cuda":
            return
        ordered = sorted(set(shapes), reverse=True)
        # All warm-ups first: beside what a recording keeps, they would need their memory again.
        for shape in ordered:
            check()
            inputs = self._example(shape, text)
            for _ in range(WARM_UPS):
                self._computed(inputs)
        clear()
        for shape in ordered:
            check()
            recording = self._recorded(self._example(shape, text)) if self._record else None
            if recording is None:
                self._recordings.clear()  # all in one way: a mixture would not be exact
                return
            self._recordings[shape] = recording

    def run(self, latents: Tensor, noise: Tensor, sigma: Tensor, text: Text) -> Tensor:
        """Return the loss of a step, and leave its gradients."""
        inputs = {"latents": latents, "noise": noise, "sigma": sigma, **text}
        recording = self._recordings.get(tuple(latents.shape))
        return self._computed(inputs) if recording is None else recording.play(inputs)

    def _example(self, shape: Shape, text: Text) -> Inputs:
        """Return inputs of a shape whose numbers are of no account."""
        latents = torch.zeros(shape, device=self._device)
        sigma = torch.full((shape[0],), 0.5, device=self._device)
        words = {
            name: tensor.repeat(shape[0], *[1] * (tensor.ndim - 1)).to(self._device)
            for name, tensor in text.items()
        }
        return {"latents": latents, "noise": torch.ones_like(latents), "sigma": sigma, **words}

    def _computed(self, inputs: Inputs) -> Tensor:
        try:
            with _exactly(self._exact):
                return self._there_and_back(**inputs)
        except RuntimeError as error:
            if not self._exact or "deterministic" not in str(error):
                raise
        self._exact = False
        self._warn("A stopped training will not go on to the very same numbers on this GPU.")
        return self._there_and_back(**inputs)

    def _there_and_back(
        self, latents: Tensor, noise: Tensor, sigma: Tensor, **text: Tensor
    ) -> Tensor:
        share = sigma.view(-1, *[1] * (latents.ndim - 1))
        noisy = ((1 - share) * latents + share * noise).to(self._dtype)
        found = self._family.predict(self._transformer, noisy, sigma, text)
        loss = functional.mse_loss(found.float(), noise - latents)
        loss.backward()
        return loss.detach()

    def _recorded(self, inputs: Inputs) -> _Recording | None:
        """Return the recording, or None where this GPU or a kernel of the base does not allow it.

        Nothing is recorded any more then.
        """
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        own = torch.cuda.current_stream(self._device)
        try:
            with _exactly(self._exact):
                return _Recording(self._there_and_back, inputs, self._pool)
        except RuntimeError as error:
            # A recording that is broken off leaves its own stream as the current one.
            torch.cuda.set_stream(own)
            if is_out_of_memory(error) or is_out_of_memory(error.__context__):
                raise
            self._record = False
            self._warn(f"Steps cannot be recorded here, so they take longer: {_first_line(error)}.")
            return None


class _Recording:
    """One shape, recorded: raises RuntimeError where something in it cannot be."""

    def __init__(self, work: Callable[..., Tensor], inputs: Inputs, pool: Any) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._loss = work(**self._inputs)

    def play(self, inputs: Inputs) -> Tensor:
        """Compute with new inputs; the loss is a copy, since the next play overwrites it."""
        for name, tensor in inputs.items():
            self._inputs[name].copy_(tensor, non_blocking=True)
        self._graph.replay()
        return self._loss.clone()


@contextmanager
def _exactly(wanted: bool) -> Iterator[None]:
    """Let torch add up in one order; RuntimeError comes of what it knows no such way for."""
    if not wanted:
        yield
        return
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=False)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
