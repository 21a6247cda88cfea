"""Pictures made at Together; one request for each, never repeated."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.openai_images.wire import MadePicture, media_type_of, parse_picture
from fluxlora_desktop.backends.together.models import models_listed, with_ids
from fluxlora_desktop.backends.together.wire import (
    SERVICE,
    parse_catalogue,
    picture_order,
)
from fluxlora_desktop.domain.errors import (
    AppError,
    ModelWithdrawn,
    NotFoundAtService,
    OutcomeUnknown,
    ServiceError,
    ServiceRefused,
)
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    PictureRequest,
)
from fluxlora_desktop.domain.ports import Account, JobContext
from fluxlora_desktop.domain.routes import check_request
from fluxlora_desktop.domain.secrets import Secret

_DELIVERY_HOSTS = frozenset({"api.together.ai", "api.together.xyz"})
_PICTURE_SECONDS = 180.0
_PICTURE_LIMIT = 30_000_000
_REPLY_LIMIT = 40_000_000  # 1920 x 1920 pixels as PNG in base64 are about 15 MB at the worst
_WITHDRAWN = re.compile(r"model_not_available|non-serverless model", re.IGNORECASE)
_WRONG_BASE = re.compile(r"unused keys", re.IGNORECASE)
_LORA = re.compile(r"lora|safetensors|adapter", re.IGNORECASE)
_UNSAFE = re.compile(r"nsfw|safety", re.IGNORECASE)


class TogetherPictures:
    """Together at `address`, with or without /v1, and the token that `token()` returns.

    `model_ids` names, by base, another model than the app's own for LoRAs of that base.
    `picture_seconds` bounds one paid request as a whole.
    """

    key = SERVICE
    title = "Together"

    def __init__(
        self,
        *,
        address: str,
        token: Callable[[], Secret | None],
        model_ids: Mapping[str, str] = MappingProxyType({}),
        picture_seconds: float = _PICTURE_SECONDS,
    ) -> None:
        root = address.rstrip("/").removesuffix("/v1")
        self._client = ServiceClient(
            endpoint=Endpoint(
                service=SERVICE,
                base_url=f"{root}/v1",
                token=token,
                delivery_hosts=_DELIVERY_HOSTS,
            )
        )
        self._seconds = picture_seconds
        self._models = with_ids(model_ids)
        self._abilities = GeneratorAbilities(self._models)

    def abilities(self) -> GeneratorAbilities:
        """Return the app's own table, or what the catalogue said when it was asked last."""
        return self._abilities

    def refresh(self) -> GeneratorAbilities:
        """Ask the catalogue which models run now; one that a LoRA needs stays in, marked."""
        return self._asked()

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        """Ask the catalogue whether the model still runs."""
        model = self._asked(ctx).model(request.model)
        if model is None or not model.available:
            raise ModelWithdrawn(SERVICE, request.model)
        return self._abilities

    def _asked(self, ctx: JobContext | None = None) -> GeneratorAbilities:
        listed = parse_catalogue(self._client.get_json("models", ctx=ctx))
        self._abilities = GeneratorAbilities(models_listed(listed, self._models), checked=True)
        return self._abilities

    def check(self) -> Account:
        """Ask whether the token is good (GET whoami, docs of 2026-06); its reply names nobody."""
        self._client.get_json("whoami")
        return Account(SERVICE, "")

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture with `request.seed`: one paid request with a deadline, never repeated.

        Raises `LoraNotUsable` and `InputError` before anything is sent, `ModelWithdrawn` for a
        model that is not served any more, and `OutcomeUnknown` when the answer was lost.
        """
        self._refuse_what_cannot_work(request)
        ctx.check()
        started = time.monotonic()
        try:
            reply = self._client.post_paid(
                "images/generations",
                picture_order(request),
                total_seconds=self._seconds,
                limit=_REPLY_LIMIT,
            )
        except ServiceRefused as error:
            raise _in_words(error, request) from error
        made = parse_picture(SERVICE, reply)
        data = made.data or self._read(made, ctx)
        media_type = media_type_of(data)
        if not media_type:
            raise OutcomeUnknown(SERVICE, "what came is not a picture")
        return GeneratedImage(
            data, media_type, request.seed, made.remote_id, time.monotonic() - started
        )

    def _refuse_what_cannot_work(self, request: PictureRequest) -> None:
        """Check once more what the workflow checked, after a look at the live catalogue."""
        model = self._abilities.model(request.model)
        if not self._abilities.checked and (model is None or not model.available):
            self.refresh()
        model = self._abilities.model(request.model)
        if model is None or (not model.available and not request.loras):
            raise ModelWithdrawn(SERVICE, request.model)
        check_request(request, self._abilities)

    def _read(self, made: MadePicture, ctx: JobContext) -> bytes:
        """Bring a picture that came as an address; it is paid for by now."""
        try:
            return self._client.read(made.url, limit=_PICTURE_LIMIT, ctx=ctx).data
        except ServiceError as error:
            raise OutcomeUnknown(
                SERVICE, f"the picture was made and could not be fetched: {error.detail}"
            ) from error


def _in_words(error: ServiceRefused, request: PictureRequest) -> AppError:
    """Return what a refusal means for a picture; Together's own words where they are all we have.

    Texts: docs.together.ai (unused keys), the error of a retired model as others recorded it.
    """
    said, status = error.detail, error.status
    if isinstance(error, NotFoundAtService) or _WITHDRAWN.search(said):
        return ModelWithdrawn(SERVICE, request.model)
    if status == 422 and _UNSAFE.search(said):
        words = (
            "Together's safety filter held the picture back. Change the prompt. "
            "Together does not tell whether it was charged."
        )
        return OutcomeUnknown(
            SERVICE, f"{words} ({said})", status=status, request_id=error.request_id
        )
    words = ""
    if request.loras and _WRONG_BASE.search(said):
        words = f"The LoRA does not fit {request.model}: it was trained for another base model."
    elif request.loras and _LORA.search(said):
        words = "Together could not read the LoRA. Its repo must be public."
    return (
        ServiceRefused(SERVICE, f"{words} ({said})", status=status, request_id=error.request_id)
        if words
        else error
    )
