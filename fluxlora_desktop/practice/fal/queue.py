"""The queue: a request is taken at once, judged when it runs, and told by its own addresses."""

import uuid
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.catalogue import (
    APPS,
    ENDPOINTS,
    PAINTERS,
    TRAINERS,
    app_of,
)
from fluxlora_desktop.practice.fal.clerk import Clerk
from fluxlora_desktop.practice.fal.course import (
    IN_QUEUE,
    Course,
    course_of,
    told_course,
)
from fluxlora_desktop.practice.fal.errors import FalError
from fluxlora_desktop.practice.fal.files import read_lifetime
from fluxlora_desktop.practice.fal.forms import read_object
from fluxlora_desktop.practice.fal.logs import render_log
from fluxlora_desktop.practice.fal.plans import Plan, plan_picture, plan_training, queue_seconds
from fluxlora_desktop.practice.fal.state import FalState, QueuedRequest
from fluxlora_desktop.practice.fal.trainings import Trainings
from fluxlora_desktop.practice.fal.wire import addresses

_TRUE = ("1", "true", "True")


class Queue:
    """The handlers of requests."""

    def __init__(
        self, *, context: PracticeContext, state: FalState, trainings: Trainings, clerk: Clerk
    ) -> None:
        self._context = context
        self._state = state
        self._trainings = trainings
        self._clerk = clerk

    async def submit(self, request: Request) -> Response:
        """Take a request; its inputs are not looked at, the endpoint must exist."""
        endpoint = _endpoint(request)
        given, lifetime_s = await read_object(request), read_lifetime(request.headers)
        request_id = str(uuid.uuid4())
        now = self._context.clock()
        queued = QueuedRequest(
            id=request_id,
            endpoint=endpoint,
            input=given,
            created_at=now,
            speed=self._context.speed,
            plan=await self._plan(endpoint, given, request_id, now),
            lifetime_s=lifetime_s,
        )
        self._state.requests.put(queued)
        if endpoint in TRAINERS:
            self._context.ledger.record("fal", "training_created", id=request_id, endpoint=endpoint)
        told = {"status": IN_QUEUE, **addresses(self._context, queued)}
        return JSONResponse({**told, "queue_position": self._position(queued)})

    async def status(self, request: Request) -> Response:
        """Tell how a request stands: 202 until it has ended."""
        queued, course = await self._look(request)
        told = {"status": course.status, **addresses(self._context, queued)}
        if course.status == IN_QUEUE:
            told["queue_position"] = self._position(queued)
        else:
            wanted = request.query_params.get("logs") in _TRUE
            told["logs"] = _log(queued, course) if wanted else None
        if course.ended:
            told["metrics"] = {} if course.started_at is None else {"inference_time": course.run_s}
        if course.failure is not None:
            told |= {"error": course.failure.error, "error_type": course.failure.error_type}
        return JSONResponse(told, status_code=200 if course.ended else 202)

    async def result(self, request: Request) -> Response:
        """Give what a request has made, or what its model said instead."""
        queued, course = await self._look(request)
        if not course.ended:
            raise FalError(400, "Request is still in progress")
        if course.failure is None:
            return JSONResponse(self._clerk.output(queued))
        failure = course.failure
        headers = {"X-Fal-Error-Type": failure.error_type} if failure.is_request_error else None
        return JSONResponse(failure.body, status_code=failure.status, headers=headers)

    async def cancel(self, request: Request) -> Response:
        """Take a request out of the queue, or stop it; one that has ended stays as it is."""
        try:
            queued = self._find(request)
        except FalError:
            return JSONResponse({"status": "NOT_FOUND"}, status_code=404)
        now = self._context.clock()
        if course_of(queued, now).ended:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, status_code=400)
        self._state.requests.put(replace(queued, cancelled_at=now))
        await self._clerk.settle(queued.id)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, status_code=202)

    async def _plan(
        self, endpoint: str, given: dict[str, Any], request_id: str, now: float
    ) -> Plan:
        if endpoint in PAINTERS:
            return plan_picture(PAINTERS[endpoint], given, request_id=request_id)
        trainer, script = TRAINERS[endpoint], self._state.scripts.take()
        starts_at = now + queue_seconds(script) / self._context.speed
        address = given.get(trainer.archive_field)
        photos = await self._trainings.keep_photos(address, request_id, starts_at)
        return await run_in_threadpool(plan_training, trainer, given, photos, script)

    async def _look(self, request: Request) -> tuple[QueuedRequest, Course]:
        found = self._find(request)
        await self._clerk.settle(found.id)
        found = self._state.requests.get(found.id) or found
        return found, told_course(found, self._context.clock())

    def _find(self, request: Request) -> QueuedRequest:
        """Return a request by its address, which begins with its own app."""
        found = self._state.requests.get(request.path_params["request_id"])
        if found is None or app_of(found.endpoint) != _app(request):
            raise FalError(404, "Request not found")
        return found

    def _position(self, queued: QueuedRequest) -> int:
        """Return how many requests for the same endpoint wait before this one."""
        now = self._context.clock()
        return sum(
            other.endpoint == queued.endpoint
            and other.created_at < queued.created_at
            and course_of(other, now).status == IN_QUEUE
            for other in self._state.requests
        )


def _app(request: Request) -> str:
    return "{owner}/{app}".format(**request.path_params)


def _endpoint(request: Request) -> str:
    app, path = _app(request), request.path_params.get("path", "")
    endpoint = f"{app}/{path}" if path else app
    if app not in APPS:
        raise FalError(404, f"Application '{request.path_params['app']}' not found")
    if endpoint not in ENDPOINTS:
        raise FalError(404, f"Path /{path} not found")
    return endpoint


def _log(queued: QueuedRequest, course: Course) -> list[dict[str, Any]]:
    if course.started_at is None:
        return []
    return render_log(
        queued.plan,
        course.run_s,
        started_at=course.started_at,
        speed=queued.speed,
        seed=queued.id,
    )
