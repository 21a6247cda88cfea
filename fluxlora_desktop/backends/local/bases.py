"""Base models on this computer: the hub's cache, or a folder that a person chose."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.local.install import folder_bytes
from fluxlora_desktop.domain.engine import (
    LOCAL_BASES,
    PIPELINES,
    BaseFiles,
    BaseState,
    LocalBase,
    local_base,
)
from fluxlora_desktop.domain.errors import DiskFull, InputError, StorageError
from fluxlora_desktop.domain.work import JobContext

_MAX_JSON = 4_000_000
_HEADS = {"flux.1-dev": 24, "flux.2-dev": 48, "flux.2-klein-4b": 24, "flux.2-klein-9b": 32}
"""`num_attention_heads` of the transformer's config.json, by base (diffusers 0.42.1)."""
_GONE = ".removed-"


class Bases:
    """The base models of `folder`, the hub's home; `choices` is the file with chosen folders."""

    def __init__(self, *, folder: Path, choices: Path) -> None:
        self._folder, self._choices = folder, choices

    def all(self) -> tuple[BaseFiles, ...]:
        """Return where each base is; adds up sizes, so it may take a moment."""
        chosen = self._chosen()
        return tuple(self._state(base, chosen.get(base.key)) for base in LOCAL_BASES)

    def model(self, key: str) -> str:
        """Return the chosen folder of a base, or its hub id."""
        base = _known(key)
        return self.own(key) or base.hub_id

    def own(self, key: str) -> str:
        """Return the chosen folder of a base, "" where the hub's model is used."""
        return self._chosen().get(key, "")

    def choose(self, key: str, folder: Path) -> BaseFiles:
        """Take a person's folder; raises `InputError` when it does not hold the base."""
        base = _known(key)
        folder = folder.absolute()
        trouble = trouble_of_folder(base, folder)
        if trouble:
            raise InputError("folder", trouble)
        self._keep({**self._chosen(), key: str(folder)})
        return self._state(base, str(folder))

    def forget(self, key: str) -> None:
        """Use the hub's model again."""
        self._keep({name: path for name, path in self._chosen().items() if name != key})

    def to_fetch(self, key: str, free_bytes: int) -> LocalBase:
        """Return the base with this key; raises `DiskFull` where there is no room for the rest."""
        base = _known(key)
        left = max(0, base.download_bytes - self._bytes(base.hub_id))
        if free_bytes < left:
            raise DiskFull(self._folder, needed=left, free=free_bytes)
        return base

    def remove(self, key: str, ctx: JobContext) -> None:
        """Delete what was downloaded of a base; renamed first, so that no half of it is used."""
        base = _known(key)
        for cache in {self._cache(base.hub_id), self._cache(base.pictures_id)}:
            if not cache.exists():
                continue
            try:
                cache.rename(cache.with_name(f"{_GONE}{cache.name}-{os.getpid()}"))
            except OSError as error:
                raise StorageError(cache, error.strerror or "") from error
        self.sweep(ctx)

    def sweep(self, ctx: JobContext) -> None:
        """Finish removals that were cut short."""
        for rest in self._cache(LOCAL_BASES[0].hub_id).parent.glob(f"{_GONE}*"):
            ctx.check()
            shutil.rmtree(rest, ignore_errors=True)

    def _cache(self, hub_id: str) -> Path:
        """Return where huggingface_hub 2.4 keeps a model: HF_HOME/hub/models--OWNER--NAME."""
        return self._folder / "hub" / f"models--{hub_id.replace('/', '--')}"

    def _bytes(self, hub_id: str) -> int:
        cache = self._cache(hub_id)
        return folder_bytes(cache) if cache.exists() else 0

    def _state(self, base: LocalBase, chosen: str | None) -> BaseFiles:
        cache = self._cache(base.hub_id)
        twin = self._bytes(base.pictures_id) if base.has_twin else 0
        size = self._bytes(base.hub_id) + twin
        if chosen is not None:
            trouble = trouble_of_folder(base, Path(chosen))
            state = BaseState.LOST if trouble else BaseState.FOLDER
            return BaseFiles(base, state, size, Path(chosen), trouble, twin_bytes=twin)
        if not cache.exists():
            return BaseFiles(base, BaseState.ABSENT, size, twin_bytes=twin)
        whole = any(_is_whole(place) for place in (cache / "snapshots").glob("*"))
        state = BaseState.HERE if whole else BaseState.PARTIAL
        return BaseFiles(base, state, size, twin_bytes=twin)

    def _chosen(self) -> Mapping[str, str]:
        found = _json(self._choices)
        return {key: path for key, path in found.items() if isinstance(path, str)}

    def _keep(self, chosen: Mapping[str, str]) -> None:
        try:
            self._choices.parent.mkdir(parents=True, exist_ok=True)
            part = self._choices.with_name(f"{self._choices.name}.part")
            part.write_text(json.dumps(chosen), "utf-8")
            part.replace(self._choices)
        except OSError as error:
            raise StorageError(self._choices, error.strerror or "") from error


def trouble_of_folder(base: LocalBase, folder: Path) -> str:
    """Return why a folder cannot be used for a base, "" when it can."""
    index = _json(folder / "model_index.json")
    kind = index.get("_class_name")
    if not kind:
        return (
            f"It holds no model_index.json. Choose the folder of {base.title} in the layout of "
            "diffusers, with transformer, vae and text_encoder inside."
        )
    config = _json(folder / "transformer" / "config.json")
    heads = config.get("num_attention_heads", _HEADS[base.key])
    if kind not in PIPELINES[base.key] or heads != _HEADS[base.key]:
        others = (it.title for it in LOCAL_BASES if kind in PIPELINES[it.key] and it != base)
        what = next(others, str(kind)[:60])
        return f"It holds another model ({what}), not {base.title}."
    if base.key == "flux.1-dev" and config.get("guidance_embeds") is False:
        return "It holds FLUX.1-schnell, not FLUX.1-dev."
    if index.get("is_distilled") is True:
        return f"It holds the distilled {base.title}; choose the one that is called Base."
    return "" if _is_whole(folder) else "Files of it are missing; look whether it was copied whole."


def _is_whole(folder: Path) -> bool:
    """Say whether every part that model_index.json names is there with its weights."""
    parts = [
        name
        for name, what in _json(folder / "model_index.json").items()
        if isinstance(what, list) and len(what) == 2 and all(what)
    ]
    return bool(parts) and all(_has_part(folder / name) for name in parts)


def _has_part(part: Path) -> bool:
    if not (part / "config.json").exists():  # a tokenizer or a scheduler: small files of any name
        return part.is_dir() and any(part.iterdir())
    indexes = tuple(part.glob("*.safetensors.index.json"))
    if not indexes:
        return any(part.glob("*.safetensors"))
    named = _json(indexes[0]).get("weight_map", {})
    return isinstance(named, dict) and all(
        (part / str(file)).exists() for file in set(named.values())
    )


def _known(key: str) -> LocalBase:
    base = local_base(key)
    if base is None:
        raise InputError("base", f"{key} is not a base model of this computer")
    return base


def _json(path: Path) -> Mapping[str, Any]:
    """Return a JSON object of a file, {} where it is not one, too long or not there."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_JSON + 1)
        found = json.loads(data) if len(data) <= _MAX_JSON else None
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
