"""Choose a LoRA, how strongly it is used, and mind its trigger word."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QWidget

from fluxlora_desktop.domain.bases import title_of
from fluxlora_desktop.domain.captions import has_trigger, replace_trigger, with_trigger
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import LoraUse
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.ui.gallery.numbers import StrengthField
from fluxlora_desktop.ui.widgets import button, column, label, row


class LoraChoice(QWidget):
    """One LoRA or none.

    `chosen(Lora | None)` when the person chose another one, `changed()` when the choice or its
    strength is another, `trigger_wanted(str)` when its word shall go into the prompt.
    """

    chosen = Signal(object)
    changed = Signal()
    trigger_wanted = Signal(str)

    def __init__(self, title: str, none_says: str) -> None:
        super().__init__()
        self._none_says = none_says
        self._loras: tuple[Lora, ...] = ()
        self._word = ""
        self.combo = QComboBox()
        self.combo.setAccessibleName(title)
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.combo.setMinimumContentsLength(12)
        self.strength = StrengthField(f"Strength of {title}")
        self.trigger = button(
            "Insert the trigger word", self._on_trigger, role="quiet", symbol="add"
        )
        self.trigger.setToolTip("Put the trigger word into the prompt")
        self.remark = label("", "warn", wrap=True)
        head = label(title, "strong")
        head.setBuddy(self.combo)
        self._strength_title = label("Strength", "muted")
        self._strength_title.setBuddy(self.strength.number)
        strength = row(self._strength_title, self.strength, spacing=8)
        strength.setStretch(1, 1)
        trigger = row(self.trigger, None)
        self.setLayout(column(head, self.combo, strength, self.remark, trigger, spacing=6))
        self.show_loras(())
        self.combo.activated.connect(self._on_activated)
        self.strength.changed.connect(self._on_strength)

    def show_loras(self, loras: Sequence[Lora]) -> None:
        """Offer these LoRAs; what was chosen stays chosen while it is among them.

        A strength that nobody changed follows when its LoRA is recommended another one.
        """
        kept = self.lora()
        usual = kept is not None and abs(self.strength.value() - kept.recommended_scale) < 0.005
        self._loras = tuple(loras)
        self.combo.clear()
        self.combo.addItem(self._none_says)
        for lora in self._loras:
            self.combo.addItem(f"{lora.name} ({title_of(lora.base)})")
        self.choose(kept.id if kept else "", keep_strength=not usual)

    def lora(self) -> Lora | None:
        """Return the chosen LoRA."""
        row_number = self.combo.currentIndex()
        return self._loras[row_number - 1] if 0 < row_number <= len(self._loras) else None

    def use(self) -> LoraUse | None:
        """Return the chosen LoRA as generators see it, at its strength."""
        lora = self.lora()
        return use_of(lora, round(self.strength.value(), 2)) if lora else None

    def choose(self, lora_id: str, *, keep_strength: bool = False) -> bool:
        """Choose a LoRA by its id ("" for none); tell whether it is there."""
        for number, lora in enumerate(self._loras, start=1):
            if lora.id == lora_id:
                self.combo.setCurrentIndex(number)
                if not keep_strength:
                    self.strength.ask(lora.recommended_scale)
                break
        else:
            self.combo.setCurrentIndex(0)
        self._show_parts()
        return self.lora() is not None

    def called_in(self, prompt: str) -> str:
        """Return a prompt with the LoRA's word, in place of the last LoRA's where that stands."""
        lora = self.lora()
        word, before = lora.trigger_word if lora else "", self._word
        if not word:
            return prompt
        self._word = word
        if before and has_trigger(prompt, before):
            return replace_trigger(prompt, before, word)
        return with_trigger(prompt, word)

    def forget_word(self) -> None:
        """Let the next LoRA's word stand beside what is written, in place of nothing."""
        self._word = ""

    def show_prompt(self, prompt: str) -> None:
        """Say whether the prompt lacks the trigger word."""
        lora = self.lora()
        word = lora.trigger_word if lora else ""
        missing = bool(word) and not has_trigger(prompt, word)
        self.trigger.setVisible(missing)
        self.remark.setVisible(missing)
        if missing:
            self.trigger.setText(f"Insert “{word}”")
            self.remark.setText(
                f"The prompt does not contain “{word}”, the word that calls this LoRA."
            )

    def _show_parts(self) -> None:
        there = self.lora() is not None
        self.strength.setVisible(there)
        self._strength_title.setVisible(there)
        if not there:
            self.trigger.hide()
            self.remark.hide()

    @Slot(int)
    def _on_activated(self, _row: int) -> None:
        lora = self.lora()
        if lora is not None:
            self.strength.ask(lora.recommended_scale)
        self._show_parts()
        self.chosen.emit(lora)
        self.changed.emit()

    @Slot(float)
    def _on_strength(self, _value: float) -> None:
        self.changed.emit()

    def _on_trigger(self) -> None:
        lora = self.lora()
        if lora is not None:
            self.trigger_wanted.emit(lora.trigger_word)
