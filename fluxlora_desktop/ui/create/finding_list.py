"""The remarks of the Photos step, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fluxlora_desktop.domain.datasets import Finding
from fluxlora_desktop.ui.create.findings import FindingCard
from fluxlora_desktop.ui.create.pair_view import PairThumbs
from fluxlora_desktop.ui.thumbs import ThumbLoader
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.widgets import follow, label

Remark = tuple[Finding, tuple[Path, ...]]
"""A finding, and the thumbnails of its photos where they are to be seen side by side."""

_AT_ONCE = 4
"""Cards made in one turn of the event loop; one takes about 2 ms."""
_MOST = 40


class FindingList(QWidget):
    """Shows a card for each finding; those that stay are the same widgets, with their focus.

    New cards come a few at a time, so that the window answers meanwhile; of very many the gravest
    are shown and the others counted. `mending`, `keeping`, `showing` and `comparing` carry the
    finding whose button was pressed; `leaving()` says that the keyboard was at the last remark,
    and there is none left. Tab comes from the widget `after`.
    """

    mending = Signal(object)
    keeping = Signal(object)
    showing = Signal(object)
    comparing = Signal(object)
    leaving = Signal()

    def __init__(self, thumbs: ThumbLoader, after: QWidget | None = None) -> None:
        super().__init__()
        self._thumbs, self._after = thumbs, after
        self._wanted: tuple[Remark, ...] = ()
        self._cards: dict[Remark, FindingCard] = {}
        self._more = label("", "muted", wrap=True)
        self._more.setObjectName("more_findings")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._layout.addWidget(self._more)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._make_some)
        self.hide()

    def show_remarks(self, remarks: Sequence[Remark]) -> None:
        """Show these, in their order."""
        wanted = tuple(remarks)
        if wanted == self._wanted:
            return
        held = self._held()
        self._wanted = wanted
        shown, rest = wanted[:_MOST], len(wanted) - _MOST
        for gone in self._cards.keys() - set(shown):
            card = self._cards.pop(gone)
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._more.setText(f"and {plural(rest, 'more remark')}: choose a photo to see its own")
        self._more.setVisible(rest > 0)
        self.setVisible(bool(wanted))
        self._make_some()
        if held >= 0 and self._held() < 0:
            self._give_keyboard_to(held)

    def complete(self) -> bool:
        """Tell whether every card is there."""
        return not self._soon.isActive()

    def _make_some(self) -> None:
        made = 0
        for place, remark in enumerate(self._wanted[:_MOST]):
            card = self._cards.get(remark)
            if card is None:
                if made == _AT_ONCE:
                    self._soon.start()
                    break
                card = self._cards[remark] = self._make(remark)
                made += 1
            if self._layout.indexOf(card) != place:
                self._layout.removeWidget(card)
                self._layout.insertWidget(place, card)
                card.show()  # at once: it may be given the keyboard
        if made:
            self._order_tabs()

    def _make(self, remark: Remark) -> FindingCard:
        finding, paths = remark
        card = FindingCard(finding, PairThumbs(self._thumbs, paths) if paths else None)
        card.comparing.connect(self.comparing)
        card.mending.connect(self.mending)
        card.keeping.connect(self.keeping)
        card.showing.connect(self.showing)
        return card

    def _made(self) -> list[FindingCard]:
        return [self._cards[remark] for remark in self._wanted if remark in self._cards]

    def _order_tabs(self) -> None:
        """Let Tab go from card to card as they stand, whichever was made first."""
        cards = self._made()
        last = self._after or cards[0]
        for card in cards:
            last = follow(last, card)

    def _held(self) -> int:
        """Return the place of the card that has the keyboard, or -1."""
        return next((n for n, card in enumerate(self._made()) if card.holds_focus()), -1)

    def _give_keyboard_to(self, place: int) -> None:
        """Bring the keyboard to the card that came in the place of one, or away from here."""
        cards = self._made()
        if cards:
            cards[min(place, len(cards) - 1)].take_focus()
        else:
            self.leaving.emit()
