"""The prompt panel: what to make, with which LoRA, where, how large, how many, for how much."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QFrame, QPlainTextEdit, QScrollArea, QWidget

from fluxlora_desktop.domain.captions import has_trigger, replace_trigger, with_trigger
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk
from fluxlora_desktop.ui.gallery.lora_choice import LoraChoice
from fluxlora_desktop.ui.gallery.more import MoreSettings
from fluxlora_desktop.ui.gallery.offers import OfferChoice
from fluxlora_desktop.ui.gallery.sizes import SHAPES, Size, size_of
from fluxlora_desktop.ui.gallery.words import make_words, price_words
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.shortcuts import Group, Keys, describe
from fluxlora_desktop.ui.theme import INSPECTOR_WIDTH
from fluxlora_desktop.ui.widgets import Card, button, column, label, line, row

_OWN_SIZE = len(SHAPES)
_MOST = 8
_PROMPT_HEIGHT = 104


class PromptEdit(QPlainTextEdit):
    """Where the prompt is written; `make_wanted()` at Ctrl+Enter."""

    KEYS = (Keys(Group.MAKE, "Ctrl+Enter", "Make the pictures, from the prompt"),)
    make_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Prompt")
        self.setPlaceholderText("What the picture shall show")
        self.setTabChangesFocus(True)
        self.setFixedHeight(_PROMPT_HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Make pictures at Ctrl+Enter, write otherwise."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.make_wanted.emit()
            return
        super().keyPressEvent(event)


class PromptPanel(Card):
    """Everything that an order of pictures needs; `make_requested(PictureRequest)`."""

    make_requested = Signal(object)

    def __init__(self, *, pictures: PictureDesk, loras: LoraDesk) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(INSPECTOR_WIDTH)
        self._pictures, self._loras = pictures, loras
        self._words = ""
        self._expected = ""
        self._waiting = False
        self.first = LoraChoice("LoRA", "No LoRA")
        self.second = LoraChoice("Second LoRA", "No second LoRA")
        self.add_second = button("Use a second LoRA", self._show_second, role="link")
        self.prompt = PromptEdit()
        self.offer = OfferChoice()
        self.shape = QComboBox()
        self.shape.setAccessibleName("Size")
        self.number = QComboBox()
        self.number.setAccessibleName("Number of pictures")
        self.number.addItems([str(count) for count in range(1, _MOST + 1)])
        self.number.setCurrentIndex(3)
        self.more = MoreSettings()
        self.unfold = button("More settings", role="quiet")
        self.make = button("", self._on_make, role="primary")
        self.make.setObjectName("gallery_make")
        self.note = label("", "caption", wrap=True)
        self._build()
        self._connect()
        self._show_loras()

    def _build(self) -> None:
        head = label("Prompt", "strong")
        head.setBuddy(self.prompt)
        size = label("Size", "strong")
        size.setBuddy(self.shape)
        number = label("Number", "strong")
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
                column(head, self.prompt, spacing=6),
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
        self.body.addWidget(self.area, 1)
        self.body.addWidget(line())
        self.body.addLayout(column(self.note, self.make, spacing=8, margin=12))

    def _connect(self) -> None:
        for choice in (self.first, self.second):
            choice.changed.connect(self.refresh)
            choice.trigger_wanted.connect(self._insert)
        self.first.chosen.connect(self._on_lora)
        self.prompt.textChanged.connect(self._show_state)
        self.prompt.make_wanted.connect(self._on_make)
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
        self._pictures.ordered.connect(self._on_answered)
        self._pictures.failed.connect(self._on_answered)
        self._pictures.over_limit.connect(self._on_answered)
        write = QShortcut(QKeySequence("Ctrl+L"), self, self.prompt.setFocus)
        describe(write, "Write the prompt", Group.MAKE)

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        self._on_unfold(self.unfold.isChecked())

    def uses(self) -> tuple[LoraUse, ...]:
        """Return the chosen LoRAs with their strengths."""
        shown = [self.first] if self.second.isHidden() else [self.first, self.second]
        return tuple(use for use in (choice.use() for choice in shown) if use is not None)

    def count(self) -> int:
        """Return how many pictures shall be made."""
        return self.number.currentIndex() + 1

    def problem(self) -> str:
        """Return why no picture can be ordered now, "" when one can."""
        if self._pictures.held is not None:
            return "Changes are not being saved, so nothing is sent."
        if self.offer.offer() is None:
            return "No connected service can make this picture now."
        if not self.prompt.toPlainText().strip():
            return "Write what the picture shall show."
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
            prompt=self.prompt.toPlainText().strip(),
            loras=self.uses(),
            width=size.width,
            height=size.height,
            steps=self.more.steps.value(),
            guidance=round(self.more.guidance.value(), 2),
            seed=self.more.next_seed(),
            count=self.count(),
        )

    def choose_lora(self, lora_id: str) -> bool:
        """Take a LoRA and its trigger word, or as soon as it is known; tell whether it is now."""
        found = self.first.choose(lora_id)
        self._on_lora(self.first.lora())
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
        self._words = ""
        self.prompt.setPlainText(request.prompt)
        self.offer.ask(request.generator, request.model)
        self.refresh()
        self.more.steps.ask(request.steps)
        self.more.guidance.ask(request.guidance)
        self._take_size(Size(request.width, request.height))
        self.number.setCurrentIndex(min(_MOST, max(1, request.count)) - 1)
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
            self._show_shapes(offer)
        self._show_state()

    def _show_shapes(self, offer: Offer) -> None:
        chosen = max(0, self.shape.currentIndex())
        self.shape.clear()
        for shape in SHAPES:
            self.shape.addItem(f"{shape.title}, {size_of(shape, offer.model.size)}")
        self.shape.addItem("Own size")
        self.shape.setCurrentIndex(chosen)
        if chosen < _OWN_SIZE:
            self.more.ask_size(size_of(SHAPES[chosen], offer.model.size))

    def _take_size(self, size: Size) -> None:
        offer = self.offer.offer()
        sizes = [size_of(shape, offer.model.size) for shape in SHAPES] if offer else []
        self.shape.setCurrentIndex(sizes.index(size) if size in sizes else _OWN_SIZE)
        self.more.ask_size(size)

    @Slot()
    def _show_state(self) -> None:
        prompt, problem, offer = self.prompt.toPlainText(), self.problem(), self.offer.offer()
        self.first.show_prompt(prompt)
        self.second.show_prompt(prompt)
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

    @Slot(object)
    def _on_lora(self, lora: Lora | None) -> None:
        """Put the LoRA's word into the prompt, in place of the last LoRA's where that stands."""
        self._expected = ""
        word, text = lora.trigger_word if lora else "", self.prompt.toPlainText()
        if word and self._words and has_trigger(text, self._words):
            text = replace_trigger(text, self._words, word)
        elif word:
            text = with_trigger(text, word)
        if word:
            self._words = word
            self._write(text)

    @Slot(str)
    def _insert(self, word: str) -> None:
        self._write(with_trigger(self.prompt.toPlainText(), word))
        self.prompt.setFocus()

    def _write(self, text: str) -> None:
        """Replace the prompt so that undo brings the old one back."""
        cursor = self.prompt.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(text)

    def _show_second(self) -> None:
        self.second.show()
        self.refresh()
        self.second.combo.setFocus()

    @Slot(int)
    def _on_shape(self, number: int) -> None:
        offer = self.offer.offer()
        if number < _OWN_SIZE and offer is not None:
            self.more.ask_size(size_of(SHAPES[number], offer.model.size))
        elif number == _OWN_SIZE:
            self.unfold.setChecked(True)
            self.more.width_field.setFocus()
        self._show_state()

    @Slot()
    def _on_own_size(self) -> None:
        self.shape.setCurrentIndex(_OWN_SIZE)

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
    def _on_answered(self) -> None:
        self._waiting = False
        self._show_state()
