"""The delivery port: results by an address that nobody can guess, without a token."""

import os
import re
import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext

PICTURE_LIFETIME_S = 3600
_CODE = re.compile(r"[A-Za-z0-9_-]{20,64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}")
WEIGHTS, PICTURES = "xezq", "yhqm"
"""First parts of the paths: archives stay, pictures go after an hour."""


class Deliveries:
    """The files behind the delivery port; several instances may share one folder."""

    def __init__(self, *, context: PracticeContext) -> None:
        self._context = context
        self._folder = context.state_dir / "replicate" / "delivery"

    def new_path(self, kind: str, name: str) -> str:
        """Return a path on the port that nobody was given yet."""
        return f"{kind}/{secrets.token_urlsafe(30)}/{name}"

    def file(self, path: str) -> Path:
        """Return where the file of a path on the port lies or will lie."""
        return self._folder / path

    def put(self, path: str, data: bytes) -> None:
        """Keep a file whose age counts from now."""
        target = self.file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".part")
        temporary.write_bytes(data)
        now = self._context.clock()
        os.utime(temporary, (now, now))
        temporary.replace(target)

    def find(self, kind: str, code: str, name: str) -> Path | None:
        """Return a file that is still there, or None."""
        if kind not in (WEIGHTS, PICTURES) or not _CODE.fullmatch(code):
            return None
        path = self._folder / kind / code / name
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        age = self._context.clock() - path.stat().st_mtime
        if kind == PICTURES and age > PICTURE_LIFETIME_S:
            path.unlink(missing_ok=True)
            return None
        return path

    def at(self, address: str) -> Path | None:
        """Return the file behind a full address of this port, or None."""
        start = self._context.delivery("")
        parts = address.removeprefix(start).split("/")
        return self.find(*parts) if address.startswith(start) and len(parts) == 3 else None


def build_replicate_delivery(context: PracticeContext) -> Starlette:
    """Build the delivery port; it answers ranges, also conditional ones."""
    deliveries = Deliveries(context=context)

    async def deliver(request: Request) -> Response:
        path = deliveries.find(**request.path_params)
        return _gone() if path is None else FileResponse(path)

    async def missing(_request: Request, _error: Exception) -> Response:
        return _gone()

    return Starlette(
        routes=[Route("/{kind}/{code}/{name}", deliver, methods=["GET", "HEAD"])],
        exception_handlers={HTTPException: missing},
    )


def _gone() -> Response:
    return PlainTextResponse("Not Found", status_code=404)
