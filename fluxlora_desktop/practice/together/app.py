"""The practice Together, ready to be served: its API on one port, finished pictures on another."""

import asyncio
import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from fluxlora_desktop.practice.addresses import is_on_this_computer
from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.lora_address import LoraUnreachable, NotALora, fetch_lora
from fluxlora_desktop.practice.painter import PaintLora, as_jpeg, paint
from fluxlora_desktop.practice.together.catalogue import Catalogue, PictureModel
from fluxlora_desktop.practice.together.chat import describe, read_chat
from fluxlora_desktop.practice.together.errors import (
    BotRefused,
    TogetherError,
    answer_bot,
    answer_refusal,
    lora_unreachable,
    no_such_model,
    not_available,
    unused_keys,
)
from fluxlora_desktop.practice.together.orders import LoraOrder, Order, read_order

SERVICE = "together"
_LIFETIME_S = 3600
_FILE_NAME = re.compile(r"(?P<made>\d{1,12})-[0-9a-f]{32}\.(?:png|jpg)")


def build_together(context: PracticeContext) -> Starlette:
    """Build Together; the same application serves the API and, by url, finished pictures."""
    together = Together(context=context, pictures=context.state_dir / SERVICE / "pictures")
    return Starlette(
        routes=[
            Route("/v1/models", together.models),
            Route("/v1/whoami", together.whoami),
            Route("/v1/images/generations", together.generate, methods=["POST"]),
            Route("/v1/chat/completions", together.chat, methods=["POST"]),
            Route("/pictures/{name}", together.picture),
        ],
        exception_handlers={TogetherError: answer_refusal, BotRefused: answer_bot},
    )


@dataclass(frozen=True, slots=True)
class Together:
    """Together's verbs; `pictures` is the folder of what was asked for by url."""

    context: PracticeContext
    pictures: Path

    async def models(self, request: Request) -> Response:
        """List what runs, as a bare array."""
        self._admit(request)
        return JSONResponse(self._catalogue.as_json())

    async def whoami(self, request: Request) -> Response:
        """Say whether the key is good."""
        self._admit(request)
        return JSONResponse({"id": "practice", "object": "user"})

    async def generate(self, request: Request) -> Response:
        """Make pictures; they are charged when they are made, however the reply fares."""
        self._admit(request)
        order = await read_order(request)
        model = self._model(order)
        loras = await asyncio.gather(*(self._lora(model, wish) for wish in order.loras))
        made = await asyncio.gather(
            *(run_in_threadpool(_make, order, n, loras) for n in range(order.count))
        )
        self._charge(model, order)
        items = [self._item(order, index, data) for index, data in enumerate(made)]
        return JSONResponse(
            {
                "id": f"o{secrets.token_hex(7)}-practice",
                "model": model.id,
                "object": "list",
                "data": items,
            }
        )

    async def chat(self, request: Request) -> Response:
        """Describe a photo; charged by tokens when it is described, however the reply fares."""
        self._admit(request)
        order = await read_chat(request)
        model = self._catalogue.find_chat(order.model)
        if model is None:
            raise no_such_model(order.model)
        if not model.sees:
            raise TogetherError(400, f"{model.id} does not support image inputs", param="messages")
        words = await run_in_threadpool(describe, order)
        read, written = order.tokens_read, min(order.most_tokens, len(words) // 4 + 1)
        self.context.ledger.record(
            SERVICE,
            "caption",
            charged_usd=model.price_usd(read=read, written=written),
            model=model.id,
            prompt=order.prompt,
            width=order.size[0],
            height=order.size[1],
            metadata=list(order.metadata),
        )
        return JSONResponse(
            {
                "id": f"o{secrets.token_hex(7)}-practice",
                "object": "chat.completion",
                "created": int(self.context.clock()),
                "model": model.id,
                "prompt": [],
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": words, "tool_calls": []},
                    }
                ],
                "usage": {
                    "prompt_tokens": read,
                    "completion_tokens": written,
                    "total_tokens": read + written,
                },
            }
        )

    async def picture(self, request: Request) -> Response:
        """Give a finished picture to whoever has its address, for an hour."""
        _refuse_bots(request)
        name = str(request.path_params["name"])
        known = _FILE_NAME.fullmatch(name)
        file = self.pictures / name
        if known is None or not file.is_file():
            raise TogetherError(404, "Not found")
        if self.context.clock() > int(known["made"]) + _LIFETIME_S:
            raise TogetherError(403, "Request has expired")
        return FileResponse(file)

    @property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.context.catalogue)

    def _admit(self, request: Request) -> None:
        _refuse_bots(request)
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.context.token}".encode()):
            raise TogetherError(
                401,
                "Invalid API key provided. You can find your API key at "
                "https://api.together.ai/settings/api-keys.",
                code="invalid_api_key",
            )

    def _model(self, order: Order) -> PictureModel:
        model = self._catalogue.find(order.model)
        if model is None and self._catalogue.was_withdrawn(order.model):
            raise not_available(order.model)
        if model is None:
            raise no_such_model(order.model)
        if order.loras and not model.lora_base:
            raise TogetherError(
                400, f"{model.id} does not support image_loras", param="image_loras"
            )
        if order.checks_safety and "nsfw" in order.prompt.casefold():
            raise TogetherError(422, "image may contain NSFW content")
        return model

    async def _lora(self, model: PictureModel, wish: LoraOrder) -> PaintLora:
        """Read the weights under an address, without a token: Together has none of the hub's."""
        try:
            subject = await fetch_lora(wish.path, token=None, allowed=is_on_this_computer)
        except (LoraUnreachable, NotALora) as error:
            raise lora_unreachable(wish.path, str(error)) from error
        if subject.base != model.lora_base:
            raise unused_keys(wish.path, subject.keys)
        return PaintLora(subject, wish.scale)

    def _charge(self, model: PictureModel, order: Order) -> None:
        steps = order.steps or model.default_steps
        price = model.price_usd(
            width=order.width, height=order.height, steps=steps, count=order.count
        )
        self.context.ledger.record(
            SERVICE,
            "picture",
            charged_usd=price,
            model=model.id,
            prompt=order.prompt,
            count=order.count,
            width=order.width,
            height=order.height,
            steps=steps,
            seed=order.seed,
            loras=[{"path": lora.path, "scale": lora.scale} for lora in order.loras],
        )

    def _item(self, order: Order, index: int, data: bytes) -> dict[str, Any]:
        """Return one picture of a reply; base64 has the type null, as a sample of the docs has."""
        if not order.by_url:
            text = base64.b64encode(data).decode("ascii")
            return {"index": index, "type": None, "b64_json": text}
        made = int(self.context.clock())
        name = f"{made}-{secrets.token_hex(16)}.{'png' if order.png else 'jpg'}"
        self.pictures.mkdir(parents=True, exist_ok=True)
        (self.pictures / name).write_bytes(data)
        address = self.context.delivery(f"pictures/{name}")
        return {"index": index, "type": "url", "url": address}


def _make(order: Order, index: int, loras: list[PaintLora]) -> bytes:
    png = paint(
        order.prompt,
        seed=order.seed + index,
        width=order.width,
        height=order.height,
        loras=loras,
    )
    return png if order.png else as_jpeg(png)


def _refuse_bots(request: Request) -> None:
    if not request.headers.get("user-agent", "").strip():
        raise BotRefused
