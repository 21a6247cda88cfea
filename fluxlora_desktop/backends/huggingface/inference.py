"""Inference Providers: who serves a repo, and the router that passes requests on to them.

Shapes: `inferenceProviderMapping` as huggingface_hub 2.4.0 reads it (a list, or an object by
provider), bodies and replies as its providers `fal_ai` and `replicate` send and read them. The
client itself is not used here: it knows the router by a constant, sends no LoRA but at strength 1
to fal (measured), tells no refusal from a lost answer, and reads results from any host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from fluxlora_desktop.backends.flux_outputs import Drawn
from fluxlora_desktop.backends.http.client import Blob, ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.replies import (
    Reply,
    Words,
    read_paid_reply,
    read_reply,
    table,
    words,
)
from fluxlora_desktop.backends.huggingface.errors import SERVICE
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.secrets import Secret

LIVE = "live"
_DELIVERY_HOSTS = frozenset(
    {"fal.media", ".fal.media", "replicate.delivery", ".replicate.delivery"}
)
_PICTURE_LIMIT = 40_000_000
_PICTURE_SECONDS = 180.0
_PROVIDER_ID = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*){1,4}", re.ASCII)
_MOST_PROVIDERS = 100


@dataclass(frozen=True, slots=True)
class Served:
    """A repo as one provider serves it; `weights` is the LoRA's file in the repo, "" for none."""

    provider: str
    provider_id: str
    status: str
    task: str
    weights: str

    @property
    def readable(self) -> bool:
        """Tell whether the provider's name of the model may enter an address."""
        return _PROVIDER_ID.fullmatch(self.provider_id) is not None


class _Repo(Reply):
    mapping: Any = Field(None, alias="inferenceProviderMapping")


class ReplicateMade(Reply):
    """What Replicate's models answer, finished or not."""

    id: Words = ""
    status: Words = ""
    error: Words = ""
    output: Any = None

    @property
    def address(self) -> str:
        """Return the address of the first picture, or nothing."""
        first = self.output[0] if isinstance(self.output, list) and self.output else self.output
        return words(first)


class InferenceClient:
    """The hub at `address`, which knows who serves what, and the router that passes requests on."""

    def __init__(self, *, address: str, router: str, token: Callable[[], Secret | None]) -> None:
        self._hub = ServiceClient(endpoint=Endpoint(SERVICE, address.rstrip("/"), token))
        self._router = ServiceClient(
            endpoint=Endpoint(SERVICE, router.rstrip("/"), token, _DELIVERY_HOSTS)
        )

    def whoami(self) -> str:
        """Return whose token it is."""
        return words(table(self._hub.get_json("api/whoami-v2")).get("name"))

    def served(self, repo: str, ctx: JobContext | None = None) -> tuple[Served, ...]:
        """Return who serves a repo, owner/name; raises `NotFoundAtService`."""
        expand = {"expand": "inferenceProviderMapping"}
        reply = self._hub.get_json(f"api/models/{repo}", params=expand, ctx=ctx)
        mapping = read_reply(SERVICE, _Repo, reply).mapping
        if isinstance(mapping, Mapping):
            mapping = [{"provider": name, **table(facts)} for name, facts in mapping.items()]
        entries = mapping[:_MOST_PROVIDERS] if isinstance(mapping, list) else []
        return tuple(_served(table(entry)) for entry in entries)

    def draw_at_fal(self, provider_id: str, inputs: dict[str, Any]) -> Drawn:
        """Make a picture by fal: one request that costs money."""
        return read_paid_reply(
            SERVICE,
            Drawn,
            self._router.post_paid(f"fal-ai/{provider_id}", inputs, total_seconds=_PICTURE_SECONDS),
        )

    def draw_at_replicate(self, provider_id: str, inputs: dict[str, Any]) -> ReplicateMade:
        """Make a picture by Replicate, which is waited for: one request that costs money."""
        return read_paid_reply(
            SERVICE,
            ReplicateMade,
            self._router.post_paid(
                f"replicate/v1/models/{provider_id}/predictions",
                {"input": inputs},
                headers={"prefer": "wait"},
                total_seconds=_PICTURE_SECONDS,
            ),
        )

    def picture(self, url: str, ctx: JobContext) -> Blob:
        """Return a finished picture from where the provider put it."""
        return self._router.read(url, limit=_PICTURE_LIMIT, ctx=ctx)


def _served(entry: Mapping[str, Any]) -> Served:
    return Served(
        provider=words(entry.get("provider")),
        provider_id=words(entry.get("providerId")),
        status=words(entry.get("status")),
        task=words(entry.get("task")),
        weights=words(entry.get("adapterWeightsPath")) if entry.get("adapter") == "lora" else "",
    )
