"""Refusals in Replicate's own shape, application/problem+json."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

NOT_SIGNED_IN = "You did not pass a valid authentication token"


class Refusal(Exception):
    """A request that Replicate refuses; the shapes are those of recordings, which differ."""

    def __init__(
        self, status: int, detail: str, *, title: str = "", tells_status: bool = True, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {"title": title} if title else {}
        self.body |= {"detail": detail, **({"status": status} if tells_status else {}), **more}


def not_found(what: str = "The requested resource could not be found.") -> Refusal:
    """Return the answer for a thing that does not exist or belongs to somebody else."""
    return Refusal(404, what, title="Not found")


def file_not_found() -> Refusal:
    """Return the answer for a missing file, as published."""
    return Refusal(404, "File not found", tells_status=False)


def name_taken() -> Refusal:
    """Return the answer for a model that exists already."""
    said = "A model with that name and owner already exists."
    return Refusal(409, said, title="Conflict", errors=[{"detail": said}])


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """Send a refusal."""
    if not isinstance(error, Refusal):
        raise error
    return JSONResponse(error.body, status_code=error.status, media_type="application/problem+json")
