"""A server that speaks the chat protocol: its models, and one photo described."""

from __future__ import annotations

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.openai_chat.wire import (
    ListedModel,
    caption_order,
    parse_caption,
    parse_models,
)
from fluxlora_desktop.domain.captioning import CaptionRequest, WrittenCaption

CAPTION_SECONDS = 120.0
_REPLY_LIMIT = 1_000_000


class ChatClient:
    """The two verbs of a server; `seconds` bounds one description as a whole."""

    def __init__(self, endpoint: Endpoint, *, seconds: float = CAPTION_SECONDS) -> None:
        self._client = ServiceClient(endpoint=endpoint)
        self._service = endpoint.service
        self._seconds = seconds

    def models(self) -> tuple[ListedModel, ...]:
        """Return what the server lists; asked twice at most, so that a dead address shows soon."""
        return parse_models(self._service, self._client.get_json("models", attempts=2))

    def describe(self, request: CaptionRequest) -> WrittenCaption:
        """Send one photo: one request that may cost money, no repeat, no redirect."""
        reply = self._client.post_paid(
            "chat/completions",
            caption_order(request),
            total_seconds=self._seconds,
            limit=_REPLY_LIMIT,
        )
        return parse_caption(self._service, reply)
