"""The fate of a training, decided when it is created; all times are seconds of a real one."""

from dataclasses import dataclass, replace
from typing import Any

from fluxlora_desktop.practice.photo_zip import PhotoZip
from fluxlora_desktop.practice.replicate.catalogue import PublicModel
from fluxlora_desktop.practice.replicate.photos import ZipTrouble, find_photos
from fluxlora_desktop.practice.replicate.scripts import TrainingScript

_READ_ZIP_S = 27.0
_SAVE_S = 6.0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The fate of one training, from which its state and log at any moment follow."""

    kind: str
    outcome: str
    """succeeded, failed or aborted."""
    queue_s: float
    """From the creation to the start."""
    run_s: float
    """From the start to the end; 0 for a training that never starts."""
    error: str | None = None
    traceback: bool = False
    """Whether the log ends with where the trainer's code failed."""
    steps: int = 1000
    rank: int = 16
    learning_rate: float = 0.0004
    resolutions: tuple[int, ...] = (512, 768, 1024)
    trigger_word: str = "TOK"
    entries: int = 0
    """Files in the zip, of whatever kind."""
    photos: tuple[str, ...] = ()
    captioned: tuple[str, ...] = ()
    """The photos that came with a caption."""
    nan_from_step: int | None = None
    keeps_output: bool = True
    """False for a success whose output is never told."""

    @property
    def uncaptioned(self) -> tuple[str, ...]:
        """The photos that the trainer has to describe itself."""
        return tuple(name for name in self.photos if name not in self.captioned)

    @property
    def seconds_per_step(self) -> float:
        """How long a step takes: 1000 steps of ostris 9 minutes, of the fast trainer 2."""
        return 0.09 if self.kind == "fast" else 0.544

    @property
    def training_starts_s(self) -> float:
        """When the first step begins, after the start of the run."""
        if self.kind == "fast":
            return 24.0
        captions = 33.0 + 1.2 * len(self.uncaptioned) if self.uncaptioned else 0.0
        return _READ_ZIP_S + 1.0 + captions + 26.0


def make_plan(
    trainer: PublicModel, given: dict[str, Any], zip_file: PhotoZip | None, script: TrainingScript
) -> TrainingPlan:
    """Decide how a training goes; bad inputs fail it later, as they do at the real service."""
    plan = TrainingPlan(
        kind=trainer.kind,
        outcome="succeeded",
        queue_s=60.0 if trainer.kind == "ostris" else 20.0,
        run_s=0.0,
        trigger_word=str(given.get("trigger_word", "TOK")),
        nan_from_step=script.nan_loss_from_step,
        keeps_output=not script.output_missing,
    )
    if script.queue_seconds is not None:
        plan = replace(plan, queue_s=script.queue_seconds)
    refusal = refused_input(trainer, given)
    if refusal:
        return replace(plan, outcome="failed", queue_s=1.0, run_s=0.3, error=refusal)
    plan = _with_numbers(plan, trainer, given)
    try:
        photos = find_photos(zip_file)
    except ZipTrouble as trouble:
        return _failing(plan, _READ_ZIP_S, str(trouble))
    plan = replace(plan, entries=photos.entries, photos=photos.names, captioned=photos.captioned)
    if not photos.names:
        return _failing(plan, plan.training_starts_s - 6.0, "no images found in input_images")
    whole = plan.training_starts_s + plan.steps * plan.seconds_per_step + _SAVE_S
    return _scripted(replace(plan, run_s=whole), script)


def _with_numbers(plan: TrainingPlan, trainer: PublicModel, given: dict[str, Any]) -> TrainingPlan:
    if trainer.kind == "fast":
        return replace(plan, steps=int(given.get("training_steps", 1000)))
    sizes = str(given.get("resolution", "512,768,1024")).split(",")
    return replace(
        plan,
        steps=int(given.get("steps", 1000)),
        rank=int(given.get("lora_rank", 16)),
        learning_rate=float(given.get("learning_rate", 0.0004)),
        resolutions=tuple(int(size) for size in sizes if size.strip().isdigit()) or (1024,),
    )


def _failing(plan: TrainingPlan, run_s: float, error: str) -> TrainingPlan:
    return replace(plan, outcome="failed", run_s=run_s, error=error, traceback=True)


def _scripted(plan: TrainingPlan, script: TrainingScript) -> TrainingPlan:
    if script.outcome == "aborted":
        return replace(plan, outcome="aborted", run_s=0.0)
    if script.outcome == "failed":
        training = plan.steps * plan.seconds_per_step
        run_s = plan.training_starts_s + script.fails_after * training
        return _failing(plan, run_s, script.error)
    return plan


_BOUNDS: dict[str, tuple[str, float, float | None]] = {
    "steps": ("whole", 3, 6000),
    "lora_rank": ("whole", 1, 128),
    "batch_size": ("whole", 1, None),
    "caption_dropout_rate": ("number", 0, 1),
    "learning_rate": ("number", 0, None),
}


def refused_input(trainer: PublicModel, given: dict[str, Any]) -> str:
    """Return the message of an input that the trainer's own check refuses, or nothing."""
    address = given.get("input_images")
    if not isinstance(address, str) or not address.startswith(("http://", "https://", "data:")):
        said = f"'{str(address or '').partition('://')[0]}' is not a valid URL scheme."
        return _refusal("input_images", f"{said} 'data', 'http', or 'https' is supported.")
    if trainer.kind == "fast":
        steps = given.get("training_steps", 1000)
        bad = not isinstance(steps, int) or not 1 <= steps <= 10_000
        return _refusal("training_steps", "value is not a valid integer") if bad else ""
    for name, (kind, low, high) in _BOUNDS.items():
        value = given.get(name)
        if value is not None and (refusal := _out_of_bounds(name, value, kind, low, high)):
            return refusal
    return ""


def _out_of_bounds(name: str, value: Any, kind: str, low: float, high: float | None) -> str:
    if isinstance(value, bool) or not isinstance(value, int if kind == "whole" else int | float):
        what = "integer" if kind == "whole" else "float"
        return _refusal(name, f"value is not a valid {what}", f"type_error.{what}")
    if value < low:
        return _limit(name, "greater than or equal to", low, "not_ge")
    if high is not None and value > high:
        return _limit(name, "less than or equal to", high, "not_le")
    return ""


def _limit(name: str, words: str, limit: float, code: str) -> str:
    return _refusal(
        name,
        f"ensure this value is {words} {limit:g}",
        f"value_error.number.{code}",
        f',"ctx":{{"limit_value":{limit:g}}}',
    )


def _refusal(name: str, says: str, code: str = "value_error", context: str = "") -> str:
    """Return the message in the words and order recorded from the real service."""
    place = f'"loc":["body","input","{name}"],"msg":"{says}","type":"{code}"{context}'
    return f'Prediction input failed validation: {{"detail":[{{{place}}}]}}'
