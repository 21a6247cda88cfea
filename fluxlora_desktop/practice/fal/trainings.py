"""What a finished training leaves: the weights, and a small file about how they were made."""

import json
import shutil
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from fluxlora_desktop.practice.addresses import fetch_file, is_on_this_computer
from fluxlora_desktop.practice.fal.catalogue import Trainer
from fluxlora_desktop.practice.fal.files import Files
from fluxlora_desktop.practice.fal.recipes import Recipe, find_trigger_word, read_recipe
from fluxlora_desktop.practice.fal.state import FalState, QueuedRequest, StoredFile
from fluxlora_desktop.practice.lora import FLUX2, write_flux1_lora, write_flux2_lora
from fluxlora_desktop.practice.photo_zip import PhotoZip, read_captions, read_photos

_LARGEST_ZIP = 300_000_000
_RANK = 16
_WEIGHTS_NAME = "pytorch_lora_weights.safetensors"
_OUTPUT = ("diffusers_lora_file", "config_file")


class Trainings:
    """Reads the photos of trainings and makes their results."""

    def __init__(self, *, state: FalState, files: Files) -> None:
        self._state = state
        self._files = files

    async def keep_photos(self, address: Any, request_id: str, moment: float) -> PhotoZip | None:
        """Copy the zip that an address will give when the run starts, or return None.

        Practice asks nothing of the world: an address elsewhere counts as unreachable.
        """
        target = self._state.photos_path(request_id)
        if not isinstance(address, str):
            return None
        if self._files.is_own(address):
            source = self._files.at(address, moment)
            if source is None:
                return None
            await run_in_threadpool(shutil.copyfile, source, target)
            return PhotoZip(target)
        fetched = is_on_this_computer(address) and await fetch_file(
            address, target, limit=_LARGEST_ZIP, allowed=is_on_this_computer
        )
        return PhotoZip(target) if fetched else None

    async def finish(self, trainer: Trainer, request: QueuedRequest) -> tuple[StoredFile, ...]:
        """Write the LoRA and the file beside it; takes about a second."""
        recipe = read_recipe(trainer, request.input)
        told = {"steps": recipe.steps, "trigger_word": recipe.trigger_word, **request.input}
        weights, config = (
            self._files.announce(name, content_type, request.lifetime_s)
            for name, content_type in (
                (_WEIGHTS_NAME, "application/octet-stream"),
                ("config.json", "application/json"),
            )
        )
        photos = PhotoZip(self._state.photos_path(request.id))
        path = self._files.path(weights.id)
        await run_in_threadpool(_write_weights, path, trainer, recipe, photos)
        self._files.path(config.id).write_text(json.dumps(told, indent=2), "utf-8")
        return weights, config

    def output(self, request: QueuedRequest) -> dict[str, Any]:
        """Return what a training has made."""
        return {
            name: self._file_json(file_id)
            for name, file_id in zip(_OUTPUT, request.files, strict=True)
        }

    def _file_json(self, file_id: str) -> dict[str, Any]:
        file = self._state.files.get(file_id)
        assert file is not None, "files are not forgotten, only their bytes"
        path = self._files.path(file_id)
        return {
            "url": self._files.address(file),
            "file_name": file.name,
            "file_size": path.stat().st_size if path.exists() else 0,
            "content_type": file.content_type,
        }


def _write_weights(target: Path, trainer: Trainer, recipe: Recipe, photos: PhotoZip) -> None:
    captions = read_captions(photos)
    read = read_photos(photos)
    if trainer.base == FLUX2:
        write_flux2_lora(
            target,
            photos=read,
            captions=captions,
            trigger_word=find_trigger_word(captions.values(), recipe.default_caption),
            rank=_RANK,
            steps=recipe.steps,
            writer="diffusers",
            naming=recipe.naming,
        )
        return
    write_flux1_lora(
        target,
        photos=read,
        captions=captions,
        trigger_word=recipe.trigger_word,
        rank=_RANK,
        steps=recipe.steps,
        writer="diffusers",
    )
