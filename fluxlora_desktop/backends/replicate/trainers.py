"""Replicate's trainers as data: the API does not tell a trainer's inputs, so they stand here.

Inputs of ostris/flux-dev-lora-trainer: replicate/flux-fine-tuner 3dd14e3, train.py. The fast
trainer is closed source: its inputs are those of its page. Prices: Replicate's price page.
"""

from __future__ import annotations

from decimal import Decimal

from fluxlora_desktop.domain.training import Parameter, ParameterKind, PriceRule, Trainer

_OSTRIS_PARAMETERS = (
    Parameter(
        "steps", "Steps", ParameterKind.WHOLE, 1000, role="steps", low=3, high=6000,
        says="How often the model looks at the photos; more takes longer and costs more.",
    ),
    Parameter(
        "lora_rank", "Rank", ParameterKind.WHOLE, 16, role="rank", low=1, high=128,
        says="How much the LoRA can hold; a higher rank makes a larger file.",
    ),
    Parameter(
        "learning_rate", "Learning rate", ParameterKind.NUMBER, 0.0004, role="learning_rate",
        low=0.000001, high=1.0,
        says="How large each step is; too high burns the pictures, too low learns nothing.",
    ),
    Parameter(
        "resolution", "Resolutions", ParameterKind.TEXT, "512,768,1024", role="resolution",
        unit="pixels", says="The sizes to train at, separated by commas.",
    ),
    Parameter(
        "autocaption", "Write missing captions", ParameterKind.FLAG, True, role="autocaption",
        says="The trainer describes photos that have no caption.",
    ),
    Parameter(
        "autocaption_prefix", "Captions begin with", ParameterKind.TEXT, "",
        says="Asked of the caption writer; your own captions stay as they are.",
    ),
    Parameter(
        "autocaption_suffix", "Captions end with", ParameterKind.TEXT, "",
        says="Asked of the caption writer; your own captions stay as they are.",
    ),
    Parameter(
        "caption_dropout_rate", "Caption dropout", ParameterKind.NUMBER, 0.05,
        role="caption_dropout", low=0, high=1, says="How often a caption is left out.",
    ),
    Parameter(
        "batch_size", "Batch size", ParameterKind.WHOLE, 1, role="batch_size", low=1, high=8,
        says="Photos for each step.",
    ),
    Parameter(
        "optimizer", "Optimizer", ParameterKind.CHOICE, "adamw8bit", role="optimizer",
        choices=(
            "adamw8bit", "adamw", "adam8bit", "adam", "prodigy", "lion8bit", "lion", "adagrad",
            "adafactor",
        ),
        says="The method that turns errors into changes.",
    ),
    Parameter(
        "cache_latents_to_disk", "Keep prepared photos on disk", ParameterKind.FLAG, False,
        says="Helps when there are so many photos that the memory runs out.",
    ),
    Parameter(
        "gradient_checkpointing", "Save memory", ParameterKind.FLAG, False,
        says="Slower, with less memory; the trainer switches it on by itself where it must.",
    ),
    Parameter(
        "layers_to_optimize_regex", "Only these layers", ParameterKind.TEXT, "",
        says="A pattern for the names of layers; empty trains all of them.",
    ),
)  # fmt: skip
_FAST_PARAMETERS = (
    Parameter(
        "training_steps", "Steps", ParameterKind.WHOLE, 1000, role="steps", low=500, high=4000,
        says="How often the model looks at the photos; more takes longer and costs more.",
    ),
    Parameter(
        "lora_type", "What the photos share", ParameterKind.CHOICE, "subject", role="lora_type",
        choices=("subject", "style"), says="One subject, or one style.",
    ),
)  # fmt: skip

OSTRIS = Trainer(
    key="ostris/flux-dev-lora-trainer",
    title="FLUX LoRA trainer by Ostris",
    base="flux.1-dev",
    says="The thorough one: every setting, a progress bar with the loss, about 11 minutes.",
    parameters=_OSTRIS_PARAMETERS,
    price=PriceRule(
        usd_per_second=Decimal("0.001525"),
        start_seconds=130,
        seconds_per_step=0.55,
        spread=0.35,
        basis="One H100 at $0.001525 a second; 1000 steps took 11 min 22 s, $1.04.",
    ),
    spare_input="wandb_run",
    archive_stem="img_{:03d}",
    crops_known=True,
    formats=("JPEG", "PNG", "WEBP"),
)
FAST = Trainer(
    key="replicate/fast-flux-trainer",
    title="Fast FLUX trainer",
    base="flux.1-dev",
    says="Eight GPUs at once: about 2 minutes, few settings, no loss curve.",
    parameters=_FAST_PARAMETERS,
    price=PriceRule(
        usd_per_second=Decimal("0.0122"),
        start_seconds=30,
        seconds_per_step=0.09,
        spread=0.5,
        basis="Eight H100 at $0.0122 a second; usually 2 minutes, $1.46. It can take longer.",
    ),
    archive_stem="img_{}",
)
TRAINERS = (OSTRIS, FAST)
