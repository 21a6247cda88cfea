"""What is under way with Loras: words, a line of progress, Stop."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QWidget

from fluxlora_desktop.ui.desks.loras import LoraWork
from fluxlora_desktop.ui.library.facts import work_words
from fluxlora_desktop.ui.widgets import ProgressLine, button, column, label, row


class WorkLine(QFrame):
    """One piece of work; `stop_requested()`."""

    stop_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self.words = label("", wrap=True)
        self.progress = ProgressLine("Progress")
        self.stop = button("Stop", self.stop_requested.emit)
        parts = row(column(self.words, self.progress, spacing=6), self.stop, spacing=12, margin=10)
        parts.setStretch(0, 1)
        self.setLayout(parts)

    def show_work(self, name: str, work: LoraWork) -> None:
        """Show what is done with the Lora of this name, and how far it is."""
        says = f"{name}: {work.says[:1].lower()}{work.says[1:]}" if name else work.says
        self.words.setText(work_words(says, work.transfer))
        moved = work.transfer
        self.progress.show_share(moved.done / moved.total if moved and moved.total else None)


class WorkLines(QWidget):
    """All work on Loras, one line each; `stop_requested(str)` with the work's key."""

    stop_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, WorkLine] = {}
        self._column = column(spacing=8)
        self.setLayout(self._column)
        self.hide()

    def show_work(self, name: str, work: LoraWork) -> None:
        """Show a piece of work, or how far it is now."""
        made = self._lines.get(work.lora_id)
        if made is None:
            made = WorkLine()
            made.stop_requested.connect(partial(self.stop_requested.emit, work.lora_id))
            self._lines[work.lora_id] = made
            self._column.addWidget(made)
        made.show_work(name, work)
        self.show()

    def forget(self, key: str) -> None:
        """Take a piece of work away that is over."""
        made = self._lines.pop(key, None)
        if made is not None:
            made.hide()
            self._column.removeWidget(made)
            made.deleteLater()
        self.setVisible(bool(self._lines))
