"""What a training needs to go on as if nothing had happened, and the LoRA files it leaves.

`state.pt` holds everything in fp32 and is read with `weights_only`; the LoRA files hold bf16.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from .exits import BadInput
from .families.base import Family
from .files import write_whole
from .job import Job

VERSION = 1
State = dict[str, Any]


def identity(job: Job, base: str, photos: list[tuple[str, str]]) -> dict[str, str]:
    """Return what must be the same for a training to go on, each with its name in words."""
    return {
        "job": job.id,
        "base": job.base,
        "base's weights": base,
        "rank": str(job.rank),
        "layers": job.layers,
        "photos": _hash([sha256 for sha256, _ in photos]),
        "captions": _hash([sha256 for _, sha256 in photos]),
    }


def _hash(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def refuse_another(kept: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise `BadInput` in words when a kept state is not that of the job."""
    other = [name for name, value in wanted.items() if kept.get(name) != value]
    if other:
        raise BadInput(
            f"This folder holds a training with another {_listed(other)}; it cannot go on as this.",
            "Start anew in an empty folder, or put back what was changed.",
        )


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def save_state(path: Path, state: State) -> None:
    """Write a state; the old one stays where there is no room (`DiskFull`)."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getbuffer())


def load_state(path: Path) -> State | None:
    """Return the kept state, None where there is none; raises `BadInput` for what is none."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        return None
    except Exception as error:
        raise BadInput(
            "The state of the training cannot be read; it is damaged.",
            "Start anew, or remove out/state.pt to begin from the first step.",
        ) from error
    if not isinstance(state, dict) or state.get("v") != VERSION:
        raise BadInput(
            "The state of the training is that of another trainer.",
            "Finish it with the engine that began it, or start anew.",
        )
    return state


def rng_state(device: torch.device) -> dict[str, Any]:
    """Return the random numbers' state of the processor and of the GPU in use."""
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def set_rng_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Put the random numbers' state back."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)


def save_lora(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]) -> str:
    """Write a LoRA in bf16, readable by others, and return the file's SHA-256."""
    from safetensors.torch import save

    small = {name: tensor.to("cpu", torch.bfloat16) for name, tensor in tensors.items()}
    data_hash = _data_hash(save(small))
    hashes = {"sshs_model_hash": data_hash, "modelspec.hash_sha256": f"0x{data_hash}"}
    whole = save(small, {"format": "pt", **metadata, **hashes})
    write_whole(path, whole)
    return hashlib.sha256(whole).hexdigest()


def _data_hash(raw: bytes) -> str:
    """Return the SHA-256 of the bytes after the header, which A1111 and Civitai know a LoRA by."""
    return hashlib.sha256(raw[8 + int.from_bytes(raw[:8], "little") :]).hexdigest()


def metadata_of(job: Job, family: Family, step: int, precision: str) -> dict[str, str]:
    """Return what a LoRA file says of itself: ModelSpec 1.0.1, and kohya's hints."""
    name = job.trigger_word or job.id
    side = max(job.resolutions)
    found = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": family.architecture,
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": name,
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.prediction_type": "v",
        "ss_base_model_version": family.version,
        "ss_output_name": name,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(job.rank),
        "ss_network_alpha": str(job.rank),
        "ss_learning_rate": str(job.learning_rate),
        "ss_lr_scheduler": job.schedule,
        "ss_optimizer": job.optimizer,
        "ss_num_train_images": str(len(job.images)),
        "ss_steps": str(step),
        "ss_max_train_steps": str(job.steps),
        "ss_resolution": job.resolution,
        "ss_seed": str(job.seed),
        "training_info": json.dumps({"step": step}),
        "software": json.dumps({"name": "FluxLoRA Desktop", "precision": precision}),
    }
    if job.trigger_word:
        found["modelspec.trigger_phrase"] = job.trigger_word
        tags = {f"1_{job.trigger_word}": {job.trigger_word: len(job.images)}}
        found["ss_tag_frequency"] = json.dumps(tags)
    return found


def plan_table(plan: Any) -> str:
    """Return a plan as JSON, for the state and the events."""
    return json.dumps(asdict(plan))


def plan_from(kind: type, text: str) -> Any:
    """Return the plan of a state, None where it is one of another trainer's."""
    try:
        table = json.loads(text)
        for name, value in table.items():
            table[name] = tuple(value) if isinstance(value, list) else value
        return kind(**table)
    except (ValueError, TypeError, AttributeError):
        return None


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest LoRA files; 0 keeps all of them."""
    if keep:
        for path in sorted(folder.glob("step_*.safetensors"))[:-keep]:
            path.unlink(missing_ok=True)
