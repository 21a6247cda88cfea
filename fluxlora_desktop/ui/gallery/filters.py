"""What the grid shows: words of the prompt, a LoRA, a generator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QSignalBlocker, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.widgets import row

_PAUSE_MS = 40
"""The shortest time between two searches while somebody types."""


class FilterBar(QWidget):
    """Asks for a query; `changed(PictureQuery)` at the first key, then as often as may be."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.words = QLineEdit()
        self.words.setPlaceholderText("Search the prompts")
        self.words.setAccessibleName("Search the prompts")
        self.words.setClearButtonEnabled(True)
        self._glass = self.words.addAction(
            icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.lora = _combo("Show pictures of this LoRA", "Any LoRA")
        self.generator = _combo("Show pictures made by", "Any service")
        layout = row(self.words, self.lora, self.generator, spacing=8)
        layout.setStretch(0, 3)
        layout.setStretch(1, 2)
        layout.setStretch(2, 2)
        self.setLayout(layout)
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._tell)
        self.words.textChanged.connect(self._on_words)
        self.lora.activated.connect(self._tell)
        self.generator.activated.connect(self._tell)
        QShortcut(QKeySequence.StandardKey.Find, self, self.words.setFocus)

    def query(self) -> PictureQuery:
        """Return what shall be shown."""
        return PictureQuery(
            words=" ".join(self.words.text().split()),
            lora_id=self.lora.currentData() or "",
            generator=self.generator.currentData() or "",
        )

    def show_loras(self, loras: Sequence[Lora]) -> None:
        """Offer these LoRAs."""
        _fill(self.lora, [(lora.name, lora.id) for lora in loras])

    def show_generators(self, generators: Iterable[tuple[str, str]]) -> None:
        """Offer these services, given as (title, key)."""
        _fill(self.generator, list(generators))

    def clear(self) -> None:
        """Show everything again."""
        with QSignalBlocker(self.words):
            self.words.clear()
        self.lora.setCurrentIndex(0)
        self.generator.setCurrentIndex(0)
        self._tell()

    def on_theme_changed(self) -> None:
        """Draw the icon in the field again."""
        self._glass.setIcon(icon("search", "muted"))

    @Slot()
    def _on_words(self) -> None:
        if not self._soon.isActive():
            self.changed.emit(self.query())
            self._soon.start()

    @Slot()
    def _tell(self) -> None:
        self._soon.stop()
        self.changed.emit(self.query())


def _combo(says: str, everything: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(says)
    made.setToolTip(says)
    made.addItem(everything, "")
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    return made


def _fill(combo: QComboBox, items: Sequence[tuple[str, str]]) -> None:
    kept = combo.currentData()
    while combo.count() > 1:
        combo.removeItem(combo.count() - 1)
    for title, key in items:
        combo.addItem(title, key)
    combo.setCurrentIndex(max(0, combo.findData(kept)))
