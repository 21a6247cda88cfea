"""A Lora's facts in words: file, hashes, publication, where it can be used."""

from __future__ import annotations

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.ports import Transferred
from fluxlora_desktop.ui.desks.money import Cost
from fluxlora_desktop.ui.money.words import MAYBE
from fluxlora_desktop.ui.wording import file_size, plural, usd, when

_STATUS = {
    PublicationStatus.UPLOADING: ("On its way to the hub.", "muted"),
    PublicationStatus.VERIFIED: ("Verified: the hub holds the same bytes.", "ok"),
    PublicationStatus.MISSING: ("The hub no longer has this repo.", "warn"),
    PublicationStatus.DIFFERENT: ("The hub holds other weights than this computer.", "warn"),
}


def file_facts(lora: Lora) -> tuple[tuple[str, str], ...]:
    """Return pairs of name and value about a Lora's file."""
    facts = [("Base", title_of(lora.base))] if lora.base else []
    facts.append(("Size", file_size(lora.size_bytes)))
    if lora.rank:
        facts.append(("Rank", str(lora.rank)))
    if lora.key_style:
        facts.append(("Key style", lora.key_style))
    facts.append(("Created", when(lora.created_at)))
    if lora.source == "recovered":
        facts.append(("From", "a training found at its service"))
    elif lora.source not in {"trained", "file"}:
        facts.append(("Fetched from", lora.source))
    elif lora.source == "file":
        facts.append(("From", "a file"))
    return tuple(facts)


def status_words(publication: Publication, *, behind: bool = False) -> tuple[str, str]:
    """Return how a publication stands, in words, and the tint for them.

    `behind` tells that the hub holds these weights with the strength they had before.
    """
    if behind:
        return "The hub still has the older strength.", "warn"
    return _STATUS[publication.status]


def visibility_words(publication: Publication) -> str:
    """Return who can see a publication."""
    return "Public: anybody can use it" if publication.public else "Private: only you can see it"


def lora_cost_words(cost: Cost) -> str:
    """Return what a Lora cost in all: its training, and the pictures made with it."""
    parts = []
    if cost.training.charged:
        parts.append(f"training {usd(cost.training.charged)}")
    if cost.pictures.count:
        parts.append(f"{plural(cost.pictures.count, 'picture')} {usd(cost.pictures.charged)}")
    said = f"{usd(cost.whole.charged)} in all{': ' if parts else ''}{', '.join(parts)}."
    return f"{said} {usd(cost.whole.maybe)} more {MAYBE}." if cost.whole.maybe else said


def work_words(says: str, transfer: Transferred | None) -> str:
    """Return what is done with a Lora, with the bytes moved so far."""
    if transfer is None:
        return says
    if not transfer.total:
        return f"{says}: {file_size(transfer.done)}"
    return f"{says}: {file_size(transfer.done)} of {file_size(transfer.total)}"
