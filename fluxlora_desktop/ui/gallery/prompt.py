"""The prompt panel: what to make, with which LoRA, where, how large, how many, for how much."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QFrame, QScrollArea, QStackedLayout, QWidget

from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.prompts import MOST_PICTURES, Spread
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.gallery.history import PromptHistory
from fluxlora_desktop.ui.gallery.lora_choice import LoraChoice
from fluxlora_desktop.ui.gallery.more import MoreSettings
from fluxlora_desktop.ui.gallery.offers import OfferChoice
from fluxlora_desktop.ui.gallery.prompt_field import PromptField
from fluxlora_desktop.ui.gallery.shape_choice import OWN_SIZE, ShapeChoice
from fluxlora_desktop.ui.gallery.sizes import Size
from fluxlora_desktop.ui.gallery.words import make_words, price_words
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.shortcuts import Group, describe
from fluxlora_desktop.ui.theme import INSPECTOR_WIDTH
from fluxlora_desktop.ui.widgets import Card, button, column, label, line, row

_FEW = 4
_NUMBERS_SHOWN = 12


class PromptPanel(Card):
    """Everything that an order of pictures needs.

    `make_requested(PictureRequest)`, `reveal_requested(Path)` for the folder of wildcards.
    """

    make_requested = Signal(object)
    reveal_requested = Signal(object)

    def __init__(self, *, pictures: PictureDesk, loras: LoraDesk, prompts: PromptDesk) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(INSPECTOR_WIDTH)
        self._pictures, self._loras, self._prompts = pictures, loras, prompts
        self._expected = ""
        self._waiting = False
        self.first = LoraChoice("LoRA", "No LoRA")
        self.second = LoraChoice("Second LoRA", "No second LoRA")
        self.add_second = button("Use a second LoRA", self._show_second, role="link")
        self.field = PromptField(prompts)
        self.prompt, self.alternatives = self.field.edit, self.field.alternatives
        self.history = PromptHistory(prompts)
        self.offer = OfferChoice()
        self.shape = ShapeChoice()
        self.number = QComboBox()
        self.number.setAccessibleName("Number of pictures")
        self.number.addItems([str(count) for count in range(1, MOST_PICTURES + 1)])
        self.number.setMaxVisibleItems(_NUMBERS_SHOWN)
        self.number.setCurrentIndex(_FEW - 1)
        self.more = MoreSettings()
        self.unfold = button("More settings", role="quiet")
        self.make = button("", self._on_make, role="primary")
        self.make.setObjectName("gallery_make")
        self.note = label("", "caption", wrap=True)
        self._build()
        self._connect()
        self._show_loras()

    def _build(self) -> None:
        size = label("Size", "strong")
        size.setBuddy(self.shape)
        number = self._number_title = label("Number", "strong")
        number.setBuddy(self.number)
        self.number.setFixedWidth(72)
        sizes = row(
            column(size, self.shape, spacing=6), column(number, self.number, spacing=6), spacing=12
        )
        sizes.setStretch(0, 1)
        self.unfold.setCheckable(True)
        self.unfold.setIcon(icon("chevron-right"))
        self.more.hide()
        self.second.hide()
        inner = QWidget()
        inner.setLayout(
            column(
                self.first,
                self.add_second,
                self.second,
                self.field,
                self.offer,
                sizes,
                row(self.unfold, None),
                self.more,
                None,
                spacing=14,
                margin=16,
            )
        )
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inner)
        order = QWidget()
        foot = column(self.note, self.make, spacing=8, margin=12)
        whole = column(self.area, line(), foot, spacing=0)
        whole.setStretch(0, 1)
        order.setLayout(whole)
        places = QWidget()
        self._places = QStackedLayout(places)
        self._places.addWidget(order)
        self._places.addWidget(self.history)
        self.body.addWidget(places, 1)

    def _connect(self) -> None:
        for choice in (self.first, self.second):
            choice.changed.connect(self.refresh)
            choice.trigger_wanted.connect(self.field.call)
            choice.chosen.connect(partial(self._on_lora, choice))
        self.field.changed.connect(self._show_state)
        self.prompt.make_wanted.connect(self._on_make)
        self.field.tools.history_wanted.connect(self.show_history)
        self.field.tools.save_wanted.connect(self._on_save)
        self.field.tools.reveal_requested.connect(self.reveal_requested)
        self.history.used.connect(self._on_used)
        self.history.closed.connect(self.write)
        self.offer.changed.connect(self._on_offer)
        self.shape.activated.connect(self._on_shape)
        self.number.currentIndexChanged.connect(self._show_state)
        self.more.changed.connect(self._show_state)
        self.more.size_typed.connect(self._on_own_size)
        self.unfold.toggled.connect(self._on_unfold)
        self._loras.listed.connect(self._show_loras)
        self._loras.changed.connect(self._show_loras)
        self._pictures.offers_changed.connect(self.refresh)
        self._pictures.held_changed.connect(self._show_state)
        self._pictures.ordered.connect(self._on_ordered)
        self._pictures.failed.connect(self._on_failed)
        self._pictures.over_limit.connect(self._on_answered)
        write = QShortcut(QKeySequence("Ctrl+L"), self, self.write)
        describe(write, "Write the prompt", Group.MAKE)
        history = QShortcut(QKeySequence("Ctrl+H"), self, self.show_history)
        describe(history, "Prompts used before, and saved ones", Group.MAKE)

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        self._on_unfold(self.unfold.isChecked())
        self.history.on_theme_changed()

    @Slot()
    def show_history(self) -> None:
        """Show the prompts that were used before, in place of the panel."""
        self._places.setCurrentWidget(self.history)
        self.history.begin()

    @Slot()
    def write(self) -> None:
        """Let the prompt be written."""
        self._places.setCurrentIndex(0)
        self.prompt.setFocus()

    @Slot(str)
    def _on_used(self, text: str) -> None:
        self.field.write(text)
        self.write()

    @Slot()
    def _on_save(self) -> None:
        self.history.ask_name(self.field.text())

    def uses(self) -> tuple[LoraUse, ...]:
        """Return the chosen LoRAs with their strengths."""
        shown = [self.first] if self.second.isHidden() else [self.first, self.second]
        return tuple(use for use in (choice.use() for choice in shown) if use is not None)

    def number_chosen(self) -> int:
        """Return how many pictures shall be made, or of each combination."""
        return self.number.currentIndex() + 1

    def count(self) -> int:
        """Return how many pictures shall be made in all."""
        return self.number_chosen() * self.alternatives.rounds()

    def problem(self) -> str:
        """Return why no picture can be ordered now, "" when one can."""
        if self._pictures.held is not None:
            return "Changes are not being saved, so nothing is sent."
        if self.offer.offer() is None:
            return "No connected service can make this picture now."
        if not self.field.text():
            return "Write what the picture shall show."
        if self.alternatives.problem(self.number_chosen()):
            return self.alternatives.problem(self.number_chosen())
        uses = self.uses()
        if len(uses) == 2 and uses[0].lora_id == uses[1].lora_id:
            return "The two LoRAs are the same one."
        return ""

    def request(self, offer: Offer) -> PictureRequest:
        """Return the order as the panel stands."""
        size = self.more.wanted_size()
        return PictureRequest(
            generator=offer.generator,
            model=offer.model.key,
            prompt=self.field.text(),
            loras=self.uses(),
            width=size.width,
            height=size.height,
            steps=self.more.steps.value(),
            guidance=round(self.more.guidance.value(), 2),
            seed=self.more.next_seed(),
            count=self.count(),
            spread=self.alternatives.used_as(),
        )

    def single_request(self, offer: Offer) -> PictureRequest:
        """Return the order of one picture, with its prompt as it would be sent."""
        asked = self.request(offer)
        prompt = self.alternatives.resolved(asked.prompt, asked.seed)
        return replace(asked, prompt=prompt, count=1, spread=Spread.LITERAL)

    def choose_lora(self, lora_id: str) -> bool:
        """Take a LoRA and its trigger word, or as soon as it is known; tell whether it is now."""
        found = self.first.choose(lora_id)
        self._on_lora(self.first)
        self._expected = "" if found else lora_id
        self.refresh()
        return found

    def fill(self, request: PictureRequest) -> tuple[str, ...]:
        """Take over an order; return the names of LoRAs that are not in the library any more."""
        wanted = [*request.loras, None, None]
        gone: list[str] = []
        for choice, use in zip((self.first, self.second), wanted, strict=False):
            if not choice.choose(use.lora_id if use else "") and use:
                gone.append(use.name)
            elif use:
                choice.strength.ask(use.scale)
        self.second.setVisible(self.second.lora() is not None)
        for choice in (self.first, self.second):
            choice.forget_word()
        self.field.fill(request.prompt, request.spread)
        self.offer.ask(request.generator, request.model)
        self.refresh()
        self.more.steps.ask(request.steps)
        self.more.guidance.ask(request.guidance)
        size = Size(request.width, request.height)
        self.shape.choose(size)
        self.more.ask_size(size)
        number = max(1, request.count // self.alternatives.rounds())
        self.number.setCurrentIndex(min(MOST_PICTURES, number) - 1)
        if request.seed:
            self.more.keep(request.seed)
        self._show_state()
        return tuple(gone)

    @Slot()
    def refresh(self) -> None:
        """Ask again what can make the pictures, and at which limits and price."""
        uses = self.uses()
        self.offer.show_offers(self._pictures.offers(uses), bases={use.base for use in uses})
        alone = uses[:1]
        two = any(
            offer.works and offer.model.max_loras > 1 for offer in self._pictures.offers(alone)
        )
        self.add_second.setVisible(bool(alone) and two and self.second.isHidden())
        self._on_offer()

    @Slot()
    def _on_offer(self) -> None:
        offer = self.offer.offer()
        if offer is not None:
            for choice in (self.first, self.second):
                choice.strength.set_limits(*offer.model.scale)
            self.more.set_limits(offer.model)
            self.shape.show_rule(offer.model.size)
            size = self.shape.size_chosen()
            if size is not None:
                self.more.ask_size(size)
        self._show_state()

    @Slot()
    def _show_state(self) -> None:
        self.field.show_state(self.more.seed.value())
        every = self.alternatives.used_as() is Spread.EVERY
        self._number_title.setText("Of each" if every else "Number")
        problem, offer = self.problem(), self.offer.offer()
        for choice in (self.first, self.second):
            choice.show_prompt(self.field.text())
        estimate = self._estimate(offer) if offer else None
        self.make.setText(make_words(self.count(), estimate))
        self.make.setEnabled(not problem and not self._waiting)
        self.note.setText(problem or (price_words(estimate) if estimate else ""))

    def _estimate(self, offer: Offer) -> Estimate:
        size, steps = self.more.wanted_size(), self.more.steps.value()
        return self._pictures.estimate(offer, size.width, size.height, steps, self.count())

    @Slot()
    def _show_loras(self) -> None:
        for choice in (self.first, self.second):
            choice.show_loras(self._loras.loras())
        if self._expected and self._loras.lora(self._expected) is not None:
            self.choose_lora(self._expected)
        self.refresh()

    def _on_lora(self, choice: LoraChoice, _lora: object = None) -> None:
        """Put the word of the LoRA that was chosen into the prompt."""
        self._expected = ""
        self.field.write(choice.called_in(self.prompt.toPlainText()))

    def _show_second(self) -> None:
        self.second.show()
        self.refresh()
        self.second.combo.setFocus()

    @Slot()
    def _on_shape(self) -> None:
        size = self.shape.size_chosen()
        if size is not None:
            self.more.ask_size(size)
        else:
            self.unfold.setChecked(True)
            self.more.width_field.setFocus()
        self._show_state()

    @Slot()
    def _on_own_size(self) -> None:
        self.shape.setCurrentIndex(OWN_SIZE)

    @Slot(bool)
    def _on_unfold(self, unfolded: bool) -> None:
        self.unfold.setIcon(icon("chevron-down" if unfolded else "chevron-right"))
        self.more.setVisible(unfolded)

    @Slot()
    def _on_make(self) -> None:
        offer = self.offer.offer()
        if offer is None or self.problem() or self._waiting:
            return
        self._waiting = True
        self.make.setEnabled(False)
        self.make_requested.emit(self.request(offer))

    @Slot()
    def _on_ordered(self) -> None:
        self._prompts.load()
        self._on_answered()

    @Slot()
    def _on_failed(self) -> None:
        self._prompts.read_wildcards()  # they may be the trouble
        self._on_answered()

    def _on_answered(self) -> None:
        self._waiting = False
        self._show_state()
