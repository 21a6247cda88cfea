"""Captions written at Together, by its models that look at pictures."""

from __future__ import annotations

import re
from collections.abc import Callable

from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.openai_chat.client import CAPTION_SECONDS, ChatClient
from fluxlora_desktop.backends.openai_chat.wire import ListedModel, price_of
from fluxlora_desktop.backends.together.wire import SERVICE
from fluxlora_desktop.domain.captioning import (
    CaptionerAbilities,
    CaptionModel,
    CaptionRequest,
    WrittenCaption,
    with_models,
)
from fluxlora_desktop.domain.errors import ModelWithdrawn, NotFoundAtService, ServiceRefused
from fluxlora_desktop.domain.secrets import Secret

_WITHDRAWN = re.compile(r"model_not_available|non-serverless model", re.IGNORECASE)
_SEES = re.compile(
    r"vision|llava|pixtral|-vl\b|vl-|\d-?v\b|llama-4|gemma-3|internvl|molmo", re.IGNORECASE
)
"""Names of models that look at pictures. Together's catalogue has no field for it (specification
2.0.0), so this is a guess that only orders the list: every chat model can be chosen."""


class TogetherCaptioner:
    """Together at `address`, with or without /v1, and the token that `token()` returns."""

    key = SERVICE
    title = "Together"

    def __init__(
        self,
        *,
        address: str,
        token: Callable[[], Secret | None],
        caption_seconds: float = CAPTION_SECONDS,
    ) -> None:
        root = address.rstrip("/").removesuffix("/v1")
        endpoint = Endpoint(service=SERVICE, base_url=f"{root}/v1", token=token)
        self._client = ChatClient(endpoint, seconds=caption_seconds)
        self._abilities = CaptionerAbilities()

    def abilities(self) -> CaptionerAbilities:
        """Return what the catalogue said when it was asked last; nothing before that."""
        return self._abilities

    def refresh(self) -> CaptionerAbilities:
        """Ask the catalogue for its chat models, those first that look at pictures by name."""
        models = [_model(listed) for listed in self._client.models() if listed.type == "chat"]
        models.sort(key=lambda model: (not model.sees, model.title.casefold()))
        self._abilities = with_models(self._abilities, *models)
        return self._abilities

    def write(self, request: CaptionRequest) -> WrittenCaption:
        """Describe one photo: one paid request with a deadline, never repeated.

        Raises `ModelWithdrawn` for a model that is not served any more.
        """
        try:
            return self._client.describe(request)
        except ServiceRefused as error:
            if isinstance(error, NotFoundAtService) or _WITHDRAWN.search(error.detail):
                raise ModelWithdrawn(SERVICE, request.model) from error
            raise


def _model(listed: ListedModel) -> CaptionModel:
    return CaptionModel(
        listed.id,
        listed.display_name or listed.id,
        price_of(listed.pricing),
        sees=_SEES.search(listed.id) is not None,
    )
