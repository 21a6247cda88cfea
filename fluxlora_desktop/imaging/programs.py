"""What a picture says of itself, by whichever program it was written.

The app's own JSON first, since it is exact; then what only one program writes, then A1111's text,
which many write beside their own, then ComfyUI's graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fluxlora_desktop.domain.pictures import PictureLora, PictureText, PictureWords
from fluxlora_desktop.imaging import a1111, comfy
from fluxlora_desktop.imaging.bounded import (
    cleaned,
    facts_from,
    group_in,
    json_in,
    number_in,
    rows_in,
    seed_in,
    whole_in,
)
from fluxlora_desktop.imaging.containers import Texts, read_texts
from fluxlora_desktop.imaging.metadata import common_text, json_group, own_json, parse_own

_MOST_LORAS: Final = 20
_MATRIX_KEYS: Final = ("parameters-json", "smproj")


def read_words(path: Path) -> PictureWords:
    """Return what a file says; empty words where that is nothing. Raises `OSError`."""
    return words_in(read_texts(path))


def words_in(texts: Texts) -> PictureWords:
    """Return what the words of a file mean; never raises, whatever they are."""
    if (own := own_json(texts)) and (text := parse_own(own)):
        return _own_words(text)
    if found := _invoke_words(texts.chunks):
        return found
    common = common_text(texts)
    if group := json_group(common):
        return _swarm_words(group) or comfy.read_graphs(group, {}) or _comfy(texts) or _NONE
    return _common_words(common, texts) or _comfy(texts) or _NONE


_NONE: Final = PictureWords()


def _own_words(text: PictureText) -> PictureWords:
    repos = (f"{origin.repo}" for origin in text.origins if origin.repo)
    runs = (origin.run_id for origin in text.origins if origin.run_id)
    facts = {
        "Made by": text.generator,
        "Cost": f"${text.cost_usd}" if text.cost_usd else "",
        "Request": text.request_id,
        "Training": ", ".join(runs),
        "Weights": ", ".join(repos),
        **dict(text.extra),
        "Version": text.app_version,
    }
    seed, told = seed_in(text.seed)
    return PictureWords(
        program="FluxLoRA Desktop",
        prompt=cleaned(text.prompt),
        negative_prompt=cleaned(text.negative_prompt),
        model=cleaned(text.model_title, 500),
        loras=tuple(
            PictureLora("", cleaned(use.name, 200), number_in(use.scale), cleaned(use.tensor_hash))
            for use in text.loras[:_MOST_LORAS]
        ),
        width=whole_in(text.width),
        height=whole_in(text.height),
        steps=whole_in(text.steps),
        guidance=number_in(text.guidance),
        seed=seed,
        made_at=cleaned(text.made_at, 40),
        facts=facts_from({**told, **facts}),
    )


def _common_words(common: str, texts: Texts) -> PictureWords | None:
    """Return what A1111's text says, with the program's name where other words give it away."""
    found = a1111.read_words(common) if common else None
    if found is None or found.program not in ("A1111", "Civitai"):
        return found
    if any(key in texts.chunks for key in _MATRIX_KEYS):
        return _by(found, "StabilityMatrix")
    if found.program == "A1111" and "prompt" in texts.chunks and "workflow" in texts.chunks:
        return _by(found, "ComfyUI")
    return found


def _by(words: PictureWords, program: str) -> PictureWords:
    values: dict[str, Any] = {name: getattr(words, name) for name in PictureWords.__slots__}
    return PictureWords(**{**values, "program": program})


def _comfy(texts: Texts) -> PictureWords | None:
    """Return what ComfyUI wrote: two chunks of PNG, or two tags of EXIF named in their text."""
    graphs = {key: texts.chunks.get(key, "") for key in ("prompt", "workflow")}
    for words in texts.tags.values():
        name, _, graph = words.partition(":")
        if name.strip().lower() in graphs and not graphs[name.strip().lower()]:
            graphs[name.strip().lower()] = graph
    prompt, workflow = (group_in(json_in(graphs[key])) for key in ("prompt", "workflow"))
    return comfy.read_graphs(prompt, workflow)


def _invoke_words(chunks: Mapping[str, str]) -> PictureWords | None:
    """Return what InvokeAI wrote: the fields of its CoreMetadata.

    Source: invokeai/app/invocations/metadata.py; `negative_prompt` and most others may be missing.
    """
    said = group_in(json_in(chunks.get("invokeai_metadata", "")))
    if not said:
        return None
    model = group_in(said.get("model"))
    loras = (group_in(row) for row in rows_in(said.get("loras"), _MOST_LORAS))
    guidance = number_in(said.get("guidance")) or number_in(said.get("cfg_scale"))
    seed, told = seed_in(said.get("seed"))
    facts = {
        "Scheduler": said.get("scheduler"),
        "CFG scale": said.get("cfg_scale") if said.get("guidance") else None,
        "Mode": said.get("generation_mode"),
        "Model hash": model.get("hash"),
        "VAE": group_in(said.get("vae")).get("name"),
        "Strength": said.get("strength"),
        "Version": said.get("app_version"),
    }
    return PictureWords(
        program="InvokeAI",
        prompt=cleaned(said.get("positive_prompt")),
        negative_prompt=cleaned(said.get("negative_prompt")),
        model=cleaned(model.get("name") or model.get("model_name"), 500),
        loras=tuple(_invoke_lora(lora) for lora in loras),
        width=whole_in(said.get("width")),
        height=whole_in(said.get("height")),
        steps=whole_in(said.get("steps")),
        guidance=guidance,
        seed=seed,
        facts=facts_from({**told, **facts}),
    )


def _invoke_lora(row: Mapping[str, Any]) -> PictureLora:
    model = group_in(row.get("model") or row.get("lora"))
    name = cleaned(model.get("name") or model.get("model_name"), 200)
    return PictureLora("", name, number_in(row.get("weight")), cleaned(model.get("hash"), 80))


def _swarm_words(said: Mapping[str, Any]) -> PictureWords | None:
    """Return what SwarmUI wrote: its parameters by their ids, numbers often in words.

    Source: SwarmUI's docs/Image Metadata Format.md; lists may be words joined by commas.
    """
    if not isinstance(said.get("sui_image_params"), dict):
        return None
    values, more = said["sui_image_params"], group_in(said.get("sui_extra_data"))
    guidance = number_in(values.get("fluxguidancescale"))
    seed, told = seed_in(values.get("seed"))
    facts = {
        "Sampler": values.get("sampler"),
        "Scheduler": values.get("scheduler"),
        "CFG scale": values.get("cfgscale") if guidance else None,
        "VAE": values.get("vae"),
        "Original prompt": more.get("original_prompt"),
        "Version": values.get("swarm_version"),
    }
    return PictureWords(
        program="SwarmUI",
        prompt=cleaned(values.get("prompt")),
        negative_prompt=cleaned(values.get("negativeprompt")),
        model=cleaned(values.get("model"), 500),
        loras=_swarm_loras(values, rows_in(said.get("sui_models"))),
        width=whole_in(values.get("width")),
        height=whole_in(values.get("height")),
        steps=whole_in(values.get("steps")),
        guidance=guidance or number_in(values.get("cfgscale")),
        seed=seed,
        made_at=cleaned(more.get("date") or values.get("date"), 40),
        facts=facts_from({**told, **facts}),
    )


def _swarm_loras(values: Mapping[str, Any], models: list[Any]) -> tuple[PictureLora, ...]:
    hashes = {
        cleaned(row.get("name")).removesuffix(".safetensors"): cleaned(row.get("hash"), 80)
        for row in map(group_in, models)
    }
    names, weights = _listed(values.get("loras")), _listed(values.get("loraweights"))
    return tuple(
        PictureLora(
            "",
            cleaned(name, 200),
            number_in(weights[place]) if place < len(weights) else 1.0,
            hashes.get(name.removesuffix(".safetensors"), ""),
        )
        for place, name in enumerate(names)
    )


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value[:20_000].split(",") if part.strip()][:_MOST_LORAS]
    parts = rows_in(value, _MOST_LORAS)
    return [str(part).strip() for part in parts if isinstance(part, str | float | int)]
