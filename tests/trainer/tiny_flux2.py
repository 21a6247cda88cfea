"""Tiny FLUX.2 models of the real classes, made offline in a second, as folders on disk.

The folders are laid out as the hub's: FLUX.2-dev's names its tokenizer `PixtralProcessor`, a class
that asks for torchvision, which the trainer's environment does not have.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

from tiny import WORDS

WIDTH = 32
TOKENS = 96
"""The longest text: FLUX.2-dev's system message has 60 words, and 512 tokens take long."""
_TEXT_WIDTH = 16
_LATENT_CHANNELS = 4
_DEV_CHAT = (
    "{{- bos_token }}{%- for message in messages %}"
    "{%- if message['role'] == 'system' %}[SYS]{% else %}[INST]{% endif %}"
    "{%- if message['content'] is string %}{{ message['content'] }}"
    "{%- else %}{%- for part in message['content'] %}{{ part['text'] }}{%- endfor %}{%- endif %}"
    "{%- endfor %}"
)
_KLEIN_CHAT = (
    "{%- for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{%- endfor %}{%- if add_generation_prompt %}<|im_start|>assistant\n{%- endif %}"
)


def build_dev(folder: Path, seed: int = 0) -> Path:
    """Write a tiny FLUX.2-dev into `folder` and return it."""
    import torch
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration

    torch.manual_seed(seed)
    tokenizer = _tokenizer(["[SYS]", "[INST]", "[IMG]"], _DEV_CHAT)
    text = {
        "model_type": "mistral",
        "vocab_size": len(tokenizer),
        "hidden_size": _TEXT_WIDTH,
        "intermediate_size": 24,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "pad_token_id": 0,
    }
    eyes = {
        "model_type": "pixtral",
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 16,
        "patch_size": 8,
    }
    encoder = Mistral3ForConditionalGeneration(
        Mistral3Config(text_config=text, vision_config=eyes, image_token_index=5)
    )
    _write(folder, "Flux2Pipeline", encoder, tokenizer, guidance=True)
    index = json.loads((folder / "model_index.json").read_text())
    index["tokenizer"] = ["transformers", "PixtralProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def build_klein(folder: Path, seed: int = 0, distilled: bool = False) -> Path:
    """Write a tiny FLUX.2 klein into `folder` and return it."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    tokenizer = _tokenizer(["<|im_start|>", "<|im_end|>"], _KLEIN_CHAT)
    encoder = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=_TEXT_WIDTH,
            intermediate_size=24,
            num_hidden_layers=4,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            pad_token_id=0,
        )
    )
    _write(folder, "Flux2KleinPipeline", encoder, tokenizer, guidance=False)
    index = json.loads((folder / "model_index.json").read_text())
    index["is_distilled"] = distilled
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _tokenizer(marks: list[str], chat: str) -> Any:
    """Make a tokenizer of a few words with a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<s>", "<unk>", *marks, *WORDS, *string.digits, *string.punctuation]
    inner = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        unk_token="<unk>",
        additional_special_tokens=marks,
        model_max_length=TOKENS,
    )
    made.chat_template = chat
    return made


def _write(folder: Path, pipeline: str, encoder: Any, tokenizer: Any, *, guidance: bool) -> None:
    import diffusers
    import torch

    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=_LATENT_CHANNELS * 4,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=_TEXT_WIDTH * 3,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance,
    )
    vae = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        latent_channels=_LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=64,
    )
    # Statistics that are not 0 and 1, so that a forgotten normalisation shows.
    vae.bn.running_mean.copy_(torch.linspace(-0.5, 0.5, _LATENT_CHANNELS * 4))
    vae.bn.running_var.copy_(torch.linspace(0.5, 2.0, _LATENT_CHANNELS * 4))
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
        base_image_seq_len=256,
        base_shift=0.5,
        max_image_seq_len=4096,
        max_shift=1.15,
        num_train_timesteps=1000,
        shift=3.0,
        use_dynamic_shifting=True,
    )
    parts = {
        "transformer": transformer,
        "vae": vae,
        "scheduler": scheduler,
        "text_encoder": encoder,
        "tokenizer": tokenizer,
    }
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": diffusers.__version__}
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        library = "transformers" if name in ("text_encoder", "tokenizer") else "diffusers"
        index[name] = [library, type(part).__name__]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
