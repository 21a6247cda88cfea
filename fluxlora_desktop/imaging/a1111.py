"""The "parameters" text that AUTOMATIC1111 made common: writing it, and reading others'.

Three readers decide the form: A1111 itself, StabilityMatrix (the last line must start with
`Steps:`, the rest is split at `Negative prompt: `) and Civitai (LoRA tags from the prompt).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from fluxlora_desktop.domain.pictures import PictureLora, PictureText

_PAIR: Final = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_LORA_TAG: Final = re.compile(r"<lora:([a-zA-Z0-9_.\-]+):([0-9.]+)>")
_FEWEST_PAIRS: Final = 3
_NEGATIVE: Final = "Negative prompt:"
_KNOWN: Final = frozenset(
    [
        "Steps",
        "Sampler",
        "Schedule type",
        "CFG scale",
        "Distilled CFG Scale",
        "Seed",
        "Size",
        "Model",
        "Generator",
        "Lora hashes",
        "Version",
    ]
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """A1111 text taken apart."""

    prompt: str
    negative: str
    values: dict[str, str]


def write_parameters(text: PictureText) -> str:
    """Return the A1111 text of a picture: prompt with LoRA tags, negative line, settings line."""
    prompt = text.prompt.replace("\r\n", "\n").replace("\0", "").rstrip()
    tags = " ".join(
        f"<lora:{tag_name(lora.name)}:{lora.scale:g}>" for lora in text.loras if lora.scale >= 0
    )
    hashes = ", ".join(
        f"{tag_name(lora.name)}: {lora.tensor_hash.lower()[:12]}"
        for lora in text.loras
        if lora.tensor_hash
    )
    pairs = [
        ("Steps", str(text.steps)),
        ("Sampler", "Euler"),
        ("Schedule type", "Simple"),
        ("CFG scale", "1"),
        ("Distilled CFG Scale", f"{text.guidance:g}"),
        ("Seed", str(text.seed)),
        ("Size", f"{text.width}x{text.height}"),
        ("Model", text.model_title),
        *([("Lora hashes", hashes)] if hashes else []),
        ("Generator", text.generator),
        *text.extra,
        ("Version", text.app_version),
    ]
    settings = ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs if value)
    return f"{f'{prompt} {tags}'.strip()}\n{_NEGATIVE} \n{settings}"


def read_parameters(text: str) -> Parameters:
    """Take A1111 text apart by A1111's own rules."""
    *lines, last = text.strip().split("\n")
    if len(_PAIR.findall(last)) < _FEWEST_PAIRS:
        lines, last = [*lines, last], ""
    prompt: list[str] = []
    negative: list[str] = []
    target = prompt
    for line in map(str.strip, lines):
        if line.startswith(_NEGATIVE):
            target = negative
            target.append(line.removeprefix(_NEGATIVE).strip())
        else:
            target.append(line)
    values = {key: _unquoted(value) for key, value in _PAIR.findall(last)}
    return Parameters("\n".join(prompt), "\n".join(negative).strip(), values)


def to_picture_text(text: str) -> PictureText | None:
    """Return what a picture of another program says, or None when it holds no settings."""
    found = read_parameters(text)
    if not found.values:
        return None
    values = found.values
    width, _, height = values.get("Size", "").partition("x")
    return PictureText(
        prompt=_LORA_TAG.sub("", found.prompt).strip(),
        model_title=values.get("Model", ""),
        base="",
        generator=values.get("Generator", ""),
        loras=_read_loras(found),
        width=_whole(width),
        height=_whole(height),
        steps=_whole(values.get("Steps", "")),
        guidance=_number(values.get("Distilled CFG Scale", values.get("CFG scale", ""))),
        seed=_whole(values.get("Seed", "")),
        app_version=values.get("Version", ""),
        extra=tuple((key, value) for key, value in values.items() if key not in _KNOWN),
    )


def tag_name(name: str) -> str:
    """Reduce a LoRA's name to the letters that Civitai finds in tags."""
    return re.sub(r"[^a-zA-Z0-9_.\-]+", "_", name)


def _read_loras(found: Parameters) -> tuple[PictureLora, ...]:
    pairs = (part.partition(":") for part in found.values.get("Lora hashes", "").split(","))
    hashes = {name.strip(): value.strip() for name, _, value in pairs}
    return tuple(
        PictureLora("", name, _number(scale), hashes.get(name, ""))
        for name, scale in _LORA_TAG.findall(found.prompt)
    )


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(c in value for c in ',:"\n') else value


def _unquoted(value: str) -> str:
    if value[:1] != '"' or value[-1:] != '"':
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def _whole(text: str) -> int:
    return int(text) if text.strip().isdecimal() and len(text) <= 20 else 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
