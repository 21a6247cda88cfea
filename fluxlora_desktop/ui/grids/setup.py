"""Set a grid up: what is compared, with which picture, by which model, for how much."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QScrollArea, QWidget

from fluxlora_desktop.domain.captions import replace_trigger, with_trigger
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.grids import (
    USUAL_SCALES,
    Axis,
    AxisKind,
    BaseLora,
    GridBase,
    GridSpec,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import LoraUse, Picture, PictureRequest
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.ui.desks.grids import GridDesk, Quote
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import Offer, PictureDesk
from fluxlora_desktop.ui.gallery.numbers import Fraction, WholeNumber
from fluxlora_desktop.ui.gallery.offers import OfferChoice
from fluxlora_desktop.ui.gallery.prompt_edit import PromptEdit
from fluxlora_desktop.ui.gallery.sizes import SHAPES, size_of
from fluxlora_desktop.ui.gallery.words import make_words, price_words
from fluxlora_desktop.ui.grids.axis import AxisEditor, new_seeds
from fluxlora_desktop.ui.grids.words import default_title, shape_words
from fluxlora_desktop.ui.theme import INSPECTOR_WIDTH
from fluxlora_desktop.ui.widgets import Card, button, column, label, line
from fluxlora_desktop.ui.wording import time_range

_SEEDS = 3
_PLAIN_PROMPT = "a photo in soft light"


@dataclass(frozen=True, slots=True)
class GridOrder:
    """What the button that costs money asks for."""

    title: str
    lora_id: str
    spec: GridSpec


class SetupPanel(Card):
    """Everything that a grid needs; `ordered(GridOrder)`, `planned(GridSpec | None)`."""

    ordered = Signal(object)
    planned = Signal(object)

    def __init__(self, *, grids: GridDesk, pictures: PictureDesk, loras: LoraDesk) -> None:
        super().__init__(margin=0, spacing=0)
        self.setFixedWidth(INSPECTOR_WIDTH)
        self._grids, self._pictures, self._loras = grids, pictures, loras
        self._expected: str | None = None
        self._compared: Axis | None = None
        self._second: LoraUse | None = None
        self._word = ""
        self._waiting = False
        self._shown_loras: tuple[Lora, ...] = ()
        self.lora = QComboBox()
        self.lora.setAccessibleName("LoRA")
        self.lora.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.lora.setMinimumContentsLength(12)
        self.prompt = PromptEdit()
        self.columns = AxisEditor("Across")
        self.rows = AxisEditor("Down")
        self.offer = OfferChoice()
        self.shape = QComboBox()
        self.shape.setAccessibleName("Size")
        self.scale = Fraction("Strength", step=0.05)
        self.steps = WholeNumber("Steps")
        self.guidance = Fraction("Guidance", step=0.5)
        self.seed = WholeNumber("Seed")
        self.seed.set_limits(0, 2**31 - 1, new_seeds(1)[0])
        self.note = label("", "caption", wrap=True)
        self.make = button("", self._on_make, role="primary")
        self.make.setObjectName("grid_make")
        self._build()
        self._listen()
        self.begin_strength(None)

    def _build(self) -> None:
        self._prompt_head = label("Prompt", "strong")
        self._prompt_head.setBuddy(self.prompt)
        lora_head, size_head = label("LoRA", "strong"), label("Size", "strong")
        lora_head.setBuddy(self.lora)
        size_head.setBuddy(self.shape)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        self._fixed: dict[AxisKind, QWidget] = {
            AxisKind.SCALE: self.scale,
            AxisKind.SEED: self.seed,
            AxisKind.STEPS: self.steps,
            AxisKind.GUIDANCE: self.guidance,
        }
        for field in self._fixed.values():
            words = label(field.accessibleName(), "muted")
            words.setBuddy(field)
            form.addRow(words, field)
        self._form = form
        inner = QWidget()
        inner.setLayout(
            column(
                column(lora_head, self.lora, spacing=6),
                column(self._prompt_head, self.prompt, spacing=6),
                self.columns,
                self.rows,
                self.offer,
                column(size_head, self.shape, spacing=6),
                form,
                None,
                spacing=14,
                margin=16,
            )
        )
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFocusPolicy(area.focusPolicy().NoFocus)
        area.setHorizontalScrollBarPolicy(area.horizontalScrollBarPolicy().ScrollBarAlwaysOff)
        area.setWidget(inner)
        self.body.addWidget(area, 1)
        self.body.addWidget(line())
        self.body.addLayout(column(self.note, self.make, spacing=8, margin=12))

    def _listen(self) -> None:
        self.lora.activated.connect(self._on_lora)
        self.prompt.textChanged.connect(self._show_state)
        self.prompt.make_wanted.connect(self._on_make)
        for axis in (self.rows, self.columns):
            axis.changed.connect(self._on_axes)
        self.offer.changed.connect(self._on_offer)
        self.shape.activated.connect(self._show_state)
        for field in (self.scale, self.steps, self.guidance, self.seed):
            field.asked.connect(self._show_state)
        self._loras.listed.connect(self._show_loras)
        self._loras.changed.connect(self._show_loras)
        self._pictures.offers_changed.connect(self.refresh)
        self._grids.held_changed.connect(self._show_state)
        self._grids.opened.connect(self._on_answered)
        self._grids.failed.connect(self._on_answered)

    def begin_strength(self, lora_id: str | None) -> None:
        """Start with seeds by strengths of a LoRA, as soon as it is known."""
        self._expected = lora_id
        self._second = self._compared = None
        self.rows.show_axis(Axis(AxisKind.SEED, new_seeds(_SEEDS)))
        self.columns.show_axis(Axis(AxisKind.SCALE, USUAL_SCALES))
        if lora_id is not None:
            self.prompt.setPlainText(_PLAIN_PROMPT)
            self._word = ""
        self._show_loras()

    def begin_loras(self, loras: Axis) -> None:
        """Start with one seed by several LoRAs, as soon as they are known."""
        first = next(iter(loras.values), None)
        self.begin_strength(str(first) if first is not None else None)
        self._compared = loras
        self.rows.show_axis(Axis(AxisKind.SEED, new_seeds(1)))
        self._show_loras()

    def begin_request(self, request: PictureRequest) -> None:
        """Start with the settings of an order: its seed by strengths, or by guidance."""
        first = request.loras[0] if request.loras else None
        self.begin_strength(first.lora_id if first else "")
        self._second = request.loras[1] if len(request.loras) > 1 else None
        self.prompt.setPlainText(request.prompt)
        self._word = first.trigger_word if first else ""
        self.rows.show_axis(Axis(AxisKind.SEED, (request.seed,)))
        if first is None:
            self.columns.show_axis(Axis(AxisKind.GUIDANCE, (2.0, 3.0, 4.0, 5.0)))
        self.offer.ask(request.generator, request.model)
        self.refresh()
        self.seed.ask(request.seed)
        self.steps.ask(request.steps)
        self.guidance.ask(request.guidance)
        if first is not None:
            self.scale.ask(first.scale)
        self._take_size(request.width, request.height)
        self._show_state()

    def begin_picture(self, picture: Picture, request: PictureRequest) -> None:
        """Start with what made a picture; a LoRA that is gone is left out."""
        known = tuple(use for use in request.loras if self._loras.lora(use.lora_id))
        self.begin_request(
            PictureRequest(
                request.generator,
                request.model,
                picture.prompt,
                known,
                request.width,
                request.height,
                request.steps,
                request.guidance,
                request.seed,
            )
        )

    def chosen(self) -> Lora | None:
        """Return the chosen LoRA."""
        place = self.lora.currentIndex()
        return self._shown_loras[place - 1] if 0 < place <= len(self._shown_loras) else None

    def uses(self) -> tuple[LoraUse, ...]:
        """Return the LoRAs that the model must take."""
        lora, second = self.chosen(), self._second
        first = (use_of(lora, round(self.scale.value(), 2)),) if lora else ()
        return (*first, second) if first and second else first

    def spec(self, offer: Offer) -> GridSpec:
        """Return the grid as it stands; raises `InputError` for what cannot be read."""
        size = self._size(offer)
        base = GridBase(
            offer.generator,
            offer.model.key,
            self.prompt.toPlainText().strip(),
            tuple(
                BaseLora(use.lora_id, use.name, use.scale, use.tensor_hash) for use in self.uses()
            ),
            size[0],
            size[1],
            self.steps.value(),
            round(self.guidance.value(), 2),
            self.seed.value(),
        )
        return GridSpec(base, self.rows.axis(), self.columns.axis())

    def quote(self) -> tuple[GridSpec | None, Quote]:
        """Return the grid and what it would cost, or why it cannot be made."""
        offer = self.offer.offer()
        if offer is None:
            return None, Quote(0, None, "No connected service can make these pictures now.")
        try:
            spec = self.spec(offer)
        except InputError as error:
            return None, Quote(0, None, error.reason, error.field)
        return spec, self._grids.quote(spec, self._loras.loras())

    @Slot()
    def refresh(self) -> None:
        """Show the offers for the chosen LoRA, and all that follows from them."""
        uses = self.uses()
        self.offer.show_offers(self._pictures.offers(uses), bases={use.base for use in uses})
        self._on_offer()

    @Slot()
    def _on_offer(self) -> None:
        offer = self.offer.offer()
        if offer is not None:
            model = offer.model
            self.scale.set_limits(*model.scale, 1.0)
            self.steps.set_limits(*model.steps, model.default_steps)
            self.guidance.set_limits(*model.guidance, model.default_guidance)
            chosen = max(0, self.shape.currentIndex())
            own = self.shape.itemData(len(SHAPES))
            self.shape.clear()
            for shape in SHAPES:
                size = size_of(shape, model.size)
                self.shape.addItem(f"{shape.title}, {size}", (size.width, size.height))
            if own is not None:
                self.shape.addItem(f"As it was, {own[0]} × {own[1]}", own)
            self.shape.setCurrentIndex(min(chosen, self.shape.count() - 1))
        self._on_axes()

    def _size(self, offer: Offer) -> tuple[int, int]:
        chosen = self.shape.currentData()
        size = size_of(SHAPES[0], offer.model.size)
        return chosen if chosen is not None else (size.width, size.height)

    def _take_size(self, width: int, height: int) -> None:
        for place in range(self.shape.count()):
            if tuple(self.shape.itemData(place)) == (width, height):
                self.shape.setCurrentIndex(place)
                return
        self.shape.addItem(f"As it was, {width} × {height}", (width, height))
        self.shape.setCurrentIndex(self.shape.count() - 1)

    @Slot()
    def _show_loras(self, _what: object = None) -> None:
        kept = self.chosen()
        wanted = self._expected if self._expected is not None else (kept.id if kept else "")
        self._shown_loras = self._loras.loras()
        self.lora.clear()
        self.lora.addItem("No LoRA")
        self.lora.addItems([lora.name for lora in self._shown_loras])
        places = [n for n, lora in enumerate(self._shown_loras, 1) if lora.id == wanted]
        self.lora.setCurrentIndex(places[0] if places else 0)
        if places:
            self._expected = None
        chosen = self.chosen()
        if chosen is not None and (kept is None or kept.id != chosen.id):
            self._take_word(chosen)
        base = chosen.base if chosen else ""
        same = [lora for lora in self._shown_loras if not base or lora.base == base]
        for axis in (self.rows, self.columns):
            axis.show_loras(same)
        if self._compared and set(self._compared.values) <= {lora.id for lora in same}:
            self.columns.show_axis(self._compared)
            self._compared = None
        self.refresh()

    @Slot(int)
    def _on_lora(self, _place: int) -> None:
        self._expected, self._second = None, None
        lora = self.chosen()
        if lora is not None:
            self.scale.ask(lora.recommended_scale)
            self._take_word(lora)
        self._show_loras()

    def _take_word(self, lora: Lora) -> None:
        """Put the LoRA's word into the prompt, in place of the last one's where that stands."""
        text = replace_trigger(self.prompt.toPlainText(), self._word, lora.trigger_word)
        self._word = lora.trigger_word
        self.prompt.setPlainText(with_trigger(text, lora.trigger_word))

    @Slot()
    def _on_axes(self) -> None:
        rows, columns = self.rows.kind.currentData(), self.columns.kind.currentData()
        self.rows.forbid(columns)
        self.columns.forbid(rows)
        varied = {rows, columns}
        for kind, field in self._fixed.items():
            needless = kind is AxisKind.SCALE and self.chosen() is None
            self._form.setRowVisible(field, kind not in varied and not needless)
        for part in (self._prompt_head, self.prompt):
            part.setVisible(AxisKind.PROMPT not in varied)
        self._show_state()

    @Slot()
    def _show_state(self, _what: object = None) -> None:
        spec, quote = self.quote()
        if quote.estimate is None:
            self.make.setText("Make the pictures")
            self.note.setText(quote.problem)
        else:
            self.make.setText(make_words(quote.count, quote.estimate))
            assert spec is not None
            takes = time_range(quote.estimate)
            self.note.setText(
                f"{shape_words(spec)}. {price_words(quote.estimate)} It takes {takes}."
            )
        self.make.setEnabled(quote.estimate is not None and not self._waiting)
        self.planned.emit(spec if quote.estimate is not None else None)

    @Slot()
    def _on_make(self) -> None:
        spec, quote = self.quote()
        if spec is None or quote.estimate is None or self._waiting:
            return
        self._waiting = True
        self.make.setEnabled(False)
        lora = self.chosen()
        title = default_title(spec, lora.name if lora else "")
        self.ordered.emit(GridOrder(title, lora.id if lora else "", spec))

    @Slot()
    def _on_answered(self, _what: object = None) -> None:
        self._waiting = False
        self._show_state()
