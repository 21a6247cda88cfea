"""The trainers of this computer as data: one for each base, all by the same program.

The names are those of `job.json`. The values follow what ai-toolkit, kohya's sd-scripts and the
diffusers examples train with; the learning rate is ai-toolkit's. Times are guesses for a GPU like
an RTX 4090 until the computer was measured.
"""

from __future__ import annotations

from fluxlora_desktop.domain.bases import BASES, BaseModel
from fluxlora_desktop.domain.training import Parameter, ParameterKind, PriceRule, Trainer

FREE = "It trains on your own computer."
_START_SECONDS = 240.0
_SECONDS_PER_STEP = {
    "flux.1-dev": 2.6,
    "flux.2-dev": 6.0,
    "flux.2-klein-4b": 1.2,
    "flux.2-klein-9b": 2.2,
}
_PARAMETERS = (
    Parameter(
        "steps", "Steps", ParameterKind.WHOLE, 1000, role="steps", low=1, high=10_000,
        says="How often the model looks at the photos; more takes longer.",
    ),
    Parameter(
        "rank", "Rank", ParameterKind.WHOLE, 16, role="rank", low=1, high=128,
        says="How much the LoRA can hold; a higher rank makes a larger file.",
    ),
    Parameter(
        "learning_rate", "Learning rate", ParameterKind.NUMBER, 0.0001, role="learning_rate",
        low=0.000001, high=0.01,
        says="How large each step is; too high burns the pictures, too low learns nothing.",
        why="What most own trainings begin with: safe, and it learns a subject in 1,000 steps.",
    ),
    Parameter(
        "resolution", "Resolutions", ParameterKind.CHOICE, "512,768,1024", role="resolution",
        choices=("512", "768", "1024", "512,768", "768,1024", "512,768,1024"), unit="pixels",
        says="The sizes to train at. Smaller ones are faster and need less memory.",
    ),
    Parameter(
        "caption_dropout", "Caption dropout", ParameterKind.NUMBER, 0.05, role="caption_dropout",
        low=0, high=1, says="How often a caption is left out.",
    ),
    Parameter(
        "batch_size", "Batch size", ParameterKind.WHOLE, 1, role="batch_size", low=1, high=8,
        says="Photos for each step.",
    ),
    Parameter(
        "optimizer", "Optimizer", ParameterKind.CHOICE, "adamw8bit", role="optimizer",
        choices=("adamw8bit", "adamw"), says="The method that turns errors into changes.",
    ),
    Parameter(
        "precision", "Precision", ParameterKind.CHOICE, "auto", role="precision",
        choices=("auto", "bf16", "int8", "nf4"),
        says="How the base model is kept in memory: bf16 is exact, nf4 the smallest.",
        why="The most exact that fits the memory of this computer's GPU is taken.",
    ),
    Parameter(
        "ema", "Averaging", ParameterKind.NUMBER, 0.99, role="ema", low=0, high=0.9999,
        says="The weights are averaged over the last steps; 0 switches it off.",
        why="An average over about a hundred steps is calmer than the last step alone.",
    ),
    Parameter(
        "schedule", "Learning rate over time", ParameterKind.CHOICE, "constant", role="schedule",
        choices=("constant", "linear", "cosine"),
        says="Constant stays as it is; linear and cosine fall towards the end.",
        why="With a small rate and few steps nothing is gained by falling.",
    ),
    Parameter(
        "sample_every", "Sample pictures every", ParameterKind.WHOLE, 250, role="samples", low=0,
        high=10_000, unit="steps", says="Pictures to see how far it is; 0 makes none.",
        why="Four looks in 1,000 steps; each takes less than a minute.",
    ),
    Parameter(
        "sample_prompts", "Prompts for samples", ParameterKind.TEXT, "",
        says="With | between them; empty takes captions of the photos.",
        why="Your captions say best what the pictures should show.",
    ),
    Parameter(
        "checkpoint_every", "Keep the LoRA every", ParameterKind.WHOLE, 250, role="checkpoints",
        low=10, high=10_000, unit="steps",
        says="An earlier one can be better than the last. A stopped training goes on from there.",
        why="Four to compare in 1,000 steps, and little is lost when the computer stops.",
    ),
    Parameter(
        "seed", "Seed", ParameterKind.WHOLE, 0, role="seed", low=0, high=2**31 - 1,
        says="The same photos, settings and seed give the same LoRA.",
        why="Any number will do.",
    ),
    Parameter(
        "default_caption", "Caption of photos without one", ParameterKind.TEXT, "",
        role="default_caption", says="This trainer writes no captions.",
    ),
)  # fmt: skip


def trainer_for(base: BaseModel) -> Trainer:
    """Return the trainer of a base."""
    return Trainer(
        key=base.key,
        title=base.title,
        base=base.key,
        says="Every setting, samples while it trains, and nothing leaves this computer.",
        parameters=_PARAMETERS,
        price=PriceRule(
            start_seconds=_START_SECONDS,
            seconds_per_step=_SECONDS_PER_STEP[base.key],
            spread=0.5,
            basis=f"{FREE} The time is a guess until this computer was measured.",
        ),
        trigger_input="",
        writes_captions=False,
        formats=("JPEG", "PNG", "WEBP"),
    )


TRAINERS: tuple[Trainer, ...] = tuple(
    trainer_for(base) for base in BASES if base.key in _SECONDS_PER_STEP
)
