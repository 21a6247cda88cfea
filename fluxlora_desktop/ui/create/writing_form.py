"""The form for automatic captions: who writes, with which model, which photos, what is asked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from fluxlora_desktop.domain.addresses import own_address
from fluxlora_desktop.domain.captioning import CAPTION_PROMPTS, Choice, photos_for
from fluxlora_desktop.domain.datasets import Dataset
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.training import Preset
from fluxlora_desktop.ui.create.caption_choices import CaptionChoices
from fluxlora_desktop.ui.create.choice_box import ChoiceBox
from fluxlora_desktop.ui.create.segments import Segments
from fluxlora_desktop.ui.create.writing_words import Trouble, model_title, offer_trouble
from fluxlora_desktop.ui.desks.captioning import CaptionOffer
from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.widgets import button, column, icon_button, label, row, set_role

_PROMPT_HEIGHT = 96
_CHOICES = {Choice.MISSING: "Without one", Choice.SELECTED: "Selected", Choice.ALL: "All"}


class WriterForm(QWidget):
    """Who writes: a service or an address of one's own, its key, and the model.

    `changed()` when another choice was made, `asking(str)` to ask a captioner for its models,
    `key_given(str, str)` with a captioner and what was typed as its key, `leading(Trouble)` when
    the button beside a trouble was pressed.
    """

    changed = Signal()
    asking = Signal(str)
    key_given = Signal(str, str)
    leading = Signal(object)

    def __init__(self, choices: CaptionChoices) -> None:
        super().__init__()
        self._choices = choices
        self._offers: tuple[CaptionOffer, ...] = ()
        self._trouble: Trouble | None = None
        self.who = ChoiceBox()
        self.who.setObjectName("captioner")
        self.who.setAccessibleName("Who writes")
        self.address = QLineEdit(choices.address)
        self.address.setObjectName("caption_address")
        self.address.setPlaceholderText("http://127.0.0.1:11434/v1")
        self.address.setAccessibleName("Address of your server")
        self.key = QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setMaxLength(512)
        self.key.setPlaceholderText("Only if your server asks for one")
        self.key.setAccessibleName("Key of your server")
        self.keep_key = button("Keep key", self._on_key)
        self.model = QComboBox()
        self.model.setObjectName("caption_model")
        self.model.setEditable(True)
        self.model.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.model.setAccessibleName("Model")
        self._model_text().setPlaceholderText("Name of a model that sees pictures")
        self._model_text().setAccessibleName("Name of the model")
        self.ask = icon_button("refresh", "Ask which models there are", self._on_ask)
        self.trouble = label("", "warn", wrap=True)
        self.trouble.setObjectName("caption_trouble")
        self.lead = button("", self._on_lead)
        self._lay_out()
        self._connect()

    def _model_text(self) -> QLineEdit:
        edit = self.model.lineEdit()
        assert edit is not None, "the box is editable"
        return edit

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(8)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(1, 1)
        self._lines: list[tuple[QWidget, ...]] = []
        for place, (words, field, side) in enumerate(
            (
                ("Who &writes", self.who, None),
                ("&Address", self.address, None),
                ("&Key", self.key, self.keep_key),
                ("&Model", self.model, self.ask),
            )
        ):
            name = label(words, "strong")
            name.setTextFormat(Qt.TextFormat.AutoText)
            name.setBuddy(field)
            grid.addWidget(name, place, 0)
            grid.addWidget(field, place, 1, 1, 1 if side else 2)
            if side is not None:
                grid.addWidget(side, place, 2, Qt.AlignmentFlag.AlignLeft)
            self._lines.append((name, field) if side is None else (name, field, side))
        beside = row(self.trouble, self.lead)
        beside.setStretch(0, 1)
        self.setLayout(column(grid, beside, spacing=6))

    def _connect(self) -> None:
        self.who.picked.connect(self._on_who)
        self.address.editingFinished.connect(self._on_address)
        self.key.returnPressed.connect(self._on_key)
        self.key.textChanged.connect(self._on_key_typed)
        self.model.editTextChanged.connect(self._on_model)
        self._on_key_typed("")

    def show_offers(self, offers: Sequence[CaptionOffer]) -> None:
        """Show who can write now; a person's choice and what is typed stay."""
        self._offers = tuple(offers)
        self.who.offer([(offer.key, offer.title) for offer in offers])
        wanted = self._choices.captioner
        keys = [offer.key for offer in offers]
        self.who.show_value(wanted if wanted in keys else next(iter(keys), ""))
        self._show_offer()

    def offer(self) -> CaptionOffer | None:
        """Return who is chosen."""
        return next((offer for offer in self._offers if offer.key == self.who.value()), None)

    def chosen_model(self) -> str:
        """Return the id of the model, listed or typed, or ""."""
        place, text = self.model.currentIndex(), self.model.currentText().strip()
        if place >= 0 and text == self.model.itemText(place):
            return str(self.model.itemData(place))
        return text

    def ready(self) -> bool:
        """Tell whether the one who is chosen can be asked."""
        offer = self.offer()
        return offer is not None and self._trouble is None and bool(self.chosen_model())

    def _show_offer(self) -> None:
        offer = self.offer()
        own = offer is not None and offer.abilities.takes_address
        for line in self._lines[1:3]:
            for part in line:
                part.setVisible(own)
        self._show_models(offer)
        self._trouble = offer_trouble(offer) if offer is not None else None
        asking = offer is not None and offer.asking
        says = self._trouble.says if self._trouble and not asking else ""
        says = says or ("Asking which models there are…" if asking else "")
        self.trouble.setText(says)
        self.trouble.setVisible(bool(says))
        set_role(self.trouble, "muted" if asking else "warn")
        self.lead.setText(self._trouble.button if self._trouble else "")
        self.lead.setVisible(bool(self.lead.text()) and not asking)
        self.ask.setEnabled(offer is not None and not asking)
        self.changed.emit()

    def _show_models(self, offer: CaptionOffer | None) -> None:
        models = offer.abilities.models if offer is not None else ()
        wanted = self._choices.model(offer.key) if offer is not None else ""
        self.model.blockSignals(True)
        self.model.clear()
        for model in models:
            self.model.addItem(model_title(model), model.key)
        place = self.model.findData(wanted)
        if place >= 0 or (models and not wanted):
            self.model.setCurrentIndex(max(place, 0))
        else:
            self.model.setCurrentIndex(-1)
            self.model.setEditText(wanted)
        self.model.blockSignals(False)

    def _on_who(self, key: object) -> None:
        self._choices.set_captioner(str(key))
        self._show_offer()

    def _on_model(self, _text: str) -> None:
        offer = self.offer()
        if offer is not None:
            self._choices.set_model(offer.key, self.chosen_model())
        self.changed.emit()

    def _on_address(self) -> None:
        offer, text = self.offer(), self.address.text().strip()
        if offer is None or text == self._choices.address:
            return
        try:
            address = own_address(text) if text else ""
        except InputError as error:
            self.address.setText(self._choices.address)
            self._trouble = Trouble(f"{error.reason} It was not kept.")
            self.trouble.setText(self._trouble.says)
            set_role(self.trouble, "danger")
            self.trouble.show()
            self.changed.emit()
            return
        self.address.setText(address)
        self._choices.set_address(address)
        self.asking.emit(offer.key)

    def _on_key_typed(self, text: str) -> None:
        self.keep_key.setText("Keep key" if text.strip() else "Forget key")

    def _on_key(self) -> None:
        offer, text = self.offer(), self.key.text()
        self.key.clear()
        if offer is not None:
            self.key_given.emit(offer.key, text)

    def _on_ask(self) -> None:
        offer = self.offer()
        if offer is not None:
            self.asking.emit(offer.key)

    def _on_lead(self) -> None:
        if self._trouble is not None:
            self.leading.emit(self._trouble)


class PhotosForm(QWidget):
    """Which photos get a caption; `changed()` when another choice was made.

    Captions that are there are replaced only where a person ticked that they may be.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._choice = Choice.MISSING
        self._dataset = Dataset("")
        self._selected: tuple[str, ...] = ()
        self.choices = Segments(
            "caption_photos", "Which photos", {key.value: words for key, words in _CHOICES.items()}
        )
        self.choices.show_choice(Choice.MISSING)
        self.choices.chosen.connect(self._on_chosen)
        self.replacing = QCheckBox()
        self.replacing.setObjectName("caption_replacing")
        self.replacing.toggled.connect(self._on_ticked)
        name = label("Photos", "strong")
        self.setLayout(column(row(name, self.choices, spacing=12), self.replacing, spacing=6))
        self._show()

    def show_photos(self, dataset: Dataset, selected: tuple[str, ...]) -> None:
        """Show how many photos each choice means now."""
        self._dataset, self._selected = dataset, selected
        self._show()

    def photos(self) -> dict[str, str]:
        """Return the photos that are meant, each with the caption that it has."""
        return photos_for(self._choice, self._dataset, self._selected)

    def replaced(self) -> int:
        """Return how many captions that are there would go."""
        return sum(bool(caption.strip()) for caption in self.photos().values())

    def ready(self) -> bool:
        """Tell whether there is a photo, and whether what goes was agreed to."""
        return bool(self.photos()) and (not self.replaced() or self.replacing.isChecked())

    def _show(self) -> None:
        for choice, words in _CHOICES.items():
            count = len(photos_for(choice, self._dataset, self._selected))
            made = self.choices.choice(choice)
            made.setText(f"{words}: {count}")
            made.setAccessibleName(f"Which photos: {words}, {count}")
        replaced = self.replaced()
        self.replacing.setText(f"Replace {plural(replaced, 'caption')}. Undo brings them back.")
        self.replacing.setVisible(replaced > 0)
        if not replaced:
            self.replacing.setChecked(False)

    def _on_chosen(self, key: str) -> None:
        self._choice = Choice(key)
        self.replacing.setChecked(False)
        self._show()
        self.changed.emit()

    def _on_ticked(self, _checked: bool) -> None:
        self.changed.emit()


class PromptForm(QWidget):
    """What the model is asked, by preset; kept as it is typed, and reset by a click."""

    def __init__(self, choices: CaptionChoices) -> None:
        super().__init__()
        self._choices = choices
        self._preset = Preset.OBJECT
        self.text = QPlainTextEdit()
        self.text.setObjectName("caption_prompt")
        self.text.setAccessibleName("What the model is asked")
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(_PROMPT_HEIGHT)
        self.text.textChanged.connect(self._on_typed)
        self.reset = button("Reset", self._on_reset, role="link")
        self.reset.setAccessibleName("Reset what the model is asked")
        name = label("What it is asked", "strong")
        name.setBuddy(self.text)
        places = "{trigger} stands for the trigger word, {class} for what it is."
        self.setLayout(
            column(
                row(name, None, self.reset),
                self.text,
                label(places, "caption", wrap=True),
                spacing=4,
            )
        )

    def show_preset(self, preset: Preset) -> None:
        """Show what is asked for a preset, unless the keyboard is in the field."""
        changed = preset is not self._preset
        self._preset = preset
        if changed or not self.text.hasFocus():
            self._show(self._choices.prompt(preset))

    def prompt(self) -> str:
        """Return what is asked."""
        return self.text.toPlainText()

    def _show(self, prompt: str) -> None:
        if self.text.toPlainText() != prompt:
            self.text.blockSignals(True)
            self.text.setPlainText(prompt)
            self.text.blockSignals(False)
        self.reset.setVisible(prompt.strip() != CAPTION_PROMPTS[self._preset])

    def _on_typed(self) -> None:
        self._choices.set_prompt(self._preset, self.prompt())
        self.reset.setVisible(self.prompt().strip() != CAPTION_PROMPTS[self._preset])

    def _on_reset(self) -> None:
        self._choices.set_prompt(self._preset, "")
        self._show(CAPTION_PROMPTS[self._preset])
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)
