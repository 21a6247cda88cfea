"""Refusals in fal's own shape, {"detail": ...}, and the reasons why a request fails."""

from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Problem = dict[str, Any]
"""One thing that is wrong with an input: where, in words, and of which type."""


class FalError(Exception):
    """A request that fal refuses."""

    def __init__(self, status: int, detail: str | list[Problem]) -> None:
        super().__init__(str(detail))
        self.status = status
        self.detail = detail


class InvalidInput(Exception):
    """An input that a model refuses when it runs."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(str(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request ends without an output."""

    status: int
    """Of the reply that would be the result."""
    detail: str | list[Problem]
    error: str
    error_type: str
    is_request_error: bool = False
    """Whether fal says it, not the model: then the result names the type, too."""

    @property
    def message(self) -> str:
        """The reason in words."""
        return self.detail if isinstance(self.detail, str) else str(self.detail[0]["msg"])

    @property
    def body(self) -> dict[str, Any]:
        """What stands in the place of a result."""
        told: dict[str, Any] = {"detail": self.detail}
        return {**told, "error_type": self.error_type} if self.is_request_error else told


CANCELLED = Failure(
    400, "Request was cancelled", "Request was cancelled", "request_cancelled", True
)


def problem(place: tuple[str | int, ...], says: str, kind: str, **more: Any) -> Problem:
    """Return a problem at a place below the body."""
    return {"loc": ["body", *place], "msg": says, "type": kind, **more}


def invalid(problems: list[Problem]) -> Failure:
    """Return the failure of a model that refuses its input."""
    return Failure(422, problems, "Unprocessable Entity", "validation_error")


def crashed(message: str) -> Failure:
    """Return the failure of a model that broke while it ran."""
    return Failure(500, message, message, "runner_server_error", True)


async def _answer(_request: Request, error: Exception) -> Response:
    if isinstance(error, InvalidInput):
        return JSONResponse({"detail": error.problems}, status_code=422)
    if isinstance(error, FalError):
        return JSONResponse({"detail": error.detail}, status_code=error.status)
    status = error.status_code if isinstance(error, HTTPException) else 404
    words = "Method Not Allowed" if status == 405 else "Not Found"
    return JSONResponse({"detail": words}, status_code=status)


ANSWERS: dict[Any, Any] = dict.fromkeys((FalError, InvalidInput, HTTPException), _answer)
"""How an application answers what its handlers raise, paths that do not exist among it."""
