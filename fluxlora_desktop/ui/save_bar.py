"""The bar that stays while the disk takes no changes."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame

from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row, set_mark


class SaveBar(QFrame):
    """Says that changes are not being saved; it stays until they are.

    `reveal_requested()` for the library's folder, `retry_requested()`.
    """

    reveal_requested = Signal()
    retry_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self.setObjectName("save_bar")
        set_mark(self, "tone", "danger")
        self.title = label(role="strong", wrap=True)
        self.body = label(role="muted", wrap=True)
        self.open_folder = button("Open the folder", self.reveal_requested.emit)
        self.try_again = button("Try again", self.retry_requested.emit)
        words = column(self.title, self.body, spacing=2)
        layout = row(
            *(Symbol("save", "danger"), words, self.open_folder, self.try_again),
            spacing=12,
            margin=10,
        )
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    def say(self, title: str, body: str) -> None:
        """Show what is wrong and what becomes of the changes."""
        self.title.setText(title)
        self.body.setText(body)
        self.setAccessibleName(f"{title} {body}")
        self.show()
