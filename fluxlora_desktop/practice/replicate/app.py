"""The practice Replicate's application, ready to be served."""

import hmac
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.delivery import Deliveries
from fluxlora_desktop.practice.replicate.errors import (
    NOT_SIGNED_IN,
    Refusal,
    answer_refusal,
    not_found,
)
from fluxlora_desktop.practice.replicate.files import Files
from fluxlora_desktop.practice.replicate.models import Models
from fluxlora_desktop.practice.replicate.predictions import Predictions
from fluxlora_desktop.practice.replicate.state import ReplicateState
from fluxlora_desktop.practice.replicate.trainings import Trainings

Handler = Callable[[Request], Awaitable[Response]]
_MODEL = "/models/{owner}/{name}"


def build_replicate(context: PracticeContext, *, state: ReplicateState | None = None) -> Starlette:
    """Build the API; `state` is made from the state folder where none is handed in."""
    state = state or ReplicateState(context=context)
    deliveries = Deliveries(context=context)
    files = Files(context=context, state=state)
    models = Models(context=context, state=state)
    trainings = Trainings(context=context, state=state, deliveries=deliveries)
    predictions = Predictions(context=context, state=state, deliveries=deliveries)

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        async def checked(request: Request) -> Response:
            _require_token(context, request)
            await trainings.settle()
            return await handler(request)

        return Route(path, checked, methods=[method])

    routes = [
        route("/account", models.account),
        route("/hardware", models.hardware),
        route("/models", models.list_all),
        route("/models", models.create, "POST"),
        route(_MODEL, models.get),
        route(_MODEL, models.delete, "DELETE"),
        route(_MODEL + "/versions", models.versions),
        route(_MODEL + "/versions/{version}", models.version),
        route(_MODEL + "/versions/{version}/trainings", trainings.create, "POST"),
        route(_MODEL + "/predictions", predictions.create_official, "POST"),
        route("/files", files.list_all),
        route("/files", files.create, "POST"),
        route("/files/{file_id}", files.get),
        route("/files/{file_id}", files.delete, "DELETE"),
        Route("/files/{file_id}/download", files.download, methods=["GET"]),
        route("/trainings", trainings.list_all),
        route("/trainings/{id}", trainings.get),
        route("/trainings/{id}/cancel", trainings.cancel, "POST"),
        route("/predictions", predictions.list_all),
        route("/predictions", predictions.create, "POST"),
        route("/predictions/{id}", _either(state, trainings.get, predictions.get)),
        route(
            "/predictions/{id}/cancel", _either(state, trainings.cancel, predictions.cancel), "POST"
        ),
    ]
    return Starlette(
        routes=[Mount("/v1", routes=routes)],
        exception_handlers={Refusal: answer_refusal, HTTPException: _answer_unknown},
    )


def _either(state: ReplicateState, training: Handler, prediction: Handler) -> Handler:
    """A new training's addresses are those of a prediction (recorded), and they work."""

    async def either(request: Request) -> Response:
        is_training = state.trainings.get(request.path_params["id"]) is not None
        return await (training if is_training else prediction)(request)

    return either


def _require_token(context: PracticeContext, request: Request) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    good = hmac.compare_digest(token.strip().encode(), context.token.encode())
    if scheme.lower() not in ("bearer", "token") or not good:
        raise Refusal(401, NOT_SIGNED_IN, title="Unauthenticated")


async def _answer_unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    refusal = not_found() if status == 404 else Refusal(status, str(error))
    return await answer_refusal(request, refusal)
