"""The bar that stays while the disk takes no changes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QMessageBox, QWidget

from fluxlora_desktop.ui.units import plural
from fluxlora_desktop.ui.widgets import Symbol, button, column, label, row, set_mark


def ask_close_unsaved(parent: QWidget, waiting: int, close: Callable[[], object]) -> None:
    """Ask whether the window may close although changes wait; `close` is called for yes."""
    box = QMessageBox(parent)
    box.setObjectName("close_unsaved")
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(f"Close without saving {plural(waiting, 'change')}?")
    box.setInformativeText(
        "The disk takes no changes now. Make room and they are saved within seconds. "
        "Trainings go on at their service either way."
    )
    yes = box.addButton("Close without saving", QMessageBox.ButtonRole.DestructiveRole)
    keep = box.addButton("Keep the window open", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.buttonClicked.connect(lambda pressed: close() if pressed is yes else None)
    box.open()


class SaveBar(QFrame):
    """Says that changes are not being saved; it stays until they are.

    `waiting` is how many changes are in memory only.

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
        self.waiting = 0
        self.hide()

    def say(self, title: str, body: str, *, waiting: int) -> None:
        """Show what is wrong and what becomes of the changes."""
        self.waiting = waiting
        self.title.setText(title)
        self.body.setText(body)
        self.setAccessibleName(f"{title} {body}")
        self.show()

    def clear(self) -> None:
        """Go away: everything is saved."""
        self.waiting = 0
        self.hide()
