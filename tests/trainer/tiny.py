"""A FLUX.1 pipeline of diffusers' and transformers' own classes, small enough for a processor.

Made in place: its tokenizers know single characters and a few words, its weights are random.
"""

from __future__ import annotations

import hashlib
import json
import math
import string
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

WIDTH = 32
"""Of the texts; the transformer is twice as wide."""
WORDS = (
    *("a", "photo", "of", "TOK", "cat", "dog", "mug", "on", "the", "table", "in", "red", "blue"),
    *("green", "light", "an", "with", "and"),
)
TOKENS = 48
"""The longest text: attention over 512 tokens would be most of the time."""


def make_flux1(folder: Path) -> Path:
    """Write the pipeline into a folder, 4 MB, and return the folder."""
    import torch
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        FluxPipeline,
        FluxTransformer2DModel,
    )

    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=64,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=True,
        axes_dims_rope=(8, 12, 12),
    )
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=16,
        sample_size=64,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1159,
        scaling_factor=0.3611,
    )
    scheduler = FlowMatchEulerDiscreteScheduler(
        base_image_seq_len=256,
        base_shift=0.5,
        max_image_seq_len=4096,
        max_shift=1.15,
        num_train_timesteps=1000,
        shift=3.0,
        use_dynamic_shifting=True,
    )
    clip, clip_tokens = _clip()
    t5, t5_tokens = _t5()
    FluxPipeline(scheduler, vae, clip, clip_tokens, t5, t5_tokens, transformer).save_pretrained(
        folder
    )
    return folder


def _clip() -> tuple[Any, Any]:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    characters = [c for c in string.printable if not c.isspace()]
    names = [*characters, *(f"{c}</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
    config = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=WIDTH,
        bos_token_id=vocabulary["<|startoftext|>"],
        eos_token_id=vocabulary["<|endoftext|>"],
        pad_token_id=vocabulary["<|endoftext|>"],
    )
    return CLIPTextModel(config), tokenizer


def _t5() -> tuple[Any, Any]:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    names = ["<pad>", "</s>", "<unk>", *WORDS, *string.ascii_letters, *",.\u2581"]
    pieces = [(f"{name}", -float(at)) for at, name in enumerate(dict.fromkeys(names))]
    inner = Tokenizer(models.Unigram(pieces, unk_id=2))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = T5TokenizerFast(tokenizer_object=inner, extra_ids=0, model_max_length=TOKENS)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        d_ff=64,
        d_kv=8,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config), tokenizer


def make_job(folder: Path, base: Path, /, *, count: int = 5, **fields: Any) -> Path:
    """Write a job's folder with photos of coloured shapes, and return the folder."""
    images = folder / "images"
    images.mkdir(parents=True)
    listed = []
    for number in range(1, count + 1):
        path = images / f"{number:04d}.png"
        side = 16 * math.ceil((60 + 24 * (number % 2)) / 16)
        picture = Image.new("RGB", (side, 64), (40 * number % 256, 90, 200 - 30 * number))
        ImageDraw.Draw(picture).ellipse((8, 8, 8 + 9 * number, 56), fill=(250, 30 * number, 20))
        picture.save(path)
        caption = f"a photo of TOK mug on the table, {number}"
        path.with_suffix(".txt").write_text(caption, "utf-8")
        listed.append(
            {
                "file": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "caption_sha256": hashlib.sha256(caption.encode()).hexdigest(),
            }
        )
    job = {
        "v": 1,
        "id": "job-1",
        "base": "flux.1-dev",
        "model": str(base),
        "trigger_word": "TOK",
        "images": listed,
        "steps": 12,
        "resolution": "64",
        "optimizer": "adamw",
        "sample_every": 0,
        "sample_side": 64,
        "sample_steps": 2,
        "checkpoint_every": 0,
    }
    (folder / "job.json").write_text(json.dumps(job | fields), "utf-8")
    return folder
