"""Account, hardware, and models with their versions."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.catalogue import HARDWARE, PUBLIC_MODELS, USERNAME
from fluxlora_desktop.practice.replicate.errors import Refusal, name_taken, not_found
from fluxlora_desktop.practice.replicate.pages import page
from fluxlora_desktop.practice.replicate.requests import read_object
from fluxlora_desktop.practice.replicate.state import Model, ReplicateState
from fluxlora_desktop.practice.replicate.wire import (
    own_model_json,
    public_model_json,
    version_json,
)

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


class Models:
    """The handlers of /v1/account, /v1/hardware and /v1/models."""

    def __init__(self, *, context: PracticeContext, state: ReplicateState) -> None:
        self._context = context
        self._state = state

    async def account(self, _request: Request) -> Response:
        """Tell whose token it is."""
        return JSONResponse(
            {
                "type": "user",
                "username": USERNAME,
                "name": "Practice",
                "github_url": f"https://github.com/{USERNAME}",
                "avatar_url": None,
            }
        )

    async def hardware(self, _request: Request) -> Response:
        """List the machines; a bare list, not a page."""
        return JSONResponse(list(HARDWARE))

    async def create(self, request: Request) -> Response:
        """Make a model for the account of the token."""
        told = await read_object(request)
        missing = [key for key in ("owner", "name", "visibility", "hardware") if not told.get(key)]
        if missing:
            raise Refusal(422, f"{missing[0]} is required", title="Invalid model")
        owner, name = str(told["owner"]), str(told["name"])
        if owner != USERNAME:
            raise Refusal(403, "You cannot create a model for that owner", title="Forbidden")
        skus = {machine["sku"] for machine in HARDWARE}
        if not _NAME.fullmatch(name) or told["hardware"] not in skus:
            raise Refusal(422, "The name or the hardware is not valid", title="Invalid model")
        if self._state.models.get(f"{owner}/{name}"):
            raise name_taken()
        model = Model(
            id=f"{owner}/{name}",
            visibility=str(told["visibility"]),
            hardware=str(told["hardware"]),
            description=told.get("description"),
            created_at=self._context.clock(),
        )
        self._state.models.put(model)
        self._context.ledger.record("replicate", "model_created", model=model.id)
        return JSONResponse(own_model_json(model), status_code=201)

    async def get(self, request: Request) -> Response:
        """Tell about a model."""
        name = "{owner}/{name}".format(**request.path_params)
        if name in PUBLIC_MODELS:
            return JSONResponse(public_model_json(PUBLIC_MODELS[name]))
        return JSONResponse(own_model_json(self._own(name)))

    async def list_all(self, request: Request) -> Response:
        """List all models that the token may see."""
        shown = [own_model_json(model) for model in self._state.models]
        shown += [public_model_json(model) for model in PUBLIC_MODELS.values()]
        return page(self._context, request, shown, lambda model: model)

    async def versions(self, request: Request) -> Response:
        """List the versions of a model, newest first."""
        return page(self._context, request, self._versions(request), lambda version: version)

    async def version(self, request: Request) -> Response:
        """Tell about one version."""
        for version in self._versions(request):
            if version["id"] == request.path_params["version"]:
                return JSONResponse(version)
        raise not_found()

    async def delete(self, request: Request) -> Response:
        """Delete an own private model that has no versions."""
        model = self._own("{owner}/{name}".format(**request.path_params))
        if model.versions or model.visibility != "private":
            raise Refusal(403, "Only private models without versions can be deleted")
        self._state.models.delete(model.id)
        self._context.ledger.record("replicate", "model_deleted", model=model.id)
        return Response(status_code=204)

    def _versions(self, request: Request) -> list[dict[str, object]]:
        name = "{owner}/{name}".format(**request.path_params)
        if public := PUBLIC_MODELS.get(name):
            return [version_json(public.version, 1_740_000_000.0, public)]
        own = self._own(name).versions
        return [version_json(version.id, version.created_at, None) for version in own]

    def _own(self, name: str) -> Model:
        model = self._state.models.get(name)
        if model is None:
            raise not_found()
        return model
