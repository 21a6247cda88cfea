"""fal's trainers as data.

Inputs and prices: the models' pages at fal.ai (llms.txt of 2026) where they could be read, else
the schemas as third parties copied them; each price says how sure it is. Times: one training of
4000 steps took 5091 s, one of 2000 steps with trainer v2 about 55 minutes (third parties).
"""

from __future__ import annotations

from decimal import Decimal

from fluxlora_desktop.domain.training import Parameter, ParameterKind, PriceRule, Trainer

_STEPS_SAY = "How often the model looks at the photos; more takes longer and costs more."
_RATE_SAYS = "How large each step is; too high burns the pictures, too low learns nothing."

_FLUX2_PARAMETERS = (
    Parameter(
        "steps", "Steps", ParameterKind.WHOLE, 1000, role="steps", low=100, high=10_000,
        multiple=100, says=_STEPS_SAY,
    ),
    Parameter(
        "learning_rate", "Learning rate", ParameterKind.NUMBER, 0.00005, role="learning_rate",
        low=0.000001, high=0.01, says=_RATE_SAYS,
    ),
    Parameter(
        "default_caption", "Caption of photos without one", ParameterKind.TEXT, "",
        role="default_caption",
        says="This trainer writes no captions and has no field for the trigger word.",
    ),
    Parameter(
        "output_lora_format", "Format of the file", ParameterKind.CHOICE, "fal",
        choices=("fal", "comfy"),
        says="fal's is that of diffusers, which most services read; the other is ComfyUI's.",
    ),
)  # fmt: skip
_FAST_PARAMETERS = (
    Parameter(
        "steps", "Steps", ParameterKind.WHOLE, 1000, role="steps", low=1, high=10_000,
        says=_STEPS_SAY,
    ),
    Parameter(
        "is_style", "The photos share a style", ParameterKind.FLAG, False, role="is_style",
        says="Then the trainer writes no captions and makes no masks.",
    ),
    Parameter(
        "create_masks", "Look at the subject more", ParameterKind.FLAG, True, role="masks",
        says="The trainer cuts the subject out and weighs it more than what is behind it.",
    ),
)  # fmt: skip
_PORTRAIT_PARAMETERS = (
    Parameter(
        "steps", "Steps", ParameterKind.WHOLE, 2500, role="steps", low=1, high=10_000,
        says=_STEPS_SAY,
    ),
    Parameter(
        "learning_rate", "Learning rate", ParameterKind.NUMBER, 0.00009, role="learning_rate",
        low=0.000001, high=0.01, says=_RATE_SAYS,
    ),
    Parameter(
        "multiresolution_training", "Train at several sizes", ParameterKind.FLAG, True,
        says="So that pictures of any size come out right.",
    ),
    Parameter(
        "subject_crop", "Crop to the person", ParameterKind.FLAG, True,
        says="The trainer finds the person and cuts the rest of the photo off.",
    ),
)  # fmt: skip

FLUX2 = Trainer(
    key="fal-ai/flux-2-trainer",
    title="FLUX.2 trainer",
    base="flux.2-dev",
    says="Trains the newest FLUX, with few settings. It writes no captions.",
    parameters=_FLUX2_PARAMETERS,
    price=PriceRule(
        usd_per_step=Decimal("0.0064"),
        start_seconds=120,
        seconds_per_step=1.27,
        spread=0.4,
        basis="$0.0064 a step, by its page; a training of 4,000 steps cost that.",
    ),
    trigger_input="",
    writes_captions=False,
)
FLUX2_V2 = Trainer(
    key="fal-ai/flux-2-trainer-v2",
    title="FLUX.2 trainer, version 2",
    base="flux.2-dev",
    says="Its second version, with the same settings. It may cost four times as much.",
    parameters=_FLUX2_PARAMETERS,
    price=PriceRule(
        usd_per_step=Decimal("0.0064"),
        most_usd_per_step=Decimal("0.0255"),
        start_seconds=120,
        seconds_per_step=1.65,
        spread=0.4,
        basis="$0.0064 or $0.0255 a step: sources differ. Look at its page at fal.ai.",
    ),
    trigger_input="",
    writes_captions=False,
)
FAST = Trainer(
    key="fal-ai/flux-lora-fast-training",
    title="FLUX.1 fast trainer",
    base="flux.1-dev",
    says="Few settings, one price for a usual training, captions written for you.",
    parameters=_FAST_PARAMETERS,
    price=PriceRule(
        usd_per_step=Decimal("0.002"),
        start_seconds=60,
        seconds_per_step=0.3,
        spread=0.6,
        basis="$2 for 1000 steps, by its page. It tells no time; this is a guess.",
    ),
)
PORTRAIT = Trainer(
    key="fal-ai/flux-lora-portrait-trainer",
    title="FLUX.1 portrait trainer",
    base="flux.1-dev",
    says="For faces: it finds the person in each photo by itself.",
    parameters=_PORTRAIT_PARAMETERS,
    price=PriceRule(
        usd_per_step=Decimal("0.0024"),
        start_seconds=60,
        seconds_per_step=0.3,
        spread=0.6,
        fewest_steps=1000,
        basis="$0.0024 a step, at least 1,000 of them, as others quote its page. "
        "The time is a guess.",
    ),
    trigger_input="trigger_phrase",
)
TRAINERS = (FLUX2, FLUX2_V2, FAST, PORTRAIT)

ARCHIVE_INPUTS = {
    FLUX2.key: "image_data_url",
    FLUX2_V2.key: "image_data_url",
    FAST.key: "images_data_url",
    PORTRAIT.key: "images_data_url",
}
"""How each trainer calls the address of the photos."""
