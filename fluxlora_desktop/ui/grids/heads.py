"""The labels of a grid's rows and columns; they stay in place while the cells scroll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.ui.widgets import button, column, label, set_mark

_LINES = 3


@dataclass(frozen=True, slots=True)
class Head:
    """One label; `scale` is the strength that its button makes the LoRA's own, None for none.

    `own` tells that it is the LoRA's already, `bare` that it shows the base alone.
    """

    words: str
    scale: float | None = None
    own: bool = False
    bare: bool = False


class HeadCell(QWidget):
    """A label, and the button that takes its strength; `used()`."""

    used = Signal()

    def __init__(self, head: Head, *, across: bool) -> None:
        super().__init__()
        self.words = label(_short(head.words), "strong" if head.bare or head.own else "", wrap=True)
        self.words.setToolTip(head.words)
        place = Qt.AlignmentFlag.AlignHCenter if across else Qt.AlignmentFlag.AlignRight
        self.words.setAlignment(place | Qt.AlignmentFlag.AlignVCenter)
        self.use = button("", self.used.emit, role="link")
        parts = column(None, self.words, spacing=0) if across else column(None, self.words)
        if head.scale is not None:
            self.use.setText(f"Use {head.scale:g}" if not head.own else "In use")
            self.use.setToolTip(f"Make {head.scale:g} the strength that is offered first")
            self.use.setAccessibleName(f"Use {head.scale:g} as the strength")
            self.use.setEnabled(not head.own)
            parts.addWidget(self.use, 0, place)
        else:
            self.use.setParent(self)
            self.use.hide()
        if not across:
            parts.addStretch(1)
        self.setLayout(parts)
        set_mark(self, "bare", "true" if head.bare else "false")

    def longest(self) -> int:
        """Return the width in logical pixels that the label needs for one line."""
        width = self.words.fontMetrics().horizontalAdvance(self.words.text())
        hint = self.use.sizeHint().width() if not self.use.isHidden() else 0
        return max(width + 8, hint)


class AxisHeads(QWidget):
    """Labels side by side or one below the other, each as long as its row or column.

    `used(float)` with a strength.
    """

    used = Signal(float)

    def __init__(self, *, across: bool) -> None:
        super().__init__()
        self._across = across
        self._inside = QWidget(self)
        self._step = 1
        self._heads: tuple[Head, ...] = ()
        self.cells: list[HeadCell] = []
        self.setAccessibleName("Columns" if across else "Rows")

    def show_heads(self, heads: Sequence[Head]) -> None:
        """Show these labels; the same ones again change nothing."""
        if tuple(heads) == self._heads:
            return
        focused = [cell.use.hasFocus() for cell in self.cells]
        self._heads = tuple(heads)
        for cell in self.cells:
            cell.hide()
            cell.deleteLater()
        self.cells = []
        for head in self._heads:
            cell = HeadCell(head, across=self._across)
            cell.setParent(self._inside)
            if head.scale is not None:
                cell.used.connect(partial(self.used.emit, head.scale))
            self.cells.append(cell)
            cell.show()
        if True in focused and focused.index(True) < len(self.cells):
            self.cells[focused.index(True)].use.setFocus()
        self.lay_out(self._step)

    def longest(self) -> int:
        """Return the width in logical pixels at which no label needs a second line."""
        return max((cell.longest() for cell in self.cells), default=0)

    def lay_out(self, step: int) -> None:
        """Give each label the length of its row or column, in logical pixels."""
        self._step = max(1, step)
        if self._across:
            high = max((cell.heightForWidth(step) for cell in self.cells), default=0)
            self.setFixedHeight(high)
            for place, cell in enumerate(self.cells):
                cell.setGeometry(place * step, 0, step, high)
            self._inside.resize(max(1, len(self.cells) * step), max(1, high))
        else:
            for place, cell in enumerate(self.cells):
                cell.setGeometry(0, place * step, self.width(), step)
            self._inside.resize(self.width(), max(1, len(self.cells) * step))

    def scroll_to(self, offset: int) -> None:
        """Follow the cells, which were scrolled so many pixels."""
        self._inside.move(-offset if self._across else 0, 0 if self._across else -offset)


def _short(words: str) -> str:
    return words if len(words) <= 80 else f"{words[:79].rstrip()}…"
