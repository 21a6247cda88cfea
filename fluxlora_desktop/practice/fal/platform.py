"""The platform: which endpoints there are, and what has run for one, newest first."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.catalogue import ENDPOINTS
from fluxlora_desktop.practice.fal.clerk import Clerk
from fluxlora_desktop.practice.fal.course import Course, told_course
from fluxlora_desktop.practice.fal.errors import FalError, problem
from fluxlora_desktop.practice.fal.state import FalState, QueuedRequest
from fluxlora_desktop.practice.fal.wire import moment

_USUAL_PAGE, _LONGEST_PAGE = 50, 100
_USUAL_PAST, _LONGEST_PAST = timedelta(days=1), timedelta(days=90)
_CANCELLED_STATUS = 499


class Platform:
    """The handlers of /v1/models and /v1/models/requests."""

    def __init__(self, *, context: PracticeContext, state: FalState, clerk: Clerk) -> None:
        self._context = context
        self._state = state
        self._clerk = clerk

    async def models(self, request: Request) -> Response:
        """List the endpoints asked for, or all; the form is that of the platform's v1.json."""
        asked = ",".join(request.query_params.getlist("endpoint_id"))
        wanted = {name for name in asked.split(",") if name}
        listed = [name for name in sorted(ENDPOINTS) if not wanted or name in wanted]
        if wanted and not listed:
            raise FalError(404, "No models found")
        return JSONResponse(
            {
                "models": [
                    {"endpoint_id": name, "metadata": {"display_name": name, "status": "active"}}
                    for name in listed
                ],
                "next_cursor": None,
                "has_more": False,
            }
        )

    async def by_endpoint(self, request: Request) -> Response:
        """List the requests that have started; one that waits in the queue is not among them."""
        await self._clerk.settle()
        query = request.query_params
        endpoints = {
            name for listed in query.getlist("endpoint_id") for name in listed.split(",") if name
        }
        if not endpoints:
            raise _wrong("endpoint_id", "Field required", "missing")
        wanted = query.get("request_id")
        since, until = self._span(query.get("start"), query.get("end"), wanted is not None)
        now = self._context.clock()
        found = [
            (queued, course, course.started_at)
            for queued in self._state.requests
            if queued.endpoint in endpoints and wanted in (None, queued.id)
            if (course := told_course(queued, now)).started_at is not None
            if since <= course.started_at < until
        ]
        found.sort(key=lambda entry: -entry[2])
        first, length = _read_cursor(query.get("cursor")), _read_limit(query.get("limit"))
        more = first + length < len(found)
        with_payloads = "payloads" in query.getlist("expand")
        return JSONResponse(
            {
                "items": [
                    self._item(queued, course, started_at, with_payloads=with_payloads)
                    for queued, course, started_at in found[first : first + length]
                ],
                "next_cursor": _cursor(first + length) if more else None,
                "has_more": more,
            }
        )

    def _span(self, start: str | None, end: str | None, widened: bool) -> tuple[float, float]:
        """Return from when on and until when a request has to have started."""
        now = datetime.fromtimestamp(self._context.clock(), UTC)
        past = _LONGEST_PAST if widened else _USUAL_PAST
        since = now - past if start is None else _read_moment("start", start)
        until = now + timedelta(days=1) if end is None else _read_moment("end", end)
        return since.timestamp(), until.timestamp()

    def _item(
        self, queued: QueuedRequest, course: Course, started_at: float, *, with_payloads: bool
    ) -> dict[str, Any]:
        told: dict[str, Any] = {
            "request_id": queued.id,
            "endpoint_id": queued.endpoint,
            "sent_at": moment(queued.created_at),
            "started_at": moment(started_at),
        }
        if course.ended_at is not None:
            told["ended_at"] = moment(course.ended_at)
            told["status_code"] = _status(course)
            told["duration"] = course.run_s
        if with_payloads:
            told["json_input"] = queued.input
            if course.ended:
                failure = course.failure
                told["json_output"] = failure.body if failure else self._clerk.output(queued)
        return told


def _status(course: Course) -> int:
    if course.failure is None:
        return 200
    cancelled = course.failure.error_type == "request_cancelled"
    return _CANCELLED_STATUS if cancelled else course.failure.status


def _read_moment(name: str, text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong(name, "Invalid ISO8601 date", "invalid_string") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _read_limit(text: str | None) -> int:
    if text is None:
        return _USUAL_PAGE
    if not text.isdigit() or not 1 <= int(text) <= _LONGEST_PAGE:
        raise _wrong("limit", f"Input should be between 1 and {_LONGEST_PAGE}", "out_of_range")
    return int(text)


def _cursor(first: int) -> str:
    return base64.urlsafe_b64encode(str(first).encode()).decode()


def _read_cursor(text: str | None) -> int:
    if not text:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(text)))
    except ValueError as error:
        raise _wrong("cursor", "Invalid cursor", "value_error") from error


def _wrong(name: str, says: str, kind: str) -> FalError:
    return FalError(422, [{**problem((), says, kind), "loc": ["query", name]}])
