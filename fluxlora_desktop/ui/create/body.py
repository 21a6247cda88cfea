"""What every step of the wizard is, and typing that saves itself."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from fluxlora_desktop.ui.desks.draft import Draft

_PAUSE_MS = 300
_LONGEST_MS = 600
"""So that a second is never lost: what is left of it is for the disk."""


class StepBody(QWidget):
    """The middle of the page for one step."""

    hint = ""
    """One muted line under the page's title: where am I, what is next."""

    def show_draft(self, draft: Draft) -> None:
        """Show the draft as it stands; never overwrites what is being typed."""

    def focus_field(self, field: str) -> None:
        """Bring the keyboard to the input that is named."""

    def keep(self) -> None:
        """Save what was typed and not saved yet."""

    def hideEvent(self, event: QHideEvent) -> None:
        """Save before the step goes out of sight."""
        self.keep()
        super().hideEvent(event)


class Typing(QTimer):
    """Fires `timeout` once typing has paused, and every 600 ms while it does not pause.

    `key` says that something was typed; `flush` fires at once when something is waiting.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self._since = QElapsedTimer()

    def key(self) -> None:
        """Wait for the pause from now on, but for the first unsaved key no longer than agreed."""
        if not self.isActive():
            self._since.start()
        left = _LONGEST_MS - self._since.elapsed()
        self.start(max(0, min(_PAUSE_MS, left)))

    def flush(self) -> None:
        """Fire now if anything waits."""
        if self.isActive():
            self.stop()
            self.timeout.emit()


def show_text(edit: QLineEdit, text: str) -> None:
    """Show a text in a field unless it stands there already, so that the cursor stays."""
    if edit.text() != text:
        edit.setText(text)
