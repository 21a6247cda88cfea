"""The library as rows of text, for views and screen readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.loras import Lora, PublicationStatus

CARD_ROLE = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex


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


class LoraListModel(QAbstractListModel):
    """Holds the cards in the order in which they were given, newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cards: list[LoraCard] = []

    def show_cards(self, cards: Iterable[LoraCard]) -> None:
        """Replace all cards; the same Loras in the same order only change their words."""
        fresh = list(cards)
        if [card.id for card in fresh] == [card.id for card in self._cards]:
            for card in fresh:
                self.show_card(card)
            return
        self.beginResetModel()
        self._cards = fresh
        self.endResetModel()

    def show_card(self, card: LoraCard) -> None:
        """Change one card, when it is there and says something new."""
        place = self.place_of(card.id)
        if place is None or self._cards[place] == card:
            return
        self._cards[place] = card
        index = self.index(place)
        self.dataChanged.emit(index, index)

    def place_of(self, lora_id: str) -> int | None:
        """Return where a Lora stands in the list, or None."""
        return next((i for i, card in enumerate(self._cards) if card.id == lora_id), None)

    def card(self, place: int) -> LoraCard:
        """Return one card."""
        return self._cards[place]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many Loras there are."""
        return 0 if parent.isValid() else len(self._cards)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a Lora's name, its words for a screen reader, or the card itself."""
        if not index.isValid():
            return None
        card = self._cards[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return card.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return card.says
        return card if role == CARD_ROLE else None
