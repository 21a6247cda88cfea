"""The fate of a request, decided when it is submitted; all times are seconds of a real one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fluxlora_desktop.practice.fal.catalogue import Painter, Trainer
from fluxlora_desktop.practice.fal.errors import Failure, InvalidInput, crashed, invalid, problem
from fluxlora_desktop.practice.fal.orders import read_order
from fluxlora_desktop.practice.fal.recipes import Recipe, read_recipe
from fluxlora_desktop.practice.fal.scripts import FalScript
from fluxlora_desktop.practice.photo_zip import NotAZip, PhotoZip, list_photos, read_captions

_TRAINER_QUEUE_S, _PAINTER_QUEUE_S = 20.0, 1.0
_PICTURE_S = 3.0
_SAVE_S = 5.0
_CHECK_S = 0.3
"""After how much of a run an input is refused."""
_READ_PHOTOS = 0.15
"""The part of the setting up after which the photos were read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The fate of one request, from which its state and log at any moment follow."""

    queue_s: float
    """From the submission to the start."""
    run_s: float
    """From the start to the end."""
    failure: Failure | None = None
    setup_s: float = 0.0
    """Of a training: from the start to the first step."""
    steps: int = 0
    step_s: float = 0.0
    photos: int = 0
    captions: int = 0


def plan_picture(painter: Painter, given: Mapping[str, Any], *, request_id: str) -> Plan:
    """Decide how a request for pictures goes, as far as its inputs alone tell."""
    plan = Plan(queue_s=_PAINTER_QUEUE_S, run_s=_PICTURE_S)
    try:
        read_order(painter, given, request_id=request_id)
    except InvalidInput as trouble:
        return replace(plan, run_s=_CHECK_S, failure=invalid(trouble.problems))
    return plan


def queue_seconds(script: FalScript) -> float:
    """Return how long a training waits before its run, in which it fetches the photos."""
    return _TRAINER_QUEUE_S if script.queue_seconds is None else script.queue_seconds


def plan_training(
    trainer: Trainer, given: Mapping[str, Any], archive: PhotoZip | None, script: FalScript
) -> Plan:
    """Decide how a training goes; bad inputs fail it later, as they do at the real service."""
    plan = Plan(queue_s=queue_seconds(script), run_s=_CHECK_S)
    try:
        recipe = read_recipe(trainer, given)
    except InvalidInput as trouble:
        return replace(plan, failure=invalid(trouble.problems))
    plan = _with_pace(replace(plan, steps=recipe.steps), trainer, script)
    try:
        photos, captions = _count_photos(trainer, recipe, archive)
    except InvalidInput as trouble:
        reading = _READ_PHOTOS * plan.setup_s
        return replace(plan, run_s=reading, failure=invalid(trouble.problems))
    plan = replace(plan, photos=photos, captions=captions)
    if script.outcome == "failed":
        until = plan.setup_s + script.fails_after * plan.steps * plan.step_s
        return replace(plan, run_s=until, failure=crashed(script.error))
    return plan


def _with_pace(plan: Plan, trainer: Trainer, script: FalScript) -> Plan:
    """Set the lengths; a script shortens all of them in proportion, or makes the steps longer."""
    usual = trainer.setup_s + plan.steps * trainer.step_s + _SAVE_S
    whole = usual if script.run_seconds is None else script.run_seconds
    around = min(1.0, whole / usual)
    setup, saving = around * trainer.setup_s, around * _SAVE_S
    return replace(plan, run_s=whole, setup_s=setup, step_s=(whole - setup - saving) / plan.steps)


def _count_photos(trainer: Trainer, recipe: Recipe, archive: PhotoZip | None) -> tuple[int, int]:
    """Return how many photos and captions there are; raises `InvalidInput` for too few."""
    if archive is None:
        words = "Failed to download the file. Please check if the URL is accessible and try again."
        raise _bad_archive(trainer, words, "file_download_error")
    try:
        found = list_photos(archive)
        captions = read_captions(archive)
    except NotAZip as error:
        raise _bad_archive(trainer, "The archive is not a valid zip file") from error
    if len(found.names) < trainer.least_photos:
        wanted = f"at least {trainer.least_photos} images are needed"
        raise _bad_archive(trainer, f"Found {len(found.names)} images, {wanted}")
    missing = [name for name in found.names if name not in found.captioned]
    if trainer.needs_captions and missing and not recipe.default_caption:
        words = f"No caption found for image {missing[0]} and no default_caption was provided"
        raise _bad_archive(trainer, words)
    return len(found.names), len(captions)


def _bad_archive(trainer: Trainer, says: str, kind: str = "value_error") -> InvalidInput:
    return InvalidInput([problem((trainer.archive_field,), says, kind)])
