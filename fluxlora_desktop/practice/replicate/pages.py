"""Lists in pages of a hundred, newest first, with full addresses of the pages beside them."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.errors import Refusal

PAGE_LENGTH = 100
T = TypeVar("T")


def page(
    context: PracticeContext, request: Request, things: Sequence[T], show: Callable[[T], Any]
) -> JSONResponse:
    """Return the page that the request's cursor asks for."""
    start = _start(request.query_params.get("cursor"))
    end = start + PAGE_LENGTH

    def address(first: int) -> str:
        return context.public(f"{request.url.path}?cursor={_cursor(first)}")

    return JSONResponse(
        {
            "previous": address(max(0, start - PAGE_LENGTH)) if start else None,
            "next": address(end) if end < len(things) else None,
            "results": [show(thing) for thing in things[start:end]],
        }
    )


def _cursor(first: int) -> str:
    return base64.urlsafe_b64encode(f"p={first}".encode()).decode().rstrip("=")


def _start(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        told = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return max(0, int(told.removeprefix("p=")))
    except ValueError as error:
        raise Refusal(404, "Invalid cursor", title="Not found") from error
