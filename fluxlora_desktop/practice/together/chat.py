"""Photos described in words: what a request for a chat asks for, and what is answered.

The practice captioner looks at the pixels it was sent: their colours, their light, how the photo
lies. So a caption shows whether the photo arrived, as the practice pictures show for a LoRA.
"""

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageStat
from starlette.requests import Request

from fluxlora_desktop.practice.subject import Colour, see
from fluxlora_desktop.practice.together.errors import TogetherError
from fluxlora_desktop.practice.together.orders import read_object, read_text

_LARGEST_BODY = 12_000_000
_LARGEST_SIDE = 4096
_DATA_URL = re.compile(r"data:image/(?:jpeg|png|webp);base64,(?P<data>[A-Za-z0-9+/=]+)")
_PLAIN_INFO = frozenset({"jfif", "jfif_version", "jfif_unit", "jfif_density"})
_TOKENS_A_PATCH = 1601
"""What Llama's vision models count for a patch of 560 px (docs of 2025, not confirmed since)."""

_NAMED: tuple[tuple[str, Colour], ...] = (
    ("white", (240, 240, 236)),
    ("grey", (130, 130, 130)),
    ("black", (22, 22, 24)),
    ("red", (190, 46, 40)),
    ("orange", (222, 126, 44)),
    ("brown", (112, 74, 46)),
    ("sand-coloured", (206, 178, 140)),
    ("yellow", (228, 204, 84)),
    ("green", (84, 134, 74)),
    ("blue", (66, 104, 168)),
    ("dark blue", (34, 46, 78)),
    ("violet", (120, 84, 150)),
)


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """One question about one photo, and what is known of the file it came in."""

    model: str
    prompt: str
    photo: bytes
    size: tuple[int, int]
    metadata: tuple[str, ...]
    most_tokens: int

    @property
    def tokens_read(self) -> int:
        """Return how many tokens the question is, the photo among them."""
        across, down = (min(2, max(side // 560, 1)) for side in self.size)
        return across * down * _TOKENS_A_PATCH + len(self.prompt) // 4 + 8


async def read_chat(request: Request) -> ChatOrder:
    """Read a request's body; raise `TogetherError` 400 naming the parameter that is wrong."""
    told = await read_object(request, _LARGEST_BODY)
    if told.get("stream"):
        raise TogetherError(400, "stream is not practised here", param="stream")
    most = told.get("max_tokens", 512)
    if type(most) is not int or most < 1:
        raise TogetherError(400, "max_tokens must be a positive integer", param="max_tokens")
    prompt, address = _parts(told.get("messages"))
    photo, size, metadata = _photo(address)
    return ChatOrder(read_text(told, "model"), prompt, photo, size, metadata, most)


def _parts(messages: Any) -> tuple[str, str]:
    """Return the words and the one photo of the messages."""
    if not isinstance(messages, list) or not messages:
        raise TogetherError(400, "messages is required", param="messages")
    words, photos = [], []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts if isinstance(parts, list) else []:
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind == "text":
                words.append(str(part.get("text", "")))
            elif kind == "image_url" and isinstance(part.get("image_url"), Mapping):
                photos.append(str(part["image_url"].get("url", "")))
            else:
                raise TogetherError(400, "unknown part of a message", param="messages")
    if len(photos) != 1:
        raise TogetherError(400, "exactly one image_url is practised here", param="messages")
    return "\n".join(words), photos[0]


def _photo(address: str) -> tuple[bytes, tuple[int, int], tuple[str, ...]]:
    match = _DATA_URL.fullmatch(address)
    if match is None:
        raise TogetherError(400, "image_url must be a data URL of an image", param="messages")
    try:
        data = base64.b64decode(match["data"], validate=True)
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
            opened.load()
            size, info = opened.size, tuple(sorted(map(str, set(opened.info) - _PLAIN_INFO)))
    except (binascii.Error, OSError, ValueError, SyntaxError) as error:
        raise TogetherError(400, "the image cannot be decoded", param="messages") from error
    if max(size) > _LARGEST_SIDE:
        raise TogetherError(400, "the image is too large", param="messages")
    return data, size, info


def describe(order: ChatOrder) -> str:
    """Return one sentence about what the photo's pixels show."""
    with Image.open(io.BytesIO(order.photo)) as opened:
        photo = opened.convert("RGB")
    seen = see([order.photo], base="", trigger_word="", captions={})
    figure = _name(seen.palette[0])
    around, ground = (_name(_mean(part)) for part in _edges(photo))
    article = "An" if figure[0] in "aeiou" else "A"
    place = f"a {around} background" if around == ground else f"{around} above {ground}"
    return f"{article} {figure} figure before {place}, {_light(photo)}, {_frame(order.size)}."


def _edges(photo: Image.Image) -> tuple[Image.Image, Image.Image]:
    width, height = photo.size
    high = max(1, height // 6)
    upper, lower = photo.crop((0, 0, width, high)), photo.crop((0, height - high, width, height))
    return upper, lower


def _mean(part: Image.Image) -> Colour:
    red, green, blue = (round(value) for value in ImageStat.Stat(part).mean)
    return red, green, blue


def _name(colour: Colour) -> str:
    def apart(named: tuple[str, Colour]) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour, named[1], strict=True))

    return min(_NAMED, key=apart)[0]


def _light(photo: Image.Image) -> str:
    grey = photo.convert("L").resize((32, 32))
    mean = ImageStat.Stat(grey).mean[0]
    left = ImageStat.Stat(grey.crop((0, 0, 16, 32))).mean[0]
    side = 2 * left - 2 * mean
    level = "in the dark" if mean < 60 else "in bright light" if mean > 170 else "in soft light"
    if abs(side) < 12:
        return level
    return f"{level} from the {'left' if side > 0 else 'right'}"


def _frame(size: tuple[int, int]) -> str:
    width, height = size
    if width > 1.1 * height:
        return "seen in a wide frame"
    return "seen in a tall frame" if height > 1.1 * width else "seen in a square frame"
