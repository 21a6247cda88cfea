"""The base with its LoRA, the optimiser and the running mean: what a step changes."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from . import lora, optim
from .families.base import Family
from .job import Job
from .loading import compute_type, load_transformer


class Model:
    """A loaded base that learns."""

    def __init__(
        self,
        job: Job,
        family: Family,
        folder: Path,
        plan: Any,
        *,
        device: torch.device,
        check: Callable[[], None],
        warn: Callable[[str], None],
    ) -> None:
        self._job = job
        self.dtype = compute_type(device, plan.precision)
        self.transformer = load_transformer(
            family, folder, precision=plan.precision, device=device, check=check
        )
        self._layers = lora.add_lora(
            self.transformer, family.targets[job.layers], job.rank, job.seed
        )
        self._numbers = lora.joined(self._layers)
        self._mean = optim.RunningMean(job.ema, self._tensors()) if job.ema else None
        self._optimizer_kind = plan.optimizer
        self._optimizer = self._made_optimizer(warn)
        use_checkpointing(self.transformer, plan.checkpointing)
        self._compiling: CompiledBlocks | None = None

    def _made_optimizer(self, warn: Callable[[str], None]) -> Any:
        if self._optimizer_kind != "adamw":
            reason = optim.refusal_of(self._optimizer_kind, self._numbers.device)
            if reason:
                warn(f"The 8-bit optimiser does not work here; AdamW is used: {reason}.")
                self._optimizer_kind = "adamw"
        return optim.make_optimizer(self._optimizer_kind, [self._numbers], self._job.learning_rate)

    def _tensors(self) -> lora.Tensors:
        return lora.tensors_of(self._layers)

    def follow(self, plan: Any) -> None:
        """Do with the loaded base what a smaller plan wants, as a base loaded anew would."""
        if self._compiling is not None:
            self._compiling.undo()
            self._compiling = None
        use_checkpointing(self.transformer, plan.checkpointing)
        self.forget_gradients()

    @property
    def gradients(self) -> torch.Tensor:
        """Return what a backward pass adds to."""
        assert self._numbers.grad is not None
        return self._numbers.grad

    def forget_gradients(self) -> None:
        """Drop what a backward pass left."""
        self.gradients.zero_()

    def compiling(self, warn: Callable[[str], None], *, shapes: int) -> CompiledBlocks | None:
        """Return what compiles the base; None when that was tried already."""
        if self._compiling is not None:
            return None
        self._compiling = CompiledBlocks(self.transformer, warn, shapes=shapes)
        return self._compiling

    def is_sound(self) -> bool:
        """Tell whether all that was learnt are numbers still."""
        return bool(torch.isfinite(self._numbers).all())

    def learn(self, step: int, rate: float) -> None:
        """Change the LoRA by the gradients that are there."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        optim.take_step(self._optimizer, self._numbers)
        self.forget_gradients()
        if self._mean is not None:
            self._mean.update(step, self._tensors())

    def result(self) -> lora.Tensors:
        """Return the LoRA as it is handed out: the running mean where one is kept."""
        return self._tensors() if self._mean is None else self._mean.tensors

    @contextmanager
    def as_result(self) -> Iterator[None]:
        """Let the base compute with the LoRA as it is handed out."""
        if self._mean is None:
            yield
            return
        own = {name: tensor.clone() for name, tensor in self._tensors().items()}
        lora.put_tensors(self._layers, self._mean.tensors)
        try:
            yield
        finally:
            lora.put_tensors(self._layers, own)

    def state(self) -> dict[str, Any]:
        """Return everything that was learnt, on the CPU."""
        return {
            "lora": _on_cpu(self._tensors()),
            "ema": None if self._mean is None else _on_cpu(self._mean.tensors),
            "optimizer_kind": self._optimizer_kind,
            "optimizer": _on_cpu(self._optimizer.state_dict()),
        }

    def restore(self, state: dict[str, Any], warn: Callable[[str], None]) -> None:
        """Put back what was learnt."""
        lora.put_tensors(self._layers, state["lora"])
        if self._mean is not None:
            kept = state["ema"] or state["lora"]
            for name, tensor in self._mean.tensors.items():
                tensor.copy_(kept[name])
        if state["optimizer_kind"] == self._optimizer_kind:
            self._optimizer.load_state_dict(state["optimizer"])
        else:
            warn("Another optimiser is used from here on; it begins anew.")


def blocks_of(transformer: Any) -> list[Any]:
    """Return the blocks of a transformer, in the order in which they compute."""
    parts = (part for part in transformer.children() if isinstance(part, nn.ModuleList))
    return [block for part in parts for block in part]


def use_checkpointing(transformer: Any, which: str) -> None:
    """Compute no block, every second or every one again on the way back: less memory, more time."""
    if which == "none":
        transformer.disable_gradient_checkpointing()
        return
    blocks = blocks_of(transformer)
    again = {id(block) for block in (blocks if which == "all" else blocks[::2])}

    def run(block: Any, *inputs: Any) -> Any:
        if id(block) not in again:
            return block(*inputs)
        # Nothing in a block draws random numbers, so their state need not be kept for it.
        return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)

    transformer.enable_gradient_checkpointing(run)


class CompiledBlocks:
    """Torch writes kernels for the blocks: quicker steps after a first one of about a minute.

    The blocks of a kind share what is compiled, and so do shapes where there are several. Where
    there is no compiler, or it fails, the training goes on without.
    """

    def __init__(self, transformer: Any, warn: Callable[[str], None], *, shapes: int) -> None:
        self._blocks = blocks_of(transformer)
        self._warn = warn
        self._several = shapes > 1

    def begin(self) -> None:
        """Compile them when they compute the next time."""
        if importlib.util.find_spec("triton") is None or not _c_compiler():
            self._warn("Steps would be quicker with a C compiler (gcc or clang) on this computer.")
            return
        import torch._dynamo

        settings: Any = torch._dynamo.config
        settings.suppress_errors = True
        for block in self._blocks:
            block.compile(dynamic=self._several)

    def undo(self) -> None:
        """Let them compute as they were written (`Module.compile` keeps what it made there)."""
        for block in self._blocks:
            block._compiled_call_impl = None


def _c_compiler() -> bool:
    named = os.environ.get("CC")
    return any(shutil.which(name) for name in ([named] if named else ["gcc", "clang", "cc"]))


def _on_cpu(value: Any) -> Any:
    """Return tables and lists with copies of their tensors on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(inner) for inner in value)
    return value
