"""The way there and back of a step; on a GPU recorded once for each shape and played again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

from .data import free
from .exits import is_out_of_memory
from .families.base import DType, Family, Module, Tensor, Text
from .recording import Inputs, Recorder, Recording

WARM_UPS = 2
"""How often a shape is computed before it is recorded: what is made at first use is made then."""
_COMPARED = 65_536
"""Gradients of which two ways to compute a step are compared, spread over all."""
_ALIKE = 0.1
"""How far they may lie apart, of their length. Other kernels round otherwise, by a hundredth or so
in bf16; what reads the wrong place is off by all of it."""
Shape = tuple[int, ...]


class Passes:
    """Computes the loss of a step and adds its gradients to those that are there.

    `record` makes a recording of a step, None where a device has no such thing. What is compiled
    or recorded is used only after it computed a step as it is computed without.
    """

    def __init__(
        self,
        family: Family,
        transformer: Module,
        dtype: DType,
        device: torch.device,
        *,
        warn: Callable[[str], None],
        record: Recorder | None = None,
    ) -> None:
        self._family = family
        self._transformer = transformer
        self._dtype = dtype
        self._device = device
        self._record = record
        self._warn = warn
        self._exact = device.type == "cuda"
        self._recordings: dict[Shape, Recording] = {}

    @property
    def are_recorded(self) -> bool:
        """Tell whether recordings hold memory."""
        return bool(self._recordings)

    def prepare(
        self,
        shapes: Iterable[Shape],
        text: Text,
        gradients: Tensor,
        check: Callable[[], None] = lambda: None,
        *,
        compiling: Compiling | None = None,
    ) -> None:
        """Compile and record every shape of latents that will come, always in the same order.

        So the same kernels compute a step whether a training was interrupted or not. `gradients`
        are those that `run` adds to; they are zero afterwards. `check` may raise between two shapes
        to stop.
        """
        ordered = sorted(set(shapes), reverse=True)
        if compiling is not None:
            self._compile(compiling, ordered[-1], text, gradients)
        if self._record is None:
            return
        # All warm-ups first: beside what a recording keeps, they would need their memory again.
        plain = {}
        for shape in ordered:
            check()
            for _ in range(WARM_UPS):
                plain[shape] = self._trial(shape, text, gradients)
        for shape in ordered:
            check()
            self._recordings |= self._recorded(shape, text)
            if shape not in self._recordings:
                break
            if not self._trial(shape, text, gradients).is_like(plain[shape]):
                self._warn("Recorded steps compute something else here, so none is recorded.")
                break
        else:
            return
        self._record = None
        self._recordings.clear()  # all in one way: a mixture would not be exact
        free(self._device)

    def _compile(self, compiling: Compiling, shape: Shape, text: Text, gradients: Tensor) -> None:
        """Compile, and undo it where a step comes out otherwise; the smallest shape tells."""
        plain = self._trial(shape, text, gradients)
        compiling.begin()
        if not self._trial(shape, text, gradients).is_like(plain):
            compiling.undo()
            self._warn("Compiled steps compute something else here, so none is compiled.")

    def _trial(self, shape: Shape, text: Text, gradients: Tensor) -> _Outcome:
        """Take a step that always is the same one, and return what came of it."""
        generator = torch.Generator().manual_seed(0)
        inputs = self._example(shape, text)
        for name in ("latents", "noise"):
            inputs[name] = torch.randn(shape, generator=generator).to(self._device)
        gradients.zero_()
        loss = self.run(**inputs)
        spread = gradients.flatten()[:: max(1, gradients.numel() // _COMPARED)]
        found = _Outcome(float(loss), spread.detach().to("cpu", copy=True))
        gradients.zero_()
        return found

    def run(self, latents: Tensor, noise: Tensor, sigma: Tensor, **text: Tensor) -> Tensor:
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

    def _recorded(self, shape: Shape, text: Text) -> dict[Shape, Recording]:
        """Return the recording, or none where this GPU or a kernel of the base does not allow it.

        Nor where it has no room: the step itself has, so a smaller plan would be too much.
        It is made of other inputs than those of a trial, which it then has to read.
        """
        assert self._record is not None
        try:
            with _exactly(self._exact):
                return {shape: self._record(self._there_and_back, self._example(shape, text))}
        except RuntimeError as error:
            full = is_out_of_memory(error) or is_out_of_memory(error.__context__)
            why = "there is too little memory" if full else _first_line(error)
            self._warn(f"Steps cannot be recorded here, so they take longer: {why}.")
            return {}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a step comes to: its loss, and some of its gradients."""

    loss: float
    some: Tensor

    def is_like(self, other: _Outcome) -> bool:
        """Tell whether two ways to compute a step come to the same; what is no number does not."""
        apart, length = (self.some - other.some).norm(), other.some.norm()
        return bool(apart <= _ALIKE * length) and math.isclose(
            self.loss, other.loss, rel_tol=_ALIKE
        )


class Compiling(Protocol):
    """Has the base compiled, or not any more."""

    def begin(self) -> None:
        """Compile it when it computes the next time."""

    def undo(self) -> None:
        """Compute as without."""


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
