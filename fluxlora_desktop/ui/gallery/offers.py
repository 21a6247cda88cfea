"""Choose which model makes the pictures; the ones that cannot are listed with the reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QWidget

from fluxlora_desktop.domain.routes import Remedy
from fluxlora_desktop.ui.desks.pictures import Offer
from fluxlora_desktop.ui.units import listed
from fluxlora_desktop.ui.widgets import button, column, label, row

_WIDEST = 620
_REMEDIES = {
    Remedy.NONE: "",
    Remedy.PUBLISH: "Publish it…",
    Remedy.MAKE_PUBLIC: "Make it public…",
    Remedy.SET_UP: "Set up this computer…",
}
_STAYS = "The LoRA need not be published; nothing leaves the computer."
_PRIVATE = {True: "The LoRA may be private.", False: "The LoRA must be public."}


class OfferChoice(QWidget):
    """A list of models: those that can first, the others after them, disabled, with the reason.

    `changed()` when the person chose another one, `remedy_wanted(Offer)` when the button was
    pressed that helps the others, with one of them.
    """

    changed = Signal()
    remedy_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._offers: tuple[Offer, ...] = ()
        self._wish = ("", "")
        self.combo = QComboBox()
        self.combo.setAccessibleName("Made by")
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(12)
        self.reason = label("", "muted", wrap=True)
        self.more = label("", "caption", wrap=True)
        self.remedy = button(_REMEDIES[Remedy.MAKE_PUBLIC], self._on_remedy, role="link")
        self._helped: Offer | None = None
        self.here = label("", "caption", wrap=True)
        self.set_up = button(_REMEDIES[Remedy.SET_UP], self._on_set_up, role="link")
        self._to_set_up: Offer | None = None
        head = label("Made by", "strong")
        head.setBuddy(self.combo)
        remedy, set_up = row(self.remedy, None), row(self.set_up, None)
        parts = (head, self.combo, self.reason, self.more, remedy, self.here, set_up)
        self.setLayout(column(*parts, spacing=6))
        self.combo.activated.connect(self._on_activated)

    def show_offers(self, offers: Sequence[Offer], *, bases: Collection[str] = ()) -> None:
        """Show what can be chosen; the last wish is taken up again as soon as it works.

        `bases` are those of the chosen LoRAs: when nothing works, models of these bases have the
        reasons that a person can do something about.
        """
        self._offers = tuple(offers)
        near = [offer for offer in offers if offer.model.base in bases] or self._offers
        self.reason.setText("\n".join(dict.fromkeys(offer.reason for offer in near)))
        rows = QStandardItemModel(self.combo)
        for offer in self._offers:
            item = QStandardItem(offer_words(offer))
            item.setToolTip(offer.reason or _about(offer))
            if not offer.works:
                item.setText(_refusal_words(offer))
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            rows.appendRow(item)
        self.combo.setModel(rows)
        width = min(_WIDEST, self.combo.view().sizeHintForColumn(0) + 32)
        self.combo.view().setMinimumWidth(max(self.combo.minimumWidth(), width))
        self._show_remedy(near)
        self._select()

    def _show_remedy(self, near: Sequence[Offer]) -> None:
        """Say which services could do it as well, and what a person can do for that.

        Where nothing works that one sentence stands in place of all the reasons; where a LoRA's
        file is enough, nothing has to be done.
        """
        self._show_set_up(near)
        enough = any(offer.works and offer.model.takes_files for offer in self._offers)
        near = [o for o in near if o.remedy is not Remedy.SET_UP and not enough]
        self._helped = next((offer for offer in near if offer.remedy), None)
        remedy = self._helped.remedy if self._helped else Remedy.NONE
        words = _REMEDIES[remedy]
        able = {offer.generator for offer in self._offers if offer.works}
        others = (o for o in near if o.remedy is remedy and o.generator not in able)
        titles = tuple(dict.fromkeys(offer.generator_title for offer in others))
        self.more.setText(f"{listed(titles)} can use it once it is public.")
        self.remedy.setText(words or self.remedy.text())
        for part in (self.more, self.remedy):
            part.setVisible(bool(words and titles))

    def _show_set_up(self, near: Sequence[Offer]) -> None:
        """Where nothing works, say what would after this computer is set up."""
        stuck = not any(offer.works for offer in self._offers)
        lacking = (offer for offer in near if stuck and offer.remedy is Remedy.SET_UP)
        self._to_set_up = next(lacking, None)
        self.here.setText(self._to_set_up.reason if self._to_set_up else "")
        for part in (self.here, self.set_up):
            part.setVisible(self._to_set_up is not None)

    def offer(self) -> Offer | None:
        """Return the chosen model when it can be used."""
        number = self.combo.currentIndex()
        if not 0 <= number < len(self._offers) or not self._offers[number].works:
            return None
        return self._offers[number]

    def ask(self, generator: str, model: str) -> None:
        """Wish for a model; it is chosen as soon as it can be used."""
        self._wish = (generator, model)
        self._select()

    def _select(self) -> None:
        working = [offer for offer in self._offers if offer.works]
        wished = [o for o in working if (o.generator, o.model.key) == self._wish]
        chosen = next(iter(wished or working), None)
        self.combo.setCurrentIndex(self._offers.index(chosen) if chosen else -1)
        self.combo.setToolTip(f"{offer_words(chosen)}. {_about(chosen)}" if chosen else "")
        self.combo.setEnabled(bool(working))
        helped = self._helped is not None or self._to_set_up is not None
        self.reason.setVisible(not working and not helped)

    @Slot(int)
    def _on_activated(self, number: int) -> None:
        offer = self._offers[number]
        self.ask(offer.generator, offer.model.key)
        self.changed.emit()

    def _on_set_up(self) -> None:
        if self._to_set_up is not None:
            self.remedy_wanted.emit(self._to_set_up)

    def _on_remedy(self) -> None:
        if self._helped is not None:
            self.remedy_wanted.emit(self._helped)


def _about(offer: Offer) -> str:
    """Return what a price rests on and whether a private LoRA can be used."""
    takes = offer.model.max_loras or offer.model.needs_trained_version
    private = _PRIVATE[offer.model.private_works] if takes else ""
    if takes and offer.model.takes_files:
        private = _STAYS
    return " ".join(filter(None, (f"{offer.model.price_basis.rstrip('.')}.", private)))


def offer_words(offer: Offer) -> str:
    """Return a model and its service in words."""
    title = offer.model.title
    told = offer.generator_title.casefold() in title.casefold()
    return title if told else f"{title} at {offer.generator_title}"


def _refusal_words(offer: Offer) -> str:
    reason = offer.reason.rstrip(".")
    return reason if offer.model.title in reason else f"{offer_words(offer)}: {reason}"
