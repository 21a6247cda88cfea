"""Pictures at fal: FLUX.1-dev or FLUX.2-dev, with published LoRAs or without."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from fluxlora_desktop.backends.fal.client import FalClient
from fluxlora_desktop.backends.fal.ends import end_of
from fluxlora_desktop.backends.fal.wire import SERVICE, Addresses, Status, read
from fluxlora_desktop.backends.flux_inputs import fal_inputs
from fluxlora_desktop.backends.flux_outputs import Drawn
from fluxlora_desktop.domain.errors import (
    AppError,
    JobCancelled,
    ModelWithdrawn,
    NotFoundAtService,
    OutcomeUnknown,
    ServiceRefused,
)
from fluxlora_desktop.domain.pictures import (
    GeneratedImage,
    GeneratorAbilities,
    GeneratorModel,
    PictureRequest,
    SizeRule,
)
from fluxlora_desktop.domain.ports import Account, JobContext
from fluxlora_desktop.domain.routes import check_request
from fluxlora_desktop.domain.secrets import Secret

_MODELS = (
    GeneratorModel(
        key="fal-ai/flux-2/lora",
        title="FLUX.2-dev at fal",
        base="flux.2-dev",
        max_loras=3,
        size=SizeRule(low=512, high=2048, multiple=16),
        steps=(4, 50),
        guidance=(0.0, 20.0),
        default_guidance=2.5,
        scale=(0.0, 4.0),
        usd_per_megapixel=Decimal("0.021"),
        whole_megapixels=True,
        steps_cost=False,
        price_basis="$0.021 a megapixel, by its page; parts of one count as a whole, perhaps.",
    ),
    GeneratorModel(
        key="fal-ai/flux-lora",
        title="FLUX.1-dev at fal",
        base="flux.1-dev",
        max_loras=2,
        size=SizeRule(low=256, high=1536, multiple=16),
        guidance=(0.0, 20.0),
        default_guidance=3.5,
        scale=(0.0, 4.0),
        usd_per_megapixel=Decimal("0.035"),
        whole_megapixels=True,
        steps_cost=False,
        price_basis="$0.035 a megapixel, rounded up, as others quote its page.",
    ),
)
_POLL_SECONDS = 1.0
_MOST_POLLS = 900
_BLACK = (
    "fal's safety check blackened the picture. Change the prompt. The picture was made, "
    "so it was probably charged."
)


class FalPictures:
    """Makes pictures through the queue, one request for each."""

    key = SERVICE
    title = "fal"

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        self._client = FalClient(address=address, token=token)
        self._known = GeneratorAbilities(_MODELS)

    def abilities(self) -> GeneratorAbilities:
        """Return the two models, as they were when last looked at."""
        return self._known

    def refresh(self) -> GeneratorAbilities:
        """Ask fal's catalogue for the models."""
        return self._asked()

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        """Ask the catalogue whether the model is still there."""
        model = self._asked(ctx).model(request.model)
        if model is None or not model.available:
            raise ModelWithdrawn(SERVICE, request.model)
        return self._known

    def _asked(self, ctx: JobContext | None = None) -> GeneratorAbilities:
        keys = tuple(model.key for model in _MODELS)
        listed = self._client.listed(keys, ctx)
        for key in keys:
            self._known = self._known.with_model(key, available=key in listed)
        return self._known

    def check(self) -> Account:
        """Ask for one line of the account's history, which needs a good key; it names nobody."""
        return self._client.check(_MODELS[0].key)

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture and bring it home; a cancel while it is made stops it there too."""
        model = check_request(request, self.abilities())
        started = time.monotonic()
        try:
            taken = self._client.submit(model.key, fal_inputs(request))
        except NotFoundAtService as error:
            raise ModelWithdrawn(SERVICE, model.key) from error
        where = self._client.addresses(taken.addresses, model.key, taken.request_id)
        data, media_type = self._bring(where, taken.request_id, ctx)
        seconds = time.monotonic() - started
        return GeneratedImage(data, media_type, request.seed, taken.request_id, seconds)

    def _bring(self, where: Addresses, request_id: str, ctx: JobContext) -> tuple[bytes, str]:
        """Wait for what is paid for: trouble on the way is never "nothing was sent"."""
        try:
            end = end_of(self._client, where, self._wait(where, ctx), ctx)
            drawn = read(Drawn, end.made) if end.made is not None else None
            if drawn is not None and drawn.address and not drawn.blackened:
                blob = self._client.picture(drawn.address, ctx)
                kind = blob.media_type if blob.media_type.startswith("image/") else "image/png"
                return blob.data, kind
        except JobCancelled:
            with suppress(AppError):
                self._client.cancel(where)
            raise
        except AppError as error:
            words = f"The picture {request_id} could not be fetched: {error.detail}"
            raise OutcomeUnknown(SERVICE, words) from error
        if drawn is None:
            if end.free:
                raise ServiceRefused(SERVICE, end.reason)
            raise OutcomeUnknown(SERVICE, end.reason)
        words = (
            _BLACK if drawn.blackened else f"fal says it is made and names no file: {request_id}"
        )
        raise OutcomeUnknown(SERVICE, words)

    def _wait(self, where: Addresses, ctx: JobContext) -> Status:
        for _ in range(_MOST_POLLS):
            status = self._client.status(where, ctx)
            if status.ended:
                return status
            ctx.pause(_POLL_SECONDS)
        raise OutcomeUnknown(SERVICE, "The picture is not made after 15 minutes.")
