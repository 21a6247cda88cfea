"""Small, valid FLUX LoRA files, as the trainers write them, that remember what they were shown.

Layout: safetensors. Names: PEFT, as ai-toolkit and diffusers write them, or ComfyUI's. Shapes: the
transformers' own (diffusers 0.42.1). Metadata: those of the ai-toolkit commit inside Replicate's
trainer, its traps included, or next to nothing, as diffusers saves a LoRA.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fluxlora_desktop.practice.subject import Subject, parse_subject_note, see, subject_note

FLUX1, FLUX2 = "flux.1-dev", "flux.2-dev"
_NOTE = "practice_subject"
_LARGEST_RANK = 4
_HEADER_LIMIT = 16_000_000
_SMALL_FLOATS = bytes((b & 0x83) | ((5 + (b >> 2) % 4) << 2) for b in range(256))
"""Turns any byte into the high byte of an F16 of about 0.001 to 0.01: finite and never zero."""

Writer = Literal["ai-toolkit", "diffusers"]
"""The program whose metadata a file has."""
Naming = Literal["peft", "comfyui"]
"""How the tensors of a file are called."""


class NotALora(Exception):
    """A file is not a LoRA of any FLUX model that the practice services know."""


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    columns: int
    rows: int


def write_flux1_lora(
    target: Path,
    *,
    photos: list[bytes],
    captions: Mapping[str, str],
    trigger_word: str,
    rank: int,
    steps: int,
    writer: Writer = "ai-toolkit",
) -> None:
    """Write a FLUX.1-dev LoRA of 0.3 to 1.3 MB; the same photos and numbers give the same bytes.

    The rank is capped at 4. Its `ss_base_model_version` says sd_1.5, as the real trainer's does.
    """
    subject = see(photos, base=FLUX1, trigger_word=trigger_word, captions=captions)
    metadata = _metadata(subject, writer, "sd_1.5", steps)
    _write(target, _flux1_layers(), metadata, _seed(photos, rank, steps), rank)


def write_flux2_lora(
    target: Path,
    *,
    photos: list[bytes],
    captions: Mapping[str, str],
    trigger_word: str,
    rank: int,
    steps: int,
    writer: Writer = "ai-toolkit",
    naming: Naming = "peft",
) -> None:
    """Write a FLUX.2-dev LoRA of 0.7 to 2.7 MB, as `write_flux1_lora` does for FLUX.1."""
    subject = see(photos, base=FLUX2, trigger_word=trigger_word, captions=captions)
    layers = _flux2_layers() if naming == "peft" else _flux2_fused_layers()
    metadata = _metadata(subject, writer, "flux2", steps)
    _write(target, layers, metadata, _seed(photos, rank, steps), rank)


def read_subject(source: Path | bytes) -> Subject:
    """Return what a LoRA knows, its base told by the shapes; raise `NotALora` for other files."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    header = _header(data)
    shapes = {name: _shape(entry) for name, entry in header.items() if name != "__metadata__"}
    base = _base(shapes)
    metadata = header.get("__metadata__")
    told = metadata if isinstance(metadata, dict) else {}
    return parse_subject_note(
        str(told.get(_NOTE, "")), base=base, keys=tuple(shapes), trigger=_trigger(told)
    )


def _flux1_layers() -> list[_Layer]:
    ends = ("to_q", "to_k", "to_v", "to_out.0")
    double = [f"transformer_blocks.{n}.attn.{end}" for n in (0, 6, 12, 18) for end in ends]
    single = [f"single_transformer_blocks.{n}.attn.{e}" for n in (0, 19, 37) for e in ends[:3]]
    return [_Layer(f"transformer.{name}", 3072, 3072) for name in [*double, *single]]


def _flux2_layers() -> list[_Layer]:
    ends = ("to_q", "to_k", "to_v", "to_out.0")
    double = [f"transformer_blocks.{n}.attn.{end}" for n in (0, 3, 7) for end in ends]
    layers = [_Layer(f"transformer.{name}", 6144, 6144) for name in double]
    for block in (0, 47):
        name = f"transformer.single_transformer_blocks.{block}.attn"
        layers.append(_Layer(f"{name}.to_qkv_mlp_proj", 6144, 55296))
        layers.append(_Layer(f"{name}.to_out", 24576, 6144))
    return layers


def _flux2_fused_layers() -> list[_Layer]:
    """Return the layers as Black Forest Labs' own model has them, which ComfyUI goes by."""
    layers = []
    for block in (0, 3, 7):
        name = f"diffusion_model.double_blocks.{block}.img_attn"
        layers.append(_Layer(f"{name}.qkv", 6144, 18432))
        layers.append(_Layer(f"{name}.proj", 6144, 6144))
    for block in (0, 47):
        name = f"diffusion_model.single_blocks.{block}"
        layers.append(_Layer(f"{name}.linear1", 6144, 55296))
        layers.append(_Layer(f"{name}.linear2", 24576, 6144))
    return layers


def _seed(photos: list[bytes], rank: int, steps: int) -> bytes:
    seed = hashlib.sha256(f"{rank} {steps}".encode())
    for photo in photos:
        seed.update(hashlib.sha256(photo).digest())
    return seed.digest()


def _write(
    target: Path, layers: list[_Layer], metadata: dict[str, str], seed: bytes, rank: int
) -> None:
    rank = max(1, min(rank, _LARGEST_RANK))
    shapes: dict[str, list[int]] = {}
    for layer in layers:
        shapes[f"{layer.name}.lora_A.weight"] = [rank, layer.columns]
        shapes[f"{layer.name}.lora_B.weight"] = [layer.rows, rank]
    entries: dict[str, Any] = {}
    start = 0
    for name, shape in shapes.items():
        end = start + 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
        start = end
    data = _small_floats(seed, start)
    draft = _head(entries, metadata) + data
    if "ss_output_name" in metadata:
        metadata["sshs_model_hash"] = hashlib.sha256(data).hexdigest()
        metadata["sshs_legacy_hash"] = hashlib.sha256(draft[0x100000:0x110000]).hexdigest()[:8]
    _replace(target, _head(entries, metadata) + data)


def _small_floats(seed: bytes, length: int) -> bytes:
    noise = hashlib.shake_128(seed).digest(length)
    numbers = bytearray(noise)
    numbers[1::2] = noise[1::2].translate(_SMALL_FLOATS)
    return bytes(numbers)


def _metadata(subject: Subject, writer: Writer, version: str, steps: int) -> dict[str, str]:
    if writer == "diffusers":
        return {"format": "pt", _NOTE: subject_note(subject)}
    word = subject.trigger_word
    software = {"name": "ai-toolkit", "repo": "https://github.com/ostris/ai-toolkit"}
    return {
        "format": "pt",
        "name": "flux_train_replicate",
        "software": json.dumps({**software, "version": "0.1.0"}),
        "training_info": json.dumps({"step": steps, "epoch": max(0, steps // 20 - 1)}),
        "version": "1.0",
        "ss_base_model_version": version,
        "ss_output_name": "flux_train_replicate",
        "ss_tag_frequency": json.dumps({f"1_{word}": {word: 1}}),
        _NOTE: subject_note(subject),
    }


def _head(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    text = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _replace(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def _header(data: bytes) -> dict[str, Any]:
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= min(_HEADER_LIMIT, len(data) - 8):
        raise NotALora("Error while deserializing header: invalid header length")
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotALora("Error while deserializing header: invalid JSON in header") from error
    if not isinstance(header, dict):
        raise NotALora("Error while deserializing header: invalid JSON in header")
    _check_covered(header, len(data) - 8 - length)
    return header


def _check_covered(header: Mapping[str, Any], data_bytes: int) -> None:
    """Refuse a file that was cut or has bytes to spare."""
    try:
        ends = [
            int(entry["data_offsets"][1])
            for name, entry in header.items()
            if name != "__metadata__"
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise NotALora("Error while deserializing header: invalid tensor entry") from error
    if max(ends, default=0) != data_bytes:
        raise NotALora(
            "Error while deserializing header: incomplete metadata, file not fully covered"
        )


def _shape(entry: Mapping[str, Any]) -> tuple[int, ...]:
    shape = entry.get("shape")
    return tuple(n for n in shape if isinstance(n, int)) if isinstance(shape, list) else ()


def _base(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Tell the base by names and widths, as the services do; metadata are not asked."""
    if not any(".lora_" in name or "_lora" in name for name in shapes):
        raise NotALora("Invalid LoRA checkpoint. Make sure all LoRA param names contain `'lora'`")
    widths = {side for shape in shapes.values() for side in shape}
    if 6144 in widths:
        return FLUX2
    if 3072 in widths and not any("to_qkv_mlp_proj" in name for name in shapes):
        return FLUX1
    raise NotALora("The LoRA's shapes belong to no FLUX model served here")


def _trigger(metadata: Mapping[str, Any]) -> str:
    try:
        tags = json.loads(str(metadata.get("ss_tag_frequency", "")))
        return str(next(iter(next(iter(tags.values())))))
    except (ValueError, AttributeError, StopIteration, TypeError):
        return ""
