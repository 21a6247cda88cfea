"""Pictures: made in the background within seconds, kept for an hour."""

import asyncio
import re
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.painter import PaintLora, paint
from fluxlora_desktop.practice.replicate.catalogue import PICTURE_USD, PUBLIC_MODELS
from fluxlora_desktop.practice.replicate.delivery import PICTURE_LIFETIME_S, PICTURES, Deliveries
from fluxlora_desktop.practice.replicate.errors import Refusal, not_found
from fluxlora_desktop.practice.replicate.loras import LoraShelf, LoraTrouble
from fluxlora_desktop.practice.replicate.pages import page
from fluxlora_desktop.practice.replicate.pictures import PictureOrder, check_inputs, read_order
from fluxlora_desktop.practice.replicate.requests import read_object, without_secrets
from fluxlora_desktop.practice.replicate.state import Prediction, ReplicateState
from fluxlora_desktop.practice.replicate.wire import moment, new_id

_BOOT_S, _PICTURE_S = 0.6, 6.0
_OPEN = ("starting", "processing")
_NSFW = "NSFW content detected. Try running it again, or try a different prompt."
_WAIT = re.compile(r"\bwait(?:=(\d+))?")


class Predictions:
    """The handlers of predictions."""

    def __init__(
        self, *, context: PracticeContext, state: ReplicateState, deliveries: Deliveries
    ) -> None:
        self._context = context
        self._state = state
        self._deliveries = deliveries
        self._loras = LoraShelf(state, deliveries)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def create(self, request: Request) -> Response:
        """Make pictures with a version, or with an official model by its name."""
        told = await read_object(request)
        model, version = self._version(str(told.get("version", "")))
        return await self._start(request, told, model, version)

    async def create_official(self, request: Request) -> Response:
        """Make pictures with an official model; other models are not found here."""
        model = PUBLIC_MODELS.get("{owner}/{name}".format(**request.path_params))
        if model is None or not model.is_official:
            raise not_found()
        return await self._start(request, await read_object(request), model.name, model.version)

    async def get(self, request: Request) -> Response:
        """Tell how a request stands."""
        prediction = self._prediction(request)
        self._work_on(prediction)
        return JSONResponse(self._json(prediction))

    async def list_all(self, request: Request) -> Response:
        """List the requests, newest first."""
        return page(self._context, request, list(self._state.predictions), self._json)

    async def cancel(self, request: Request) -> Response:
        """Stop a request; one that has ended stays as it is."""
        prediction = self._prediction(request)
        if prediction.status in _OPEN:
            if task := self._tasks.pop(prediction.id, None):
                task.cancel()
            prediction = replace(prediction, status="canceled", completed_at=self._context.clock())
            self._state.predictions.put(prediction)
            self._context.ledger.record("replicate", "prediction_canceled", id=prediction.id)
        return JSONResponse(self._json(prediction))

    async def _start(
        self, request: Request, told: dict[str, Any], model: str, version: str
    ) -> Response:
        given = told.get("input")
        if not isinstance(given, dict):
            raise Refusal(422, "- input is required\n", title="Input validation failed")
        check_inputs(given)
        prediction = Prediction(
            id=new_id(),
            model=model,
            version=version,
            input=without_secrets(given),
            created_at=self._context.clock(),
        )
        self._state.predictions.put(prediction)
        self._context.ledger.record(
            "replicate",
            "prediction_created",
            id=prediction.id,
            model=model,
            prompt=str(given.get("prompt", "")),
        )
        task = self._work_on(prediction, given.get("hf_api_token"))
        prefers = _WAIT.search(request.headers.get("prefer", ""))
        if prefers and task:
            await asyncio.wait({task}, timeout=min(60, int(prefers[1] or 60)))
        now = self._state.predictions.get(prediction.id) or prediction
        unfinished = prefers is not None and now.status in _OPEN
        return JSONResponse(self._json(now), status_code=202 if unfinished else 201)

    def _work_on(self, prediction: Prediction, token: Any = None) -> asyncio.Task[None] | None:
        """Start the work on an open request unless it is under way, as after a restart."""
        if prediction.status not in _OPEN or prediction.id in self._tasks:
            return self._tasks.get(prediction.id)
        task = asyncio.create_task(self._work(prediction, token))
        self._tasks[prediction.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(prediction.id, None))
        return task

    async def _work(self, prediction: Prediction, token: Any) -> None:
        order = read_order(prediction.input, default_seed=prediction.id)
        await asyncio.sleep(_BOOT_S / self._context.speed)
        prediction = replace(prediction, status="processing", started_at=self._context.clock())
        self._state.predictions.put(prediction)
        await asyncio.sleep(order.count * _PICTURE_S / self._context.speed)
        try:
            _check_decent(prediction)
            loras = await self._loras.load(
                prediction.input, prediction.version, str(token) if token else None
            )
            paths = await run_in_threadpool(self._paint, order, loras)
        except LoraTrouble as trouble:
            self._end(replace(prediction, status="failed", error=str(trouble)), 0.0)
            return
        done = replace(prediction, status="succeeded", pictures=tuple(paths), logs=_log(order))
        self._end(done, round(PICTURE_USD * order.count, 6))

    def _end(self, prediction: Prediction, charged: float) -> None:
        prediction = replace(prediction, completed_at=self._context.clock())
        self._state.predictions.put(prediction)
        self._context.ledger.record(
            "replicate", f"prediction_{prediction.status}", charged, id=prediction.id
        )

    def _paint(self, order: PictureOrder, loras: list[PaintLora]) -> list[str]:
        paths = []
        for number in range(order.count):
            png = paint(
                order.prompt,
                seed=order.seed + number,
                width=order.width,
                height=order.height,
                loras=loras,
            )
            path = self._deliveries.new_path(PICTURES, f"out-{number}.{order.output_format}")
            self._deliveries.put(path, order.encode(png))
            paths.append(path)
        return paths

    def _version(self, told: str) -> tuple[str, str]:
        """Return model and version of a reference: owner/name:version, version, owner/name."""
        name, _, version = told.rpartition(":") if ":" in told else ("", "", told)
        for public in PUBLIC_MODELS.values():
            if public.kind == "pictures" and version in (public.version, public.name):
                return public.name, public.version
        own = self._loras.trained_as(version)
        if own is None or name not in ("", own.destination):
            said = "The specified version does not exist (or perhaps you don't have permission"
            raise Refusal(422, f"{said} to use it?)", title="Invalid version or not permitted")
        return own.destination, version

    def _prediction(self, request: Request) -> Prediction:
        prediction = self._state.predictions.get(request.path_params["id"])
        if prediction is None:
            raise not_found()
        return prediction

    def _json(self, prediction: Prediction) -> dict[str, Any]:
        ended = prediction.completed_at
        removed = ended is not None and self._context.clock() - ended > PICTURE_LIFETIME_S
        pictures = [self._context.delivery(path) for path in prediction.pictures]
        root = self._context.public(f"v1/predictions/{prediction.id}")
        told: dict[str, Any] = {
            "id": prediction.id,
            "model": prediction.model,
            "version": prediction.version,
            "input": {} if removed else prediction.input,
            "logs": "" if removed else prediction.logs,
            "output": None if removed or not pictures else pictures,
            "data_removed": removed,
            "error": prediction.error,
            "source": "api",
            "status": prediction.status,
            "created_at": moment(prediction.created_at),
            "urls": {
                "get": root,
                "cancel": f"{root}/cancel",
                "web": f"https://replicate.com/p/{prediction.id}",
            },
        }
        if prediction.started_at is not None:
            told["started_at"] = moment(prediction.started_at)
        if ended is not None:
            told["completed_at"] = moment(ended)
            told["metrics"] = _metrics(prediction)
        return told


def _metrics(prediction: Prediction) -> dict[str, float]:
    """Return the seconds that a real one would have taken."""
    if prediction.started_at is None:
        return {}
    seconds = _PICTURE_S * int(prediction.input.get("num_outputs", 1))
    return {"predict_time": seconds, "total_time": seconds + _BOOT_S}


def _check_decent(prediction: Prediction) -> None:
    if "nsfw" in prediction.input["prompt"].casefold().split():
        raise LoraTrouble(_NSFW)


def _log(order: PictureOrder) -> str:
    bars = [
        f"{100 * step / order.steps:3.0f}%|{'█' * (10 * step // order.steps):<10}| "
        f"{step}/{order.steps} [00:00<00:00,  5.10it/s]"
        for step in range(order.steps + 1)
    ]
    return "\n".join([f"Using seed: {order.seed}", f"Prompt: {order.prompt}", *bars])
