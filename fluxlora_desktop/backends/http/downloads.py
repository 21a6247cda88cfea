"""Large files: resumed by Range, hashed on the way, checked by length, never beyond a limit."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from fluxlora_desktop.domain.errors import (
    DamagedDownload,
    DiskFull,
    GarbledReply,
    NotFoundAtService,
    ServiceInterrupted,
    UnexpectedReply,
)
from fluxlora_desktop.domain.ports import JobContext, Transferred
from fluxlora_desktop.domain.weights import keep_damaged

Opener = Callable[[dict[str, str]], AbstractContextManager[httpx.Response]]
_PIECE = 1 << 20
_ERROR_LIMIT = 100_000
_NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quota error
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that came whole, and the SHA-256 of its bytes as they were written."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be brought: how it is called in progress and how many bytes it may have."""

    service: str
    what: str
    limit: int


def save_stream(
    open_with: Opener,
    part: Path,
    wanted: Wanted,
    *,
    check: Callable[[httpx.Response, bytes], None],
    ctx: JobContext,
) -> Saved:
    """Write what `open_with(headers)` delivers to `part`, after what already lies there.

    The file beside it with `.etag` names the version that the bytes belong to: without it, or when
    the service holds another version by now, the file starts anew.
    """
    tag_file = _tag_file(part)
    have, tag = _kept(part, tag_file)
    headers = {"accept-encoding": "identity"}
    if have:
        headers |= {"range": f"bytes={have}-", "if-range": tag}
    with open_with(headers) as response:
        if response.status_code == 416:
            if response.headers.get("content-range", "") == f"bytes */{have}":
                # All of it came, and the app ended before it could use it.
                return Saved(part, have, _digest_of(part, ctx).hexdigest())
            tag_file.unlink(missing_ok=True)
            raise ServiceInterrupted(wanted.service, "the file changed on the way", status=416)
        if not response.is_success:
            check(response, _start_of_body(response))
        _refuse_packed(response, wanted)
        start, total = _extent(response, have, wanted, tag_file)
        if max(total, start) > wanted.limit:
            raise UnexpectedReply(wanted.service, "file", f"{total} bytes, over {wanted.limit}")
        digest = _digest_of(part, ctx) if start else hashlib.sha256()
        _keep_tag(response, tag_file)
        with part.open("r+b" if start else "wb") as target:
            target.seek(start)
            target.truncate()
            done = _copy(response, target, start, total, digest, wanted, ctx)
    if total and done != total:
        raise ServiceInterrupted(wanted.service, f"{done} of {total} bytes came")
    return Saved(part, done, digest.hexdigest())


def bring_checked(bring: Callable[[], Saved], service: str, sha256: str) -> Saved:
    """Bring a file whose SHA-256 is known; one with other bytes is set aside and brought again.

    Raises `DamagedDownload` with the place of the second one when that is no better.
    """
    for again in (True, False):
        saved = bring()
        if not sha256 or saved.sha256 == sha256:
            return saved
        kept = keep_damaged(saved.path)
        forget_part(saved.path)
        if not again:
            raise DamagedDownload(service, kept, f"its SHA-256 is not {sha256[:12]}...")
    raise AssertionError("the second try returns or raises")


def bring_from(
    address: str, *, service: str, ask: Callable[[], str], bring: Callable[[str], Path]
) -> Path:
    """Fetch from the address known, or from the one that the service tells when it is asked.

    Raises `NotFoundAtService` when neither leads to a file.
    """
    if address:
        try:
            return bring(address)
        except NotFoundAtService:
            fresh = ask()
            if not fresh or fresh == address:
                raise
            return bring(fresh)
    address = ask()
    if not address:
        raise NotFoundAtService(service, "The service names no weights for this training.")
    return bring(address)


def forget_part(part: Path) -> None:
    """Drop a part and what was known of its version."""
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _kept(part: Path, tag_file: Path) -> tuple[int, str]:
    if not (part.is_file() and tag_file.is_file()):
        return 0, ""
    tag = tag_file.read_text("utf-8")
    return (part.stat().st_size, tag) if tag else (0, "")


def _keep_tag(response: httpx.Response, tag_file: Path) -> None:
    tag = response.headers.get("etag", "")
    if tag and not tag.startswith("W/"):  # a weak tag may not decide about bytes: RFC 9110, 13.1.5
        tag_file.write_text(tag, "utf-8")
    else:
        tag_file.unlink(missing_ok=True)


def _start_of_body(response: httpx.Response) -> bytes:
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) >= _ERROR_LIMIT:
            break
    return bytes(data[:_ERROR_LIMIT])


def _refuse_packed(response: httpx.Response, wanted: Wanted) -> None:
    """Refuse a packed file: its length and its ranges would be those of other bytes."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"", "identity"}:
        raise GarbledReply(wanted.service, "file", f"packed as {packing[:40]}")


def _extent(response: httpx.Response, have: int, wanted: Wanted, tag_file: Path) -> tuple[int, int]:
    """Return where the bytes begin and how many the file has, 0 when nobody says."""
    if response.status_code != 206:
        length = response.headers.get("content-length", "")
        return 0, int(length) if _LENGTH.fullmatch(length) else 0
    said = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if said is None or int(said.group(1)) != have:
        tag_file.unlink(missing_ok=True)  # the next try asks for the whole file
        raise ServiceInterrupted(wanted.service, "the service sent another part than asked for")
    return have, int(said.group(3))


def _digest_of(path: Path, ctx: JobContext) -> hashlib._Hash:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as source:
        while piece := source.read(_PIECE):
            ctx.check()
            digest.update(piece)
    return digest


def _copy(
    response: httpx.Response,
    target: BinaryIO,
    start: int,
    total: int,
    digest: hashlib._Hash,
    wanted: Wanted,
    ctx: JobContext,
) -> int:
    done, told = start, start
    try:
        for piece in response.iter_raw():
            ctx.check()
            done += len(piece)
            if done > wanted.limit:
                raise UnexpectedReply(wanted.service, "file", f"over {wanted.limit} bytes")
            target.write(piece)
            digest.update(piece)
            if done - told >= _PIECE or done == total:
                told = done
                ctx.report(Transferred(wanted.what, done, total))
        target.flush()
        os.fsync(target.fileno())
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(target.name, needed=max(total - done, 0)) from error
        raise
    return done
