"""The one weights file out of the archive that a trainer leaves."""

from __future__ import annotations

import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from fluxlora_desktop.domain.errors import WeightsError
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext

_MOST_MEMBERS = 10_000
_LARGEST_FILE = 4_000_000_000
_LARGEST_SUM = 8_000_000_000
_LARGEST_CAPTION = 100_000
_LARGEST_HEADER = 100_000_000
_PIECE = 1_000_000


@dataclass(frozen=True, slots=True)
class _Found:
    weights: tarfile.TarInfo
    captions: tuple[tarfile.TarInfo, ...]


def take_weights(archive: Path, target: Path, ctx: JobContext) -> FetchedWeights:
    """Write the weights inside an archive, or a bare weights file, to `target`, synced.

    The archive stays. Raises `WeightsError` for one that is cut, holds no or several weights, or
    names a path outside itself.
    """
    if _is_bare(archive):
        with archive.open("rb") as source:
            _write(source, archive.stat().st_size, target, archive, ctx)
        return FetchedWeights(target)
    try:
        with tarfile.open(archive, "r:*") as tar:
            found = _choose(tar, archive)
            content = tar.extractfile(found.weights)
            assert content is not None, "a regular member has content"
            _write(content, found.weights.size, target, archive, ctx)
            captions = tuple(_caption(tar, member) for member in found.captions)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise WeightsError(archive, f"the archive cannot be read: {error}") from error
    return FetchedWeights(target, captions)


def _is_bare(path: Path) -> bool:
    """Tell a safetensors file: eight bytes of length, then a JSON object."""
    with path.open("rb") as source:
        head = source.read(9)
    return (
        len(head) == 9
        and head[8:9] == b"{"
        and int.from_bytes(head[:8], "little") < _LARGEST_HEADER
    )


def _choose(tar: tarfile.TarFile, archive: Path) -> _Found:
    named: list[tarfile.TarInfo] = []
    others: list[tarfile.TarInfo] = []
    captions: list[tarfile.TarInfo] = []
    total = 0
    for count, member in enumerate(tar, start=1):
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or member.issym() or member.islnk():
            raise WeightsError(archive, f"the archive holds an unsafe name: {member.name[:100]}")
        total += member.size
        if count > _MOST_MEMBERS or member.size > _LARGEST_FILE or total > _LARGEST_SUM:
            raise WeightsError(archive, "the archive holds more than weights ever are")
        if not member.isreg():
            continue
        if path.suffix == ".safetensors":
            (named if path.name == "lora.safetensors" else others).append(member)
        elif path.suffix == ".txt" and path.parent.name == "captions":
            captions.append(member)
    candidates = named or others
    if len(candidates) != 1:
        raise WeightsError(archive, f"the archive holds {len(candidates)} weights files")
    small = tuple(member for member in captions if member.size <= _LARGEST_CAPTION)
    return _Found(candidates[0], small)


def _caption(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, str]:
    source = tar.extractfile(member)
    assert source is not None, "a regular member has content"
    text = source.read().decode("utf-8", errors="replace").strip()
    return PurePosixPath(member.name).stem, text


def _write(source: IO[bytes], size: int, target: Path, archive: Path, ctx: JobContext) -> None:
    """Copy exactly `size` bytes to a new file, sync it, and give it its name."""
    new, done = target.with_name(target.name + ".new"), 0
    with new.open("wb") as out:
        while piece := source.read(_PIECE):
            ctx.check()
            out.write(piece)
            done += len(piece)
        out.flush()
        os.fsync(out.fileno())
    if done != size:
        raise WeightsError(archive, f"the weights are cut: {done} of {size} bytes")
    new.replace(target)
