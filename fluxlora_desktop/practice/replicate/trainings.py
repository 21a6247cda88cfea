"""Trainings: created at once, decided by their inputs, told by the time that has passed."""

import asyncio
import hashlib
import shutil
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.addresses import fetch_file
from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.photo_zip import PhotoZip
from fluxlora_desktop.practice.replicate.catalogue import PUBLIC_MODELS, PublicModel
from fluxlora_desktop.practice.replicate.course import Course, course_of
from fluxlora_desktop.practice.replicate.delivery import WEIGHTS, Deliveries
from fluxlora_desktop.practice.replicate.errors import Refusal, not_found
from fluxlora_desktop.practice.replicate.logs import render_log
from fluxlora_desktop.practice.replicate.pages import page
from fluxlora_desktop.practice.replicate.plans import make_plan
from fluxlora_desktop.practice.replicate.requests import read_object, without_secrets
from fluxlora_desktop.practice.replicate.state import ReplicateState, Training, Version
from fluxlora_desktop.practice.replicate.weights import build_weights
from fluxlora_desktop.practice.replicate.wire import moment, new_id, with_signed_files

_LARGEST_ZIP = 300_000_000
_MOMENT_S = 0.0001


class Trainings:
    """The handlers of trainings, and the clerk who writes their ends down."""

    def __init__(
        self, *, context: PracticeContext, state: ReplicateState, deliveries: Deliveries
    ) -> None:
        self._context = context
        self._state = state
        self._deliveries = deliveries
        self._settling = asyncio.Lock()

    async def create(self, request: Request) -> Response:
        """Start a training; the inputs are not looked at, the destination must exist."""
        trainer = _trainer(request)
        told = await read_object(request)
        given = told.get("input")
        if not isinstance(given, dict) or not isinstance(told.get("destination"), str):
            raise Refusal(422, "input and destination are required", title="Invalid training")
        if self._state.models.get(told["destination"]) is None:
            raise Refusal(404, "The specified training destination does not exist")
        training_id = new_id()
        zip_file = await self._keep_photos(given.get("input_images"), training_id)
        script = self._state.scripts.take()
        training = Training(
            id=training_id,
            trainer=trainer.name,
            version=trainer.version,
            destination=told["destination"],
            input=without_secrets(given),
            created_at=self._context.clock(),
            speed=self._context.speed,
            plan=await run_in_threadpool(make_plan, trainer, given, zip_file, script),
        )
        self._state.trainings.put(training)
        self._context.ledger.record(
            "replicate",
            "training_created",
            id=training.id,
            trainer=trainer.name,
            destination=training.destination,
        )
        return JSONResponse(self._created(training), status_code=201)

    async def get(self, request: Request) -> Response:
        """Tell how a training stands, with its whole log."""
        training = self._training(request)
        if training is None:
            raise not_found()
        return JSONResponse(self._json(training))

    async def list_all(self, request: Request) -> Response:
        """List the trainings, newest first, without their logs."""
        return page(
            self._context,
            request,
            list(self._state.trainings),
            lambda training: self._json(training, with_log=False),
        )

    async def cancel(self, request: Request) -> Response:
        """Stop a training; one that has ended stays as it is."""
        training = self._training(request)
        if training is None:
            raise not_found()
        if not course_of(training, self._context.clock()).ended:
            training = replace(training, canceled_at=self._context.clock())
            self._state.trainings.put(training)
            await self.settle()
            training = self._state.trainings.get(training.id) or training
        return JSONResponse(self._json(training))

    async def settle(self) -> None:
        """Write down what has ended since the last time: charges, versions, weights."""
        async with self._settling:
            now = self._context.clock()
            for training in list(self._state.trainings):
                course = course_of(training, now)
                if course.ended and not training.settled:
                    await self._settle(training, course)

    async def _settle(self, training: Training, course: Course) -> None:
        if course.status == "succeeded":
            path = training.weights or self._deliveries.new_path(WEIGHTS, _archive_name(training))
            await run_in_threadpool(
                build_weights,
                training,
                self._state.photos_path(training.id),
                self._state.weights_path(training.id),
                self._deliveries.file(path),
            )
            version_id = hashlib.sha256(training.id.encode()).hexdigest()
            self._add_version(training, Version(version_id, course.ends_at, training.id))
            training = replace(training, version_id=version_id, weights=path)
        self._state.trainings.put(replace(training, settled=True))
        seconds = course.predict_s
        charged = round(seconds * PUBLIC_MODELS[training.trainer].usd_per_second, 6)
        self._context.ledger.record(
            "replicate", f"training_{course.status}", charged, id=training.id, seconds=seconds
        )

    def _add_version(self, training: Training, version: Version) -> None:
        model = self._state.models.get(training.destination)
        if model is not None and version.id not in {known.id for known in model.versions}:
            self._state.models.put(replace(model, versions=(version, *model.versions)))

    def _training(self, request: Request) -> Training | None:
        return self._state.trainings.get(request.path_params["id"])

    async def _keep_photos(self, address: Any, training_id: str) -> PhotoZip | None:
        """Copy the zip of an address, one of the files here or any other, or return None."""
        target = self._state.photos_path(training_id)
        start = self._context.public("v1/files/")
        if not isinstance(address, str) or not address.startswith(("http://", "https://")):
            return None
        if address.startswith(start):
            source = self._state.upload_path(address.removeprefix(start).partition("/")[0])
            if not source.is_file():
                return None
            await run_in_threadpool(shutil.copyfile, source, target)
            return PhotoZip(target)
        fetched = await fetch_file(address, target, limit=_LARGEST_ZIP)
        return PhotoZip(target) if fetched else None

    def _created(self, training: Training) -> dict[str, Any]:
        """Return the reply to the creation; its addresses are those of a prediction (recorded)."""
        return {
            "id": training.id,
            "model": training.trainer,
            "version": training.version,
            "input": with_signed_files(self._context, training.input, training.created_at),
            "logs": "",
            "error": None,
            "status": "starting",
            "created_at": moment(training.created_at),
            "urls": self._urls("predictions", training),
        }

    def _json(self, training: Training, *, with_log: bool = True) -> dict[str, Any]:
        course = self._course(training)
        told: dict[str, Any] = {
            "id": training.id,
            "model": training.trainer,
            "version": training.version,
            "input": with_signed_files(self._context, training.input, training.created_at),
            "error": course.error,
            "status": course.status,
            "source": "api",
            "output": self._output(training, course),
            "metrics": _metrics(course),
            "created_at": moment(training.created_at),
            "started_at": moment(course.started_at),
            "completed_at": moment(course.ends_at) if course.ended else None,
            "urls": self._urls("trainings", training),
        }
        if with_log:
            told["logs"] = _log(training, course)
        return told

    def _course(self, training: Training) -> Course:
        """Return how a training stands; it has not ended before its end is written down."""
        course = course_of(training, self._context.clock())
        if course.ended and not training.settled and training.canceled_at is None:
            return course_of(training, course.ends_at - _MOMENT_S)
        return course

    def _output(self, training: Training, course: Course) -> dict[str, str] | None:
        if course.status != "succeeded" or not training.weights or not training.plan.keeps_output:
            return None
        return {
            "version": f"{training.destination}:{training.version_id}",
            "weights": self._context.delivery(training.weights),
        }

    def _urls(self, kind: str, training: Training) -> dict[str, str]:
        root = self._context.public(f"v1/{kind}/{training.id}")
        return {"get": root, "cancel": f"{root}/cancel"}


def _trainer(request: Request) -> PublicModel:
    trainer = PUBLIC_MODELS.get("{owner}/{name}".format(**request.path_params))
    if trainer is None or trainer.kind == "pictures":
        raise not_found()
    if request.path_params["version"] != trainer.version:
        said = "Invalid version or not permitted"
        raise Refusal(422, "The specified version does not exist", title=said)
    return trainer


def _archive_name(training: Training) -> str:
    return "flux-lora.tar" if training.plan.kind == "fast" else "trained_model.tar"


def _metrics(course: Course) -> dict[str, float]:
    if not course.ended or course.started_at is None:
        return {}
    return {"predict_time": round(course.predict_s, 6), "total_time": round(course.total_s, 6)}


def _log(training: Training, course: Course) -> str | None:
    """Return the log: nothing while it waits, null while it has started and said nothing."""
    if course.started_at is None:
        return ""
    log = render_log(
        training.plan,
        course.run_s,
        started_at=course.started_at,
        speed=training.speed,
        seed=training.id,
    )
    return log or None
