"""The images protocol as vLLM-Omni and LocalAI speak it: models listed, one picture in base64.

Refusals have OpenAI's shape, which is Together's.
"""

import base64
import hmac
import re
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.painter import paint
from fluxlora_desktop.practice.together.errors import TogetherError, answer_refusal
from fluxlora_desktop.practice.together.orders import read_object, read_text

SERVICE = "own_pictures"
MODEL = "practice/painter"
STRICT_MODEL = "practice/strict-painter"
"""A model that refuses whatever is not in the protocol, as OpenAI's own does."""
_PROTOCOL = frozenset({"model", "prompt", "n", "size", "quality", "user"})
_LARGEST_BODY = 1_000_000
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")


def build_own_pictures(context: PracticeContext) -> Starlette:
    """Build the server."""
    server = OwnServer(context)
    return Starlette(
        routes=[
            Route("/v1/models", server.models),
            Route("/v1/images/generations", server.generate, methods=["POST"]),
        ],
        exception_handlers={TogetherError: answer_refusal},
    )


class OwnServer:
    """The handlers."""

    def __init__(self, context: PracticeContext) -> None:
        self._context = context

    async def models(self, request: Request) -> Response:
        """List the models in an object under `data`."""
        self._admit(request)
        listed = [
            {"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "practice"}
            for name in (MODEL, STRICT_MODEL)
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def generate(self, request: Request) -> Response:
        """Make one picture."""
        self._admit(request)
        told = await read_object(request, _LARGEST_BODY)
        model = read_text(told, "model")
        if model not in (MODEL, STRICT_MODEL):
            raise TogetherError(404, f"The model {model!r} does not exist.", code="not_found")
        strange = sorted(set(told) - _PROTOCOL)
        if model == STRICT_MODEL and strange:
            raise TogetherError(400, f"Unknown parameter: '{strange[0]}'.", param=strange[0])
        size = _SIZE.fullmatch(str(told.get("size", "1024x1024")))
        if size is None:
            raise TogetherError(400, "size must be WIDTHxHEIGHT", param="size")
        seed = told.get("seed")
        seed = seed if isinstance(seed, int) else 1
        prompt = read_text(told, "prompt")
        width, height = (max(64, min(2048, int(side))) for side in size.groups())
        png = await run_in_threadpool(paint, prompt, seed=seed, width=width, height=height)
        self._context.ledger.record(
            SERVICE, "picture", model=model, seed=seed, width=width, height=height
        )
        item: dict[str, Any] = {"b64_json": base64.b64encode(png).decode("ascii")}
        return JSONResponse({"created": int(self._context.clock()), "data": [item]})

    def _admit(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._context.token}".encode()):
            raise TogetherError(401, "Incorrect API key provided.", code="invalid_api_key")
