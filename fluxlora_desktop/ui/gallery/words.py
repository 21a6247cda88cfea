"""A picture in words, for the inspector, the viewer, the clipboard and screen readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.gallery import KEPT_IN_TRASH
from fluxlora_desktop.domain.money import NOTHING, Estimate
from fluxlora_desktop.domain.pictures import Picture, PictureState
from fluxlora_desktop.domain.ports import StepsDone
from fluxlora_desktop.domain.services import at_place
from fluxlora_desktop.ui.wording import cost, plural, price_range, usd, when

STATE_WORDS = {
    PictureState.WAITING: "Waiting",
    PictureState.MAKING: "Being made",
    PictureState.DONE: "Picture",
    PictureState.FAILED: "Not made",
    PictureState.MAYBE_CHARGED: "May have been charged, picture lost",
}
ON_ITS_WAY = frozenset({PictureState.WAITING, PictureState.MAKING})
LOST = frozenset({PictureState.FAILED, PictureState.MAYBE_CHARGED})

RATING_WORDS = ("No rating", "1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line about a picture."""

    title: str
    value: str


def facts_of(picture: Picture) -> tuple[Fact, ...]:
    """Return everything that made a picture, without its prompt, in the order of reading.

    An imported picture may not say all of it; its program's own settings come last.
    """
    loras = tuple(Fact("LoRA", f"{use.name}, strength {use.scale:g}") for use in picture.loras)
    paid = () if picture.cost_usd is None else (Fact("Cost", cost(picture.cost_usd)),)
    negative = picture.negative_prompt
    return (
        *((Fact("Imported from", picture.source),) if picture.source else ()),
        *loras,
        *_said(picture, "Model", model_words(picture)),
        Fact("Size", f"{picture.width} × {picture.height}"),
        *_said(picture, "Seed", str(picture.seed)),
        *_said(picture, "Steps", str(picture.steps)),
        *_said(picture, "Guidance", f"{picture.guidance:g}"),
        *paid,
        Fact("Made", when(picture.created_at)),
        *((Fact("Negative prompt", negative),) if negative else ()),
        *(Fact(title, value) for title, value in picture.facts.items() if picture.source),
        *marks_of(picture),
    )


def marks_of(picture: Picture) -> tuple[Fact, ...]:
    """Return what a person said about a picture."""
    rating = (Fact("Rating", RATING_WORDS[picture.rating]),) if picture.rating else ()
    star = (Fact("Starred", "Yes"),) if picture.favourite else ()
    tags = (Fact("Tags", ", ".join(picture.tags)),) if picture.tags else ()
    return (*star, *rating, *tags)


def summary(pictures: Sequence[Picture]) -> str:
    """Return what several pictures have in common, as one line."""
    rated = [picture.rating for picture in pictures if picture.rating]
    spent = sum((p.cost_usd for p in pictures if p.cost_usd is not None), start=NOTHING)
    tags = Counter(tag for picture in pictures for tag in picture.tags)
    parts: list[str] = []
    if rated:
        parts.append(f"{len(rated):,} rated, {sum(rated) / len(rated):.1f} on average")
    parts += [f"{tag} ({count:,})" for tag, count in tags.most_common(4)]
    if spent:
        parts.append(f"{usd(spent)} in all")
    return " · ".join(parts)


def _said(picture: Picture, title: str, value: str) -> tuple[Fact, ...]:
    """Return a fact, unless it is one that an imported picture does not tell."""
    return () if picture.source and value in ("", "0") else (Fact(title, value),)


def model_words(picture: Picture) -> str:
    """Return which model made a picture, and where."""
    if picture.source:
        return picture.model
    model = title_of(picture.base) if picture.base else picture.model.rsplit("/", 1)[-1]
    return f"{model} {at_place(picture.generator)}"


def facts_line(picture: Picture) -> str:
    """Return the facts as one line."""
    parts = [f"imported from {picture.source}"] if picture.source else []
    parts += [f"{use.name} {use.scale:g}" for use in picture.loras]
    parts += [
        *(fact.value for fact in _said(picture, "Model", model_words(picture))),
        f"{picture.width} × {picture.height}",
        *(f"seed {fact.value}" for fact in _said(picture, "Seed", str(picture.seed))),
        *(f"{fact.value} steps" for fact in _said(picture, "Steps", str(picture.steps))),
        *(f"guidance {f.value}" for f in _said(picture, "Guidance", f"{picture.guidance:g}")),
    ]
    if picture.cost_usd is not None:
        parts.append(usd(picture.cost_usd) if picture.cost_usd else "free")
    parts.append(when(picture.created_at))
    return " · ".join(parts)


def steps_words(steps: StepsDone) -> str:
    """Return how far a picture is that is being made."""
    return f"Step {steps.done} of {steps.total}" if steps.total else steps.says


def title_words(picture: Picture) -> str:
    """Return a picture's prompt, or what stands for it where none is known."""
    return picture.prompt or f"Picture from {picture.source or 'an empty prompt'}"


def parameters_text(picture: Picture) -> str:
    """Return prompt and facts as text to paste elsewhere; marks stay with the person."""
    told = [fact for fact in facts_of(picture) if fact not in marks_of(picture)]
    lines = "\n".join(f"{fact.title}: {fact.value}" for fact in told)
    return f"{picture.prompt}\n\n{lines}".strip()


def spoken(picture: Picture) -> str:
    """Return a cell of the grid as a screen reader says it."""
    trouble = f" {picture.error}" if picture.state in LOST and picture.error else ""
    star, rating = ", starred" if picture.favourite else "", ""
    if picture.rating:
        rating = f", rated {RATING_WORDS[picture.rating]}"
    words = f"{picture.prompt}, seed {picture.seed}{star}{rating}"
    if picture.source:
        words = f"{title_words(picture)}, imported from {picture.source}{star}{rating}"
    return f"{STATE_WORDS[picture.state]}: {words}.{trouble}"


def lost_words(picture: Picture, price: str) -> str:
    """Return why a picture is not there and what it may have cost, in sentences."""
    trouble = picture.error.rstrip(".") or STATE_WORDS[picture.state]
    if picture.state is PictureState.MAYBE_CHARGED and price:
        return f"{trouble}. It may have been charged, {price}."
    return f"{trouble}."


def trash_words(picture: Picture) -> str:
    """Return since when a picture is in the trash and until when it can come back."""
    if picture.trashed_at is None:
        return ""
    until = picture.trashed_at + KEPT_IN_TRASH
    return f"In the trash since {when(picture.trashed_at)}; kept until {when(until)}."


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
    suffix = PurePosixPath(picture.file).suffix or ".png"
    return f"{'-'.join(kept[:6]).lower() or 'picture'}-{picture.seed}{suffix}"
