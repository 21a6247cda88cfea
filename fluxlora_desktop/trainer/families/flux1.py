"""FLUX.1-dev: a rectified flow over packed latents, guidance distilled.

The recipe (shift 3 over logit-normal noise levels, guidance 1 while it learns) is that of
diffusers' own example and of kohya's scripts; timesteps are noise levels from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
)

from ..quantise import KINDS, shrink
from ..recognise import model_in, model_refusal
from .base import (
    Device,
    DType,
    Family,
    Generator,
    Module,
    Picture,
    Pipeline,
    Tensor,
    Text,
    step_teller,
)
from .encoders import TextReader

SHIFT = 3.0
TRAINED_GUIDANCE = 1.0
PICTURE_GUIDANCE = 3.5
LONGEST_TEXT = 512
_ATTENTION = r"attn\.(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)"
_REST = r"ff\.net\.(0\.proj|2)|ff_context\.net\.(0\.proj|2)|proj_mlp|proj_out"
# The blocks' own linears only: a bare "proj_out" is also the name of the very last layer.
TARGETS = MappingProxyType(
    {
        "all": rf".*transformer_blocks\.\d+\.({_ATTENTION}|{_REST})",
        "attention": rf".*transformer_blocks\.\d+\.{_ATTENTION}",
    }
)


@dataclass(frozen=True, slots=True)
class Flux1:
    """FLUX.1-dev and what shares its shapes."""

    key: str = "flux.1-dev"
    hub: str = "black-forest-labs/FLUX.1-dev"
    architecture: str = "flux-1-dev/lora"
    version: str = "flux1"
    patterns: tuple[str, ...] = (
        *("model_index.json", "scheduler/*", "text_encoder/*", "text_encoder_2/*"),
        *("tokenizer/*", "tokenizer_2/*", "transformer/*", "vae/*"),
    )
    targets: Mapping[str, str] = field(default_factory=lambda: TARGETS)
    quantised: str = r".*transformer_blocks\.\d+\..*"
    multiple: int = 16
    contrasts: bool = False

    def refusal(self, folder: Path) -> str:
        """Say in words why this folder does not hold the base; "" when it does."""
        found = model_refusal(folder, self.key)
        if not found and model_in(folder).channels != 64:
            found = "its transformer takes more than pictures, as FLUX.1's Fill does"
        return found

    def text_encoder(
        self, folder: Path, device: Device, dtype: DType, precision: str = ""
    ) -> TextReader:
        """Load CLIP and T5; what is returned encodes, and frees them when it is dropped.

        T5 looks at the kind of numbers of its weights, so int8 is the smallest that it bears.
        """
        pipeline = FluxPipeline.from_pretrained(
            folder, transformer=None, vae=None, dtype=dtype, local_files_only=True
        )
        if precision in KINDS:
            shrink(pipeline.text_encoder_2, "int8", dtype, device)
        pipeline.to(device)
        return _Reader(pipeline)

    def vae(self, folder: Path, device: Device, dtype: DType) -> Module:
        """Load the image encoder and decoder."""
        vae = AutoencoderKL.from_pretrained(
            folder, subfolder="vae", dtype=dtype, local_files_only=True
        )
        return vae.to(device).requires_grad_(requires_grad=False)

    @torch.no_grad()
    def encode_image(self, vae: Module, pixels: Tensor, generator: Generator) -> Tensor:
        """Return the latents of pictures: [batch, 3, height, width] from -1 to 1."""
        pixels = pixels.to(vae.device, vae.dtype)
        latents = vae.encode(pixels).latent_dist.sample(generator)
        return (latents - vae.config.shift_factor) * vae.config.scaling_factor

    def transformer_class(self) -> type:
        """Return the class whose `from_config` reads `folder/transformer/config.json`."""
        found: type = FluxTransformer2DModel
        return found

    def sigmas(self, normal: Tensor, latents: Tensor) -> Tensor:
        """Return the noise levels (0 to 1) that a step trains at, one for each of the batch."""
        level = torch.sigmoid(normal)
        return level * SHIFT / (1 + (SHIFT - 1) * level)

    def predict(self, transformer: Module, noisy: Tensor, sigma: Tensor, text: Text) -> Tensor:
        """Return the velocity (noise minus latents), in the shape of `noisy`."""
        batch, channels, high, wide = noisy.shape
        device, dtype = noisy.device, noisy.dtype
        words = text["prompt_embeds"].to(device, dtype)
        guidance = None
        if transformer.config.guidance_embeds:
            guidance = torch.full((batch,), TRAINED_GUIDANCE, device=device)
        (found,) = transformer(
            hidden_states=FluxPipeline._pack_latents(noisy, batch, channels, high, wide),
            timestep=sigma.to(device, torch.float32),
            guidance=guidance,
            pooled_projections=text["pooled"].to(device, dtype),
            encoder_hidden_states=words,
            txt_ids=_text_ids(words.shape[1], device, dtype),
            img_ids=_image_ids(high // 2, wide // 2, device, dtype),
            return_dict=False,
        )
        # A scale of 1 makes the sides those of the latents.
        return FluxPipeline._unpack_latents(found, high, wide, 1)

    def sampler(self, folder: Path, vae: Module, transformer: Module) -> Pipeline:
        """Return the base's pipeline without text encoders, made of loaded parts."""
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(
            folder, subfolder="scheduler", local_files_only=True
        )
        pipeline = FluxPipeline(scheduler, vae, None, None, None, None, transformer)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    @torch.no_grad()
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
        """Make one picture; `on_step` is told the steps done and may raise to stop."""
        device, dtype = pipeline.vae.device, pipeline.vae.dtype

        extra = {}
        if negative is not None:
            extra = {
                "negative_prompt_embeds": negative["prompt_embeds"].to(device, dtype),
                "negative_pooled_prompt_embeds": negative["pooled"].to(device, dtype),
                "true_cfg_scale": 2.0,
            }
        made = pipeline(
            prompt_embeds=text["prompt_embeds"].to(device, dtype),
            pooled_prompt_embeds=text["pooled"].to(device, dtype),
            width=width,
            height=height,
            num_inference_steps=steps,
            guidance_scale=PICTURE_GUIDANCE if guidance is None else guidance,
            generator=generator,
            callback_on_step_end=step_teller(on_step),
            **extra,
        )
        return made.images[0]


@cache
def _image_ids(high: int, wide: int, device: Device, dtype: DType) -> Tensor:
    """Return the places of an image's tokens; kept for good, since a recorded step reads them."""
    from diffusers import FluxPipeline

    return FluxPipeline._prepare_latent_image_ids(1, high, wide, device, dtype)


@cache
def _text_ids(length: int, device: Device, dtype: DType) -> Tensor:
    return torch.zeros(length, 3, device=device, dtype=dtype)


class _Reader(TextReader):
    """Reads prompts with CLIP and T5."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__((pipeline.text_encoder, pipeline.text_encoder_2))
        self._pipeline = pipeline
        self._longest = min(LONGEST_TEXT, int(pipeline.tokenizer_2.model_max_length))

    def read(self, prompt: str) -> Text:
        words, pooled, _ids = self._pipeline.encode_prompt(
            prompt=prompt, prompt_2=None, device=self.device, max_sequence_length=self._longest
        )
        return {"prompt_embeds": words.cpu(), "pooled": pooled.cpu()}


FAMILIES: dict[str, Family] = {"flux.1-dev": Flux1()}
