"""The protocol's JSON, in and out.

Shapes: Together APIs 2.0.0 (togethercomputer/openapi, ChatCompletionRequest with `image_url`
parts, ChatCompletionResponse with `usage`), which is OpenAI's. Servers differ in what they leave
out: `usage` and `id` may be missing, `content` may be null, or a list of parts.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from fluxlora_desktop.backends.http.replies import Reply, Table, Words, read_paid_reply
from fluxlora_desktop.domain.captioning import (
    MOST_WORDS_TOKENS,
    CaptionRequest,
    TokenPrice,
    WrittenCaption,
)
from fluxlora_desktop.domain.errors import UnexpectedReply

_MOST_TOKENS = 10_000_000
_MOST_MODELS = 2_000


def _count(value: Any) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if good else None


Count = Annotated[int | None, BeforeValidator(_count)]


class _Usage(Reply):
    prompt_tokens: Count = None
    completion_tokens: Count = None


class _Message(Reply):
    content: Any = None


class _Choice(Reply):
    message: _Message


class _Completion(Reply):
    id: Words = ""
    choices: list[_Choice] = Field(min_length=1)
    usage: Table = Field(default_factory=dict)


class ListedModel(Reply):
    """A model as a catalogue lists it; `type` and `pricing` are Together's."""

    id: str
    type: Words = ""
    display_name: Words = ""
    pricing: Table = Field(default_factory=dict)


def caption_order(request: CaptionRequest) -> dict[str, object]:
    """Return the body that asks for one description, the photo inside it."""
    data = base64.b64encode(request.image).decode("ascii")
    content = [
        {"type": "text", "text": request.prompt},
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
    ]
    return {
        "model": request.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": MOST_WORDS_TOKENS,
        "stream": False,
    }


def parse_caption(service: str, reply: Any) -> WrittenCaption:
    """Return the answer in a reply; its text may be empty.

    Raises `OutcomeUnknown` for a success that holds no answer: it may have been charged.
    """
    read = read_paid_reply(service, _Completion, reply)
    usage = _Usage.model_validate(read.usage)
    return WrittenCaption(
        text=_text(read.choices[0].message.content),
        remote_id=read.id[:128],
        tokens_read=usage.prompt_tokens,
        tokens_written=usage.completion_tokens,
    )


def _text(content: Any) -> str:
    """Return the words of an answer, be they a text or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return " ".join(text for text in texts if isinstance(text, str))


def parse_models(service: str, reply: Any) -> tuple[ListedModel, ...]:
    """Return what a catalogue lists: a bare array at Together, else in an object under `data`."""
    listed = reply.get("data") if isinstance(reply, dict) else reply
    try:
        models = TypeAdapter(list[ListedModel]).validate_python(listed or [])
    except ValidationError as error:
        raise UnexpectedReply(service, "models", f"{error.error_count()} odd fields") from error
    return tuple(model for model in models if model.id.strip())[:_MOST_MODELS]


def price_of(pricing: Mapping[str, Any]) -> TokenPrice | None:
    """Return a price from Together's `pricing`, or None where it names none.

    The numbers are read as US dollars for a million tokens: its example and the price pages agree
    in that, and no document says so. Zero for both is taken as not known.
    """
    try:
        reading, writing = (Decimal(str(pricing[name])) for name in ("input", "output"))
    except (KeyError, InvalidOperation):
        return None
    sound = all(price.is_finite() and 0 <= price <= 1000 for price in (reading, writing))
    return TokenPrice(reading, writing) if sound and (reading or writing) else None
