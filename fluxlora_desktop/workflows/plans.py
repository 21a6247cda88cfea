"""From a draft to a training that can be priced and launched."""

from __future__ import annotations

import re
import unicodedata

from fluxlora_desktop.domain.datasets import FEWEST_PHOTOS, Dataset, DatasetVersion
from fluxlora_desktop.domain.errors import InputError, TooFewPhotos
from fluxlora_desktop.domain.ports import TrainingBackend
from fluxlora_desktop.domain.recipes import recommend
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.domain.training import Choice, ParameterValue, Trainer, TrainingSpec

_NAME_LIMIT = 64


def repo_name(name: str) -> str:
    """Return a name that hubs and services take: a-z, 0-9, -, _, ., at most 64 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"[^a-z0-9._-]+", "-", plain)
    text = re.sub(r"-{2,}", "-", re.sub(r"\.{2,}", ".", text)).strip("-._")
    return text.removesuffix(".git")[:_NAME_LIMIT].strip("-._")


def trainer_of(plan: RunPlan, backend: TrainingBackend) -> Trainer:
    """Return the plan's trainer, or the first one when the plan names none."""
    abilities = backend.abilities()
    return abilities.trainer(plan.trainer) if plan.trainer else abilities.trainers[0]


def choices_for(
    plan: RunPlan, backend: TrainingBackend, dataset: Dataset | DatasetVersion
) -> tuple[Choice, ...]:
    """Return the recipe's value and reason for every parameter, hand-made changes on top."""
    chosen = recommend(
        plan.preset,
        trainer_of(plan, backend),
        photo_count=len(dataset.photos),
        captions_complete=_complete(dataset),
        quality=plan.quality,
    )
    return tuple(
        Choice(choice.name, plan.parameters[choice.name], "Chosen by you.")
        if choice.name in plan.parameters
        else choice
        for choice in chosen
    )


def spec_for(run: Run, backend: TrainingBackend, dataset: Dataset | DatasetVersion) -> TrainingSpec:
    """Return the training that a run's plan means; raises `InputError` for values out of range."""
    trainer = trainer_of(run.plan, backend)
    chosen: dict[str, ParameterValue] = {
        choice.name: choice.value for choice in choices_for(run.plan, backend, dataset)
    }
    return TrainingSpec(
        run_id=run.id,
        trainer=trainer.key,
        base=trainer.base,
        trigger_word=dataset.trigger_word.strip(),
        photo_count=len(dataset.photos),
        destination=repo_name(run.plan.repo or run.plan.name) or "my-lora",
        parameters=trainer.checked(chosen),
        captions_complete=_complete(dataset),
        visibility=run.plan.visibility,
    )


def check_plan(run: Run, dataset: Dataset) -> None:
    """Raise `InputError` or `TooFewPhotos` for what must be settled before Start."""
    if len(dataset.photos) < FEWEST_PHOTOS:
        raise TooFewPhotos(len(dataset.photos), FEWEST_PHOTOS)
    if not dataset.trigger_word.strip():
        raise InputError("trigger_word", "Give the LoRA a trigger word.")
    if not run.plan.name.strip():
        raise InputError("name", "Give the LoRA a name.")
    if not repo_name(run.plan.repo or run.plan.name):
        raise InputError("repo", "Use letters a to z, digits and dashes.")
    if not run.plan.rights_confirmed:
        raise InputError("rights_confirmed", "Confirm that you may use these photos.")


def _complete(dataset: Dataset | DatasetVersion) -> bool:
    return bool(dataset.photos) and all(item.caption.strip() for item in dataset.photos)
