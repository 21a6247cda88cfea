"""Which base a model's folder or a LoRA's file belongs to, told before anything is loaded.

Standard library only. A folder of diffusers says it in `model_index.json` and in the transformer's
config. A LoRA's header says it by the names and the shapes of its tensors; its metadata are a hint
that shapes always overrule (a trainer in wide use writes "sd_1.5" into FLUX LoRAs). Shapes were
measured with diffusers 0.42.1.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exits import BadInput

FLUX1, FLUX2 = "flux.1", "flux.2"
HEADER_LIMIT = 16_000_000
_CONFIG_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """The transformer of a base; `width` is the side of its attention, the rest what it takes."""

    title: str
    family: str
    width: int
    doubles: int
    singles: int


BASES: Mapping[str, Shape] = {
    "flux.1-dev": Shape("FLUX.1-dev", FLUX1, 3072, 19, 38),
    "flux.2-dev": Shape("FLUX.2-dev", FLUX2, 6144, 8, 48),
    "flux.2-klein-4b": Shape("FLUX.2-klein-4B", FLUX2, 3072, 5, 20),
    "flux.2-klein-9b": Shape("FLUX.2-klein-9B", FLUX2, 4096, 8, 24),
}
_PIPELINES = {
    "FluxPipeline": ("flux.1-dev",),
    "Flux2Pipeline": ("flux.2-dev",),
    "Flux2KleinPipeline": ("flux.2-klein-4b", "flux.2-klein-9b"),
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model's folder says of itself.

    `bases` are those that it can be, one where its width decides; `distilled` tells whether it was
    taught to make pictures in a few steps, as FLUX.2 klein without "base" in its name was.
    """

    pipeline: str
    bases: tuple[str, ...]
    family: str
    width: int
    doubles: int
    singles: int
    channels: int = 0
    distilled: bool = False


@dataclass(frozen=True, slots=True)
class LoraFacts:
    """What a LoRA's header says; "" and 0 stand for what it does not tell."""

    family: str
    base: str
    width: int
    doubles: int
    singles: int
    rank: int
    tensors: int


def model_in(folder: Path) -> ModelFacts:
    """Read what a folder of diffusers holds; raises `BadInput` where it is no such folder."""
    try:
        return _model_in(folder)
    except _Unreadable as error:
        mend = "Choose the folder that holds model_index.json, or leave the model to the app."
        raise BadInput(f"{folder}: {error}.", mend) from error


def _model_in(folder: Path) -> ModelFacts:
    index = _table(folder / "model_index.json")
    config = _table(folder / "transformer" / "config.json")
    pipeline = str(index.get("_class_name", ""))
    width = _number(config, "num_attention_heads") * _number(config, "attention_head_dim")
    bases = _PIPELINES.get(pipeline, ())
    by_width = tuple(base for base in bases if BASES[base].width == width)
    if pipeline == "FluxPipeline" and config.get("guidance_embeds") is False:
        bases = by_width = ()
    return ModelFacts(
        pipeline=pipeline,
        bases=by_width or bases,
        family=BASES[bases[0]].family if bases else "",
        width=width,
        doubles=_number(config, "num_layers"),
        singles=_number(config, "num_single_layers"),
        channels=_number(config, "in_channels"),
        distilled=index.get("is_distilled") is True,
    )


def model_refusal(folder: Path, base: str) -> str:
    """Say in words why a folder does not hold this base; "" when it does."""
    try:
        facts = _model_in(folder)
    except _Unreadable as error:
        return str(error)
    return "" if base in facts.bases else f"it holds {_named(facts)}"


def _named(facts: ModelFacts) -> str:
    if facts.bases:
        return " or ".join(BASES[key].title for key in facts.bases)
    if facts.pipeline == "FluxPipeline":
        return "a FLUX.1 model without guidance, such as FLUX.1-schnell"
    return f"a model for {facts.pipeline[:100]}" if facts.pipeline else "no pipeline of diffusers"


class _Unreadable(Exception):
    """A folder is not one of diffusers, in words that follow on its name."""


def lora_refusal(path: Path, model: ModelFacts) -> str:
    """Say in words why a LoRA does not belong to this model; "" when it does.

    Raises `BadInput` for a file that is no LoRA.
    """
    lora = lora_in(path)
    title = " or ".join(BASES[key].title for key in model.bases) or "this model"
    other = BASES[lora.base].title if lora.base else lora.family.upper()
    if lora.family and lora.family != model.family:
        return f"{path.name} is a LoRA of {other}; {title} takes only its own."
    if lora.width and model.width and lora.width != model.width:
        what = f"of {other}" if lora.base else f"for a model {lora.width} wide"
        return f"{path.name} is a LoRA {what}; {title} takes only its own."
    if lora.doubles > model.doubles or lora.singles > model.singles:
        return f"{path.name} changes blocks that {title} does not have."
    return ""


def lora_in(path: Path) -> LoraFacts:
    """Read the header of a LoRA's file; raises `BadInput` where it is none."""
    shapes, metadata = read_header(path)
    known = {_plain(name): shape for name, shape in shapes.items()}
    if not any(_ADAPTS.search(name) for name in known):
        raise BadInput(f"{path.name} is not a LoRA.", "Choose a LoRA's safetensors file.")
    width = _width(known)
    family = _family(known, width)
    rank = next((shape[0] for name, shape in known.items() if _DOWN.search(name) and shape), 0)
    return LoraFacts(
        family=family or _hinted(metadata),
        base=_base(family, width),
        width=width,
        doubles=_count(_DOUBLE, known),
        singles=_count(_SINGLE, known),
        rank=rank,
        tensors=len(known),
    )


# Names as `_plain` writes them: every style's marks become underscores.
_ADAPTS = re.compile(r"_lora_?(a|b|down|up|\d)_|_lokr_|_lora\d_")
_DOWN = re.compile(r"_(lora_a|lora_down)_|_lora\d_down_")
_UP = re.compile(r"_(lora_b|lora_up)_|_lora\d_up_")
_DOUBLE = re.compile(r"(?<!single_)(?:transformer_blocks|double_blocks)_(\d+)_")
_SINGLE = re.compile(r"(?:single_transformer_blocks|single_blocks)_(\d+)_")
_BLOCK = re.compile(r"blocks_\d+_")
_READS_WIDTH = re.compile(
    r"(to_[qkv]|add_[qkv]_proj|to_qkv_mlp_proj|ff(_context)?_linear_in|net_0_proj|proj_mlp|attn_qkv"
    r"|processor_qkv|linear1|(img|txt)_mlp_0|mod_lin|modulation_lin|norm1(_context)?_linear"
    r"|norm_linear)_(lora_a|lora_down|lora\d_down)_"
)
_WRITES_WIDTH = re.compile(
    r"(to_out_0|to_add_out|attn_to_out|ff(_context)?_linear_out|net_2|proj_out|attn_proj|linear2"
    r"|(img|txt)_mlp_2)_(lora_b|lora_up)_"
)
_FLUX2_NAMES = ("to_qkv_mlp_proj", "ff_linear_in", "ff_context_linear_in", "_stream_modulation")
_FLUX1_NAMES = re.compile(
    r"ff(_context)?_net_|proj_mlp|(img|txt)_mod_lin|norm1_linear|norm1_context_linear"
    r"|single_transformer_blocks_\d+_(attn_to_q|norm_linear)_|single_blocks_\d+_modulation"
    r"|_processor_"
)
# How many widths the long side of a fused layer has; FLUX.2's feed-forward is gated and narrower.
_FUSED = (
    (re.compile(r"linear1_(lora_b|lora_up)_"), 0, {7: FLUX1, 9: FLUX2}),
    (re.compile(r"linear2_(lora_a|lora_down)_"), 1, {5: FLUX1, 4: FLUX2}),
    (re.compile(r"(img|txt)_mlp_0_(lora_b|lora_up)_"), 0, {4: FLUX1, 6: FLUX2}),
    (re.compile(r"(img|txt)_mlp_2_(lora_a|lora_down)_"), 1, {4: FLUX1, 3: FLUX2}),
)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()) + "_"


def _width(shapes: Mapping[str, tuple[int, ...]]) -> int:
    found: Counter[int] = Counter()
    for name, shape in shapes.items():
        if len(shape) < 2 or not _BLOCK.search(name):
            continue
        if _READS_WIDTH.search(name):
            found[shape[1]] += 1
        elif _WRITES_WIDTH.search(name):
            found[shape[0]] += 1
    return found.most_common(1)[0][0] if found else 0


def _family(shapes: Mapping[str, tuple[int, ...]], width: int) -> str:
    if any(mark in name for name in shapes for mark in _FLUX2_NAMES):
        return FLUX2
    if any(_FLUX1_NAMES.search(name) for name in shapes):
        return FLUX1
    for name, shape in shapes.items():
        for pattern, side, widths in _FUSED:
            if width and len(shape) == 2 and pattern.search(name) and not shape[side] % width:
                return widths.get(shape[side] // width, "")
    alone = [base.family for base in BASES.values() if base.width == width]
    if len(set(alone)) == 1:
        return alone[0]
    if width != BASES["flux.1-dev"].width:
        return ""
    klein = BASES["flux.2-klein-4b"]
    more = _count(_DOUBLE, shapes) > klein.doubles or _count(_SINGLE, shapes) > klein.singles
    return FLUX1 if more else ""


def _base(family: str, width: int) -> str:
    for key, shape in BASES.items():
        if (shape.family, shape.width) == (family, width):
            return key
    return ""


def _hinted(metadata: Mapping[str, str]) -> str:
    """Return the family that metadata name, where the shapes tell none."""
    for name in ("modelspec.architecture", "ss_base_model_version"):
        told = _plain(metadata.get(name, "")).replace("_", "")
        if told.startswith(("flux1", "flux2")):
            return FLUX1 if told.startswith("flux1") else FLUX2
    return ""


def _count(pattern: re.Pattern[str], names: Iterable[str]) -> int:
    """Return how many blocks the highest index asks for."""
    return max((int(hit[1][:6]) + 1 for name in names if (hit := pattern.search(name))), default=0)


def read_header(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Return the shapes by name and the metadata of a safetensors file; raises `BadInput`."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            first = file.read(8)
            length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
            if not 2 <= length <= min(HEADER_LIMIT, size - 8):
                raise _no_weights(path)
            head = json.loads(file.read(length).decode("utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Choose it again.") from error
    except (ValueError, RecursionError) as error:
        raise _no_weights(path) from error
    if not isinstance(head, dict):
        raise _no_weights(path)
    metadata = head.pop("__metadata__", {})
    entries = {name: _entry(path, entry) for name, entry in head.items()}
    if 8 + length + max((end for _shape, end in entries.values()), default=0) != size:
        raise BadInput(f"{path.name} is not complete.", "Fetch it again.")
    texts = metadata.items() if isinstance(metadata, dict) else ()
    return (
        {name: shape for name, (shape, _end) in entries.items()},
        {str(name): value for name, value in texts if isinstance(value, str)},
    )


def _entry(path: Path, entry: Any) -> tuple[tuple[int, ...], int]:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise _no_weights(path)
    if not all(type(n) is int and 0 <= n <= 1 << 48 for n in [*shape, *offsets]):
        raise _no_weights(path)
    return tuple(shape), offsets[1]


def _no_weights(path: Path) -> BadInput:
    return BadInput(f"{path.name} is not a safetensors file.", "Choose a LoRA's safetensors file.")


def weights_bytes(folder: Path) -> int:
    """Return how many bytes of weights a component's folder holds, 0 where it has none."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _table(path: Path) -> dict[str, Any]:
    name = path.name if path.name == "model_index.json" else f"{path.parent.name}/{path.name}"
    says = f"it is not a diffusers folder: {name} cannot be read"
    try:
        with path.open("rb") as file:
            raw = file.read(_CONFIG_LIMIT + 1)
        table = json.loads(raw.decode("utf-8")) if len(raw) <= _CONFIG_LIMIT else None
    except (OSError, ValueError, RecursionError) as error:
        raise _Unreadable(says) from error
    if not isinstance(table, dict):
        raise _Unreadable(says)
    return table


def _number(table: Mapping[str, Any], name: str) -> int:
    value = table.get(name)
    return value if type(value) is int and math.isfinite(value) else 0
