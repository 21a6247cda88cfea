"""What the trainer and the picture server ask of a family of bases.

Everything here works on the folder of a diffusers pipeline that is on disk already. Latents have
the batch first and are normalised as the transformer takes them; a `Text` is one prompt, encoded:
tensors by name on the CPU, each with a batch of one, so that prompts are batched by `torch.cat`.
No torch is imported here: the words for its things are aliases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Tensor = Any
Module = Any
Pipeline = Any
Generator = Any
Device = Any
DType = Any
Picture = Any
"""A PIL image."""
Text = dict[str, Tensor]


class Reader(Protocol):
    """Encodes prompts with encoders that lie somewhere, and frees them when it is dropped."""

    def __call__(self, prompts: Sequence[str]) -> list[Text]:
        """Encode prompts, each on its own."""

    def stream_to(self, device: Device) -> None:
        """Compute there from now on; the layers stay in memory and are brought one by one."""


class Family(Protocol):
    """One base: how it is read, what it predicts, and how its LoRAs are named."""

    @property
    def key(self) -> str:
        """Return the base's key, such as "flux.1-dev"."""

    @property
    def hub(self) -> str:
        """Return the hub id that is taken where the job names no model."""

    @property
    def architecture(self) -> str:
        """Return `modelspec.architecture` of its LoRAs, such as "flux-1-dev/lora"."""

    @property
    def version(self) -> str:
        """Return `ss_base_model_version` of its LoRAs, such as "flux1"."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return which files of the hub's folder are needed, as `fnmatch` patterns."""

    @property
    def targets(self) -> Mapping[str, str]:
        """Return for "all" and "attention" the pattern of the layers that learn.

        It must match the whole name of a Linear inside the transformer.
        """

    @property
    def quantised(self) -> str:
        """Return the pattern of the Linears that int8 and NF4 store small."""

    @property
    def multiple(self) -> int:
        """Return what the sides of a picture must be a multiple of, in pixels."""

    @property
    def contrasts(self) -> bool:
        """Return whether pictures are guided by contrast to a second text, be it the empty one."""

    def refusal(self, folder: Path) -> str:
        """Say in words why this folder does not hold the base; "" when it does."""

    def text_encoder(
        self, folder: Path, device: Device, dtype: DType, precision: str = ""
    ) -> Reader:
        """Load the text encoders; what is returned encodes, and frees them when it is dropped.

        `precision` "int8" or "nf4" asks for the large encoder to be stored small.
        """

    def vae(self, folder: Path, device: Device, dtype: DType) -> Module:
        """Load the image encoder and decoder."""

    def encode_image(self, vae: Module, pixels: Tensor, generator: Generator) -> Tensor:
        """Return the latents of pictures: [batch, 3, height, width] from -1 to 1."""

    def transformer_class(self) -> type:
        """Return the class whose `from_config` reads `folder/transformer/config.json`."""

    def sigmas(self, normal: Tensor, latents: Tensor) -> Tensor:
        """Return the noise levels (0 to 1) that a step trains at, one for each of the batch.

        `normal` holds standard normal numbers; the base's own timestep shift is applied.
        """

    def predict(self, transformer: Module, noisy: Tensor, sigma: Tensor, text: Text) -> Tensor:
        """Return the velocity (noise minus latents), in the shape of `noisy`."""

    def sampler(self, folder: Path, vae: Module, transformer: Module) -> Pipeline:
        """Return the base's pipeline without text encoders, made of loaded parts."""

    def picture(
        self,
        pipeline: Pipeline,
        text: Text,
        *,
        width: int,
        height: int,
        steps: int,
        guidance: float | None,
        generator: Generator,
        negative: Text | None = None,
        on_step: Callable[[int], None] | None = None,
    ) -> Picture:
        """Make one picture.

        `guidance` None is the base's usual one; `on_step` is told the steps done and may raise to
        stop. A base that knows no negative prompt ignores it.
        """


def step_teller(on_step: Callable[[int], None] | None) -> Callable[..., Text]:
    """Return what a diffusers pipeline calls after each step: it tells how many are done."""

    def told(_pipeline: Pipeline, step: int, _time: Tensor, values: Text) -> Text:
        if on_step is not None:
            on_step(step + 1)
        return values

    return told
