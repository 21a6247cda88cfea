"""The one list of services.

To add a service: a folder here with `client.py`, `wire.py` and one small file for each port it
fills, its address and environment name below, one line in `build_services`, a practice server, and
the contract tests of `tests/contract/` passing with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.backends.replicate.pictures import ReplicatePictures
from fluxlora_desktop.backends.replicate.training import ReplicateTraining
from fluxlora_desktop.backends.together.models import MODELS as TOGETHER_MODELS
from fluxlora_desktop.backends.together.pictures import TogetherPictures
from fluxlora_desktop.domain.ports import Services
from fluxlora_desktop.domain.secrets import Secret

DEFAULT_ADDRESSES: Mapping[str, str] = {
    "replicate": "https://api.replicate.com",
    "huggingface": "https://huggingface.co",
    "together": "https://api.together.ai",
}
ENVIRONMENT_NAMES: Mapping[str, str] = {
    "replicate": "REPLICATE_BASE_URL",
    "huggingface": "HF_ENDPOINT",
    "together": "TOGETHER_BASE_URL",
}


DEFAULT_MODEL_IDS: Mapping[str, str] = {
    model.base: model.key for model in TOGETHER_MODELS if model.max_loras
}
"""Together's model for LoRAs of each base; Settings may name others."""


def default_addresses(environ: Mapping[str, str]) -> dict[str, str]:
    """Return each service's address: the environment's, else its own."""
    return {
        key: environ.get(ENVIRONMENT_NAMES[key], "").strip() or address
        for key, address in DEFAULT_ADDRESSES.items()
    }


def build_services(
    *,
    addresses: Mapping[str, str],
    secret_for: Callable[[str], Secret | None],
    model_ids: Mapping[str, str] = MappingProxyType({}),
) -> Services:
    """Return every service, in the order in which they are offered; nothing is connected yet.

    `secret_for` is asked at each request, so that a new token counts at once. `model_ids` stands in
    for those of `DEFAULT_MODEL_IDS`, by base.
    """
    where = {**DEFAULT_ADDRESSES, **addresses}
    replicate, together, hub = (
        partial(secret_for, key) for key in ("replicate", "together", "huggingface")
    )
    return Services(
        trainers=(ReplicateTraining(address=where["replicate"], token=replicate),),
        generators=(
            ReplicatePictures(address=where["replicate"], token=replicate),
            TogetherPictures(address=where["together"], token=together, model_ids=model_ids),
        ),
        hub=HuggingFaceHub(address=where["huggingface"], token=hub),
    )
