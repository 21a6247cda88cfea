"""Pictures: painted with the LoRAs that a request names, and told as the models' output."""

import asyncio
import base64
import io
from typing import Any

from PIL import Image
from starlette.concurrency import run_in_threadpool

from fluxlora_desktop.practice.addresses import is_on_this_computer
from fluxlora_desktop.practice.fal.catalogue import Painter
from fluxlora_desktop.practice.fal.errors import InvalidInput, problem
from fluxlora_desktop.practice.fal.files import Files
from fluxlora_desktop.practice.fal.orders import LoraOrder, Order, read_order
from fluxlora_desktop.practice.fal.state import QueuedRequest, StoredFile
from fluxlora_desktop.practice.lora_address import LoraUnreachable, NotALora, fetch_lora
from fluxlora_desktop.practice.painter import PaintLora, as_jpeg, paint


class Pictures:
    """Makes pictures and tells about them."""

    def __init__(self, *, files: Files) -> None:
        self._files = files

    async def finish(self, painter: Painter, request: QueuedRequest) -> tuple[StoredFile, ...]:
        """Paint what a request asks for; raises `InvalidInput` where a LoRA cannot be used."""
        order = read_order(painter, request.input, request_id=request.id)
        wishes = enumerate(order.loras)
        loras = await asyncio.gather(*(_lora(painter, wish, place) for place, wish in wishes))
        made = await run_in_threadpool(_paint, order, loras)
        return tuple(self._keep(data, number, order, request) for number, data in enumerate(made))

    def output(self, painter: Painter, request: QueuedRequest) -> dict[str, Any]:
        """Return the pictures of a request with what made them."""
        order = read_order(painter, request.input, request_id=request.id)
        return {
            "images": [self._picture_json(file_id, order) for file_id in request.files],
            "timings": {"inference": request.plan.run_s},
            "seed": order.seed,
            "has_nsfw_concepts": [order.is_unsafe] * order.count,
            "prompt": order.prompt,
        }

    def _keep(self, data: bytes, number: int, order: Order, request: QueuedRequest) -> StoredFile:
        name, kind = f"{number}.{order.output_format}", f"image/{order.output_format}"
        file = self._files.announce(name, kind, request.lifetime_s)
        self._files.path(file.id).write_bytes(data)
        return file

    def _picture_json(self, file_id: str, order: Order) -> dict[str, Any]:
        file = self._files.get(file_id)
        assert file is not None, "files are not forgotten, only their bytes"
        address = self._files.address(file)
        path = self._files.path(file_id)
        if order.inline and path.exists():
            text = base64.b64encode(path.read_bytes()).decode("ascii")
            address = f"data:{file.content_type};base64,{text}"
        return {
            "url": address,
            "width": order.width,
            "height": order.height,
            "content_type": file.content_type,
        }


async def _lora(painter: Painter, wish: LoraOrder, place: int) -> PaintLora:
    """Read the weights under an address, without a token: fal has none of the hub's."""
    where = ("loras", place, "path")
    try:
        subject = await fetch_lora(wish.path, token=None, allowed=is_on_this_computer)
    except (LoraUnreachable, NotALora) as error:
        says = f"Failed to download LoRA weights from {wish.path}: {error}"
        raise InvalidInput([problem(where, says, "file_download_error")]) from error
    if subject.base != painter.base:
        says = f"The LoRA was trained for {subject.base}, this model is {painter.base}"
        raise InvalidInput([problem(where, says, "value_error")])
    return PaintLora(subject, wish.scale)


def _paint(order: Order, loras: list[PaintLora]) -> list[bytes]:
    return [_encode(order, _picture(order, number, loras)) for number in range(order.count)]


def _picture(order: Order, number: int, loras: list[PaintLora]) -> bytes:
    if order.is_unsafe:
        out = io.BytesIO()
        Image.new("RGB", (order.width, order.height)).save(out, "PNG")
        return out.getvalue()
    return paint(
        order.prompt,
        seed=order.seed + number,
        width=order.width,
        height=order.height,
        loras=loras,
    )


def _encode(order: Order, png: bytes) -> bytes:
    return png if order.output_format == "png" else as_jpeg(png)
