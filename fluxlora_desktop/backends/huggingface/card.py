"""The words of a published Lora: its card, its licence file and its notice."""

from __future__ import annotations

import json
from collections.abc import Sequence

from huggingface_hub import ModelCardData

from fluxlora_desktop.domain.bases import BaseModel
from fluxlora_desktop.domain.loras import CardFacts
from fluxlora_desktop.domain.pictures import CardPicture

WEIGHTS_NAME = "lora.safetensors"
TAGS = ("text-to-image", "flux", "lora", "diffusers", "template:sd-lora")


def run_mark_comment(mark: str) -> str:
    """Return the line of a card that tells whose repo it is; readers do not see it."""
    return f"<!-- fluxlora_run: {mark} -->"


def picture_name(index: int, picture: CardPicture) -> str:
    """Return where a card's picture lies in the repo; `index` starts at 1."""
    return f"images/{index}{picture.path.suffix.lower() or '.png'}"


def render_card(facts: CardFacts, pictures: Sequence[CardPicture], mark: str, *, repo: str) -> str:
    """Return README.md: front matter by which hub and providers find the Lora, then the words.

    Inference providers map a repo by `base_model`, the adapter relation and the tag lora
    (hub-docs, register as a provider); the gallery shows the widget's pictures.
    """
    front = _front_matter(facts, pictures).to_yaml()
    parts = [
        f"# {_one_line(facts.title)}",
        "<Gallery />" if pictures else "",
        _trigger_words(facts),
        _how_to_use(facts, repo),
        _training(facts),
        _rights(facts),
        run_mark_comment(mark),
    ]
    body = "\n\n".join(part for part in parts if part)
    return f"---\n{front}\n---\n\n{body}\n"


def render_licence(base: BaseModel) -> str:
    """Return LICENSE.md: which licence applies, where it stands, who grants the rights (s.3a)."""
    granted = (
        "Any rights to use this LoRA are directly granted by Black Forest Labs Inc. to its "
        "recipients pursuant to that licence.\n\n"
    )
    return (
        f"# Licence\n\nThis LoRA is a derivative of {base.title} and is distributed under the "
        f"licence `{base.licence_name}`:\n\n{base.licence_link}\n\n"
        f"{granted if base.company_grants else ''}{base.permits}\n"
    )


def render_notice(base: BaseModel) -> str:
    """Return NOTICE: the attribution that the licence wants, and that the model was modified."""
    return (
        f"{base.notice}\n\n"
        f"This LoRA is a derivative of {base.title}: it contains modifications of that model. "
        "It is not an official product of, nor endorsed by, Black Forest Labs Inc.\n"
    )


def _front_matter(facts: CardFacts, pictures: Sequence[CardPicture]) -> ModelCardData:
    base = facts.base
    widget = [
        {"text": picture.prompt, "output": {"url": picture_name(index, picture)}}
        for index, picture in enumerate(pictures, 1)
    ]
    return ModelCardData(
        license=base.licence,
        license_name=base.licence_name if base.licence == "other" else None,
        license_link=base.licence_link if base.licence == "other" else None,
        base_model=base.hub_id,
        base_model_relation="adapter",
        library_name="diffusers",
        pipeline_tag="text-to-image",
        tags=list(TAGS),
        instance_prompt=facts.trigger_word or None,
        widget=widget or None,
    )


def _trigger_words(facts: CardFacts) -> str:
    if not facts.trigger_word:
        return ""
    return f"## Trigger words\n\nWrite `{_code(facts.trigger_word)}` in the prompt."


def _how_to_use(facts: CardFacts, repo: str) -> str:
    prompt = f"{facts.trigger_word}, a photo in soft light".removeprefix(", ")
    pipeline = facts.base.pipeline
    scale = f"{facts.recommended_scale:g}"
    snippet = "\n".join(
        (
            "import torch",
            f"from diffusers import {pipeline}",
            "",
            f"pipe = {pipeline}.from_pretrained({_quoted(facts.base.hub_id)}, "
            "torch_dtype=torch.bfloat16)",
            "pipe.enable_model_cpu_offload()",
            f"pipe.load_lora_weights({_quoted(repo)}, weight_name={_quoted(WEIGHTS_NAME)}, "
            'adapter_name="subject")',
            f'pipe.set_adapters("subject", {scale})',
            f'pipe({_quoted(prompt)}).images[0].save("picture.png")',
        )
    )
    return (
        f"## How to use it\n\nRecommended strength: {scale}\n\n"
        f"Weights: [{WEIGHTS_NAME}](/{repo}/resolve/main/{WEIGHTS_NAME})\n\n"
        f"```python\n{snippet}\n```"
    )


def _training(facts: CardFacts) -> str:
    rows = [("Base model", f"[{facts.base.title}](https://huggingface.co/{facts.base.hub_id})")]
    if facts.trained_with:
        rows.append(("Trained with", _cell(facts.trained_with)))
    if facts.photo_count:
        rows.append(("Photos", str(facts.photo_count)))
    rows += [(_cell(name), _cell(value)) for name, value in facts.parameters]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"## Training\n\n| | |\n|---|---|\n{table}"


def _rights(facts: CardFacts) -> str:
    base = facts.base
    confirmed = (
        "Whoever published this LoRA stated that they may use the photos it was trained on, and "
        "that the people in them agreed. "
        if facts.rights_confirmed
        else ""
    )
    granted = (
        "Rights to use this LoRA are directly granted by Black Forest Labs Inc. pursuant to that "
        "licence. "
        if base.company_grants
        else ""
    )
    return (
        f"## Rights\n\n{confirmed}Do not use it to deceive, or to picture people against their "
        "will.\n\n"
        f"Licence: [{base.licence_name}]({base.licence_link}). {base.permits} {granted}See "
        "LICENSE.md and NOTICE."
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    return _one_line(text).replace("`", "'")


def _cell(text: str) -> str:
    return _one_line(text).replace("|", "\\|").replace("<", "&lt;")
