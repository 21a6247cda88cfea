"""The files behind the delivery port: by an address that nobody can guess, without a key."""

import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.errors import FalError, problem
from fluxlora_desktop.practice.fal.state import FalState, StoredFile

FILES = "files/b"
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 120


class Files:
    """Uploads and results; several instances may share one state."""

    def __init__(self, *, context: PracticeContext, state: FalState) -> None:
        self._context = context
        self._state = state

    def announce(self, name: str, content_type: str, lifetime_s: float | None) -> StoredFile:
        """Make room for a file whose bytes are still to come."""
        now = self._context.clock()
        last = name.replace("\\", "/").rpartition("/")[2]
        file = StoredFile(
            id=secrets.token_hex(16),
            name=_ODD.sub("_", last).lstrip(".")[-_LONGEST_NAME:] or "upload.bin",
            content_type=content_type,
            created_at=now,
            expires_at=None if lifetime_s is None else now + lifetime_s,
        )
        self._state.files.put(file)
        return file

    def path(self, file_id: str) -> Path:
        """Return where a file's bytes lie or will lie."""
        return self._state.file_path(file_id)

    def address(self, file: StoredFile) -> str:
        """Return the full address of a file."""
        return self._context.delivery(f"{FILES}/{file.id}/{file.name}")

    def get(self, file_id: str) -> StoredFile | None:
        """Return a file whose bytes may be still to come, or None."""
        return self._state.files.get(file_id)

    def find(self, file_id: str, name: str, *, at: float | None = None) -> StoredFile | None:
        """Return a file that is there, at a later moment where one is given, or None."""
        file = self._state.files.get(file_id)
        now = self._context.clock()
        if file is None or file.name != name or not self.path(file_id).is_file():
            return None
        if file.expires_at is not None and file.expires_at <= now:
            self.path(file_id).unlink(missing_ok=True)
            return None
        gone_by_then = file.expires_at is not None and file.expires_at <= (at or now)
        return None if gone_by_then else file

    def is_own(self, address: str) -> bool:
        """Tell whether an address is one of this port's files."""
        return address.startswith(self._context.delivery(FILES + "/"))

    def at(self, address: str, moment: float) -> Path | None:
        """Return the bytes that an own address gives at a moment, or None."""
        parts = address.removeprefix(self._context.delivery(FILES + "/")).split("/")
        file = self.find(*parts, at=moment) if len(parts) == 2 else None
        return None if file is None else self.path(file.id)

    async def take_in(self, file: StoredFile, pieces: AsyncIterator[bytes]) -> None:
        """Write a file's bytes as they come; they appear whole or not at all."""
        path = self.path(file.id)
        temporary = path.with_suffix(".part")
        size = 0
        with temporary.open("wb") as out:
            async for piece in pieces:
                size += len(piece)
                out.write(piece)
        temporary.replace(path)
        self._context.ledger.record("fal", "file_uploaded", id=file.id, name=file.name, size=size)


def read_lifetime(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds the files of a request are to be kept, None for ever.

    The one header is read by the storage and the queue, the other by the delivery port.
    """
    names = ("X-Fal-Object-Lifecycle-Preference", "X-Fal-Object-Lifecycle")
    for name in names:
        if name.lower() in headers:
            return _seconds(name, headers[name.lower()])
    return None


def _seconds(name: str, text: str) -> float | None:
    try:
        wish: Any = json.loads(text)
        seconds = wish.get("expiration_duration_seconds")
    except (ValueError, AttributeError) as error:
        raise FalError(422, [problem((name,), "Input should be a JSON object", "json")]) from error
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | None):
        raise FalError(422, [problem((name,), "Input should be a valid number", "float_type")])
    return seconds or None
