"""The configuration that ai-toolkit is started with.

Names and their meaning: ostris/ai-toolkit 27a03a9, toolkit/config.py and config_modules.py. It
reads JSON by the file's suffix, which is also YAML. Before it is parsed, `${NAME}` is replaced by a
variable of the environment, or ends the job where there is none; so a dollar sign is written as
JSON's escape. In prompts, two dashes begin an option of the picture.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.aitoolkit.trainers import Recipe
from fluxlora_desktop.domain.training import ParameterValue, TrainingSpec

CONFIG = "job.json"
PHOTOS, OUTPUT, DATABASE = "images", "out", "aitk_db.db"
NAME = "lora"
"""What the job is called, and its folder below `OUTPUT` and its files: no name that its own search
for checkpoints passes over, as it does those with `_LoRA`."""
_SAMPLE_SIDE, _SAMPLE_SEED, _SAMPLE_STEPS, _SAMPLE_GUIDANCE = 1024, 42, 20, 4
_LONGEST_PROMPT = 1000


def config_of(
    spec: TrainingSpec, recipe: Recipe, job: Path, prompts: Sequence[str], *, reports: bool
) -> dict[str, Any]:
    """Return the configuration of a training whose photos lie in the job's folder.

    `reports` tells whether the checkout writes its progress into a database. Raises `InputError`.
    """
    chosen = _Chosen(spec, recipe)
    process: dict[str, Any] = {
        "type": "diffusion_trainer" if reports else "sd_trainer",
        "training_folder": str(job / OUTPUT),
        "sqlite_db_path": str(job / OUTPUT / DATABASE),
        "device": "mps" if sys.platform == "darwin" else "cuda",
        "trigger_word": spec.trigger_word or None,
        "network": {
            "type": "lora",
            "linear": chosen.whole("linear"),
            "linear_alpha": chosen.whole("linear"),
        },
        "save": {
            "dtype": "float16",
            "save_every": chosen.whole("save_every"),
            "max_step_saves_to_keep": chosen.whole("max_step_saves_to_keep"),
            "push_to_hub": False,
        },
        "datasets": [_dataset(chosen, job)],
        "train": _train(chosen, recipe, prompts),
        "model": _model(chosen, recipe),
        "sample": _sample(chosen, prompts),
    }
    meta = {"name": spec.destination, "version": "1.0"}
    return {
        "job": "extension",
        "config": {"name": NAME, "process": [process]},
        "meta": meta,
    }


def as_text(config: Mapping[str, Any]) -> str:
    """Return a configuration as ai-toolkit reads it: JSON in ASCII, without a dollar sign."""
    return json.dumps(config, indent=1).replace("$", "\\u0024")


def without_options(prompts: Iterable[str]) -> list[str]:
    """Return prompts in which nothing is taken for an option of the picture."""
    return [re.sub(r"-{2,}", "–", " ".join(text.split()))[:_LONGEST_PROMPT] for text in prompts]


class _Chosen:
    """The parameters of a training, each by its name, the trainer's own default for the rest."""

    def __init__(self, spec: TrainingSpec, recipe: Recipe) -> None:
        self._given = recipe.trainer.checked(spec.parameters)
        self._trainer = recipe.trainer

    def __getitem__(self, name: str) -> ParameterValue:
        return self._given.get(name, self._trainer.parameter(name).default)

    def whole(self, name: str) -> int:
        return int(self[name])

    def number(self, name: str) -> float:
        return float(self[name])


def _dataset(chosen: _Chosen, job: Path) -> dict[str, Any]:
    return {
        "folder_path": str(job / PHOTOS),
        "caption_ext": "txt",
        "default_caption": str(chosen["default_caption"]),
        "caption_dropout_rate": chosen.number("caption_dropout_rate"),
        "shuffle_tokens": False,
        "cache_latents_to_disk": True,
        "resolution": [int(side) for side in str(chosen["resolution"]).split(",")],
    }


def _train(chosen: _Chosen, recipe: Recipe, prompts: Sequence[str]) -> dict[str, Any]:
    smoothing = chosen.number("ema_decay")
    return {
        "batch_size": chosen.whole("batch_size"),
        "steps": chosen.whole("steps"),
        "gradient_accumulation": 1,
        "train_unet": True,
        "train_text_encoder": False,
        "gradient_checkpointing": True,
        "noise_scheduler": "flowmatch",
        "timestep_type": "weighted" if recipe.weighted else "sigmoid",
        "optimizer": str(chosen["optimizer"]),
        "lr": chosen.number("lr"),
        "lr_scheduler": str(chosen["lr_scheduler"]),
        "ema_config": {"use_ema": smoothing > 0, "ema_decay": smoothing},
        "cache_text_embeddings": bool(chosen["cache_text_embeddings"]),
        "skip_first_sample": True,
        "disable_sampling": not (prompts and chosen.whole("sample_every")),
        "dtype": "bf16",
    }


def _model(chosen: _Chosen, recipe: Recipe) -> dict[str, Any]:
    quantize = bool(chosen["quantize"])
    model: dict[str, Any] = {
        "name_or_path": str(chosen["name_or_path"]).strip() or recipe.hub_id,
        "arch": recipe.arch,
        "quantize": quantize,
        "quantize_te": quantize,
        "low_vram": bool(chosen["low_vram"]),
    }
    if recipe.arch == "flux":
        model["is_flux"] = True  # older checkouts know no `arch`
    else:
        model["model_kwargs"] = {"match_target_res": False}
    return model


def _sample(chosen: _Chosen, prompts: Sequence[str]) -> dict[str, Any]:
    return {
        "sampler": "flowmatch",
        "sample_every": chosen.whole("sample_every") or chosen.whole("steps"),
        "width": _SAMPLE_SIDE,
        "height": _SAMPLE_SIDE,
        "prompts": list(prompts),
        "neg": "",
        "seed": _SAMPLE_SEED,
        "walk_seed": True,
        "guidance_scale": _SAMPLE_GUIDANCE,
        "sample_steps": _SAMPLE_STEPS,
    }
