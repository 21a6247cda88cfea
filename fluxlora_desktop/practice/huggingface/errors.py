"""Refusals in the hub's own shape: a body, and headers that its client turns into exceptions."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class HubError(Exception):
    """A request that the hub refuses; `code` is the X-Error-Code that its client looks at."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def repo_not_found(*, signed_in: bool) -> HubError:
    """Return the answer for a missing repo, which is also the one for somebody else's private."""
    return HubError(404 if signed_in else 401, "Repository not found", "RepoNotFound")


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """Send a HubError as the hub does: `error` in the body, the same text in a header."""
    if not isinstance(error, HubError):
        raise error
    headers = {"X-Error-Message": error.message.encode("ascii", "replace").decode()}
    if error.code:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message}, status_code=error.status, headers=headers)
