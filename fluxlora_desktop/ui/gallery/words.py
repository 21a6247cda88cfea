"""A picture in words, for the inspector, the viewer, the clipboard and screen readers."""

from __future__ import annotations

from dataclasses import dataclass

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.services import service_title
from fluxlora_desktop.ui.wording import plural, price_range, usd, when

STATE_WORDS = {
    PictureState.WAITING: "Waiting",
    PictureState.MAKING: "Being made",
    PictureState.DONE: "Picture",
    PictureState.FAILED: "Not made",
    PictureState.MAYBE_CHARGED: "May have been charged, picture lost",
}
ON_ITS_WAY = frozenset({PictureState.WAITING, PictureState.MAKING})
LOST = frozenset({PictureState.FAILED, PictureState.MAYBE_CHARGED})


@dataclass(frozen=True, slots=True)
class Fact:
    """One line about a picture."""

    title: str
    value: str


def facts_of(picture: Picture) -> tuple[Fact, ...]:
    """Return everything that made a picture, without its prompt, in the order of reading."""
    loras = tuple(Fact("LoRA", f"{use.name}, strength {use.scale:g}") for use in picture.loras)
    cost = () if picture.cost_usd is None else (Fact("Cost", usd(picture.cost_usd)),)
    return (
        *loras,
        Fact("Model", model_words(picture)),
        Fact("Size", f"{picture.width} × {picture.height}"),
        Fact("Seed", str(picture.seed)),
        Fact("Steps", str(picture.steps)),
        Fact("Guidance", f"{picture.guidance:g}"),
        *cost,
        Fact("Made", when(picture.created_at)),
    )


def model_words(picture: Picture) -> str:
    """Return which model made a picture, and where."""
    model = title_of(picture.base) if picture.base else picture.model.rsplit("/", 1)[-1]
    return f"{model} at {service_title(picture.generator)}"


def facts_line(picture: Picture) -> str:
    """Return the facts as one line."""
    parts = [f"{use.name} {use.scale:g}" for use in picture.loras]
    parts += [
        model_words(picture),
        f"{picture.width} × {picture.height}",
        f"seed {picture.seed}",
        f"{picture.steps} steps",
        f"guidance {picture.guidance:g}",
    ]
    if picture.cost_usd is not None:
        parts.append(usd(picture.cost_usd))
    parts.append(when(picture.created_at))
    return " · ".join(parts)


def parameters_text(picture: Picture) -> str:
    """Return prompt and facts as text to paste elsewhere."""
    lines = "\n".join(f"{fact.title}: {fact.value}" for fact in facts_of(picture))
    return f"{picture.prompt}\n\n{lines}"


def spoken(picture: Picture) -> str:
    """Return a cell of the grid as a screen reader says it."""
    trouble = f" {picture.error}" if picture.state in LOST and picture.error else ""
    return f"{STATE_WORDS[picture.state]}: {picture.prompt}, seed {picture.seed}.{trouble}"


def lost_words(picture: Picture, price: str) -> str:
    """Return why a picture is not there and what it may have cost, in sentences."""
    trouble = picture.error.rstrip(".") or STATE_WORDS[picture.state]
    if picture.state is PictureState.MAYBE_CHARGED and price:
        return f"{trouble}. It may have been charged, {price}."
    return f"{trouble}."


def again_words(picture: Picture) -> str:
    """Return what the button of a lost picture says, without its price."""
    return "Try again" if picture.state is PictureState.FAILED else "Generate again"


def make_words(count: int, estimate: Estimate | None) -> str:
    """Return what the button that spends money says."""
    words = f"Make {plural(count, 'picture')}"
    return words if estimate is None or not estimate.high_usd else f"{words}, {about(estimate)}"


def about(estimate: Estimate) -> str:
    """Return a price in two words: the likely amount, the range is said beside the button."""
    return f"about {usd(estimate.low_usd)}"


def price_words(estimate: Estimate) -> str:
    """Return the price range and what it rests on."""
    if not estimate.high_usd:
        return "Free: it is made on this computer."
    basis = estimate.basis.rstrip(".")
    text = price_range(estimate)
    return f"{text[0].upper()}{text[1:]}. {basis}." if basis else f"{text[0].upper()}{text[1:]}."


def file_name(picture: Picture) -> str:
    """Return the name that Save as offers: the first words of the prompt and the seed."""
    kept = "".join(c if c.isalnum() else " " for c in picture.prompt[:60]).split()
    return f"{'-'.join(kept[:6]).lower() or 'picture'}-{picture.seed}.png"
