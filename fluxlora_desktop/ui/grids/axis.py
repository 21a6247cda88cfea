"""One axis of a grid: what is varied, and its values as a person types or ticks them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QStackedWidget,
    QWidget,
)

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.grid_text import LONGEST, parse_values, write_values
from fluxlora_desktop.domain.grids import KIND_WORDS, NO_LORA, USUAL_SCALES, Axis, AxisKind
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.ui.widgets import button, column, label, row
from fluxlora_desktop.ui.wording import plural

_LARGEST_SEED = 1_000_000
"""New seeds have few digits, so that a person can say them."""
_TALL = 84
_HINTS = {
    AxisKind.SCALE: "0 is without the LoRA. Also: 0.4 .. 1.2 step 0.2",
    AxisKind.SEED: "The same seeds in each column, so that they compare.",
    AxisKind.PROMPT: "One prompt in a line.",
    AxisKind.STEPS: "For example 12, 20, 28",
    AxisKind.GUIDANCE: "For example 2 .. 4 step 0.5",
    AxisKind.LORA: "Each with its own trigger word and strength.",
}
_USUAL: dict[AxisKind, tuple[int | float, ...]] = {
    AxisKind.SCALE: USUAL_SCALES,
    AxisKind.STEPS: (12, 20, 28),
    AxisKind.GUIDANCE: (2.0, 3.0, 4.0),
}


def new_seeds(count: int) -> tuple[int, ...]:
    """Return fresh seeds, no two alike."""
    found: dict[int, None] = {}
    while len(found) < count:
        found[secrets.randbelow(_LARGEST_SEED)] = None
    return tuple(found)


class AxisEditor(QWidget):
    """What is varied and its values; `changed()` at each edit.

    Each kind keeps its values while another one is shown.
    """

    changed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self._kept: dict[AxisKind, str] = {}
        self._kind = AxisKind.SEED
        self.kind = QComboBox()
        self.kind.setAccessibleName(f"{title}: what is varied")
        for kind in AxisKind:
            self.kind.addItem(KIND_WORDS[kind], kind)
        self.numbers = QLineEdit()
        self.numbers.setAccessibleName(f"{title}: values")
        self.numbers.setMaxLength(2000)
        self.prompts = QPlainTextEdit()
        self.prompts.setAccessibleName(f"{title}: prompts, one in a line")
        self.prompts.setTabChangesFocus(True)
        self.loras = QListWidget()
        self.loras.setAccessibleName(f"{title}: LoRAs")
        for tall in (self.prompts, self.loras):
            tall.setFixedHeight(_TALL)
        self.fields = QStackedWidget()
        for field in (self.numbers, self.prompts, self.loras):
            self.fields.addWidget(field)
        self.hint = label("", "caption", wrap=True)
        self.fresh = button("New seeds", self._on_fresh, role="link", symbol="refresh")
        head = label(title, "strong")
        head.setBuddy(self.kind)
        top = row(head, self.kind, spacing=8)
        top.setStretch(1, 1)
        below = row(self.hint, self.fresh, spacing=4)
        below.setStretch(0, 1)
        self.setLayout(column(top, self.fields, below, spacing=6))
        self.kind.activated.connect(self._on_kind)
        self.numbers.textChanged.connect(self._on_edited)
        self.prompts.textChanged.connect(self._on_edited)
        self.loras.itemChanged.connect(self._on_edited)
        self._show_kind(AxisKind.SEED)

    def axis(self) -> Axis:
        """Return the axis as it stands; raises `InputError` for what cannot be read."""
        if self._kind is AxisKind.LORA:
            items = map(self.loras.item, range(self.loras.count()))
            ticked = (it for it in items if it.checkState() is Qt.CheckState.Checked)
            return Axis(self._kind, tuple(it.data(Qt.ItemDataRole.UserRole) for it in ticked))
        text = self._text()
        if len(text) > LONGEST:
            raise InputError(self._kind, "The list is too long.")
        return Axis(self._kind, parse_values(self._kind, text))

    def show_axis(self, axis: Axis) -> None:
        """Take an axis over."""
        if axis.kind is AxisKind.LORA:
            self._tick({str(value) for value in axis.values})
        else:
            self._kept[axis.kind] = write_values(axis)
        self._show_kind(axis.kind)

    def show_loras(self, loras: Sequence[Lora]) -> None:
        """Offer these LoRAs; ticks stay."""
        ticked = set(self._ticked())
        blocked = self.loras.blockSignals(True)
        self.loras.clear()
        for lora_id, name in ((NO_LORA, "Without a LoRA"), *((it.id, it.name) for it in loras)):
            item = QListWidgetItem(name)
            item.setData(Qt.ItemDataRole.UserRole, lora_id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_check(lora_id in ticked))
            self.loras.addItem(item)
        self.loras.blockSignals(blocked)

    def forbid(self, kind: AxisKind) -> None:
        """Grey what the other axis varies already."""
        model = self.kind.model()
        for place, own in enumerate(AxisKind):
            item = model.index(place, 0)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            enabled = int(flags.value) if own is not kind else 0
            model.setData(item, enabled, int(Qt.ItemDataRole.UserRole) - 1)

    def _ticked(self) -> tuple[str, ...]:
        items = map(self.loras.item, range(self.loras.count()))
        return tuple(
            it.data(Qt.ItemDataRole.UserRole)
            for it in items
            if it.checkState() is Qt.CheckState.Checked
        )

    def _tick(self, lora_ids: set[str]) -> None:
        blocked = self.loras.blockSignals(True)
        for place in range(self.loras.count()):
            item = self.loras.item(place)
            item.setCheckState(_check(item.data(Qt.ItemDataRole.UserRole) in lora_ids))
        self.loras.blockSignals(blocked)

    def _text(self) -> str:
        prompts = self._kind is AxisKind.PROMPT
        return self.prompts.toPlainText() if prompts else self.numbers.text()

    def _show_kind(self, kind: AxisKind) -> None:
        self._kind = kind
        self.kind.setCurrentIndex(list(AxisKind).index(kind))
        if kind is AxisKind.LORA:
            self.fields.setCurrentWidget(self.loras)
        else:
            text = self._kept.get(kind) or _usual_text(kind)
            field = self.prompts if kind is AxisKind.PROMPT else self.numbers
            blocked = field.blockSignals(True)
            if isinstance(field, QPlainTextEdit):
                field.setPlainText(text)
            else:
                field.setText(text)
                field.setCursorPosition(0)
            field.blockSignals(blocked)
            self.fields.setCurrentWidget(field)
        one_line = self.fields.currentWidget() is self.numbers
        self.fields.setFixedHeight(self.numbers.sizeHint().height() if one_line else _TALL)
        self.fresh.setVisible(kind is AxisKind.SEED)
        self.hint.setText(_HINTS[kind])

    @Slot(int)
    def _on_kind(self, place: int) -> None:
        if self._kind is not AxisKind.LORA:
            self._kept[self._kind] = self._text()
        self._show_kind(list(AxisKind)[place])
        self.changed.emit()

    @Slot()
    def _on_edited(self, _what: object = None) -> None:
        self.changed.emit()

    @Slot()
    def _on_fresh(self) -> None:
        try:
            count = max(1, len(self.axis().values))
        except InputError:
            count = 3
        self.numbers.setText(write_values(Axis(AxisKind.SEED, new_seeds(count))))
        self.fresh.setAccessibleDescription(plural(count, "new seed"))


def _usual_text(kind: AxisKind) -> str:
    if kind is AxisKind.SEED:
        return write_values(Axis(kind, new_seeds(3)))
    return write_values(Axis(kind, _USUAL.get(kind, ())))


def _check(ticked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
