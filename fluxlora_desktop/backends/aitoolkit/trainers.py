"""What ai-toolkit trains, as data: its parameters under the names of its configuration.

Names, defaults and the bases' own choices: ostris/ai-toolkit 27a03a9, config/examples and the
forms of its own pages. Times: a third party's trainings of FLUX.1 on cards of 16 to 48 GB.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.training import Parameter, ParameterKind, PriceRule, Trainer

_BASIS = "It trains on your own computer. The time is a guess: it depends on the graphics card."


@dataclass(frozen=True, slots=True)
class Recipe:
    """A trainer, and what its base wants in the configuration.

    `arch` and `hub_id` name the base to ai-toolkit; `needs` is the file of a checkout that can
    train it. `weighted` tells whether the base trains with weighted timesteps.
    """

    trainer: Trainer
    arch: str
    hub_id: str
    needs: str
    weighted: bool


def _parameters(*, hub_id: str, large: bool) -> tuple[Parameter, ...]:
    """Return the parameters of a base; a `large` one needs everything that saves memory."""
    return (
        Parameter(
            "steps", "Steps", ParameterKind.WHOLE, 1000, role="steps", low=1, high=20_000,
            says="How often the model looks at the photos; more takes longer.",
        ),
        Parameter(
            "linear", "Rank", ParameterKind.WHOLE, 16, role="rank", low=1, high=128,
            says="How much the LoRA can hold; a higher rank makes a larger file.",
        ),
        Parameter(
            "lr", "Learning rate", ParameterKind.NUMBER, 0.0001, role="learning_rate",
            low=0.000001, high=0.01,
            says="How large each step is; too high burns the pictures, too low learns nothing.",
            why="What ai-toolkit's own examples train with.",
        ),
        Parameter(
            "resolution", "Resolutions", ParameterKind.CHOICE, "512,768,1024", role="resolution",
            choices=("512", "768", "1024", "512,768", "768,1024", "512,768,1024"), unit="pixels",
            says="The sizes to train at. Smaller ones are faster and need less memory.",
        ),
        Parameter(
            "caption_dropout_rate", "Caption dropout", ParameterKind.NUMBER, 0.05,
            role="caption_dropout", low=0, high=1, says="How often a caption is left out.",
        ),
        Parameter(
            "batch_size", "Batch size", ParameterKind.WHOLE, 1, role="batch_size", low=1, high=8,
            says="Photos for each step; more needs more memory.",
        ),
        Parameter(
            "optimizer", "Optimizer", ParameterKind.CHOICE, "adamw8bit", role="optimizer",
            choices=("adamw8bit", "adamw", "prodigy", "adafactor"),
            says="The method that turns errors into changes.",
        ),
        Parameter(
            "default_caption", "Caption of photos without one", ParameterKind.TEXT, "",
            role="default_caption", says="ai-toolkit writes no captions by itself here.",
        ),
        Parameter(
            "lr_scheduler", "Learning rate over time", ParameterKind.CHOICE, "constant",
            choices=("constant", "cosine"), says="Constant stays; cosine fades to nothing.",
        ),
        Parameter(
            "ema_decay", "Smoothing", ParameterKind.NUMBER, 0.99, low=0, high=0.9999,
            says="How much of the steps before counts in what is saved; 0 is none.",
        ),
        Parameter(
            "save_every", "Checkpoint every", ParameterKind.WHOLE, 250, low=10, high=20_000,
            unit="steps", says="What a training that was cut off goes on from.",
        ),
        Parameter(
            "max_step_saves_to_keep", "Checkpoints kept", ParameterKind.WHOLE, 8, low=1, high=100,
            says="Older ones are deleted while it trains.",
        ),
        Parameter(
            "sample_every", "Sample pictures every", ParameterKind.WHOLE, 250, low=0, high=20_000,
            unit="steps", says="Pictures that show how far it is; 0 makes none and saves time.",
        ),
        Parameter(
            "sample_prompts", "Prompts for samples", ParameterKind.TEXT, "",
            says="With | between them; empty takes captions of the photos.",
            why="Your captions say best what the pictures should show.",
        ),
        Parameter(
            "quantize", "Base model in 8 bits", ParameterKind.FLAG, True,
            says="Fits a card of 24 GB. Without it FLUX needs 40 GB and more.",
        ),
        Parameter(
            "low_vram", "Save memory while it loads", ParameterKind.FLAG, large,
            says="Slower to start; for cards that also drive the screen.",
        ),
        Parameter(
            "cache_text_embeddings", "Read the captions once", ParameterKind.FLAG, large,
            says="Frees the memory of the text model. Then no caption is left out.",
        ),
        Parameter(
            "name_or_path", "Where the base model lies", ParameterKind.TEXT, hub_id,
            says="Its name at Hugging Face, or a folder on this computer.",
        ),
    )  # fmt: skip


def _recipe(
    base: str,
    title: str,
    says: str,
    *,
    arch: str,
    hub_id: str,
    needs: str,
    seconds_per_step: float,
) -> Recipe:
    flux2 = arch != "flux"
    trainer = Trainer(
        key=f"ai-toolkit/{base}",
        title=title,
        base=base,
        says=says,
        parameters=_parameters(hub_id=hub_id, large=flux2),
        price=PriceRule(
            start_seconds=300,
            seconds_per_step=seconds_per_step,
            spread=0.7,
            basis=_BASIS,
        ),
        trigger_input="",
        writes_captions=False,
        formats=("JPEG", "PNG", "WEBP"),
    )
    return Recipe(trainer, arch, hub_id, needs, weighted=flux2)


_FLUX2_FOLDER = "extensions_built_in/diffusion_models/flux2"
TRAINERS = (
    _recipe(
        "flux.1-dev", "FLUX.1-dev",
        "Every setting, with the ai-toolkit that you have. Needs a card of 24 GB.",
        arch="flux", hub_id="black-forest-labs/FLUX.1-dev", needs="toolkit/models/flux.py",
        seconds_per_step=2.5,
    ),
    _recipe(
        "flux.2-dev", "FLUX.2-dev",
        "The largest one: needs a card of 48 GB or more, and much main memory.",
        arch="flux2", hub_id="black-forest-labs/FLUX.2-dev",
        needs=f"{_FLUX2_FOLDER}/flux2_model.py", seconds_per_step=7.0,
    ),
    _recipe(
        "flux.2-klein-4b", "FLUX.2-klein-4B", "The smallest FLUX.2, for a card of 16 GB or more.",
        arch="flux2_klein_4b", hub_id="black-forest-labs/FLUX.2-klein-base-4B",
        needs=f"{_FLUX2_FOLDER}/flux2_klein_model.py", seconds_per_step=1.2,
    ),
    _recipe(
        "flux.2-klein-9b", "FLUX.2-klein-9B", "A smaller FLUX.2, for a card of 24 GB or more.",
        arch="flux2_klein_9b", hub_id="black-forest-labs/FLUX.2-klein-base-9B",
        needs=f"{_FLUX2_FOLDER}/flux2_klein_model.py", seconds_per_step=2.0,
    ),
)  # fmt: skip
"""In the order in which they are offered."""


def recipe_of(trainer: str) -> Recipe:
    """Return the recipe of a trainer by its key; raises `KeyError`."""
    for recipe in TRAINERS:
        if recipe.trainer.key == trainer:
            return recipe
    raise KeyError(trainer)
