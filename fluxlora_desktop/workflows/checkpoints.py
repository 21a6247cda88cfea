"""Take a checkpoint of a training into the library, as a LoRA of its own."""

from __future__ import annotations

from collections.abc import Sequence

from fluxlora_desktop.domain.errors import NotFoundAtService, WeightsError
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.training import Checkpoint
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.workflows.collect import lora_of
from fluxlora_desktop.workflows.pausing import outputs_of
from fluxlora_desktop.workflows.tools import Tools


def keep_checkpoints(
    run_id: str, steps: Sequence[int], tools: Tools, ctx: JobContext
) -> tuple[Lora, ...]:
    """Copy the weights after these steps into the library; what is in it already is that Lora.

    They know which run they are of, and are named after the step. Raises `WeightsError`,
    `NotFoundAtService` for a checkpoint that is gone, `StorageError` and its kin.
    """
    run = tools.stores.runs.get(run_id)
    there = {item.step: item for item in outputs_of(run, tools).checkpoints}
    kept = list[Lora]()
    for step in steps:
        ctx.check()
        if step not in there:
            service = run.external_training_service or run.plan.backend
            raise NotFoundAtService(service, f"The checkpoint after step {step} is gone.")
        kept.append(_keep(run_id, there[step], tools, ctx))
    return tuple(kept)


def _keep(run_id: str, checkpoint: Checkpoint, tools: Tools, ctx: JobContext) -> Lora:
    stores = tools.stores
    run = stores.runs.get(run_id)
    facts = inspect_weights(checkpoint.path, ctx.check)
    known = stores.loras.with_sha256(facts.sha256) or stores.loras.with_tensors(facts.tensor_hash)
    lora_id = known.id if known is not None else facts.sha256[:16]
    kept = stores.files.lora(lora_id)
    if known is None or not kept.is_file():
        stores.files.copy(checkpoint.path, kept)
        if inspect_weights(kept).sha256 != facts.sha256:
            raise WeightsError(checkpoint.path, "it changed while it was copied")
        if known is not None:
            known = stores.loras.reheaded(known.id, facts.sha256, facts.size_bytes)
    if known is not None:
        return stores.loras.trash(known.id, trashed=False) if known.trashed_at else known
    service = run.external_training_service or run.plan.backend
    name = f"{run.plan.name}, step {checkpoint.step:,}"
    return stores.loras.add(lora_of(run, facts, service, tools, lora_id=lora_id, name=name))
