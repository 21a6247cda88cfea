"""Captions by a server at an address that a person gives, such as Ollama or LM Studio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.openai_chat.client import ChatClient
from fluxlora_desktop.domain.addresses import costs_nothing, own_address
from fluxlora_desktop.domain.captioning import (
    FREE,
    CaptionerAbilities,
    CaptionModel,
    CaptionRequest,
    TokenPrice,
    WrittenCaption,
)
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import OWN_CAPTIONER, service_title

_OWN_SECONDS = 300.0
"""A model on an ordinary computer is read from the disk first, and then takes its time."""


class OwnCaptioner:
    """A server at `address()`, "" while there is none; `token()` may be None.

    Both are asked at each request, so that a new one counts at once.
    """

    key = OWN_CAPTIONER
    title = service_title(OWN_CAPTIONER)

    def __init__(
        self,
        *,
        address: Callable[[], str],
        token: Callable[[], Secret | None],
        caption_seconds: float = _OWN_SECONDS,
    ) -> None:
        self._address, self._token = address, token
        self._seconds = caption_seconds
        self._listed: tuple[str, tuple[CaptionModel, ...]] = ("", ())

    def abilities(self) -> CaptionerAbilities:
        """Return the models that were listed at the address as it is now."""
        address = self._address()
        known = CaptionerAbilities(takes_address=True, price=_price_at(address))
        at, models = self._listed
        return replace(known, models=models, checked=True) if address and at == address else known

    def refresh(self) -> CaptionerAbilities:
        """Ask the server which models it has; which of them see pictures it does not say."""
        address = self._address()
        listed = self._client(address).models()
        price = _price_at(address)
        models = tuple(CaptionModel(model.id, model.id, price) for model in listed)
        self._listed = (address, models)
        return self.abilities()

    def write(self, request: CaptionRequest) -> WrittenCaption:
        """Describe one photo: one request with a deadline, never repeated."""
        return self._client(self._address()).describe(request)

    def _client(self, address: str) -> ChatClient:
        """Return the server; the token goes to no other host than the address names."""
        if not address:
            raise InputError("address", "Give the address of a server first.")
        endpoint = Endpoint(
            service=self.key,
            base_url=own_address(address),
            token=self._token,
            needs_token=False,
        )
        return ChatClient(endpoint, seconds=self._seconds)


def _price_at(address: str) -> TokenPrice | None:
    return FREE if costs_nothing(address) else None
