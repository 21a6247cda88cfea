"""The "parameters" text that AUTOMATIC1111 made common: writing it, and reading others'.

Three readers decide the form: A1111 itself, StabilityMatrix (the last line must start with
`Steps:`, the rest is split at `Negative prompt: `) and Civitai (LoRA tags from the prompt).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fluxlora_desktop.domain.pictures import PictureLora, PictureText, PictureWords
from fluxlora_desktop.imaging.bounded import cleaned, facts_from, number_in, seed_in, whole_in

# A1111's own expression; a key has at most 60 letters here, so that no line takes long.
_PAIR: Final = re.compile(r'(\w[\w \-/]{1,60}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
# A1111's tags may have any name and a second strength for the text encoder, which FLUX has none of.
_LORA_TAG: Final = re.compile(r"<lora:([^:<>\n]{1,200})(?::(-?[0-9.]{1,20}))?(?::[^<>\n]{0,100})?>")
_LONGEST_LINE: Final = 200_000
_JSON_KEYS: Final = ("Civitai resources", "Civitai metadata", "Hashes")
"""Keys whose values are written as JSON as it is, commas and all."""
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
_SAID_APART: Final = _KNOWN - {"Sampler", "Schedule type", "CFG scale", "Generator"}
"""Keys that are columns of a picture; the others are its facts."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A1111 text taken apart."""

    prompt: str
    negative: str
    values: dict[str, str]
    json: Mapping[str, Any] = field(default_factory=dict)


def write_parameters(text: PictureText) -> str:
    """Return the A1111 text of a picture: prompt with LoRA tags, negative line, settings line."""
    prompt, negative = _plain(text.prompt), _plain(text.negative_prompt)
    tags = " ".join(
        f"<lora:{tag_name(lora.name)}:{_decimal(lora.scale)}>"
        for lora in text.loras
        if lora.scale >= 0
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
    return f"{f'{prompt} {tags}'.strip()}\n{_NEGATIVE} {negative}\n{settings}"


def read_parameters(text: str) -> Parameters:
    """Take A1111 text apart by A1111's own rules, and lift out what others write in it as JSON."""
    *lines, last = text.strip().split("\n")
    last, found = _lift_json(last[:_LONGEST_LINE])
    if len(_PAIR.findall(last)) + len(found) < _FEWEST_PAIRS:
        lines, last, found = text.strip().split("\n"), "", {}
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
    return Parameters("\n".join(prompt), "\n".join(negative).strip(), values, found)


def read_words(text: str) -> PictureWords | None:
    """Return what a picture of another program says, or None when it holds no settings."""
    found = read_parameters(text)
    if not found.values:
        found = read_parameters(_until_settings(text))
    if not found.values:
        return None
    values = found.values
    width, _, height = values.get("Size", "").partition("x")
    distilled = values.get("Distilled CFG Scale", "")
    rest = {key: value for key, value in values.items() if key not in _SAID_APART}
    if not distilled:
        rest.pop("CFG scale", None)
    if "Version" in values:
        rest["Version"] = values["Version"]
    seed, told = seed_in(values.get("Seed"))
    made = rest.pop("Created Date", "")
    return PictureWords(
        program=_program(found),
        prompt=cleaned(_LORA_TAG.sub("", found.prompt)),
        negative_prompt=cleaned(found.negative),
        model=cleaned(values.get("Model", "")) or _resource(found, "checkpoint"),
        loras=_read_loras(found) or _resource_loras(found),
        width=whole_in(width),
        height=whole_in(height),
        steps=whole_in(values.get("Steps")),
        guidance=number_in(distilled or values.get("CFG scale")),
        seed=seed,
        made_at=made,
        facts=facts_from({**told, **rest}),
    )


def to_picture_text(text: str) -> PictureText | None:
    """Return what a picture of another program says, or None when it holds no settings."""
    found = read_parameters(text)
    if not found.values:
        return None
    values = found.values
    width, _, height = values.get("Size", "").partition("x")
    return PictureText(
        prompt=_LORA_TAG.sub("", found.prompt).strip(),
        negative_prompt=found.negative,
        model_title=values.get("Model", ""),
        base="",
        generator=values.get("Generator", ""),
        loras=_read_loras(found),
        width=whole_in(width),
        height=whole_in(height),
        steps=whole_in(values.get("Steps")),
        guidance=number_in(values.get("Distilled CFG Scale", values.get("CFG scale"))),
        seed=whole_in(values.get("Seed")),
        app_version=values.get("Version", ""),
        extra=tuple((key, value) for key, value in values.items() if key not in _KNOWN),
    )


def tag_name(name: str) -> str:
    """Reduce a LoRA's name to the letters that Civitai finds in tags."""
    return re.sub(r"[^a-zA-Z0-9_.\-]+", "_", name)


def _until_settings(text: str) -> str:
    """Leave out what extensions write below the settings line, found as Civitai finds it."""
    lines = text.strip().split("\n")
    places = [place for place, line in enumerate(lines) if line.startswith("Steps: ")]
    return "\n".join(lines[: places[-1] + 1]) if places else ""


def _program(found: Parameters) -> str:
    """Return which program wrote it, by the version that it names."""
    version = found.values.get("Version", "")
    if version.startswith("FluxLoRA"):
        return "FluxLoRA Desktop"
    if re.match(r"f\d", version):  # Forge names its own version before that of A1111
        return "Forge"
    if version.lower().startswith("comfyui"):
        return "ComfyUI"
    return "Civitai" if not version and "Civitai resources" in found.json else "A1111"


def _lift_json(line: str) -> tuple[str, dict[str, Any]]:
    """Take the values out of a settings line that are written as JSON as it is."""
    found: dict[str, Any] = {}
    for key in _JSON_KEYS:
        at = line.find(f"{key}: ")
        start = at + len(key) + 2
        if at < 0 or line[start : start + 1] not in ("{", "["):
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(line, start)
        except (ValueError, RecursionError):
            continue
        found[key] = value
        line = line[:at].rstrip(" ,") + line[end:]
    return line, found


def _read_loras(found: Parameters) -> tuple[PictureLora, ...]:
    """Return the LoRAs of the tags, with their AutoV3, else AutoV2, where it is written."""
    pairs = (part.partition(":") for part in found.values.get("Lora hashes", "").split(","))
    hashes = {name.strip(): value.strip() for name, _, value in pairs}
    short = found.json.get("Hashes")
    for key, value in short.items() if isinstance(short, dict) else ():
        kind, _, name = str(key).partition(":")
        if kind.lower() == "lora" and name:
            hashes.setdefault(name, str(value))
    return tuple(
        PictureLora(
            "", cleaned(name), number_in(scale) if scale else 1.0, cleaned(hashes.get(name, ""), 80)
        )
        for name, scale in _LORA_TAG.findall(found.prompt)[:20]
    )


def _resources(found: Parameters, kind: str) -> list[dict[str, Any]]:
    """Return what Civitai's own generator wrote about models of a kind."""
    listed = found.json.get("Civitai resources")
    rows = listed[:50] if isinstance(listed, list) else []
    return [row for row in rows if isinstance(row, dict) and row.get("type") == kind]


def _resource(found: Parameters, kind: str) -> str:
    for row in _resources(found, kind):
        parts = (cleaned(str(row.get(key, ""))) for key in ("modelName", "modelVersionName"))
        return " ".join(filter(None, parts))
    return ""


def _resource_loras(found: Parameters) -> tuple[PictureLora, ...]:
    return tuple(
        PictureLora(
            "",
            cleaned(str(row.get("modelName") or f"Civitai {row.get('modelVersionId', '')}"), 200),
            number_in(row.get("weight", 1)),
        )
        for row in _resources(found, "lora")[:20]
    )


def _plain(prompt: str) -> str:
    return prompt.replace("\r\n", "\n").replace("\0", "").rstrip()


def _decimal(number: float) -> str:
    """Write a number as Civitai's expression for tags wants it: digits and a point alone."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(c in value for c in ',:"\n') else value


def _unquoted(value: str) -> str:
    if value[:1] != '"' or value[-1:] != '"':
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
