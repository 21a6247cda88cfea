"""Weights files: read the header, check it, tell which base they belong to.

The layout is safetensors': a little-endian u64 N, N bytes of JSON, tensor data. Only the header is
parsed; a cap stands before the parsing, since the library's own limit lets a 78 MB header take
1.2 GB. Shapes decide the base, metadata never do: Replicate's trainer writes
`ss_base_model_version = "sd_1.5"` into FLUX LoRAs.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from fluxlora_desktop.domain.bases import FLUX1_DEV, FLUX2_DEV, FLUX2_KLEIN_4B, FLUX2_KLEIN_9B
from fluxlora_desktop.domain.errors import WeightsError

HEADER_LIMIT = 16_000_000
SMALLEST_FILE = 100_000
LARGEST_FILE = 4_000_000_000
_CHUNK = 1 << 20
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
_MOST_MARKS = 400_000
"""Brackets and colons in a header; a tensor has seven."""
_DEEPEST = 4
_MOST_DIGITS = 20
_ZERO, _SET = b"\0", b"\xff"
# For each kind of number the bits that are all set in NaN and infinity: in its last byte and in the
# one before. F8_E4M3 has no infinity and only two NaN.
_ALL_SET: Mapping[str, tuple[int, int]] = {
    "F64": (0x7F, 0xF0),
    "F32": (0x7F, 0x80),
    "F16": (0x7C, 0),
    "BF16": (0x7F, 0x80),
    "F8_E5M2": (0x7C, 0),
    "F8_E4M3": (0x7F, 0),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the header; `start` and `end` count from the data section."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WeightsFacts:
    """What a checked weights file is: hashes, base ("" when unknown), rank, trigger word."""

    sha256: str
    tensor_hash: str
    size_bytes: int
    base: str
    rank: int
    key_style: str
    trigger_word: str
    tensors: int
    metadata: Mapping[str, str]


def inspect_weights(path: Path, check: Callable[[], None] = lambda: None) -> WeightsFacts:
    """Check a weights file from end to end and return what it is.

    `check` is called for each megabyte and may raise to stop. Raises `WeightsError` with the
    failing check in words.
    """
    try:
        return _inspect(path, check)
    except OSError as error:
        raise WeightsError(path, "it cannot be read") from error


def _inspect(path: Path, check: Callable[[], None]) -> WeightsFacts:
    size = path.stat().st_size
    if size < SMALLEST_FILE:
        raise WeightsError(path, f"it has only {size} bytes")
    if size > LARGEST_FILE:
        raise WeightsError(path, f"it has {size} bytes, more than a LoRA can have")
    with path.open("rb") as file:
        head, data_start, raw_header = _read_header(path, file, size)
        tensors = _tensors(path, head, size - data_start)
        style = _key_style(tensor.name for tensor in tensors)
        if not style:
            raise WeightsError(path, "its tensors are not those of a LoRA")
        start = struct.pack("<Q", len(raw_header)) + raw_header
        sha256, tensor_hash = _read_data(path, file, start, tensors, check)
    metadata = head.get("__metadata__", {})
    return WeightsFacts(
        sha256=sha256,
        tensor_hash=tensor_hash,
        size_bytes=size,
        base=recognise_base(tensors),
        rank=_rank(tensors),
        key_style=style,
        trigger_word=_trigger(metadata),
        tensors=len(tensors),
        metadata=metadata,
    )


def _read_header(path: Path, file: BinaryIO, size: int) -> tuple[dict[str, Any], int, bytes]:
    first = file.read(8)
    if len(first) < 8:
        raise WeightsError(path, "it is empty")
    length = struct.unpack("<Q", first)[0]
    if length > HEADER_LIMIT or length + 8 > size or length < 2:
        raise WeightsError(path, what_it_may_be(first) or "it is not a safetensors file")
    raw = file.read(length)
    if sum(map(raw.count, (b"{", b"[", b":"))) > _MOST_MARKS:
        raise WeightsError(path, "its header holds more than a LoRA ever has")
    try:
        head = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_int=_whole,
            parse_constant=_no_constant,
        )
        _refuse_depth(head, _DEEPEST)
    except (ValueError, RecursionError) as error:
        raise WeightsError(path, "its header cannot be read") from error
    if not isinstance(head, dict):
        raise WeightsError(path, "its header is not a table")
    metadata = head.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WeightsError(path, "its metadata are not texts")
    return head, 8 + length, raw


def what_it_may_be(first: bytes) -> str:
    """Name what stands where weights should be by how it begins, "" when nothing is known."""
    if first[:2] == b"\x80\x02" or first[:4] == b"PK\x03\x04":
        return "it is a pickle or zip file, which the app never opens as weights"
    if first.lstrip()[:1] == b"<":
        return "it is a web page, not weights"
    return ""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands twice")
    return table


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number is larger than any file")
    return int(digits)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _refuse_depth(value: object, left: int) -> None:
    """Refuse tables and lists in one another; `left` counts those that may still come."""
    if not isinstance(value, dict | list):
        return
    if not left:
        raise ValueError("tables lie too deep in one another")
    for inner in value.values() if isinstance(value, dict) else value:
        _refuse_depth(inner, left - 1)


def _tensors(path: Path, head: Mapping[str, Any], data_bytes: int) -> tuple[Tensor, ...]:
    found = [_tensor(path, name, entry) for name, entry in head.items() if name != "__metadata__"]
    if not found:
        raise WeightsError(path, "it holds no tensors")
    expected = 0
    for tensor in sorted(found, key=lambda t: (t.start, t.end)):
        wide = _ITEM_BYTES.get(tensor.dtype)
        if wide is None:
            raise WeightsError(path, f"it holds numbers of the kind {tensor.dtype}")
        if tensor.start != expected or tensor.end - tensor.start != math.prod(tensor.shape) * wide:
            raise WeightsError(path, "its tensors do not lie where the header says")
        expected = tensor.end
    if expected != data_bytes:
        raise WeightsError(path, "it ends early or goes on too long: the download is incomplete")
    return tuple(found)


def _tensor(path: Path, name: str, entry: object) -> Tensor:
    if isinstance(entry, dict):
        shape, offsets, dtype = entry.get("shape"), entry.get("data_offsets"), entry.get("dtype")
        if (
            isinstance(dtype, str)
            and isinstance(shape, list)
            and isinstance(offsets, list)
            and len(offsets) == 2
            and all(type(n) is int and n >= 0 for n in [*shape, *offsets])
        ):
            return Tensor(name, dtype, tuple(shape), offsets[0], offsets[1])
    raise WeightsError(path, f"the header's entry for {name[:80]!r} is malformed")


class _Numbers:
    """Watches all numbers go by: refuses NaN and infinity, and knows whether any is not zero."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._any = False

    def see(self, dtype: str, raw: bytes) -> None:
        """Take whole numbers of one kind."""
        if _has_bad_number(dtype, raw):
            reason = "the weights contain no usable numbers (NaN or infinity)"
            raise WeightsError(self._path, reason)
        self._any = self._any or raw.count(_ZERO) < len(raw)

    def end(self) -> None:
        """Refuse what was all zero."""
        if not self._any:
            raise WeightsError(self._path, "the weights are all zero")


def _has_bad_number(dtype: str, raw: bytes) -> bool:
    """Look at all numbers at once, since one by one a large file would take minutes.

    A byte becomes 0xFF where the bits in question are all set, else 0; a number is bad where both
    of its bytes did.
    """
    last, before = _ALL_SET[dtype]
    wide = _ITEM_BYTES[dtype]
    suspects = raw[wide - 1 :: wide].translate(_marks(last))
    if not before or _SET not in suspects:
        return _SET in suspects
    others = raw[wide - 2 :: wide].translate(_marks(before))
    return bool(int.from_bytes(suspects, "little") & int.from_bytes(others, "little"))


@cache
def _marks(bits: int) -> bytes:
    return bytes(0xFF if byte & bits == bits else 0 for byte in range(256))


def _read_data(
    path: Path,
    file: BinaryIO,
    head: bytes,
    tensors: tuple[Tensor, ...],
    check: Callable[[], None],
) -> tuple[str, str]:
    """Read all tensors once, a megabyte at a time; return the hashes of file and data."""
    whole, data, numbers = hashlib.sha256(head), hashlib.sha256(), _Numbers(path)
    for tensor in sorted(tensors, key=lambda t: (t.start, t.end)):
        left = tensor.end - tensor.start
        while left:
            check()
            chunk = file.read(min(left, _CHUNK))
            if not chunk:
                raise WeightsError(path, "it changed while it was read")
            numbers.see(tensor.dtype, chunk)
            whole.update(chunk)
            data.update(chunk)
            left -= len(chunk)
    numbers.end()
    return whole.hexdigest(), data.hexdigest()


def _key_style(names: Iterable[str]) -> str:
    for name in names:
        if name.startswith(("lora_unet_", "lora_transformer_")) and ".lora_" in name:
            return "kohya"
        if ".processor." in name and "_lora" in name:
            return "xlabs"
        if ".lora_A." in name or ".lora_B." in name:
            return "peft" if name.startswith("transformer.") else "peft without prefix"
        if ".lora_down." in name or ".lora_up." in name:
            return "comfyui"
    return ""


def _rank(tensors: Iterable[Tensor]) -> int:
    for tensor in tensors:
        if ".lora_A." in tensor.name or ".lora_down." in tensor.name:
            return tensor.shape[0] if tensor.shape else 0
    return 0


_FLUX2_NAMES = ("to_qkv_mlp_proj", "ff.linear_in", "ff_context.linear_in", "_stream_modulation")
_FLUX1_NAMES = ("ff.net.", "proj_mlp", "img_mod_lin", "img_mod.lin", "norm1.linear")
# Fused layers have the same names in FLUX.1 and in FLUX.2-klein-4B, and other sides.
_FLUX1_SIDES = (("img_mlp_0", 12288), ("img_mlp.0", 12288), ("linear1", 21504), ("linear2", 15360))
_KLEIN_SIDES = (("img_mlp_0", 18432), ("img_mlp.0", 18432), ("linear1", 27648), ("linear2", 12288))
# By width; the narrow ones first, since a wide number is a side of something else in them.
_FLUX2_WIDTHS = (FLUX2_KLEIN_4B, FLUX2_KLEIN_9B, FLUX2_DEV)
_DOUBLE = re.compile(r"(?<!single_)(?:transformer_blocks|double_blocks)[._](\d+)[._]")
_SINGLE = re.compile(r"(?:single_transformer_blocks|single_blocks)[._](\d+)[._]")
_SINGLE_QKV = re.compile(r"single_transformer_blocks[._]\d+[._]attn[._]to_q[._]")


def recognise_base(tensors: Iterable[Tensor]) -> str:
    """Return the key of the base that the shapes belong to, or "" when they do not tell.

    Width 3072 alone proves nothing: FLUX.2-klein-4B has it too, with 5 double and 20 single blocks.
    Neither do 6144 and 4096 beside it: FLUX.1's last norm and its text input have them.
    """
    listed = list(tensors)
    names = [tensor.name for tensor in listed]
    widths = {side for tensor in listed for side in tensor.shape}
    named_flux2 = any(mark in name for name in names for mark in _FLUX2_NAMES)
    if named_flux2 or FLUX1_DEV.hidden_width not in widths:
        return next((base.key for base in _FLUX2_WIDTHS if base.hidden_width in widths), "")
    if _has_side(listed, _KLEIN_SIDES):
        return FLUX2_KLEIN_4B.key
    doubles = [int(hit[1]) for name in names if (hit := _DOUBLE.search(name))]
    singles = [int(hit[1]) for name in names if (hit := _SINGLE.search(name))]
    sure = (
        any(mark in name for name in names for mark in _FLUX1_NAMES)
        or any(_SINGLE_QKV.search(name) for name in names)
        or _has_side(listed, _FLUX1_SIDES)
        or max(doubles, default=0) >= 5
        or max(singles, default=0) >= 20
    )
    return FLUX1_DEV.key if sure else ""


def _has_side(tensors: Iterable[Tensor], sides: tuple[tuple[str, int], ...]) -> bool:
    return any(mark in t.name and side in t.shape for t in tensors for mark, side in sides)


def _trigger(metadata: Mapping[str, str]) -> str:
    phrase = metadata.get("modelspec.trigger_phrase", "")
    if phrase:
        return phrase
    try:
        tags = json.loads(metadata.get("ss_tag_frequency", "{}"))
        return next(iter(next(iter(tags.values())))) if tags else ""
    except (ValueError, AttributeError, StopIteration, TypeError):
        return ""


def keep_damaged(path: Path) -> Path:
    """Give a damaged file a name that nothing else takes, and return it; its bytes stay."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(kept)


def damaged_since(path: Path, source: Path) -> bool:
    """Tell whether a file of this name was set aside after `source`, which it came from, came."""
    came = source.stat().st_mtime_ns
    found = path.parent.glob(f"{path.name}.damaged-*")
    return any(kept.stat().st_mtime_ns >= came for kept in found)
