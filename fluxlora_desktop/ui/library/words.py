"""The words of a Lora that a person may change: name, trigger word, strength, unknown base."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QLineEdit, QWidget

from fluxlora_desktop.domain.bases import BASES
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.ui.library.facts import file_facts
from fluxlora_desktop.ui.widgets import clear, column, icon_button, inset, label, row


class WordsPart(QWidget):
    """Name, trigger word and strength as fields, the file's facts as text.

    `renamed(str)`, `trigger_changed(str)`, `scale_changed(float)`, `base_chosen(str)`: emitted
    when an edit is over, only if it changed something.
    """

    renamed = Signal(str)
    trigger_changed = Signal(str)
    scale_changed = Signal(float)
    base_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._lora: Lora | None = None
        self.name = QLineEdit()
        self.name.setMaxLength(120)
        self.trigger = QLineEdit()
        self.trigger.setMaxLength(120)
        self.scale = QDoubleSpinBox()
        inset(self.scale)
        self.scale.setRange(0.0, 2.0)
        self.scale.setSingleStep(0.05)
        self.scale.setDecimals(2)
        self.scale.setKeyboardTracking(False)
        self.base = QComboBox()
        self.base.addItem("Choose the base", "")
        for known in BASES:
            self.base.addItem(known.title, known.key)
        copy = icon_button("copy", "Copy the trigger word", self._copy_trigger)
        word = row(self.trigger, copy, spacing=4)
        word.setStretch(0, 1)
        self._base_row = QWidget()
        self._base_row.setLayout(
            column(
                _named("&Base", self.base),
                self.base,
                label("The file does not say which model it belongs to.", "caption", wrap=True),
                spacing=2,
            )
        )
        self._facts = QGridLayout()
        self._facts.setVerticalSpacing(4)
        self._facts.setHorizontalSpacing(12)
        self._facts.setColumnStretch(1, 1)
        fields = column(
            column(_named("&Name", self.name), self.name, spacing=2),
            column(_named("&Trigger word", self.trigger), word, spacing=2),
            column(_named("&Strength", self.scale), self.scale, spacing=2),
            self._base_row,
            self._facts,
            spacing=10,
        )
        self.setLayout(fields)
        self.name.editingFinished.connect(self._on_named)
        self.trigger.editingFinished.connect(self._on_trigger)
        self.scale.valueChanged.connect(self._on_scale)
        self.base.activated.connect(self._on_base)

    def show_lora(self, lora: Lora) -> None:
        """Show a Lora; a field that is being typed in keeps its text."""
        before, self._lora = self._lora, lora
        other = before is None or before.id != lora.id
        _show(self.name, lora.name, force=other)
        _show(self.trigger, lora.trigger_word, force=other)
        self.trigger.setReadOnly(lora.source == "trained")
        self.trigger.setPlaceholderText("None")
        with QSignalBlocker(self.scale):
            self.scale.setValue(lora.recommended_scale)
        if other or not lora.base:
            self._base_row.setVisible(not lora.base)
        self.base.setCurrentIndex(max(0, self.base.findData(lora.base)))
        if before != lora:
            self._show_facts(lora)

    def _show_facts(self, lora: Lora) -> None:
        clear(self._facts)
        for place, (name, value) in enumerate(file_facts(lora)):
            said = label(value, wrap=True)
            said.setAccessibleName(f"{name}: {value}")
            top = Qt.AlignmentFlag.AlignTop
            self._facts.addWidget(label(name, "muted"), place, 0, top)
            self._facts.addWidget(said, place, 1, top)

    @Slot()
    def _on_named(self) -> None:
        name = self.name.text().strip()
        if self._lora is None or name == self._lora.name:
            return
        if name:
            self.renamed.emit(name)
        else:
            self.name.setText(self._lora.name)

    @Slot()
    def _on_trigger(self) -> None:
        word = self.trigger.text().strip()
        if self._lora is not None and word != self._lora.trigger_word:
            self.trigger_changed.emit(word)

    @Slot(float)
    def _on_scale(self, scale: float) -> None:
        if self._lora is not None and scale != self._lora.recommended_scale:
            self.scale_changed.emit(scale)

    @Slot(int)
    def _on_base(self, place: int) -> None:
        key = self.base.itemData(place)
        if self._lora is not None and key and key != self._lora.base:
            self.base_chosen.emit(key)

    def _copy_trigger(self) -> None:
        QGuiApplication.clipboard().setText(self.trigger.text())


def _named(text: str, field: QWidget) -> QLabel:
    """Return a label that gives a field its name and its access key."""
    made = label(text, "caption")
    made.setTextFormat(Qt.TextFormat.AutoText)
    made.setBuddy(field)
    field.setAccessibleName(text.replace("&", ""))
    return made


def _show(field: QLineEdit, text: str, *, force: bool) -> None:
    typing = field.hasFocus() and field.isModified()
    if (force or not typing) and field.text() != text:
        field.setText(text)
        field.setCursorPosition(0)
