"""Pictures without a LoRA by a server at an address that a person gives, such as LocalAI."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.openai_chat.wire import parse_models
from fluxlora_desktop.backends.openai_images.wire import (
    MadePicture,
    media_type_of,
    parse_picture,
    picture_order,
)
from fluxlora_desktop.domain.addresses import costs_nothing, own_address
from fluxlora_desktop.domain.errors import (
    InputError,
    ModelWithdrawn,
    NotFoundAtService,
    OutcomeUnknown,
    ServiceError,
)
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    GeneratorModel,
    OwnServer,
    PictureRequest,
    SizeRule,
)
from fluxlora_desktop.domain.ports import Account, JobContext
from fluxlora_desktop.domain.routes import check_request
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import OWN_PICTURES, service_title

_PICTURE_SECONDS = 600.0
"""An ordinary computer reads the model from the disk first, and then takes its time."""
_PICTURE_LIMIT = 40_000_000
_REPLY_LIMIT = 60_000_000
_GUESS = Decimal("0.05")
_NOT_KNOWN = "The price is not known here, this is a guess: see the server's price list"
_FREE = "It is made by a server of your own"


class OwnPictures:
    """A server at `server().address`; `token()` may be None.

    Both are asked at each request, so that a new one counts at once.
    """

    key = OWN_PICTURES
    title = service_title(OWN_PICTURES)

    def __init__(
        self,
        *,
        server: Callable[[], OwnServer],
        token: Callable[[], Secret | None],
        picture_seconds: float = _PICTURE_SECONDS,
    ) -> None:
        self._server, self._token = server, token
        self._seconds = picture_seconds
        self._gone: tuple[str, str] | None = None

    def abilities(self) -> GeneratorAbilities:
        """Return the one model that was named, or none while there is no address."""
        server = self._server()
        if not server.address or not server.model:
            return GeneratorAbilities(())
        model = _model_of(server)
        gone = self._gone == (server.address, server.model)
        return GeneratorAbilities((replace(model, available=not gone),))

    def refresh(self) -> GeneratorAbilities:
        """Ask the server for its models, where an address is given."""
        server = self._server()
        if server.address and server.model:
            self._asked(server)
        return self.abilities()

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        """Ask whether the server has the model; one that lists none is not doubted."""
        server = self._server()
        if server.model != request.model or not self._asked(server, ctx):
            raise ModelWithdrawn(self.key, request.model)
        return self.abilities()

    def check(self) -> Account:
        """Ask the server for its models; nobody's name comes back."""
        self._client(self._server()).get_json("models", attempts=2)
        return Account(self.key, "")

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture: one request with a deadline, never repeated."""
        check_request(request, self.abilities())
        server = self._server()
        client = self._client(server)
        ctx.check()
        started = time.monotonic()
        reply = client.post_paid(
            "images/generations",
            picture_order(request, extras=server.extras),
            total_seconds=self._seconds,
            limit=_REPLY_LIMIT,
        )
        made = parse_picture(self.key, reply)
        data = made.data or self._read(client, made, ctx)
        media_type = media_type_of(data)
        if not media_type:
            raise OutcomeUnknown(self.key, "what came is not a picture")
        seconds = time.monotonic() - started
        return GeneratedImage(data, media_type, request.seed, made.remote_id, seconds)

    def _read(self, client: ServiceClient, made: MadePicture, ctx: JobContext) -> bytes:
        """Bring a picture that came as an address; it is made by now."""
        try:
            return client.read(made.url, limit=_PICTURE_LIMIT, ctx=ctx).data
        except ServiceError as error:
            words = f"the picture was made and could not be fetched: {error.detail}"
            raise OutcomeUnknown(self.key, words) from error

    def _asked(self, server: OwnServer, ctx: JobContext | None = None) -> bool:
        """Tell whether the server lists the model, or has no list of models at all."""
        try:
            reply = self._client(server).get_json("models", attempts=2, ctx=ctx)
            listed = {model.id.casefold() for model in parse_models(self.key, reply)}
        except NotFoundAtService:
            listed = set()
        there = not listed or server.model.casefold() in listed
        self._gone = None if there else (server.address, server.model)
        return there

    def _client(self, server: OwnServer) -> ServiceClient:
        """Return the server; the token goes to no other host than the address names."""
        if not server.address:
            raise InputError("address", "Give the address of a server first.")
        return ServiceClient(
            endpoint=Endpoint(
                service=self.key,
                base_url=own_address(server.address),
                token=self._token,
                needs_token=False,
            )
        )


def _model_of(server: OwnServer) -> GeneratorModel:
    """Return the model as a person named it; what it takes is not known, so the limits are wide."""
    free = costs_nothing(server.address)
    return GeneratorModel(
        key=server.model,
        title=server.model.rsplit("/", 1)[-1],
        base="",
        size=SizeRule(low=256, high=2048, multiple=16),
        steps=(1, 100),
        guidance=(0.0, 20.0),
        default_guidance=3.5,
        usd_per_picture=Decimal(0) if free else _GUESS,
        price_basis=_FREE if free else _NOT_KNOWN,
    )
