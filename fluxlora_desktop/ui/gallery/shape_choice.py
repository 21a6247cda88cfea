"""Choose the size of pictures by its aspect, or one of one's own."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

from fluxlora_desktop.domain.pictures import SizeRule
from fluxlora_desktop.ui.gallery.sizes import SHAPES, Size, size_of

OWN_SIZE = len(SHAPES)
_LEAST = 8


class ShapeChoice(QComboBox):
    """A list of aspects with the size that each has at a model; the last entry is an own size."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Size")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(_LEAST)
        self._sizes: tuple[Size, ...] = ()

    def show_rule(self, rule: SizeRule) -> None:
        """Take a model's rule; what was chosen stays so."""
        chosen = max(0, self.currentIndex())
        self._sizes = tuple(size_of(shape, rule) for shape in SHAPES)
        self.clear()
        for number, (shape, size) in enumerate(zip(SHAPES, self._sizes, strict=True)):
            self.addItem(f"{shape}, {size}")
            self.setItemData(number, shape.title, Qt.ItemDataRole.ToolTipRole)
        self.addItem("Own size")
        self.setCurrentIndex(chosen)
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 32)

    def size_chosen(self) -> Size | None:
        """Return the size of the chosen aspect, None for an own size."""
        number = self.currentIndex()
        return self._sizes[number] if 0 <= number < len(self._sizes) else None

    def choose(self, size: Size) -> None:
        """Choose the aspect that has this size, else an own size."""
        own = size not in self._sizes
        self.setCurrentIndex(OWN_SIZE if own else self._sizes.index(size))
