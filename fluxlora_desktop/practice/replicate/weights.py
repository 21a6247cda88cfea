"""What a finished training leaves: the weights, and the archive that holds them."""

import io
import json
import os
import tarfile
from pathlib import Path

from fluxlora_desktop.practice.lora import write_flux1_lora
from fluxlora_desktop.practice.photo_zip import PhotoZip, read_captions, read_photos
from fluxlora_desktop.practice.replicate.state import Training

_OSTRIS_FOLDER = "output/flux_train_replicate"


def build_weights(training: Training, photos: Path, weights: Path, archive: Path) -> None:
    """Write the LoRA of a training and pack it as its trainer does; takes about a second.

    Both files appear whole or not at all, so that this may be repeated after a kill.
    """
    zip_file = PhotoZip(photos)
    captions = read_captions(zip_file)
    plan = training.plan
    write_flux1_lora(
        weights,
        photos=read_photos(zip_file),
        captions=captions,
        trigger_word=plan.trigger_word,
        rank=plan.rank,
        steps=plan.steps,
    )
    archive.parent.mkdir(parents=True, exist_ok=True)
    temporary = archive.with_suffix(".part")
    with tarfile.open(temporary, "w") as tar:
        if plan.kind == "fast":
            _add(tar, "flux-lora/flux-lora.safetensors", weights.read_bytes(), training)
        else:
            _add_ostris(tar, weights, captions, training)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(archive)


def _add_ostris(
    tar: tarfile.TarFile, weights: Path, captions: dict[str, str], training: Training
) -> None:
    plan = training.plan
    config = {
        "job": "extension",
        "config": {"name": "flux_train_replicate", "steps": plan.steps, "rank": plan.rank},
    }
    _add(tar, f"{_OSTRIS_FOLDER}/config.yaml", json.dumps(config).encode(), training)
    _add(tar, f"{_OSTRIS_FOLDER}/lora.safetensors", weights.read_bytes(), training)
    for photo in plan.photos:
        stem = photo.rpartition(".")[0]
        text = captions.get(stem, f"a photo of {plan.trigger_word}, seen in soft light")
        _add(tar, f"{_OSTRIS_FOLDER}/captions/{stem}.txt", text.encode(), training)


def _add(tar: tarfile.TarFile, name: str, data: bytes, training: Training) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mtime = int(training.created_at)
    tar.addfile(member, io.BytesIO(data))
