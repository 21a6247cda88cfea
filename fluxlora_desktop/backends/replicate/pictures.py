"""Pictures at Replicate: with the trained version itself, or with any published LoRA.

Only a trained version takes a size in pixels; the official models take the nearest of eleven
shapes (`flux_inputs.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from fluxlora_desktop.backends.flux_inputs import official_inputs, trained_inputs
from fluxlora_desktop.backends.http.errors import scrub
from fluxlora_desktop.backends.replicate.client import ReplicateClient
from fluxlora_desktop.backends.replicate.wire import SERVICE, JobReply
from fluxlora_desktop.domain.errors import (
    AppError,
    JobCancelled,
    LoraNotUsable,
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

_BASE = "flux.1-dev"
_SIZE = SizeRule(low=256, high=1440, multiple=16)
_OFFICIAL = {
    "flux-dev-lora": "black-forest-labs/flux-dev-lora",
    "flux-dev": "black-forest-labs/flux-dev",
}
_MODELS = (
    GeneratorModel(
        key="trained-version",
        title="Your trained model",
        base=_BASE,
        max_loras=1,
        needs_lora=True,
        needs_trained_version=True,
        private_works=True,
        size=_SIZE,
        scale=(-1.0, 3.0),
        usd_per_picture=Decimal("0.03"),
        price_basis="About $0.03: some 20 seconds of an H100.",
    ),
    GeneratorModel(
        key="flux-dev-lora",
        title="FLUX.1-dev with a published LoRA",
        base=_BASE,
        max_loras=2,
        needs_lora=True,
        size=_SIZE,
        scale=(-1.0, 3.0),
        usd_per_picture=Decimal("0.032"),
        price_basis="About $0.03 a picture.",
    ),
    GeneratorModel(
        key="flux-dev",
        title="FLUX.1-dev without a LoRA",
        base=_BASE,
        size=_SIZE,
        usd_per_picture=Decimal("0.025"),
        price_basis="$0.025 a picture.",
    ),
)
_ENDED = frozenset({"succeeded", "failed", "canceled", "aborted"})
_POLL_SECONDS = 1.0
_MOST_POLLS = 900


class ReplicatePictures:
    """Makes pictures, one request for each."""

    key = SERVICE
    title = "Replicate"

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        self._client = ReplicateClient(address=address, token=token)
        self._known = GeneratorAbilities(_MODELS)

    def abilities(self) -> GeneratorAbilities:
        """Return the three ways to make a picture here, as they were when last looked at."""
        return self._known

    def refresh(self) -> GeneratorAbilities:
        """Ask whether the official models are still there."""
        for key in _OFFICIAL:
            self._ask(key)
        return self._known

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        """Ask for the very model or trained version that the order names."""
        if request.model in _OFFICIAL:
            if not self._ask(request.model, ctx):
                raise ModelWithdrawn(SERVICE, _OFFICIAL[request.model])
            return self._known
        for use in request.loras:
            name, _, version = use.trained_version.partition(":")
            try:
                self._client.version(name, version, ctx)
            except NotFoundAtService as error:
                words = f"The model that was trained for {use.name} is not at {self.title} any more"
                raise LoraNotUsable(SERVICE, words) from error
        return self._known

    def _ask(self, key: str, ctx: JobContext | None = None) -> bool:
        """Ask for an official model, remember the answer and return it."""
        try:
            self._client.model(_OFFICIAL[key], ctx)
        except NotFoundAtService:
            self._known = self._known.with_model(key, available=False)
            return False
        self._known = self._known.with_model(key, available=True)
        return True

    def check(self) -> Account:
        """Ask Replicate whose token it is."""
        account = self._client.account()
        return Account(SERVICE, account.username, account.name)

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture and bring it home; a cancel while it is made stops it there too."""
        model = check_request(request, self.abilities())
        version = request.loras[0].trained_version if model.needs_trained_version else ""
        inputs = trained_inputs(request) if version else official_inputs(request)
        job = self._client.create_prediction(
            model=_OFFICIAL.get(model.key, ""), version=version, inputs=inputs
        )
        return self._finish(job, model, request.seed, ctx)

    def _finish(
        self, job: JobReply, model: GeneratorModel, seed: int, ctx: JobContext
    ) -> GeneratedImage:
        """Bring home what is paid for: trouble on the way is never "nothing was sent"."""
        try:
            job = self._wait(job, ctx)
            blob = self._client.picture(job.pictures[0], ctx) if _made(job) else None
        except JobCancelled:
            with suppress(AppError):
                self._client.cancel("predictions", job.id)
            raise
        except AppError as error:
            words = f"The picture {job.id} could not be fetched: {error.detail}"
            raise OutcomeUnknown(SERVICE, words) from error
        if blob is None:
            raise _not_made(job, model)
        media_type = blob.media_type if blob.media_type.startswith("image/") else "image/png"
        return GeneratedImage(blob.data, media_type, seed, job.id, job.metrics.predict_time)

    def _wait(self, job: JobReply, ctx: JobContext) -> JobReply:
        for _ in range(_MOST_POLLS):
            if job.status in _ENDED:
                return job
            ctx.pause(_POLL_SECONDS)
            job = self._client.prediction(job.id, ctx)
        raise OutcomeUnknown(SERVICE, f"The picture {job.id} is not made after 15 minutes.")


def _made(job: JobReply) -> bool:
    return job.status == "succeeded" and bool(job.pictures)


def _not_made(job: JobReply, model: GeneratorModel) -> AppError:
    """Return what a job without a picture means for the person's money.

    An official model is paid by the picture and a job that never ran costs nothing; a trained
    version is paid by the second, also for one that failed or was caught by the safety filter.
    """
    words = scrub(job.error) or f"The picture was not made: {job.status}."
    if job.status == "succeeded":
        return OutcomeUnknown(SERVICE, f"Replicate says it is made and names no file: {job.id}.")
    ran = job.status != "aborted" and job.metrics.predict_time != 0
    if model.needs_trained_version and ran:
        return OutcomeUnknown(SERVICE, f"{words} Its seconds on the machine may have been charged.")
    return ServiceRefused(SERVICE, words)
