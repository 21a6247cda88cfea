"""The practice fal's applications, ready to be served."""

import hmac
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.clerk import Clerk
from fluxlora_desktop.practice.fal.errors import ANSWERS, FalError
from fluxlora_desktop.practice.fal.files import Files
from fluxlora_desktop.practice.fal.pictures import Pictures
from fluxlora_desktop.practice.fal.platform import Platform
from fluxlora_desktop.practice.fal.queue import Queue
from fluxlora_desktop.practice.fal.state import FalState
from fluxlora_desktop.practice.fal.storage import Storage, build_fal_delivery
from fluxlora_desktop.practice.fal.trainings import Trainings

Handler = Callable[[Request], Awaitable[Response]]
_APP = "/{owner}/{app}"
_REQUEST = _APP + "/requests/{request_id}"
_NOT_SIGNED_IN = "Authentication is required to access this application."


def build_fal(context: PracticeContext, *, state: FalState) -> tuple[Starlette, Starlette]:
    """Build queue, storage and platform, which share a port here, and the delivery port."""
    files = Files(context=context, state=state)
    storage = Storage(context=context, files=files)
    trainings = Trainings(state=state, files=files)
    pictures = Pictures(files=files)
    clerk = Clerk(context=context, state=state, trainings=trainings, pictures=pictures)
    queue = Queue(context=context, state=state, trainings=trainings, clerk=clerk)
    platform = Platform(context=context, state=state, clerk=clerk)

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        async def checked(request: Request) -> Response:
            _require_key(context, request)
            return await handler(request)

        return Route(path, checked, methods=[method])

    main = Starlette(
        routes=[
            route("/storage/upload/initiate", storage.initiate, "POST"),
            route("/storage/auth/token", storage.token, "POST"),
            route("/v1/models", platform.models),
            route("/v1/models/requests/by-endpoint", platform.by_endpoint),
            route(_REQUEST + "/status", queue.status),
            route(_REQUEST + "/cancel", queue.cancel, "PUT"),
            route(_REQUEST, queue.result),
            route(_APP, queue.submit, "POST"),
            route(_APP + "/{path:path}", queue.submit, "POST"),
        ],
        exception_handlers=ANSWERS,
    )
    return main, build_fal_delivery(storage)


def _require_key(context: PracticeContext, request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    good = hmac.compare_digest(key.strip().encode(), context.token.encode())
    if scheme.lower() != "key" or not good:
        raise FalError(401, _NOT_SIGNED_IN)
