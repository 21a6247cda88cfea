"""The bar above the pictures: words to search, the filter with its chips, the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QSizePolicy, QWidget

from fluxlora_desktop.domain.gallery import (
    EVERYTHING,
    PictureFilter,
    PictureQuery,
    PictureSort,
    PictureUses,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.ui.flow import Flow
from fluxlora_desktop.ui.gallery.filter_panel import FilterPanel
from fluxlora_desktop.ui.gallery.filter_words import SORTS, Chip, chips_of
from fluxlora_desktop.ui.icons import icon
from fluxlora_desktop.ui.shortcuts import Group, describe
from fluxlora_desktop.ui.widgets import button, column, row, set_mark

_PAUSE_MS = 40
"""The shortest time between two searches while somebody types."""


class SearchField(QLineEdit):
    """Where words are searched; `left()` when Down or Enter goes on to the pictures."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go on to what was found, or write."""
        if event.key() in {Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.left.emit()
            return
        super().keyPressEvent(event)


class FilterBar(QWidget):
    """Asks for a query: `changed(PictureQuery)`, at the first key, then as often as may be.

    `opened()` when the panel is about to be shown, `left()` when the keyboard goes on to the
    pictures. `chosen` is what was asked for last.
    """

    changed = Signal(object)
    opened = Signal()
    left = Signal()

    def __init__(
        self,
        chosen: PictureFilter = PictureFilter(),  # noqa: B008 - a frozen value
        today: Callable[[], date] = date.today,
    ) -> None:
        super().__init__()
        self.chosen = chosen
        self._today = today
        self._loras: dict[str, str] = {}
        self._uses, self._tags = PictureUses(), tuple[tuple[str, int], ...]()
        self.words = SearchField(chosen.query.words)
        self.words.setPlaceholderText("Search prompts")
        self.words.setAccessibleName("Search the prompts")
        self.words.setClearButtonEnabled(True)
        self._glass = self.words.addAction(
            icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.open = button("Filter", self._open, symbol="filter")
        self.open.setObjectName("gallery_filter")
        self.sort = QComboBox()
        self.sort.setAccessibleName("Order of the pictures")
        self.sort.setToolTip("Order of the pictures")
        for sort, words in SORTS.items():
            self.sort.addItem(words, sort)
        self.panel = FilterPanel(self)
        self.chips = Flow()
        self.chips.setAccessibleName("What is filtered")
        for field in (self.words, self.sort):  # as high as the button between them
            wide = field.sizePolicy().horizontalPolicy()
            field.setSizePolicy(wide, QSizePolicy.Policy.Preferred)
        bar = row(self.words, self.open, self.sort, spacing=8)
        bar.setStretch(0, 1)
        self.setLayout(column(bar, self.chips, spacing=8))
        self._soon = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._soon.timeout.connect(self._tell)
        self.search = self._action("Search the prompts", ["/", "Ctrl+F"], self._on_find)
        self.words.textChanged.connect(self._on_words)
        self.words.left.connect(self.left)
        self.sort.activated.connect(self._on_sort)
        self.panel.changed.connect(self.show_filter)
        self._show()

    def _action(self, text: str, keys: Sequence[str], slot: Callable[[], None]) -> QAction:
        made = QAction(text, self)
        describe(made, text, Group.FIND)
        made.setShortcuts([QKeySequence(key) for key in keys])
        made.triggered.connect(slot)
        made.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        self.addAction(made)
        return made

    def query(self) -> PictureQuery:
        """Return what shall be shown; days are counted from today."""
        return self.chosen.asked(self._today())

    def filtered(self) -> bool:
        """Tell whether anything but the order is chosen."""
        return replace(self.query(), sort=EVERYTHING.sort) != EVERYTHING

    def show_filter(self, chosen: PictureFilter) -> None:
        """Ask for this from now on."""
        self.chosen = chosen
        if self._words() != chosen.query.words:
            with QSignalBlocker(self.words):
                self.words.setText(chosen.query.words)
        self._show()
        self._tell()

    def show_loras(self, loras: Sequence[Lora]) -> None:
        """Offer the library's LoRAs."""
        self._loras = {lora.id: lora.name for lora in loras}
        self.show_uses(self._uses, self._tags)

    def show_uses(self, uses: PictureUses, tags: Sequence[tuple[str, int]]) -> None:
        """Offer what the pictures were made with, and their tags."""
        self._uses, self._tags = uses, tuple(tags)
        self.panel.offer(self._loras, uses, tags)
        self._show()

    def clear(self) -> None:
        """Show everything again, in the same order."""
        self.show_filter(PictureFilter(replace(EVERYTHING, sort=self.chosen.query.sort)))

    def on_theme_changed(self) -> None:
        """Draw the icon in the field again."""
        self._glass.setIcon(icon("search", "muted"))

    def _words(self) -> str:
        return " ".join(self.words.text().split())

    def _show(self) -> None:
        found = chips_of(self.chosen, self.panel.names())
        parts: list[QWidget] = [self._chip(chip) for chip in found]
        if len(found) > 1:
            parts.append(button("Clear the filter", self.clear, role="link"))
        self.chips.show_parts(parts)
        set_mark(self.open, "on", "true" if found else "false")
        self.open.setAccessibleName(f"Filter, {len(found)} chosen" if found else "Filter")
        self.sort.setCurrentIndex(self.sort.findData(self.chosen.query.sort))
        self.panel.show_filter(self.chosen, self._today())

    def _chip(self, chip: Chip) -> QPushButton:
        made = button(chip.words, lambda: self._drop(chip), role="chip")
        made.setIcon(icon("close", "accent_text"))
        made.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        made.setAccessibleName(f"Remove the filter: {chip.words}")
        made.setToolTip("Remove this filter")
        return made

    def _drop(self, chip: Chip) -> None:
        """Ask for one thing less; the keyboard stays here, as the chip goes."""
        self.open.setFocus()
        self.show_filter(chip.without)

    def _open(self) -> None:
        self.opened.emit()
        corner = self.open.mapToGlobal(QPoint(0, self.open.height() + 4))
        screen = self.screen().availableGeometry()
        right = screen.right() - self.panel.width() - 8
        self.panel.move(max(screen.left(), min(corner.x(), right)), corner.y())
        self.panel.show()
        self.panel.lora.setFocus()

    @Slot()
    def _on_find(self) -> None:
        self.words.setFocus()
        self.words.selectAll()

    @Slot()
    def _on_words(self) -> None:
        query = replace(self.chosen.query, words=self._words())
        self.chosen = replace(self.chosen, query=query)
        if not self._soon.isActive():
            self.changed.emit(self.query())
            self._soon.start()

    @Slot(int)
    def _on_sort(self, _place: int) -> None:
        query = replace(self.chosen.query, sort=PictureSort(self.sort.currentData()))
        self.show_filter(replace(self.chosen, query=query))

    @Slot()
    def _tell(self) -> None:
        self._soon.stop()
        self.changed.emit(self.query())
