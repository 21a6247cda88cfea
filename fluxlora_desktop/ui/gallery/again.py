"""A picture as the order that made it, to be sent again or changed."""

from __future__ import annotations

import secrets
from dataclasses import replace

from fluxlora_desktop.domain.pictures import LoraUse, Picture, PictureRequest
from fluxlora_desktop.domain.prompts import SEED_LIMIT
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk
from fluxlora_desktop.ui.gallery.words import about
from fluxlora_desktop.workflows.pictures import template_of


def request_of(picture: Picture, loras: LoraDesk) -> PictureRequest:
    """Return the order of one such picture; a LoRA that is gone is in it by its name alone.

    What an imported picture does not say is as in any new order.
    """
    usual = PictureRequest("", "", "")
    uses: list[LoraUse] = []
    for part in picture.loras:
        lora = loras.lora(part.lora_id)
        gone = LoraUse(part.lora_id, part.name, picture.base, part.scale)
        uses.append(use_of(lora, part.scale) if lora else gone)
    return PictureRequest(
        generator=picture.generator,
        model=picture.model,
        prompt=picture.prompt,
        loras=tuple(uses),
        width=picture.width,
        height=picture.height,
        steps=picture.steps or usual.steps,
        guidance=usual.guidance if picture.source and not picture.guidance else picture.guidance,
        seed=picture.seed,
        count=1,
    )


def written_request_of(picture: Picture, loras: LoraDesk) -> PictureRequest:
    """Return the order of such pictures with its prompt as it was written, alternatives and all."""
    written, spread = template_of(picture)
    return replace(request_of(picture, loras), prompt=written, spread=spread)


def price_again(picture: Picture, pictures: PictureDesk) -> str:
    """Return what making a picture again would cost, "" when its model is not offered now."""
    offer = _offer_of(picture, pictures)
    if offer is None:
        return ""
    cost = pictures.estimate(offer, picture.width, picture.height, picture.steps, 1)
    return about(cost) if cost.high_usd else ""


def offered_again(picture: Picture, pictures: PictureDesk) -> bool:
    """Tell whether the model that made a picture is there now."""
    return _offer_of(picture, pictures) is not None


def varied(request: PictureRequest) -> PictureRequest:
    """Return the same order with another seed."""
    return replace(request, seed=secrets.randbelow(SEED_LIMIT))


def _offer_of(picture: Picture, pictures: PictureDesk) -> Offer | None:
    wanted = (picture.generator, picture.model)
    offers = (o for o in pictures.offers(()) if (o.generator, o.model.key) == wanted)
    return next(offers, None)
