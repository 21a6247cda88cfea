"""The router of Inference Providers: requests in the providers' own forms, paid at the hub.

Forms: what huggingface_hub 2.4.0 sends to fal-ai and to replicate, and reads from them. Of a LoRA
address at huggingface.co the practice hub takes the same repo of its own: the client names that
host by a constant. The LoRA is fetched without a token, as the real providers have none.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.addresses import is_on_this_computer
from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.catalogue import PAINTERS, Painter
from fluxlora_desktop.practice.fal.errors import InvalidInput, problem
from fluxlora_desktop.practice.fal.orders import read_order as read_fal
from fluxlora_desktop.practice.huggingface.access import Access
from fluxlora_desktop.practice.huggingface.blobs import Blobs
from fluxlora_desktop.practice.huggingface.errors import HubError
from fluxlora_desktop.practice.huggingface.signing import sign
from fluxlora_desktop.practice.lora import FLUX1
from fluxlora_desktop.practice.lora_address import LoraUnreachable, NotALora, fetch_lora
from fluxlora_desktop.practice.painter import PaintLora, as_jpeg, paint
from fluxlora_desktop.practice.replicate.pictures import check_inputs
from fluxlora_desktop.practice.replicate.pictures import read_order as read_replicate

SERVICE = "huggingface"
_HUB = "https://huggingface.co/"
_RIGHT = "inference.serverless.write"
_LARGEST_BODY = 1_000_000
_FAL_PLAIN, _FAL_LORA = "fal-ai/flux/dev", "fal-ai/flux-lora"
_USD = {_FAL_PLAIN: 0.025, _FAL_LORA: 0.035}
_OFFICIAL = {
    "black-forest-labs/flux-dev": 0.025,
    "black-forest-labs/flux-dev-lora": 0.032,
}
BASES: dict[str, tuple[tuple[str, str], ...]] = {
    "black-forest-labs/FLUX.1-dev": (
        ("fal-ai", _FAL_PLAIN),
        ("replicate", "black-forest-labs/flux-dev"),
    )
}
"""Who serves the base models, which lie on the hub though the practice hub has no files of them."""


class Router:
    """Handlers of the two providers that are sent LoRAs."""

    def __init__(self, *, context: PracticeContext, access: Access, blobs: Blobs) -> None:
        self._context = context
        self._access = access
        self._blobs = blobs

    async def fal(self, request: Request) -> Response:
        """Make a picture as fal's synchronous address does; charged however the reply fares."""
        self._admit(request)
        endpoint = str(request.path_params["endpoint"])
        if endpoint not in _USD:
            raise HubError(404, f"Application {endpoint!r} not found")
        given = await _read_object(request)
        order = read_fal(_painter(endpoint), given, request_id=secrets.token_hex(8))
        wishes = [(lora.path, lora.scale) for lora in order.loras]
        try:
            loras = await self._loras(wishes)
        except (LoraUnreachable, NotALora) as error:
            says = f"Failed to download LoRA weights: {error}"
            raise InvalidInput([problem(("loras",), says, "file_download_error")]) from error
        prompt, size = order.prompt, (order.width, order.height)
        png = await run_in_threadpool(_paint, prompt, order.seed, size, loras)
        data = png if order.output_format == "png" else as_jpeg(png)
        self._charge("fal-ai", endpoint, _USD[endpoint] * order.megapixels, order.seed, wishes)
        picture = {
            "url": self._address(data, order.output_format),
            "width": order.width,
            "height": order.height,
            "content_type": f"image/{order.output_format}",
        }
        return JSONResponse(
            {
                "images": [picture],
                "timings": {"inference": 1.0},
                "seed": order.seed,
                "has_nsfw_concepts": [order.is_unsafe],
                "prompt": prompt,
            }
        )

    async def replicate(self, request: Request) -> Response:
        """Make a picture as Replicate does for one who waits for it."""
        self._admit(request)
        model = "{owner}/{name}".format(**request.path_params)
        if model not in _OFFICIAL:
            raise HubError(404, "The requested resource could not be found.")
        given = (await _read_object(request)).get("input")
        if not isinstance(given, dict):
            raise HubError(422, "- input is required")
        check_inputs(given)
        made = secrets.token_hex(13)
        order = read_replicate(given, default_seed=made)
        wishes = [
            (str(given[name]), float(given.get(scale, 1.0)))
            for name, scale in (("lora_weights", "lora_scale"), ("extra_lora", "extra_lora_scale"))
            if given.get(name)
        ]
        told: dict[str, Any] = {"id": made, "model": model, "version": "hidden", "error": None}
        try:
            loras = await self._loras(wishes)
        except (LoraUnreachable, NotALora) as error:
            told |= {"status": "failed", "output": None, "error": f"LoRA weights: {error}"}
            return JSONResponse(told, status_code=201)
        size = (order.width, order.height)
        png = await run_in_threadpool(_paint, order.prompt, order.seed, size, loras)
        self._charge("replicate", model, _OFFICIAL[model], order.seed, wishes)
        address = self._address(order.encode(png), order.output_format)
        told |= {"status": "succeeded", "output": [address]}
        return JSONResponse(told, status_code=201)

    def _admit(self, request: Request) -> None:
        grant = self._access.signed_in(request)
        if grant.role == "fineGrained" and _RIGHT not in grant.scopes:
            raise HubError(
                403,
                "This authentication method does not have sufficient permissions to call "
                f"Inference Providers on behalf of user {grant.username}",
            )

    async def _loras(self, wishes: Sequence[tuple[str, float]]) -> list[PaintLora]:
        async def read(path: str, scale: float) -> PaintLora:
            here = path.replace(_HUB, self._context.public(""), 1)
            subject = await fetch_lora(here, token=None, allowed=is_on_this_computer)
            if subject.base != FLUX1:
                raise NotALora(f"the LoRA was trained for {subject.base}")
            return PaintLora(subject, scale)

        return list(await asyncio.gather(*(read(path, scale) for path, scale in wishes)))

    def _address(self, data: bytes, kind: str) -> str:
        name = f"{secrets.token_hex(10)}.{kind}"
        return sign(self._context, "download", self._blobs.keep(data), filename=name)

    def _charge(
        self,
        provider: str,
        model: str,
        usd: float,
        seed: int,
        wishes: Sequence[tuple[str, float]],
    ) -> None:
        self._context.ledger.record(
            SERVICE,
            "picture",
            charged_usd=usd,
            provider=provider,
            model=model,
            seed=seed,
            loras=[{"path": path, "scale": scale} for path, scale in wishes],
        )


def _painter(endpoint: str) -> Painter:
    """Return what the endpoint takes; the plain one has no LoRAs and is alike otherwise."""
    return PAINTERS[_FAL_LORA] if endpoint == _FAL_LORA else _PLAIN


_PLAIN = Painter(
    _FAL_PLAIN,
    FLUX1,
    usd_per_megapixel=0.025,
    sides=(64, 1536),
    steps=(1, 50),
    guidance=(0, 20),
    usual_guidance=3.5,
    usual_format="jpeg",
    most_loras=0,
)


async def _read_object(request: Request) -> Mapping[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise HubError(413, "Request body is too large")
    try:
        told = json.loads(body)
    except ValueError as error:
        raise HubError(400, "Invalid JSON in the request body") from error
    if not isinstance(told, dict):
        raise HubError(400, "The request body must be a JSON object")
    return told


def _paint(prompt: str, seed: int, size: tuple[int, int], loras: Sequence[PaintLora]) -> bytes:
    return paint(prompt, seed=seed, width=size[0], height=size[1], loras=loras)
