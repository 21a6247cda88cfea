"""The one list of services.

To add a service: a folder here with `client.py`, `wire.py` and one small file for each port it
fills, its row in `domain/services.py`, one line in `build_services`, a practice server, and the
contract tests of `tests/contract/` passing with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from fluxlora_desktop.backends.aitoolkit.training import AiToolkitTraining
from fluxlora_desktop.backends.fal.pictures import FalPictures
from fluxlora_desktop.backends.fal.training import FalTraining
from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.backends.huggingface.pictures import HuggingFacePictures
from fluxlora_desktop.backends.local.parts import LocalParts
from fluxlora_desktop.backends.local.pictures import LocalPictures
from fluxlora_desktop.backends.local.queue import LocalQueue
from fluxlora_desktop.backends.local.training import LocalTraining
from fluxlora_desktop.backends.openai_chat.captioner import OwnCaptioner
from fluxlora_desktop.backends.openai_images.pictures import OwnPictures
from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.backends.replicate.training import ReplicateTraining
from fluxlora_desktop.backends.together.captions import TogetherCaptioner
from fluxlora_desktop.backends.together.models import MODELS as TOGETHER_MODELS
from fluxlora_desktop.backends.together.pictures import TogetherPictures
from fluxlora_desktop.domain.pictures import OwnServer
from fluxlora_desktop.domain.ports import ImageGenerator, Services, TrainingBackend
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import (
    OWN_CAPTIONER,
    OWN_PICTURES,
    SERVICES,
    router_key,
)

_ROUTERS = tuple(facts for facts in SERVICES if facts.router)
DEFAULT_ADDRESSES: Mapping[str, str] = {
    **{facts.key: facts.address for facts in SERVICES},
    **{router_key(facts.key): facts.router for facts in _ROUTERS},
}
MODEL_CHOICES: tuple[tuple[str, str, str], ...] = tuple(
    ("together", model.base, model.key) for model in TOGETHER_MODELS if model.max_loras
)
"""(service, base, id) of the models for LoRAs in whose place Settings may name others."""


def default_addresses(environ: Mapping[str, str]) -> dict[str, str]:
    """Return each service's address: the environment's, else its own; routers only where named."""
    found = {
        facts.key: environ.get(facts.address_variable, "").strip() or facts.address
        for facts in SERVICES
    }
    routers = ((router_key(it.key), environ.get(it.router_variable, "")) for it in _ROUTERS)
    return found | {key: text.strip() for key, text in routers if text.strip()}


def build_services(
    *,
    addresses: Mapping[str, str],
    secret_for: Callable[[str], Secret | None],
    model_ids: Mapping[str, str] = MappingProxyType({}),
    own_captioner: Callable[[], str] | None = None,
    own_pictures: Callable[[], OwnServer] | None = None,
    local: LocalParts | None = None,
) -> Services:
    """Return every service, in the order in which they are offered; nothing is connected yet.

    `secret_for` is asked at each request, so that a new token counts at once. `model_ids` stands in
    for those of `MODEL_CHOICES`, by base. `own_captioner` returns the address that a person gave
    for captions, "" while there is none; without it no such address is offered. `own_pictures` is
    the same for pictures without a LoRA. `local` is what trains and paints on this computer, whose
    pictures are offered first, being free; without it nothing is made here.
    """
    where = {**DEFAULT_ADDRESSES, **addresses}
    router = router_key("huggingface")
    if router not in addresses and where["huggingface"] != DEFAULT_ADDRESSES["huggingface"]:
        where[router] = where["huggingface"]  # at any other address, all of its parts live there
    replicate, fal, together, hub = (
        partial(secret_for, key) for key in ("replicate", "fal", "together", "huggingface")
    )
    own: tuple[OwnCaptioner, ...] = ()
    if own_captioner is not None:
        own = (OwnCaptioner(address=own_captioner, token=partial(secret_for, OWN_CAPTIONER)),)
    painters: tuple[ImageGenerator, ...] = ()
    if own_pictures is not None:
        painters = (OwnPictures(server=own_pictures, token=partial(secret_for, OWN_PICTURES)),)
    studios: tuple[LocalPictures, ...] = ()
    here: tuple[TrainingBackend, ...] = ()
    if local is not None:
        parts = replace(local, hub_token=hub)
        studios = (LocalPictures(parts),)
        parts.ask_before(studios[0].lets_go)
        queue = LocalQueue(parts.jobs, gpus=parts.engine.gpus, free_gpu=studios[0].free_gpu)
        here = (LocalTraining(parts, queue), AiToolkitTraining(parts, queue))
    return Services(
        trainers=(
            ReplicateTraining(address=where["replicate"], token=replicate),
            FalTraining(address=where["fal"], token=fal),
            *here,
        ),
        generators=(
            *studios,
            ReplicatePictures(address=where["replicate"], token=replicate),
            TogetherPictures(address=where["together"], token=together, model_ids=model_ids),
            FalPictures(address=where["fal"], token=fal),
            HuggingFacePictures(address=where["huggingface"], router=where[router], token=hub),
            *painters,
        ),
        hub=HuggingFaceHub(address=where["huggingface"], token=hub),
        captioners=(TogetherCaptioner(address=where["together"], token=together), *own),
        at_close=tuple(it.close for it in studios),
    )
