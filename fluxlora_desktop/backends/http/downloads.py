"""Large files: resumed by Range, checked by length, never longer than allowed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import httpx

from fluxlora_desktop.domain.errors import (
    DiskFull,
    NotFoundAtService,
    ServiceInterrupted,
    UnexpectedReply,
)
from fluxlora_desktop.domain.ports import JobContext, Transferred

Opener = Callable[[dict[str, str]], AbstractContextManager[httpx.Response]]
_PIECE = 256 * 1024
_ERROR_LIMIT = 100_000
_NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quota error
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def save_stream(
    open_with: Opener,
    part: Path,
    *,
    service: str,
    what: str,
    limit: int,
    check: Callable[[httpx.Response, bytes], None],
    ctx: JobContext,
) -> Path:
    """Write what `open_with(headers)` delivers to `part`, after what already lies there.

    The file beside it with `.etag` names the version that the bytes belong to: without it, or when
    the service holds another version by now, the file starts anew.
    """
    tag_file = part.with_name(part.name + ".etag")
    have, tag = _kept(part, tag_file)
    headers = {"accept-encoding": "identity"}
    if have:
        headers |= {"range": f"bytes={have}-", "if-range": tag}
    with open_with(headers) as response:
        if response.status_code == 416:
            if response.headers.get("content-range", "") == f"bytes */{have}":
                return part  # all of it came, and the app ended before it could use it
            tag_file.unlink(missing_ok=True)
            raise ServiceInterrupted(service, "the file changed on the way", status=416)
        if not response.is_success:
            check(response, response.read()[:_ERROR_LIMIT])
        start = _start_of(response, have, service)
        total = _total_of(response, start)
        if max(total, start) > limit:
            raise UnexpectedReply(service, "file", f"{total} bytes, over {limit}")
        _keep_tag(response, tag_file)
        with part.open("r+b" if start else "wb") as target:
            target.seek(start)
            target.truncate()
            done = _copy(response, target, start, total, service, what, limit, ctx)
    if total and done != total:
        raise ServiceInterrupted(service, f"{done} of {total} bytes came")
    return part


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
    part.with_name(part.name + ".etag").unlink(missing_ok=True)


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


def _start_of(response: httpx.Response, have: int, service: str) -> int:
    if response.status_code != 206:
        return 0
    said = _RANGE.match(response.headers.get("content-range", ""))
    if said is None or int(said.group(1)) != have:
        raise UnexpectedReply(service, "content-range", response.headers.get("content-range", ""))
    return have


def _total_of(response: httpx.Response, start: int) -> int:
    length = response.headers.get("content-length", "")
    return start + int(length) if length.isdigit() else 0


def _copy(
    response: httpx.Response,
    target: BinaryIO,
    start: int,
    total: int,
    service: str,
    what: str,
    limit: int,
    ctx: JobContext,
) -> int:
    done = start
    try:
        for piece in response.iter_bytes(_PIECE):
            ctx.check()
            done += len(piece)
            if done > limit:
                raise UnexpectedReply(service, "file", f"over {limit} bytes")
            target.write(piece)
            ctx.report(Transferred(what, done, total))
        target.flush()
        os.fsync(target.fileno())
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull(target.name, needed=max(total - done, 0)) from error
        raise
    return done
