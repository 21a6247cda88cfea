"""The model that a training's result becomes a version of."""

from __future__ import annotations

from collections.abc import Iterator

from fluxlora_desktop.backends.replicate.client import ReplicateClient
from fluxlora_desktop.backends.replicate.wire import SERVICE, Hardware, ModelReply
from fluxlora_desktop.domain.errors import (
    NotFoundAtService,
    ServiceInterrupted,
    ServiceRefused,
    UnexpectedReply,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.recovery import mark_of_run
from fluxlora_desktop.domain.training import Destination, TrainingSpec

_MOST_NAMES = 30


def find_destination(
    client: ReplicateClient, spec: TrainingSpec, ctx: JobContext
) -> Destination | None:
    """Return the model that this run made before, or None."""
    owner = client.account().username
    for name in _names(spec):
        ctx.check()
        model = _existing(client, f"{owner}/{name}")
        if model is None:
            return None
        if _made_by(model, spec.run_id):
            return Destination(f"{owner}/{name}")
    return None


def make_destination(client: ReplicateClient, spec: TrainingSpec, ctx: JobContext) -> Destination:
    """Return this run's model, made if it is not there; a name taken otherwise gets a number."""
    owner = client.account().username
    for name in _names(spec):
        ctx.check()
        model = _existing(client, f"{owner}/{name}")
        created = model is None
        if model is None:
            model = _create(client, owner, name, spec)
        if _made_by(model, spec.run_id):
            return Destination(f"{owner}/{name}", created)
    raise ServiceRefused(SERVICE, f"every name like {spec.destination} is taken")


def _names(spec: TrainingSpec) -> Iterator[str]:
    yield spec.destination
    yield from (f"{spec.destination}-{place}" for place in range(2, _MOST_NAMES + 1))


def _existing(client: ReplicateClient, name: str) -> ModelReply | None:
    try:
        return client.model(name)
    except NotFoundAtService:
        return None


def _mark(spec: TrainingSpec) -> str:
    """Return what tells this library's models from others' also when nothing else is left."""
    return f"{mark_of_run(spec.library, spec.run_id)}, " if spec.library else ""


def _create(client: ReplicateClient, owner: str, name: str, spec: TrainingSpec) -> ModelReply:
    """Make the model; when the answer is lost or the name is taken, look what is there."""
    try:
        return client.create_model(
            owner=owner,
            name=name,
            sku=_sku(client.hardware()),
            description=f"A LoRA made with FluxLoRA Desktop, {_mark(spec)}run {spec.run_id}",
        )
    except (ServiceInterrupted, UnexpectedReply) as error:
        made = _existing(client, f"{owner}/{name}")
        if made is None:
            raise ServiceInterrupted(SERVICE, error.detail, status=error.status) from error
        return made
    except ServiceRefused as error:
        if error.status != 409:
            raise
        return client.model(f"{owner}/{name}")


def _made_by(model: ModelReply, run_id: str) -> bool:
    return model.description.rstrip().endswith(f"run {run_id}")


def _sku(machines: tuple[Hardware, ...]) -> str:
    """Choose any machine: Replicate puts its own in place for a FLUX LoRA."""
    skus = [machine.sku for machine in machines]
    for wanted in ("gpu-t4", "cpu"):
        if wanted in skus:
            return wanted
    if not skus:
        raise ServiceRefused(SERVICE, "Replicate lists no hardware at present.")
    return skus[0]
