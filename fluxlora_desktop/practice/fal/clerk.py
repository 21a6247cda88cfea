"""The clerk: brings requests whose time has come to their end and writes it down, once."""

import asyncio
from dataclasses import replace
from typing import Any

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.catalogue import PAINTERS, TRAINERS, Painter
from fluxlora_desktop.practice.fal.course import Course, course_of
from fluxlora_desktop.practice.fal.errors import CANCELLED, InvalidInput, invalid
from fluxlora_desktop.practice.fal.orders import read_order
from fluxlora_desktop.practice.fal.pictures import Pictures
from fluxlora_desktop.practice.fal.state import FalState, QueuedRequest
from fluxlora_desktop.practice.fal.trainings import Trainings

_PATIENCE_S = 2.0


class Clerk:
    """Works in the background, and takes up again what a process that ended left undone."""

    def __init__(
        self,
        *,
        context: PracticeContext,
        state: FalState,
        trainings: Trainings,
        pictures: Pictures,
    ) -> None:
        self._context = context
        self._state = state
        self._trainings = trainings
        self._pictures = pictures
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def settle(self, request_id: str | None = None) -> None:
        """Begin all that is due; wait a little for one request, or for all without an id.

        A reply is not held up for long by what takes longer: it tells the request as running.
        """
        now = self._context.clock()
        for request in self._state.requests:
            course = course_of(request, now)
            if course.ended and not request.settled and request.id not in self._tasks:
                self._tasks[request.id] = asyncio.create_task(self._settle(request, course))
        awaited = {task for done_id, task in self._tasks.items() if request_id in (None, done_id)}
        if not awaited:
            return
        done, _ = await asyncio.wait(awaited, timeout=_PATIENCE_S)
        for task in done:
            task.result()

    def output(self, request: QueuedRequest) -> dict[str, Any]:
        """Return what a request that succeeded has made."""
        if request.endpoint in TRAINERS:
            return self._trainings.output(request)
        return self._pictures.output(PAINTERS[request.endpoint], request)

    async def _settle(self, request: QueuedRequest, course: Course) -> None:
        try:
            if request.endpoint in TRAINERS:
                await self._settle_training(request, course)
            else:
                await self._settle_pictures(PAINTERS[request.endpoint], request, course)
        finally:
            self._tasks.pop(request.id, None)

    async def _settle_training(self, request: QueuedRequest, course: Course) -> None:
        trainer = TRAINERS[request.endpoint]
        request = replace(request, settled=True, failure=course.failure)
        outcome, charged = "succeeded", trainer.price(request.plan.steps)
        if course.failure is not None:
            outcome = "cancelled" if course.failure == CANCELLED else "failed"
            charged = 0.0
        else:
            files = await self._trainings.finish(trainer, request)
            request = replace(request, files=tuple(file.id for file in files))
        self._state.requests.put(request)
        self._context.ledger.record(
            "fal", f"training_{outcome}", charged, id=request.id, endpoint=request.endpoint
        )

    async def _settle_pictures(
        self, painter: Painter, request: QueuedRequest, course: Course
    ) -> None:
        request = replace(request, settled=True, failure=course.failure)
        try:
            if course.failure is None:
                files = await self._pictures.finish(painter, request)
                request = replace(request, files=tuple(file.id for file in files))
        except InvalidInput as trouble:
            request = replace(request, failure=invalid(trouble.problems))
        self._state.requests.put(request)
        if request.failure is None:
            self._record_pictures(painter, request)

    def _record_pictures(self, painter: Painter, request: QueuedRequest) -> None:
        order = read_order(painter, request.input, request_id=request.id)
        self._context.ledger.record(
            "fal",
            "picture",
            round(order.megapixels * painter.usd_per_megapixel, 6),
            id=request.id,
            endpoint=request.endpoint,
            prompt=order.prompt,
            seed=order.seed,
            width=order.width,
            height=order.height,
            steps=order.steps,
            count=order.count,
            loras=[{"path": lora.path, "scale": lora.scale} for lora in order.loras],
        )
