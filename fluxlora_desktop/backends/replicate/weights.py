"""The one weights file out of the archive that a trainer leaves.

The archive is read once, from front to back, and never unpacked: the bytes of one regular member
are copied to a name of our own. Between two members no more than `_BETWEEN` bytes are read, so
that headers of a gigabyte end early and take no memory.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, BinaryIO, Final

from fluxlora_desktop.domain.errors import WeightsError
from fluxlora_desktop.domain.ports import FetchedWeights, JobContext
from fluxlora_desktop.domain.weights import HEADER_LIMIT, LARGEST_FILE, what_it_may_be

_MOST_MEMBERS: Final = 500
_LARGEST_SUM: Final = LARGEST_FILE + 100_000_000
_MOST_PACKED: Final = 100
"""How many times larger than the archive its content may be; weights hardly shrink by a half."""
_LARGEST_CAPTION: Final = 100_000
_BETWEEN: Final = 1_000_000
_PIECE: Final = 1_000_000
_GZIP: Final = b"\x1f\x8b"
_MAIN: Final = "lora.safetensors"
_OTHER_PACKERS: Final = (b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"Rar!", b"7z\xbc\xaf")
_TOO_MUCH: Final = "the archive holds more than weights ever are"


@dataclass(slots=True)
class _Found:
    """What was seen so far: how many weights files, called as expected or not; captions."""

    main: int = 0
    others: int = 0
    captions: list[tuple[str, str]] = field(default_factory=list)


class _TooMuch(Exception):
    """More bytes were asked for than members and headers may have."""


class _Rationed:
    """A stream that ends with `_TooMuch` when more is read than was allowed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _BETWEEN

    def allow(self, size: int) -> None:
        """Let so many bytes be read from now on, and as many as lie between two members."""
        self._left = size + _BETWEEN

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        if self._left <= 0:
            raise _TooMuch
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def take_weights(archive: Path, target: Path, ctx: JobContext) -> FetchedWeights:
    """Write the weights inside an archive, or a bare weights file, to `target`, synced.

    The archive stays. Raises `WeightsError` for one that is cut, holds no or several weights, or
    anything that no trainer leaves: links, devices, names outside itself, too many members.
    """
    new = target.with_name(target.name + ".new")
    try:
        with archive.open("rb") as stream:
            first = stream.read(512)
            stream.seek(0)
            if _is_bare(first):
                _copy(stream, archive.stat().st_size, new, ctx)
                captions: tuple[tuple[str, str], ...] = ()
            else:
                captions = _take(_unpacked(stream, first, archive), archive, new, ctx)
        new.replace(target)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise WeightsError(archive, f"the archive cannot be read: {error}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise WeightsError(archive, "the archive is damaged") from error
    except _TooMuch as error:
        raise WeightsError(archive, _TOO_MUCH) from error
    finally:
        new.unlink(missing_ok=True)
    return FetchedWeights(target, captions)


def _is_bare(first: bytes) -> bool:
    """Tell a safetensors file: eight bytes of length, then a JSON object."""
    return first[8:9] == b"{" and int.from_bytes(first[:8], "little") <= HEADER_LIMIT


def _unpacked(stream: BinaryIO, first: bytes, archive: Path) -> BinaryIO:
    """Return the tar inside, or refuse by name what is none."""
    if not first:
        raise WeightsError(archive, "it is empty")
    if strange := what_it_may_be(first):
        raise WeightsError(archive, strange)
    if first.startswith(_OTHER_PACKERS):
        raise WeightsError(archive, "it is packed in a way that the app does not open")
    if first.startswith(_GZIP):
        return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]  # it reads like one
    return stream


def _take(
    stream: BinaryIO, archive: Path, new: Path, ctx: JobContext
) -> tuple[tuple[str, str], ...]:
    """Copy the weights to `new`; return the captions, by the photos' names."""
    rationed, found = _Rationed(stream), _Found()
    seen: set[PurePosixPath] = set()
    count, total, most = 0, 0, min(_LARGEST_SUM, archive.stat().st_size * _MOST_PACKED + _BETWEEN)
    with tarfile.open(fileobj=rationed, mode="r|") as tar:  # type: ignore[call-overload]  # reads
        while (member := tar.next()) is not None:
            ctx.check()
            count, total = count + 1, total + member.size
            _refuse(member, seen, archive)
            if count > _MOST_MEMBERS or total > most:
                raise _TooMuch
            if member.isreg():
                rationed.allow(member.size)
                _read(tar, member, found, new, ctx)
            rationed.allow(0)
    candidates = found.main or found.others
    if candidates != 1:
        raise WeightsError(archive, f"the archive holds {candidates} weights files")
    return tuple(found.captions)


def _refuse(member: tarfile.TarInfo, seen: set[PurePosixPath], archive: Path) -> None:
    """Refuse a member that no trainer leaves."""
    path, shown = PurePosixPath(member.name), ascii(member.name[:100])
    windows = PureWindowsPath(member.name)
    if path.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise WeightsError(archive, f"the archive holds an unsafe name: {shown}")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise WeightsError(archive, f"the archive holds a link, a device or the like: {shown}")
    if member.size > LARGEST_FILE:
        raise _TooMuch
    if member.isreg() and path in seen:
        raise WeightsError(archive, f"the archive holds a name twice: {shown}")
    seen.add(path)


def _read(
    tar: tarfile.TarFile, member: tarfile.TarInfo, found: _Found, new: Path, ctx: JobContext
) -> None:
    """Take of a member what it is for; the stream stands behind its content then."""
    content = tar.extractfile(member)
    assert content is not None, "a regular member has content"
    path = PurePosixPath(member.name)
    if path.suffix == ".safetensors":
        is_main = path.name == _MAIN
        found.main, found.others = found.main + is_main, found.others + (not is_main)
        if is_main or not found.main:
            _copy(content, member.size, new, ctx)
    elif _is_caption(path) and member.size <= _LARGEST_CAPTION:
        text = content.read().decode("utf-8", errors="replace").strip()
        found.captions.append((path.stem, text))
    while content.read(_PIECE):
        ctx.check()


def _is_caption(path: PurePosixPath) -> bool:
    return path.suffix == ".txt" and path.parent.name == "captions"


def _copy(source: IO[bytes], size: int, new: Path, ctx: JobContext) -> None:
    """Copy exactly `size` bytes to a new file and sync it."""
    done = 0
    with new.open("wb") as out:
        while piece := source.read(_PIECE):
            ctx.check()
            out.write(piece)
            done += len(piece)
        out.flush()
        os.fsync(out.fileno())
    if done != size:
        raise EOFError(f"the weights are cut: {done} of {size} bytes")
