"""The services that take an account, in one table: nobody else names them.

Imported before the first paint, so it stays small.
"""

# ruff: noqa: S105, S106 - what tokens look like and where to make them is no password

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What a person needs to know to connect a service, and what the app knows it by.

    `rights` says what a token must allow, `placeholder` what one looks like. `status_page` tells
    whether the service itself is in trouble, `storage_page` what fills the account. The first of
    `token_variables` that is set holds the token, `user_variable` the account's name, and
    `address_variable` an address in place of `address`; `router` and `router_variable` are the same
    for pictures, where a service makes them at another place. `token_pattern` is a regular
    expression for how its tokens look, "" when nothing tells them apart.
    """

    key: str
    title: str
    purpose: str
    rights: str
    token_page: str
    placeholder: str
    billing_page: str
    status_page: str
    token_variables: tuple[str, ...]
    address: str
    address_variable: str
    storage_page: str = ""
    token_pattern: str = ""
    user_variable: str = ""
    router: str = ""
    router_variable: str = ""


SERVICES: tuple[ServiceFacts, ...] = (
    ServiceFacts(
        key="replicate",
        title="Replicate",
        purpose="Trains your LoRA and makes pictures with it.",
        rights="Any API token of your account. Trainings and pictures are billed there.",
        token_page="https://replicate.com/account/api-tokens",
        placeholder="r8_…",
        billing_page="https://replicate.com/account/billing",
        status_page="https://www.replicatestatus.com",
        token_variables=("REPLICATE_API_TOKEN",),
        address="https://api.replicate.com",
        address_variable="REPLICATE_BASE_URL",
        token_pattern=r"r8_[A-Za-z0-9]{30,}",
    ),
    ServiceFacts(
        key="fal",
        title="fal",
        purpose="Trains FLUX.2 and FLUX.1 LoRAs and makes pictures with them.",
        rights="A key with the API scope. Trainings and pictures are billed there.",
        token_page="https://fal.ai/dashboard/keys",
        placeholder="key id:secret",
        billing_page="https://fal.ai/dashboard/billing",
        status_page="https://status.fal.ai",
        token_variables=("FAL_KEY",),
        address="https://queue.fal.run",
        address_variable="FAL_BASE_URL",
        token_pattern=r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:[0-9a-fA-F]{32}",
    ),
    ServiceFacts(
        key="huggingface",
        title="Hugging Face",
        purpose="Keeps your LoRA in a repo of your own, and makes pictures with it.",
        rights="A fine-grained token with write access to repos under your name and, for "
        "pictures, the right to call Inference Providers.",
        token_page="https://huggingface.co/settings/tokens/new?ownUserPermissions=repo.write"
        "&ownUserPermissions=inference.serverless.write&tokenType=fineGrained",
        placeholder="hf_…",
        billing_page="https://huggingface.co/settings/billing",
        status_page="https://status.huggingface.co",
        token_variables=("HUGGINGFACE_API_TOKEN", "HF_TOKEN"),
        address="https://huggingface.co",
        address_variable="HF_ENDPOINT",
        token_pattern=r"hf_[A-Za-z0-9]{20,}",
        storage_page="https://huggingface.co/settings/storage",
        user_variable="HUGGINGFACE_USERNAME",
        router="https://router.huggingface.co",
        router_variable="HF_ROUTER_URL",
    ),
    ServiceFacts(
        key="together",
        title="Together",
        purpose="Makes pictures: FLUX.2 with LoRAs, others without.",
        rights="Any API key of your account. Pictures are billed there.",
        token_page="https://api.together.ai/settings/api-keys",
        placeholder="API key",
        billing_page="https://api.together.ai/settings/billing",
        status_page="https://status.together.ai",
        token_variables=("TOGETHER_API_KEY",),
        address="https://api.together.ai",
        address_variable="TOGETHER_BASE_URL",
        token_pattern=r"tgp_v1_[A-Za-z0-9_-]{20,}",
    ),
)
"""In the order in which accounts are shown."""

OWN_CAPTIONER = "own_captioner"
"""The key of a captioner at an address that a person gives; its key lies under this name."""
OWN_PICTURES = "own_pictures"
"""The key of a generator at an address that a person gives; its key lies under this name."""
LOCAL = "local"
"""The key of the engine on this computer, which trains and makes pictures."""
AI_TOOLKIT = "aitoolkit"
"""The key of the ai-toolkit that a person has on this computer."""
_OTHER_TITLES = {
    OWN_CAPTIONER: "Your own address",
    OWN_PICTURES: "Your own address",
    LOCAL: "This computer",
    AI_TOOLKIT: "ai-toolkit",
}
_PLACES = {LOCAL: "on this computer", AI_TOOLKIT: "with ai-toolkit"}

NOT_A_TOKEN_FIELD = "This looks like a token. It was not kept and not sent."


def router_key(service: str) -> str:
    """Return the name under which the address of a service's router is kept and handed on."""
    return f"{service}.router"


def service_named(key: str) -> ServiceFacts | None:
    """Return the service with this key, or None for one that takes no account."""
    return next((facts for facts in SERVICES if facts.key == key), None)


def service_title(key: str) -> str:
    """Return how a service is called on screen; unknown keys are shown as they are."""
    facts = service_named(key)
    return facts.title if facts else _OTHER_TITLES.get(key, key)


def at_place(key: str, title: str = "") -> str:
    """Return where a service works, as the end of a sentence: at Together, on this computer.

    `title` is how it calls itself, where that is known.
    """
    return _PLACES.get(key, f"at {title or service_title(key)}")


def token_pattern() -> str:
    """Return one regular expression for every token that can be told by its looks."""
    return rf"\b(?:{'|'.join(facts.token_pattern for facts in SERVICES if facts.token_pattern)})"


def holds_token(text: str) -> bool:
    """Tell whether a text that is not meant to hold a token holds what looks like one."""
    return re.search(token_pattern(), text) is not None


def owner_of_token(token: str) -> str:
    """Return the key of the service whose tokens look like this one, "" when it cannot be told."""
    looks = ((facts.key, facts.token_pattern) for facts in SERVICES if facts.token_pattern)
    return next((key for key, pattern in looks if re.fullmatch(pattern, token)), "")


def variable_prefixes() -> tuple[str, ...]:
    """Return how the names of all variables that hold tokens begin: the service's own part."""
    names = (name for facts in SERVICES for name in facts.token_variables)
    return tuple(dict.fromkeys(f"{name.split('_', 1)[0]}_" for name in names))
