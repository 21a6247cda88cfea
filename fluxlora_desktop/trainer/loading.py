"""The transformer, read tensor by tensor: none is in memory twice, whatever it is stored as.

A base of 24 GB so needs the memory of its largest file's tensor beside what it ends up as.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .exits import BadInput
from .families.base import Family
from .quantise import KINDS, quantised_linear

_REMADE = "Fetch the base again, or choose another folder."


def load_transformer(
    family: Family,
    folder: Path,
    *,
    precision: str,
    device: torch.device,
    check: Callable[[], None] = lambda: None,
) -> Any:
    """Return the base's transformer, frozen, on its device, stored as `precision` says.

    `check` is called for each tensor and may raise to stop. Raises `BadInput` where the files are
    not those of the configuration beside them.
    """
    from accelerate import init_empty_weights

    kind = family.transformer_class()
    inner = folder / "transformer"
    with init_empty_weights(include_buffers=False):
        model: Any = kind.from_config(kind.load_config(inner, local_files_only=True))  # type: ignore[attr-defined]
    dtype = compute_type(device, precision)
    small = re.compile(family.quantised) if precision in KINDS else None
    _fill(model, inner, dtype, device, lambda name: precision if _is(small, name) else "", check)
    model.requires_grad_(requires_grad=False)
    return model.to(device).train()


def compute_type(device: torch.device, precision: str) -> torch.dtype:
    """Return what is computed in: bf16 on a GPU, fp32 on a processor, where bf16 is slow."""
    if device.type == "cpu" and precision != "bf16":
        return torch.float32
    return torch.float32 if precision == "fp32" else torch.bfloat16


def _is(pattern: re.Pattern[str] | None, name: str) -> bool:
    return pattern is not None and pattern.fullmatch(name) is not None


def _fill(
    model: Any,
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    kind_of: Callable[[str], str],
    check: Callable[[], None],
) -> None:
    """Give an empty model its numbers; `kind_of` says how a layer's weight is stored."""
    missing = {name: tensor.shape for name, tensor in model.state_dict().items()}
    biases: dict[str, torch.Tensor] = {}
    waiting: dict[str, torch.Tensor] = {}
    for name, tensor in _tensors(folder):
        check()
        if name not in missing or tensor.shape != missing[name]:
            raise BadInput(f"The base's file holds a wrong tensor: {name[:200]}.", _REMADE)
        if not tensor.is_floating_point() or tensor.element_size() < 2:
            raise BadInput(f"The base is stored as {tensor.dtype}, not in full.", _REMADE)
        del missing[name]
        owner, _, last = name.rpartition(".")
        layer = model.get_submodule(owner)
        kind = kind_of(owner) if isinstance(layer, nn.Linear) else ""
        if not kind:
            _set(layer, last, tensor.to(device, dtype))
            continue
        (waiting if last == "weight" else biases)[owner] = tensor
        if owner in waiting and (layer.bias is None or owner in biases):
            _replace(model, owner, waiting.pop(owner), biases.pop(owner, None), kind, dtype, device)
    if missing:
        raise BadInput(f"The base's files lack a tensor: {min(missing)[:200]}.", _REMADE)


def _set(layer: Any, name: str, tensor: torch.Tensor) -> None:
    if name in layer._parameters:
        layer._parameters[name] = nn.Parameter(tensor, requires_grad=False)
    else:
        layer._buffers[name] = tensor


def _replace(
    model: Any,
    name: str,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    kind: str,
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    owner, _, last = name.rpartition(".")
    bias = None if bias is None else bias.to(device)
    made = quantised_linear(weight.to(device, dtype), bias, kind, dtype)
    setattr(model.get_submodule(owner), last, made)


def _tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    for path in _files(folder):
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                for name in file.keys():  # noqa: SIM118 - the file is no mapping
                    yield name, file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path.name} of the base cannot be read: {error}.", _REMADE) from error


def _files(folder: Path) -> list[Path]:
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if not indexes:
        found = sorted(folder.glob("*.safetensors"))
        if not found:
            raise BadInput(f"{folder} holds no weights.", _REMADE)
        return found[:1]
    try:
        table = json.loads(indexes[0].read_text("utf-8"))["weight_map"]
        names = sorted({str(name) for name in table.values()})
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadInput(f"{indexes[0].name} of the base cannot be read.", _REMADE) from error
    if any(Path(name).name != name for name in names):
        raise BadInput(f"{indexes[0].name} names files outside its folder.", _REMADE)
    return [folder / name for name in names]
