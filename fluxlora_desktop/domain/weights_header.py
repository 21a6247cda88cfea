"""The header of a weights file written anew, its tensors byte for byte as they were.

The layout is safetensors' (see `weights.py`). The new file is a copy beside the old one, synced
before it takes the old one's name: a rewrite in place has corrupted weights elsewhere
(bghira/SimpleTuner PR 2714).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fluxlora_desktop.domain.errors import WeightsError
from fluxlora_desktop.domain.weights import HEADER_LIMIT

COMMENT, HINT = "ss_training_comment", "modelspec.usage_hint"
"""Where kohya's programs show a comment, and where ModelSpec 1.0.1 has what a user should know."""
_CHUNK = 1 << 20
_ALIGNED = 8
_OURS = re.compile(r"\s*Recommended strength: (-?\d{1,3}(?:\.\d{1,4})?)\.")


@dataclass(frozen=True, slots=True)
class Copied:
    """What a pass over a weights file found and wrote: hashes before and after, bytes after."""

    old_sha256: str
    tensor_hash: str
    sha256: str
    size_bytes: int


def strength_words(scale: float) -> str:
    """Return the sentence that a header says about a Lora's strength."""
    return f"Recommended strength: {round(scale, 3):g}."


def strength_in(metadata: Mapping[str, str]) -> float | None:
    """Return the strength that a header recommends, or None when it says none."""
    for key in (HINT, COMMENT):
        found = _OURS.search(metadata.get(key, "")[:10_000])
        if found is not None:
            return float(found[1])
    return None


def read_header(path: Path) -> bytes:
    """Return a weights file's header as it lies there; raises `WeightsError`."""
    try:
        with path.open("rb") as file:
            return _header(path, file)
    except OSError as error:
        raise WeightsError(path, "it cannot be read") from error


def says_strength(path: Path, header: bytes, scale: float) -> bool:
    """Tell whether a header says just this strength, in both places."""
    metadata = _table(path, header).get("__metadata__", {})
    words = strength_words(scale)
    return all(words in metadata.get(key, "") for key in (COMMENT, HINT))


def with_strength(path: Path, header: bytes, scale: float) -> bytes:
    """Return a header that recommends a strength; whatever else was said there stays.

    Raises `WeightsError` for a header that cannot be read, naming `path`.
    """
    head = _table(path, header)
    metadata = dict(head.get("__metadata__", {}))
    for key in (COMMENT, HINT):
        others = _OURS.sub("", metadata.get(key, "")).strip()
        metadata[key] = f"{others} {strength_words(scale)}".strip()
    new = {"__metadata__": metadata, **{k: v for k, v in head.items() if k != "__metadata__"}}
    raw = json.dumps(new, ensure_ascii=False, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % _ALIGNED)
    if len(raw) > HEADER_LIMIT:
        raise WeightsError(path, "its header has no room for the strength")
    return raw


def copy_with_header(
    source: Path, target: BinaryIO | None, header: bytes, check: Callable[[], None]
) -> Copied:
    """Write `source` with another header to `target`, synced; None only looks.

    `check` is called for each megabyte and may raise to stop. Raises `WeightsError` when the source
    cannot be read, `OSError` for the target.
    """
    start = struct.pack("<Q", len(header)) + header
    before, tensors, after = hashlib.sha256(), hashlib.sha256(), hashlib.sha256(start)
    size = len(start)
    if target is not None:
        target.write(start)
    try:
        file = source.open("rb")
    except OSError as error:
        raise WeightsError(source, "it cannot be read") from error
    with file:
        old = _header(source, file)
        before.update(struct.pack("<Q", len(old)) + old)
        while piece := file.read(_CHUNK):
            check()
            for digest in (before, tensors, after):
                digest.update(piece)
            size += len(piece)
            if target is not None:
                target.write(piece)
    if target is not None:
        target.flush()
        os.fsync(target.fileno())
    return Copied(before.hexdigest(), tensors.hexdigest(), after.hexdigest(), size)


def _header(path: Path, file: BinaryIO) -> bytes:
    first = file.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    if not 2 <= length <= HEADER_LIMIT:
        raise WeightsError(path, "it is not a safetensors file")
    raw = file.read(length)
    if len(raw) < length:
        raise WeightsError(path, "it ends early")
    return raw


def _table(path: Path, header: bytes) -> dict[str, Any]:
    try:
        head = json.loads(header.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(path, "its header cannot be read") from error
    metadata = head.get("__metadata__", {}) if isinstance(head, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WeightsError(path, "its header is not a table of texts")
    return dict(head)
