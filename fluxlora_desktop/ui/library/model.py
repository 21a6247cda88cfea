"""The library as rows of text, for views and screen readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.loras import Lora, PublicationStatus


@dataclass(frozen=True, slots=True)
class LoraCard:
    """One card: `place` says in a word where it is published, `symbol` shows the same."""

    id: str
    name: str
    trigger_word: str
    base: str
    place: str
    symbol: str
    cover: Path | None

    @property
    def says(self) -> str:
        """Return the card as a screen reader says it."""
        word = f"trigger word {self.trigger_word}" if self.trigger_word else "no trigger word"
        return f"{self.name}, {word}, {self.base}, {self.place}"


def card_of(lora: Lora, cover: Path | None) -> LoraCard:
    """Return a Lora as a card."""
    place, symbol = place_of(lora)
    base = title_of(lora.base) if lora.base else "Unknown base"
    return LoraCard(lora.id, lora.name, lora.trigger_word, base, place, symbol, cover)


def place_of(lora: Lora) -> tuple[str, str]:
    """Return where a Lora is published in a word, and the icon for it."""
    published = lora.publication
    if published is None:
        return "Only here", "folder"
    if published.status in {PublicationStatus.MISSING, PublicationStatus.DIFFERENT}:
        return "Look at the hub", "warning"
    return ("Public", "globe") if published.public else ("Private", "lock")
