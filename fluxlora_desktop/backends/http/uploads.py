"""Files on their way out: sent in pieces, with their length known, and stoppable."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fluxlora_desktop.domain.ports import JobContext, Transferred

_PIECE = 512 * 1024


class Upload(Protocol):
    """A request's body that is read from a file while it is sent."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the body's own headers, its exact length in bytes included."""

    def chunks(self, ctx: JobContext) -> Iterator[bytes]:
        """Yield the body in pieces, reporting the file's bytes as they leave."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A file as the whole body, as signed addresses want it."""

    file: Path
    media_type: str
    what: str = "photos"

    @property
    def headers(self) -> dict[str, str]:
        """Return the file's type and length."""
        return {
            "content-type": self.media_type,
            "content-length": str(self.file.stat().st_size),
        }

    def chunks(self, ctx: JobContext) -> Iterator[bytes]:
        """Yield the file in pieces, reporting its bytes as they leave."""
        yield from _pieces(self.file, self.what, ctx)


@dataclass(frozen=True, slots=True)
class Field:
    """One plain part of a form."""

    name: str
    value: str
    media_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form: plain fields, then one file under `part` called `name`."""

    file: Path
    name: str
    media_type: str
    part: str = "content"
    fields: tuple[Field, ...] = ()
    what: str = "photos"
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def headers(self) -> dict[str, str]:
        """Return the form's own headers, its exact length in bytes included."""
        length = len(self._before()) + self.file.stat().st_size + len(self._after())
        return {
            "content-type": f"multipart/form-data; boundary={self.boundary}",
            "content-length": str(length),
        }

    def chunks(self, ctx: JobContext) -> Iterator[bytes]:
        """Yield the form in pieces, reporting the file's bytes as they leave."""
        yield self._before()
        yield from _pieces(self.file, self.what, ctx)
        yield self._after()

    def _before(self) -> bytes:
        parts = [
            f"--{self.boundary}\r\nContent-Disposition: form-data; "
            f'name="{plain.name}"\r\nContent-Type: {plain.media_type}\r\n\r\n{plain.value}\r\n'
            for plain in self.fields
        ]
        parts.append(
            f"--{self.boundary}\r\nContent-Disposition: form-data; "
            f'name="{self.part}"; filename="{self.name}"\r\n'
            f"Content-Type: {self.media_type}\r\n\r\n"
        )
        return "".join(parts).encode()

    def _after(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


def _pieces(file: Path, what: str, ctx: JobContext) -> Iterator[bytes]:
    total, done = file.stat().st_size, 0
    with file.open("rb", buffering=0) as source:
        while piece := source.read(_PIECE):
            ctx.check()
            yield piece
            done += len(piece)
            ctx.report(Transferred(what, done, total))
