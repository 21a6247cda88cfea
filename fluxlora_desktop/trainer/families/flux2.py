"""FLUX.2-dev and FLUX.2 klein: a rectified flow over patches of normalised latents.

Latents are patched 2 x 2 first and then normalised by the statistics that the autoencoder keeps in
its batch norm. A text is read as a chat message by a language model, of which three layers are
kept side by side; the transformer sees all 512 places, the padding too. The shift of noise levels
is the line that diffusers' `compute_empirical_mu` draws over the picture's size for many steps; its
correction for few steps belongs to sampling. Guidance is 1 while it learns, as in the recipe for
FLUX.1. FLUX.2 klein has no guidance of its own: undistilled, it contrasts two texts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Pipeline, Flux2Transformer2DModel

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
from .encoders import TextReader, place

TRAINED_GUIDANCE = 1.0
PICTURE_GUIDANCE = 4.0
LONGEST_TEXT = 512
# The shift's exponent at 256 and at 4,096 patches (256 and 1,024 pixels a side).
_SHIFT_FEW, _SHIFT_MANY, _FEW, _MANY = 0.5, 1.15, 256, 4096
_DOUBLE = r"transformer_blocks\.\d+"
_ATTENTION = r"attn\.(to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out)"
_FEED = r"ff(_context)?\.linear_(in|out)"
# A single block has attention and feed-forward in the same two layers.
_SINGLE = r"single_transformer_blocks\.\d+\.attn\.(to_qkv_mlp_proj|to_out)"
TARGETS = MappingProxyType(
    {
        "all": rf"{_DOUBLE}\.({_ATTENTION}|{_FEED})|{_SINGLE}",
        "attention": rf"{_DOUBLE}\.{_ATTENTION}|{_SINGLE}",
    }
)


@cache
def _latent_ids(batch: int, high: int, wide: int, device: Device) -> Tensor:
    """Return the places of the latents; kept for good, since a recorded step reads them."""
    return Flux2Pipeline._prepare_latent_ids(torch.empty(batch, 1, high, wide)).to(device)


@cache
def _text_ids(batch: int, length: int, device: Device) -> Tensor:
    return Flux2Pipeline._prepare_text_ids(torch.empty(batch, length, 1)).to(device)


@dataclass(frozen=True, slots=True)
class Flux2:
    """One base of the family; `hub` is the undistilled one, on which LoRAs are trained."""

    key: str
    hub: str
    architecture: str
    version: str
    pipeline: type
    reader: Callable[[Path, Device, DType, str], TextReader]
    patterns: tuple[str, ...] = (
        *("model_index.json", "scheduler/*", "text_encoder/*", "tokenizer/*"),
        *("transformer/*", "vae/*"),
    )
    targets: Mapping[str, str] = field(default_factory=lambda: TARGETS)
    quantised: str = r".*transformer_blocks\.\d+\..*"
    multiple: int = 16
    contrasts: bool = False

    def refusal(self, folder: Path) -> str:
        """Say in words why this folder does not hold the base; "" when it does."""
        return model_refusal(folder, self.key)

    def text_encoder(
        self, folder: Path, device: Device, dtype: DType, precision: str = ""
    ) -> TextReader:
        """Load the language model; what is returned encodes, and frees it when it is dropped."""
        return self.reader(folder, device, dtype, precision)

    def vae(self, folder: Path, device: Device, dtype: DType) -> Module:
        """Load the image encoder and decoder."""
        vae = AutoencoderKLFlux2.from_pretrained(
            folder, subfolder="vae", torch_dtype=dtype, local_files_only=True
        )
        return vae.to(device).requires_grad_(requires_grad=False)

    @torch.no_grad()
    def encode_image(self, vae: Module, pixels: Tensor, generator: Generator) -> Tensor:
        """Return the latents of pictures: [batch, 3, height, width] from -1 to 1."""
        # The most likely latents, as FLUX.2's own pipeline reads pictures: no draw is made.
        found = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()
        patches = Flux2Pipeline._patchify_latents(found).float()
        mean = vae.bn.running_mean.view(1, -1, 1, 1).float()
        spread = torch.sqrt(
            vae.bn.running_var.view(1, -1, 1, 1).float() + vae.config.batch_norm_eps
        )
        return ((patches - mean) / spread).to(found.dtype)

    def transformer_class(self) -> type:
        """Return the class whose `from_config` reads `folder/transformer/config.json`."""
        found: type = Flux2Transformer2DModel
        return found

    def sigmas(self, normal: Tensor, latents: Tensor) -> Tensor:
        """Return the noise levels (0 to 1) that a step trains at, one for each of the batch."""
        shift = math.exp(shift_exponent(latents.shape[-2] * latents.shape[-1]))
        level = torch.sigmoid(normal)
        return level * shift / (1 + (shift - 1) * level)

    def predict(self, transformer: Module, noisy: Tensor, sigma: Tensor, text: Text) -> Tensor:
        """Return the velocity (noise minus latents), in the shape of `noisy`."""
        batch, channels, high, wide = noisy.shape
        device, dtype = noisy.device, noisy.dtype
        words = text["prompt_embeds"].to(device, dtype)
        guidance = None
        if transformer.config.guidance_embeds:
            guidance = torch.full((batch,), TRAINED_GUIDANCE, device=device)
        (found,) = transformer(
            hidden_states=Flux2Pipeline._pack_latents(noisy),
            timestep=sigma.to(device, torch.float32),
            guidance=guidance,
            encoder_hidden_states=words,
            txt_ids=_text_ids(batch, words.shape[1], device),
            img_ids=_latent_ids(batch, high, wide, device),
            return_dict=False,
        )
        return found.transpose(1, 2).reshape(batch, channels, high, wide)

    def sampler(self, folder: Path, vae: Module, transformer: Module) -> Pipeline:
        """Return the base's pipeline without text encoders, made of loaded parts."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(
            folder, subfolder="scheduler", local_files_only=True
        )
        parts = {"scheduler": scheduler, "vae": vae, "transformer": transformer}
        # Some pipelines of this family are distilled, which the folder's index says.
        extra = {"is_distilled": model_in(folder).distilled} if self.contrasts else {}
        pipeline = self.pipeline(**parts, text_encoder=None, tokenizer=None, **extra)
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
        """Make one picture; `on_step` is told the steps done and may raise to stop.

        FLUX.2-dev knows no negative prompt. FLUX.2 klein makes no contrast without one, which may
        be the empty text.
        """
        device, dtype = pipeline._execution_device, pipeline.vae.dtype
        strength = PICTURE_GUIDANCE if guidance is None else guidance

        extra = {}
        if self.contrasts and negative is not None:
            extra["negative_prompt_embeds"] = negative["prompt_embeds"].to(device, dtype)
        elif self.contrasts:
            strength = 1.0
        if self.contrasts and pipeline.config.is_distilled:
            strength = 1.0
        made = pipeline(
            prompt_embeds=text["prompt_embeds"].to(device, dtype),
            width=width,
            height=height,
            num_inference_steps=steps,
            guidance_scale=strength,
            generator=generator,
            callback_on_step_end=step_teller(on_step),
            **extra,
        )
        return made.images[0]


def shift_exponent(patches: int) -> float:
    """Return the exponent of the timestep shift for a picture of so many patches."""
    rise = (_SHIFT_MANY - _SHIFT_FEW) / (_MANY - _FEW)
    return _SHIFT_FEW + rise * (patches - _FEW)


def _kept_layers(depth: int) -> tuple[int, int, int]:
    """Return the three layers that are kept: a quarter, a half and three quarters of the way up.

    That is 10, 20 and 30 of Mistral Small 3's 40, and 9, 18 and 27 of Qwen3's 36.
    """
    return depth // 4, depth // 2, depth * 3 // 4


def _read_by_mistral(folder: Path, device: Device, dtype: DType, precision: str) -> TextReader:
    from transformers import Mistral3ForConditionalGeneration, PreTrainedTokenizerFast

    # The hub's folder names PixtralProcessor, which asks for torchvision. It reads pictures too;
    # texts go through this tokenizer and the same chat template either way.
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer", local_files_only=True)
    tokenizer.chat_template = tokenizer.chat_template or _processors_template(folder / "tokenizer")
    model = place(
        Mistral3ForConditionalGeneration, folder / "text_encoder", device, dtype, precision
    )
    pipeline = Flux2Pipeline(
        scheduler=None, vae=None, text_encoder=model, tokenizer=tokenizer, transformer=None
    )
    return _Reader(pipeline, _kept_layers(model.config.get_text_config().num_hidden_layers))


def _processors_template(folder: Path) -> str | None:
    """Return the chat template where older processors keep it, None where there is none."""
    try:
        return str(json.loads((folder / "chat_template.json").read_text("utf-8"))["chat_template"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_by_qwen(folder: Path, device: Device, dtype: DType, precision: str) -> TextReader:
    from transformers import AutoTokenizer, Qwen3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    model = place(Qwen3ForCausalLM, folder / "text_encoder", device, dtype, precision)
    pipeline = Flux2KleinPipeline(
        scheduler=None, vae=None, text_encoder=model, tokenizer=tokenizer, transformer=None
    )
    return _Reader(pipeline, _kept_layers(model.config.num_hidden_layers))


class _Reader(TextReader):
    """Reads prompts with a pipeline's own chat template."""

    def __init__(self, pipeline: Pipeline, layers: tuple[int, int, int]) -> None:
        super().__init__((pipeline.text_encoder,))
        self._pipeline = pipeline
        self._layers = layers
        self._longest = min(LONGEST_TEXT, int(pipeline.tokenizer.model_max_length))

    def read(self, prompt: str) -> Text:
        words, _ids = self._pipeline.encode_prompt(
            prompt=prompt,
            device=self.device,
            max_sequence_length=self._longest,
            text_encoder_out_layers=self._layers,
        )
        return {"prompt_embeds": words.cpu()}


_DEV = Flux2(
    key="flux.2-dev",
    hub="black-forest-labs/FLUX.2-dev",
    architecture="flux-2-dev/lora",
    version="flux2",
    pipeline=Flux2Pipeline,
    reader=_read_by_mistral,
)
_KLEIN_4B = Flux2(
    key="flux.2-klein-4b",
    hub="black-forest-labs/FLUX.2-klein-base-4B",
    architecture="flux-2-klein-4b/lora",
    version="flux2_klein_4b",
    pipeline=Flux2KleinPipeline,
    reader=_read_by_qwen,
    contrasts=True,
)
_KLEIN_9B = Flux2(
    key="flux.2-klein-9b",
    hub="black-forest-labs/FLUX.2-klein-base-9B",
    architecture="flux-2-klein-9b/lora",
    version="flux2_klein_9b",
    pipeline=Flux2KleinPipeline,
    reader=_read_by_qwen,
    contrasts=True,
)
FAMILIES: dict[str, Family] = {base.key: base for base in (_DEV, _KLEIN_4B, _KLEIN_9B)}
