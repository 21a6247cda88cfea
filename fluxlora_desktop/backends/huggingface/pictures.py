"""Pictures through Hugging Face's Inference Providers, with a public LoRA of the hub or without.

Only fal-ai and replicate are used: of the providers that the hub names, they alone are sent the
LoRA (huggingface_hub 2.4.0); the others would make a picture without it, and not say so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from fluxlora_desktop.backends.flux_inputs import fal_inputs, official_inputs
from fluxlora_desktop.backends.http.errors import scrub
from fluxlora_desktop.backends.huggingface.errors import SERVICE
from fluxlora_desktop.backends.huggingface.fetching import RepoAddress
from fluxlora_desktop.backends.huggingface.inference import LIVE, InferenceClient, Served
from fluxlora_desktop.domain.bases import FLUX1_DEV
from fluxlora_desktop.domain.errors import (
    AppError,
    InputError,
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
    LoraUse,
    PictureRequest,
    SizeRule,
)
from fluxlora_desktop.domain.ports import Account, JobContext
from fluxlora_desktop.domain.routes import check_request
from fluxlora_desktop.domain.secrets import Secret

_TASK = "text-to-image"
_FAL, _REPLICATE = "fal-ai", "replicate"
_MODELS = (
    GeneratorModel(
        key=_FAL,
        title="FLUX.1-dev through fal",
        base=FLUX1_DEV.key,
        max_loras=1,
        size=SizeRule(low=256, high=1536, multiple=16),
        guidance=(0.0, 20.0),
        default_guidance=3.5,
        scale=(0.0, 4.0),
        usd_per_megapixel=Decimal("0.035"),
        whole_megapixels=True,
        steps_cost=False,
        price_basis="fal's price, which Hugging Face passes on; some credit is free each month.",
    ),
    GeneratorModel(
        key=_REPLICATE,
        title="FLUX.1-dev through Replicate",
        base=FLUX1_DEV.key,
        max_loras=1,
        size=SizeRule(low=256, high=1440, multiple=16),
        scale=(-1.0, 3.0),
        usd_per_picture=Decimal("0.032"),
        price_basis="Replicate's price, which Hugging Face passes on; some credit is free.",
    ),
)
_NAMES = {_FAL: "fal", _REPLICATE: "Replicate"}
_BLACK = (
    "fal's safety check blackened the picture. Change the prompt. The picture was made, "
    "so it was probably charged."
)
_ENDED_WITHOUT = frozenset({"failed", "canceled", "aborted"})


class HuggingFacePictures:
    """Makes pictures, one request for each; `address` is the hub, `router` passes requests on."""

    key = SERVICE
    title = "Hugging Face"

    def __init__(self, *, address: str, router: str, token: Callable[[], Secret | None]) -> None:
        self._client = InferenceClient(address=address, router=router, token=token)
        self._address = address.rstrip("/")
        self._served: dict[str, tuple[Served, ...]] = {}
        self._known = GeneratorAbilities(_MODELS)

    def abilities(self) -> GeneratorAbilities:
        """Return the two ways; whether a LoRA is served the hub says when it is asked for it."""
        return self._known

    def refresh(self) -> GeneratorAbilities:
        """Return the same: what is served is asked for each repo, by `look`."""
        return self._known

    def look(self, request: PictureRequest, ctx: JobContext) -> GeneratorAbilities:
        """Ask the hub who serves the order's LoRA, or the base model, now."""
        self._served.pop(self._repo_of(request), None)
        self._chosen(request, ctx)
        return self._known

    def check(self) -> Account:
        """Ask the hub whose token it is."""
        return Account(SERVICE, self._client.whoami())

    def generate(self, request: PictureRequest, ctx: JobContext) -> GeneratedImage:
        """Make one picture and bring it home; nothing is repeated."""
        check_request(request, self._known)
        ctx.check()
        served = self._chosen(request, ctx)
        started = time.monotonic()
        draw = self._draw_at_fal if request.model == _FAL else self._draw_at_replicate
        address, remote_id = draw(served.provider_id, request)
        remote_id = remote_id or _name_of(address)
        data, media_type = self._bring(address, ctx)
        seconds = time.monotonic() - started
        return GeneratedImage(data, media_type, request.seed, remote_id, seconds)

    def _draw_at_fal(self, provider_id: str, request: PictureRequest) -> tuple[str, str]:
        drawn = self._client.draw_at_fal(provider_id, fal_inputs(request))
        if drawn.blackened:
            raise OutcomeUnknown(SERVICE, _BLACK)
        if not drawn.address:
            raise OutcomeUnknown(SERVICE, "the reply holds no picture")
        return drawn.address, ""

    def _draw_at_replicate(self, provider_id: str, request: PictureRequest) -> tuple[str, str]:
        made = self._client.draw_at_replicate(provider_id, official_inputs(request))
        if made.status in _ENDED_WITHOUT:
            raise ServiceRefused(SERVICE, scrub(made.error) or f"not made: {made.status}")
        if not made.address:
            words = f"it was not ready after a minute of waiting: {made.status or 'no status'}"
            raise OutcomeUnknown(SERVICE, words)
        return made.address, made.id

    def _bring(self, address: str, ctx: JobContext) -> tuple[bytes, str]:
        """Bring home what is paid for: trouble on the way is never "nothing was sent"."""
        try:
            blob = self._client.picture(address, ctx)
        except JobCancelled:
            raise
        except AppError as error:
            words = f"the picture was made and could not be fetched: {error.detail}"
            raise OutcomeUnknown(SERVICE, words) from error
        kind = blob.media_type if blob.media_type.startswith("image/") else "image/png"
        return blob.data, kind

    def _chosen(self, request: PictureRequest, ctx: JobContext) -> Served:
        """Return how the wished provider serves the order; raises where it does not."""
        repo = self._repo_of(request)
        if repo not in self._served:
            try:
                self._served[repo] = self._client.served(repo, ctx)
            except NotFoundAtService as error:
                raise _not_there(request, repo) from error
        return _choose(self._served[repo], request, repo)

    def _repo_of(self, request: PictureRequest) -> str:
        """Return the repo that the hub is asked for: the LoRA's, or the base model's."""
        for use in request.loras:
            try:
                return RepoAddress.parse(use.address, self._address).repo
            except InputError as error:
                words = f"{use.name} does not lie on {self.title}, which looks for it there."
                raise LoraNotUsable(SERVICE, words) from error
        return FLUX1_DEV.hub_id


def _name_of(address: str) -> str:
    """Return the file's name in an address; fal's reply gives the picture no other."""
    return address.partition("?")[0].rpartition("/")[2][:128]


def _not_there(request: PictureRequest, repo: str) -> AppError:
    for use in request.loras:
        return LoraNotUsable(SERVICE, f"The repo of {use.name} is not on Hugging Face any more.")
    return ModelWithdrawn(SERVICE, repo)


def _choose(served: Sequence[Served], request: PictureRequest, repo: str) -> Served:
    ours = [one for one in served if one.provider == request.model and one.task == _TASK]
    good = [one for one in ours if one.status == LIVE and one.readable]
    if not request.loras:
        if good:
            return good[0]
        raise ModelWithdrawn(SERVICE, f"{repo} through {_NAMES[request.model]}")
    bearing = [one for one in good if one.weights]
    if bearing:
        return bearing[0]
    raise LoraNotUsable(SERVICE, _why_not(served, ours, request.loras[0], request.model))


def _why_not(served: Sequence[Served], ours: Sequence[Served], use: LoraUse, wished: str) -> str:
    """Return why a LoRA cannot be used through a provider, with the others named."""
    name = _NAMES[wished]
    for one in ours:
        if one.status != LIVE:
            state = scrub(one.status) or "nothing"
            return f"{use.name} is not served through {name} at present; its status is {state}."
        return f"Through {name}, {use.name} is not known as a LoRA, so it would be left out."
    others = tuple(dict.fromkeys(one.provider for one in served))
    fit = [_NAMES[one] for one in others if one in _NAMES]
    if fit:
        return f"{use.name} is served through {' and '.join(fit)} now, not through {name}."
    if others:
        listed = ", ".join(scrub(one) for one in others[:3])
        return f"{use.name} is served by {listed} alone, which would leave the LoRA out."
    return (
        f"Hugging Face does not serve {use.name} yet: a public repo is taken up some time after "
        "it was published."
    )
