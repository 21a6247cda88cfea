"""A page's contents, as wide as the page and as high as they must be."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget


class ScrolledColumn(QWidget):
    """Leaves its height to the area's question for the height at a width.

    Wrapped labels ask for the least height as if they were narrow: a wide page would end in a gap.
    """

    def minimumSizeHint(self) -> QSize:
        """Return the least width alone."""
        return QSize(super().minimumSizeHint().width(), 0)


def scrolling(layout: QLayout, says: str, *, widest: int = 0) -> QScrollArea:
    """Return an area that scrolls down a layout; `says` is its accessible name."""
    inside = ScrolledColumn()
    inside.setLayout(layout)
    if widest:
        inside.setMaximumWidth(widest)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    area.setAccessibleName(says)
    return area
