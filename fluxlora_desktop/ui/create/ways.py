"""The trainers that lead to a goal, side by side: what each costs, how long it takes, where to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from fluxlora_desktop.domain.services import at_place
from fluxlora_desktop.ui.create.uses import places, uses_of
from fluxlora_desktop.ui.widgets import ChoiceCard, button, label, row
from fluxlora_desktop.ui.wording import price_range, time_range
from fluxlora_desktop.workflows.plans import TrainerName, Way

_COLUMNS = 2


FREE_HERE = "Free: your own computer"


class WayCard(ChoiceCard):
    """One trainer; `chosen()` when a person takes it, `mend_wanted(str)` where it is not set up.

    The signal brings what to name in Settings, "" for the page of this computer.
    """

    mend_wanted = Signal(str)

    def __init__(self, way: Way) -> None:
        where = at_place(way.backend, way.backend_title)
        super().__init__(f"{way.trainer.title} {where}", way.trainer.says)
        self._name = self.accessibleName()
        self.price, self.time = label("", "strong"), label("", "muted")
        self.uses = label("", "muted", wrap=True)
        self.reason = label("", "warn", wrap=True)
        place = way.backend if way.named_in_settings else ""
        says = "Open Settings" if place else "Set up this computer"
        self.mend = button(says, partial(self.mend_wanted.emit, place), role="link")
        self.mend.setObjectName("set_up_computer")
        self.body.insertLayout(1, row(self.price, self.time, None, spacing=12))
        self.body.insertWidget(3, self.uses)
        self.body.insertWidget(4, self.reason)
        self.body.insertLayout(5, row(self.mend, None))

    def show_way(self, way: Way) -> None:
        """Show what it costs now and where the LoRA could be used."""
        free = way.runs_here and not way.estimate.high_usd
        self.price.setText(FREE_HERE if free else price_range(way.estimate))
        self.time.setText(time_range(way.estimate))
        self.uses.setText(uses_words(way))
        self.reason.setText(way.not_ready)
        for part in (self.reason, self.mend):
            part.setVisible(bool(way.not_ready))
        shown = (self.price, self.time, self.uses, self.reason)
        words = (self._name, *(part.text() for part in shown if part.text()))
        self.setAccessibleName(". ".join(part.rstrip(".") for part in words))


def uses_words(way: Way) -> str:
    """Return where a LoRA of this way could be used, as planned and if it were public."""
    planned = {use.key: use.title for use in uses_of(way.routes) if use.works}
    public = {use.key: use.title for use in uses_of(way.public_routes) if use.works}
    more = {key: title for key, title in public.items() if key not in planned}
    if planned and more:
        return f"Then usable {places(planned)}, when public also {places(more)}."
    if planned:
        return f"Then usable {places(planned)}."
    return f"When public, usable {places(more)}." if more else "No service could use the LoRA."


class WayList(QWidget):
    """The ways as cards in two columns; `chosen(object)` is the `Way` that a person takes.

    `mend_wanted(str)` asks for the page where this computer is set up, or for what Settings name.

    Tab leads to the cards from `follows`, the part of the page that stands before them.
    """

    chosen = Signal(object)
    mend_wanted = Signal(str)

    def __init__(self, follows: QWidget) -> None:
        super().__init__()
        self._follows = follows
        self.setObjectName("ways")
        self.setAccessibleName("Ways to train it")
        self.cards: dict[TrainerName, WayCard] = {}
        self._ways: dict[TrainerName, Way] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        for place in range(_COLUMNS):
            self._grid.setColumnStretch(place, 1)

    def shown(self) -> list[WayCard]:
        """Return the cards of the ways on offer, in their order."""
        return [self.cards[key] for key in self._ways]

    def show_ways(self, ways: Sequence[Way], now: Way) -> None:
        """Show these ways and which one is taken; cards that stay keep the focus."""
        shown = {way.name: way for way in ways}
        if list(shown) != list(self._ways):
            self._place(shown)
        self._ways = shown
        for key, way in shown.items():
            self.cards[key].show_way(way)
            self.cards[key].set_chosen(key == now.name)

    def focus_way(self, way: Way) -> None:
        """Bring the keyboard to a way, or to what mends it."""
        card = self.cards[way.name]
        (card.mend if way.not_ready else card).setFocus(Qt.FocusReason.OtherFocusReason)

    def _place(self, shown: Mapping[TrainerName, Way]) -> None:
        while self._grid.takeAt(0):
            pass
        for key in self.cards.keys() - shown.keys():
            self.cards[key].hide()
        before = self._follows
        for place, (key, way) in enumerate(shown.items()):
            card = self.cards.get(key) or self._make(key, way)
            self._grid.addWidget(card, place // _COLUMNS, place % _COLUMNS)
            card.show()
            self.setTabOrder(before, card)
            before = card

    def _make(self, key: TrainerName, way: Way) -> WayCard:
        made = self.cards[key] = WayCard(way)
        made.setObjectName(f"way_{key[0]}_{key[1].rpartition('/')[2]}")
        made.chosen.connect(partial(self._on_chosen, key))
        made.mend_wanted.connect(self.mend_wanted)
        return made

    def _on_chosen(self, key: TrainerName) -> None:
        self.chosen.emit(self._ways[key])
