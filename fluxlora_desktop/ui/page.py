"""The frame of a page: title, one muted line, buttons at the right, the body below."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fluxlora_desktop.ui.widgets import label, retint, row

COMPUTER = "computer"
"""The name of the page about what this computer can do itself."""


class Page(QWidget):
    """One place of the sidebar.

    `go(str, object)` asks the window for another page, with what it shall show there (a run, a
    Lora, a picture request, or None). The window hands `arrive` what another page sent along.
    `header` is the row at the right of the title; `undo_stack` is what the Edit menu works on,
    where a page has one. `under` is the place of the sidebar that a page belongs to which is none
    itself.
    """

    go = Signal(str, object)
    undo_stack: QUndoStack | None = None
    under: str = ""

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(f"{name}_page")
        self.setAccessibleName(title)
        self.name = name
        self.title = label(title, "title")
        self.hint = label("", "muted")
        self.header = row(spacing=8)
        head = row(self.title, None, self.header)
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 20, 24, 16)
        outer.setSpacing(4)
        outer.addLayout(head)
        outer.addWidget(self.hint)
        outer.addSpacing(8)
        outer.addLayout(self.body, 1)

    def shown(self) -> None:
        """React to being the page in front; called each time."""

    def arrive(self, what: object) -> None:
        """Take what another page sent along."""

    def on_theme_changed(self) -> None:
        """Draw what depends on the look again."""
        retint(self)
