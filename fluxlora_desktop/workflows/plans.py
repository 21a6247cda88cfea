"""From a draft to a training that can be priced and launched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from fluxlora_desktop.domain.captions import class_in, has_trigger
from fluxlora_desktop.domain.datasets import FEWEST_PHOTOS, Dataset, DatasetVersion
from fluxlora_desktop.domain.errors import InputError, TooFewPhotos
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import LoraUse
from fluxlora_desktop.domain.ports import Services, TrainingBackend
from fluxlora_desktop.domain.recipes import recommend
from fluxlora_desktop.domain.routes import Route, routes_for
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.domain.services import NOT_A_TOKEN_FIELD, holds_token
from fluxlora_desktop.domain.training import (
    Choice,
    Parameters,
    ParameterValue,
    Trainer,
    TrainingSpec,
    Visibility,
)

_NAME_LIMIT = 64


TrainerName = tuple[str, str]
"""The key of a training backend and that of one of its trainers."""


@dataclass(frozen=True, slots=True)
class Way:
    """A trainer as it would train a draft: for which price, and where the LoRA could be used then.

    `routes` are the services' answers as planned, `public_routes` those for a LoRA that everybody
    may read. `runs_here` is true for this computer, `not_ready` says why nothing can be started
    there now, "" where it can, and `named_in_settings` whether that is mended in Settings.
    """

    backend: str
    backend_title: str
    trainer: Trainer
    estimate: Estimate
    routes: tuple[Route, ...]
    public_routes: tuple[Route, ...]
    runs_here: bool = False
    not_ready: str = ""
    named_in_settings: bool = False

    @property
    def name(self) -> TrainerName:
        """Return what tells the trainer from all others."""
        return self.backend, self.trainer.key

    def reaches(self, goal: str) -> bool:
        """Tell whether the LoRA, as planned, could be used at a service; "" is anywhere."""
        return any(route.works and goal in {"", route.generator} for route in self.routes)

    def could_reach(self, goal: str) -> bool:
        """Tell whether the way is one for this goal; any trainer will do for no goal at all."""
        return not goal or self.reaches_in_public(goal)

    def reaches_in_public(self, goal: str) -> bool:
        """Tell whether a public LoRA could be used at a service; "" is anywhere."""
        return any(route.works and goal in {"", route.generator} for route in self.public_routes)


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
    trigger = dataset.trigger_word.strip()
    chosen = recommend(
        plan.preset,
        trainer_of(plan, backend),
        photo_count=len(dataset.kept),
        captions_complete=_complete(dataset),
        quality=plan.quality,
        trigger_word=trigger,
        class_word=class_in((photo.caption for photo in dataset.kept), trigger),
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
        photo_count=len(dataset.kept),
        destination=repo_name(run.plan.repo or run.plan.name) or "my-lora",
        parameters=trainer.checked(chosen),
        captions_complete=_complete(dataset),
        visibility=run.plan.visibility,
    )


def check_plan(run: Run, dataset: Dataset) -> None:
    """Raise `InputError` or `TooFewPhotos` for what must be settled before Start."""
    if len(dataset.kept) < FEWEST_PHOTOS:
        raise TooFewPhotos(len(dataset.kept), FEWEST_PHOTOS)
    if not dataset.trigger_word.strip():
        raise InputError("trigger_word", "Give the LoRA a trigger word.")
    if not run.plan.name.strip():
        raise InputError("name", "Give the LoRA a name.")
    if not repo_name(run.plan.repo or run.plan.name):
        raise InputError("repo", "Use letters a to z, digits and dashes.")
    texts = {"trigger_word": dataset.trigger_word, "name": run.plan.name, "repo": run.plan.repo}
    for field, text in texts.items():
        if holds_token(text):
            raise InputError(field, NOT_A_TOKEN_FIELD)
    if not run.plan.rights_confirmed:
        raise InputError("rights_confirmed", "Confirm that you may use these photos.")


def check_ready(plan: RunPlan, backend: TrainingBackend) -> None:
    """Raise `InputError` where the plan's trainer can start nothing now."""
    if reason := backend.abilities().reason_against(trainer_of(plan, backend)):
        raise InputError("trainer", reason)


def troubles_of(run: Run, backend: TrainingBackend, dataset: Dataset) -> dict[str, str]:
    """Return the parameters that keep a training from being launched, each with the reason."""
    trainer = trainer_of(run.plan, backend)
    found: dict[str, str] = {}
    for choice in choices_for(run.plan, backend, dataset):
        try:
            trainer.parameter(choice.name).checked(choice.value)
        except InputError as error:
            found[error.field] = error.reason
    if not found:
        try:
            check_captions(spec_for(run, backend, dataset), trainer)
        except InputError as error:
            found[error.field] = error.reason
    return found


def check_captions(spec: TrainingSpec, trainer: Trainer) -> None:
    """Raise `InputError` where a photo without a caption would be trained without the trigger word.

    fal's FLUX.2 trainers fail when neither a photo nor the default has a caption.
    """
    default = trainer.with_role("default_caption")
    if default is None or spec.captions_complete or trainer.describes_photos(spec.parameters):
        return
    text = str(spec.parameters.get(default.name, ""))
    if not text.strip():
        raise InputError(default.name, "Photos without a caption need one.")
    if not has_trigger(text, spec.trigger_word):
        raise InputError(default.name, f"Name the trigger word {spec.trigger_word} in it.")


def _complete(dataset: Dataset | DatasetVersion) -> bool:
    return bool(dataset.kept) and all(item.caption.strip() for item in dataset.kept)


def ways_for(
    run: Run,
    dataset: Dataset,
    services: Services,
    by_hand: Mapping[TrainerName, Parameters] = MappingProxyType({}),
) -> tuple[Way, ...]:
    """Return every trainer on offer as it would train this draft, in the order of the services.

    `by_hand` are the changes that wait for trainers other than the plan's.
    """
    chosen = services.trainer(run.plan.backend)
    return tuple(
        _way(run, dataset, backend, trainer, services, by_hand)
        for backend in services.trainers
        if backend is chosen or backend.abilities().offered
        for trainer in backend.abilities().trainers
    )


def _way(
    run: Run,
    dataset: Dataset,
    backend: TrainingBackend,
    trainer: Trainer,
    services: Services,
    by_hand: Mapping[TrainerName, Parameters],
) -> Way:
    plan, abilities = run.plan, backend.abilities()
    chosen = services.trainer(plan.backend)
    is_chosen = backend is chosen and trainer.key == trainer_of(plan, chosen).key
    changes = plan.parameters if is_chosen else by_hand.get((backend.key, trainer.key), {})
    plan = replace(plan, backend=backend.key, trainer=trainer.key, parameters=changes)
    public = replace(plan, publish=True, visibility=Visibility.PUBLIC)
    return Way(
        backend.key,
        backend.title,
        trainer,
        _estimate(replace(run, plan=plan), backend, dataset),
        _routes(plan, trainer, services),
        _routes(public, trainer, services),
        abilities.runs_here,
        abilities.reason_against(trainer),
        abilities.named_in_settings,
    )


def _estimate(run: Run, backend: TrainingBackend, dataset: Dataset) -> Estimate:
    """Return the price range; values out of range count as the recipe's own."""
    try:
        return backend.estimate(spec_for(run, backend, dataset))
    except InputError:
        plain = replace(run, plan=replace(run.plan, parameters={}))
        return backend.estimate(spec_for(plain, backend, dataset))


def _routes(plan: RunPlan, trainer: Trainer, services: Services) -> tuple[Route, ...]:
    """Say where the finished LoRA could be used, as if it were there already."""
    use = LoraUse(
        lora_id="",
        name=plan.name or "This LoRA",
        base=trainer.base,
        scale=1.0,
        trained_version="planned",
        trained_at=plan.backend,
        address="planned" if plan.publish else "",
        private=plan.visibility is Visibility.PRIVATE,
        file="planned",
    )
    return routes_for(use, [(g.key, g.title, g.abilities()) for g in services.generators])


def goals_of(ways: Sequence[Way]) -> tuple[tuple[str, str], ...]:
    """Return (key, title) of the services for whose LoRAs there is a trainer, as offered."""
    routes = [route for way in ways for route in way.public_routes]
    within_reach = {route.generator for route in routes if route.works}
    titles = {route.generator: route.generator_title for route in routes}
    return tuple((key, title) for key, title in titles.items() if key in within_reach)


def way_to(goal: str, ways: Sequence[Way], now: Way) -> Way:
    """Return the way that leads to a goal: the one chosen now where it does, else the first."""
    if now.could_reach(goal):
        return now
    fits = [way for way in ways if way.could_reach(goal)]
    ready = [way for way in fits if not way.not_ready]
    return next(iter([*ready, *fits]), now)
