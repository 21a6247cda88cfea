"""What the library knows of a picture, as it goes into the picture's own file."""

from __future__ import annotations

from contextlib import suppress

from fluxlora_desktop import __version__
from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.pictures import LoraOrigin, Picture, PictureText
from fluxlora_desktop.workflows.tools import Tools

APP = "FluxLoRA Desktop"


def text_of(picture: Picture, model_title: str, tools: Tools) -> PictureText:
    """Return what goes into the picture's file: everything that made it, and where from."""
    return PictureText(
        prompt=picture.prompt,
        model_title=title_of(picture.base) if picture.base else model_title,
        base=picture.base,
        generator=f"{picture.generator}/{picture.model}",
        loras=picture.loras,
        width=picture.width,
        height=picture.height,
        steps=picture.steps,
        guidance=picture.guidance,
        seed=picture.seed,
        app_version=f"{APP} {__version__}",
        extra=(("picture", picture.id), ("order", picture.order_id)),
        negative_prompt=picture.negative_prompt,
        origins=_origins(picture, tools),
        request_id=picture.remote_id,
        cost_usd="" if picture.cost_usd is None else f"{picture.cost_usd.normalize():f}",
        made_at=picture.created_at.isoformat(),
    )


def _origins(picture: Picture, tools: Tools) -> tuple[LoraOrigin, ...]:
    """Return where the Loras came from; one that is gone is in the picture by name and hash."""
    found: list[LoraOrigin] = []
    for use in picture.loras:
        with suppress(KeyError):
            lora = tools.stores.loras.get(use.lora_id)
            there = lora.publication
            repo = f"{there.repo}@{there.commit}" if there else ""
            found.append(LoraOrigin(lora.id, lora.run_id or "", repo))
    return tuple(found)
