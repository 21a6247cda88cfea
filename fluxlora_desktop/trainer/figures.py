"""What memory and time are reckoned from: one row a base, one a class of GPU, a few constants.

Whoever measures on a GPU writes the figure in here, says on which card, and marks it measured.
Standard library only: the app reads this too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GB = 10**9


@dataclass(frozen=True, slots=True)
class BaseFigures:
    """A base as the reckoning needs it; sizes in parameters unless said otherwise.

    `params`, `quantised` (the linear layers within the blocks), `trained` (of those, the ones that
    a LoRA is put beside) and `lora_all`, `lora_attention` (parameters of the LoRA for each rank)
    were counted on the meta device with diffusers 0.42.1. `text_params` is the text encoder,
    `text_embeddings` its part that is not quantised.
    """

    key: str
    title: str
    params: int
    quantised: int
    trained: int
    hidden: int
    blocks: int
    lora_all: int
    lora_attention: int
    text_title: str
    text_params: int
    text_embeddings: int
    text_tokens: int = 512
    floor: int = 10 * GB
    """Bytes of GPU memory below which a base is refused whatever the reckoning says: "3080 10G is
    the absolute minimum" (SimpleTuner's documentation of FLUX.1); the others were not tried."""


BASES: Mapping[str, BaseFigures] = {
    row.key: row
    for row in (
        BaseFigures(
            key="flux.1-dev",
            title="FLUX.1-dev",
            params=11_901_408_320,
            quantised=11_834_228_736,
            trained=8_606_711_808,
            hidden=3072,
            blocks=19 + 38,
            lora_all=4_085_760,
            lora_attention=1_634_304,
            text_title="T5-XXL",
            text_params=4_885_000_000,  # T5-XXL's encoder and CLIP-L
            text_embeddings=132_000_000,
        ),
        BaseFigures(
            key="flux.2-dev",
            title="FLUX.2-dev",
            params=32_223_281_152,
            quantised=31_406_948_352,
            trained=31_406_948_352,
            hidden=6144,
            blocks=8 + 48,
            lora_all=6_291_456,
            lora_attention=5_210_112,
            text_title="Mistral Small 24B",
            text_params=24_000_000_000,
            text_embeddings=1_342_000_000,
        ),
        BaseFigures(
            key="flux.2-klein-4b",
            title="FLUX.2-klein-4B",
            params=3_875_544_576,
            quantised=3_680_501_760,
            trained=3_680_501_760,
            hidden=3072,
            blocks=5 + 20,
            lora_all=1_505_280,
            lora_attention=1_167_360,
            text_title="Qwen3 4B",
            text_params=4_022_000_000,  # 8.05 GB of bf16 at the hub
            text_embeddings=389_000_000,
        ),
        BaseFigures(
            key="flux.2-klein-9b",
            title="FLUX.2-klein-9B",
            params=9_078_581_248,
            quantised=8_724_152_320,
            trained=8_724_152_320,
            hidden=4096,
            blocks=8 + 24,
            lora_all=2_719_744,
            lora_attention=1_998_848,
            text_title="Qwen3 8B",
            text_params=8_191_000_000,
            text_embeddings=1_245_000_000,
        ),
    )
}


BYTES_PER_PARAM: Mapping[str, float] = {"fp32": 4.0, "bf16": 2.0, "int8": 1.004, "nf4": 0.5625}
"""int8 with a scale for each row; NF4 with 4 bits and an fp32 scale for each 64 weights, since the
scales are not quantised a second time."""

TRAINED_BYTES: Mapping[str, int] = {"adamw8bit": 4 + 4 + 2, "adamw": 4 + 4 + 8}
"""For each parameter of the LoRA: itself and its gradient in fp32, and the optimiser's two."""

WIDTHS_KEPT = 30
"""Activations that a block without checkpointing keeps for a token, in hidden widths of bf16.

Counted by hand (inputs of the linears, q, k, v before and after their norm, attention, the
feed-forward before and after its gate, what the adapters keep); an estimate.
"""

RESERVED = 1_200_000_000
"""CUDA's context, cuBLAS' workspaces, and a desktop that draws on the same card; an estimate."""

SPARE = 1.03
"""Room for pieces that fit no gap.

Measured on an H100: torch reserved 1.01 (bf16) and 1.02 times (NF4) what is reckoned for 1024
pixels without it and without `RESERVED`.
"""

USABLE = 0.98
"""Of the memory that a driver tells of, the share that torch can have: 24,564 MiB are 24,080."""

RAM_PROGRAM = 6 * GB
"""Python, torch and CUDA's libraries in the computer's own memory; an estimate."""

RAM_FILE = 10 * GB
"""The largest weights file that is read at once: the hub's are cut at 10 GB."""

CEILINGS: Mapping[str, tuple[tuple[int, str, int], ...]] = {
    "flux.1-dev": (
        (40 * GB, "bf16", 1024),
        (20 * GB, "int8", 1024),
        (16 * GB, "nf4", 1024),
        (10 * GB, "nf4", 768),
    )
}
"""From this memory on: the best precision and the largest side that other trainers report to hold.

Sources: ai-toolkit, sd-scripts, SimpleTuner and diffusers' documentation, as of 2026-11. Between
16 and 20 GB none of them says anything; NF4 is the safe choice.
"""

PASSES: Mapping[str, float] = {"none": 0.0, "half": 0.5, "all": 1.0}
"""The share of blocks that checkpointing computes a second time."""

SLOWER: Mapping[str, float] = {"fp32": 2.0, "bf16": 1.0, "int8": 1.1, "nf4": 1.1}
"""How much longer a step takes since weights are unpacked at each use.

NF4 was measured on an H100: 1.09 at 1024 pixels, steps recorded, not compiled. int8 was not
measured recorded (unrecorded and compiled a step took 1.29 s there, 15.0 GB); an estimate, as fp32.
"""

START_SECONDS = (90, 420)
"""Reading the photos, encoding them, loading the base; a download comes on top. An estimate."""

MIN_CAPABILITY = (8, 0)
"""bf16 in hardware begins with NVIDIA's Ampere (RTX 30, A100)."""


@dataclass(frozen=True, slots=True)
class GpuSpeed:
    """A class of GPU: part of its name, and the 10^12 operations a second it does in training."""

    name: str
    teraflops: float
    measured: bool = False


GPUS: tuple[GpuSpeed, ...] = (
    GpuSpeed("B200", 650),
    GpuSpeed("H200", 350),
    GpuSpeed("GH200", 350),
    GpuSpeed("H100 PCIe", 230),
    GpuSpeed("H100", 350, measured=True),
    GpuSpeed("A100", 190),
    GpuSpeed("RTX PRO 6000", 200),
    GpuSpeed("RTX 6000 Ada", 175),
    GpuSpeed("L40S", 175),
    GpuSpeed("L40", 110),
    GpuSpeed("L4", 48),
    GpuSpeed("A6000", 80),
    GpuSpeed("A40", 75),
    GpuSpeed("A5000", 58),
    GpuSpeed("A4000", 38),
    GpuSpeed("A10G", 40),
    GpuSpeed("A10", 52),
    GpuSpeed("RTX 5090", 140),
    GpuSpeed("RTX 5080", 75),
    GpuSpeed("RTX 5070 Ti", 58),
    GpuSpeed("RTX 5070", 40),
    GpuSpeed("RTX 5060", 30),
    GpuSpeed("RTX 4090", 110),
    GpuSpeed("RTX 4080", 66),
    GpuSpeed("RTX 4070 Ti", 54),
    GpuSpeed("RTX 4070", 42),
    GpuSpeed("RTX 4060", 28),
    GpuSpeed("RTX 3090", 54),
    GpuSpeed("RTX 3080", 44),
    GpuSpeed("RTX 3060", 18),
)
"""The first row whose name is part of the GPU's counts, so the longer name stands first.

Estimates: about two thirds of the peak that NVIDIA gives for dense bf16 with fp32 sums, a third on
data centre cards. 1,000 steps of FLUX.1-dev at 1024 then take 70 to 110 minutes on an RTX 3090, 35
to 60 on a 4090 and 12 to 20 on an H100, as people who train there report.

Measured: the H100 (SXM), at 1024 pixels, rank 16, one photo a step, every block computed again,
steps recorded as a CUDA graph but not compiled: bf16 0.87 s a step (24.6 GB allocated, 28.0 GB
reserved), NF4 0.95 s (11.0 GB reserved).
"""

UNKNOWN_GPU = GpuSpeed("", 40)
SPREAD = (0.78, 1.3)
"""Between which factors of the reckoned time a training of a known GPU is expected."""
UNKNOWN_SPREAD = (0.3, 2.5)
MEASURED_SPREAD = (0.9, 1.15)


def speed_of(name: str) -> GpuSpeed:
    """Return the row for a GPU's name as the driver tells it."""
    found = (row for row in GPUS if row.name.casefold() in name.casefold())
    return next(found, UNKNOWN_GPU)
