"""The trainers that lead to a goal, side by side: what each costs, how long it takes, where to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from fluxlora_desktop.ui.create.uses import uses_of
from fluxlora_desktop.ui.widgets import ChoiceCard, clear, label, row
from fluxlora_desktop.ui.wording import price_range, time_range
from fluxlora_desktop.workflows.plans import Way

_COLUMNS = 2


class WayCard(ChoiceCard):
    """One trainer; `chosen()` when a person takes it."""

    def __init__(self, way: Way) -> None:
        super().__init__(f"{way.trainer.title} at {way.backend_title}", way.trainer.says)
        self._name = self.accessibleName()
        self.price, self.time = label("", "strong"), label("", "muted")
        self.uses = label("", "muted", wrap=True)
        self.body.insertLayout(1, row(self.price, self.time, None, spacing=12))
        self.body.insertWidget(3, self.uses)

    def show_way(self, way: Way) -> None:
        """Show what it costs now and where the LoRA could be used."""
        self.price.setText(price_range(way.estimate))
        self.time.setText(time_range(way.estimate))
        self.uses.setText(uses_words(way))
        words = (self._name, self.price.text(), self.time.text(), self.uses.text())
        self.setAccessibleName(". ".join(words))


def uses_words(way: Way) -> str:
    """Return where a LoRA of this way could be used, as planned and if it were public."""
    planned = [use.title for use in uses_of(way.routes) if use.works]
    public = [use.title for use in uses_of(way.public_routes) if use.works]
    more = [title for title in public if title not in planned]
    parts = [f"Then usable at {_listed(planned)}"] if planned else []
    if more:
        parts.append(f"{'when' if planned else 'Usable when'} public also at {_listed(more)}")
    text = ", ".join(parts).replace("Usable when public also at", "When public, usable at")
    return f"{text}." if text else "No connected service could use the LoRA."


def _listed(titles: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(titles[:-1]), titles[-1])))


class WayList(QWidget):
    """The ways as cards in two columns; `chosen(object)` is the `Way` that a person takes."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ways")
        self.setAccessibleName("Ways to train it")
        self.cards: dict[tuple[str, str], WayCard] = {}
        self._ways: dict[tuple[str, str], Way] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        for place in range(_COLUMNS):
            self._grid.setColumnStretch(place, 1)

    def show_ways(self, ways: Sequence[Way], now: Way) -> None:
        """Show these ways and which one is taken; cards that stay keep the focus."""
        self._ways = {(way.backend, way.trainer.key): way for way in ways}
        if list(self.cards) != list(self._ways):
            self._build()
        for key, card in self.cards.items():
            card.show_way(self._ways[key])
            card.set_chosen(key == (now.backend, now.trainer.key))

    def _build(self) -> None:
        clear(self._grid)
        self.cards = {key: WayCard(way) for key, way in self._ways.items()}
        for place, (key, card) in enumerate(self.cards.items()):
            card.setObjectName(f"way_{key[0]}_{place}")
            card.chosen.connect(partial(self._on_chosen, key))
            self._grid.addWidget(card, place // _COLUMNS, place % _COLUMNS)
            card.show()

    def _on_chosen(self, key: tuple[str, str]) -> None:
        self.chosen.emit(self._ways[key])
