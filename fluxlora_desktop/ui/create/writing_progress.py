"""An order of captions under way, and how it ended: how far, Stop, and each photo that failed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from fluxlora_desktop.ui.create.writing_words import (
    Trouble,
    ended_trouble,
    failure_words,
    outcome_words,
    progress_words,
    wait_words,
)
from fluxlora_desktop.ui.desks.captioning import Writing
from fluxlora_desktop.ui.widgets import ProgressLine, Symbol, button, clear, column, label, row

_MOST_SHOWN = 6
_TICK_MS = 1000


class WritingProgress(QWidget):
    """Shows one order.

    `stopping()` when a person presses Stop, `again(tuple of hashes)` for photos that shall be tried
    again, `leading(Trouble)` for the button of a trouble, `showing(str)` for a photo's hash.
    """

    stopping = Signal()
    again = Signal(object)
    leading = Signal(object)
    showing = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._writing: Writing | None = None
        self._names: Mapping[str, str] = {}
        self._trouble: Trouble | None = None
        self._left = 0
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self.words = label("", "strong", wrap=True)
        self.words.setObjectName("caption_progress")
        self.line = ProgressLine("Progress of the captions")
        self.stop_button = button("Stop", self.stopping.emit, symbol="stop")
        self.wait = label("", "muted", wrap=True)
        self.trouble = label("", "danger", wrap=True)
        self.lead = button("", self._on_lead)
        self._rows = QGridLayout()
        self._rows.setSpacing(6)
        self._rows.setColumnStretch(2, 1)
        self.again_button = button("", self._on_again)
        self.again_button.setObjectName("caption_again")
        head = row(self.words, self.stop_button)
        head.setStretch(0, 1)
        beside = row(self.trouble, self.lead)
        beside.setStretch(0, 1)
        self.setLayout(
            column(
                head,
                self.line,
                self.wait,
                beside,
                self._rows,
                row(self.again_button, None),
                spacing=8,
            )
        )

    def show_writing(self, writing: Writing, names: Mapping[str, str], *, own: bool) -> None:
        """Show how an order stands; `names` are by photo, `own` tells a server of one's own."""
        before, self._writing, self._names = self._writing, writing, names
        over = writing.over
        self.words.setText(outcome_words(writing) if over else progress_words(writing, names))
        self.line.setVisible(not over)
        self.line.show_share(max(0, writing.place - 1) / writing.total if writing.place else None)
        self.stop_button.setVisible(not over)
        self._show_wait(writing)
        self._trouble = ended_trouble(writing.error, own=own)
        self.trouble.setText(self._trouble.says if self._trouble else "")
        self.trouble.setVisible(self._trouble is not None)
        self.lead.setText(self._trouble.button if self._trouble else "")
        self.lead.setVisible(bool(self.lead.text()))
        if before is None or before.failed != writing.failed or before.over != over:
            self._show_failed(writing)

    def _show_wait(self, writing: Writing) -> None:
        self._left = math.ceil(writing.waits_s)
        self.wait.setVisible(self._left > 0)
        if self._left:
            self.wait.setText(wait_words(writing, self._left))
            self._tick.start()
        else:
            self._tick.stop()

    def _on_tick(self) -> None:
        self._left = max(0, self._left - 1)
        if self._writing is not None:
            self.wait.setText(wait_words(self._writing, self._left))
        if not self._left:
            self._tick.stop()

    def _show_failed(self, writing: Writing) -> None:
        clear(self._rows)
        for down, failed in enumerate(writing.failed[:_MOST_SHOWN]):
            show = partial(self.showing.emit, failed.sha256)
            name = button(self._names.get(failed.sha256, "A photo"), show, role="link")
            says = failure_words(failed.error, paid=failed.paid)
            name.setAccessibleDescription(says)
            parts = (Symbol("warning", "warn", 18), name, label(says, "muted", wrap=True))
            for across, part in enumerate(parts):
                self._rows.addWidget(part, down, across)
        more = len(writing.failed) - _MOST_SHOWN
        if more > 0:
            self._rows.addWidget(label(f"and {more} more", "caption"), _MOST_SHOWN, 1, 1, 2)
        count = len(writing.failed)
        self.again_button.setText(
            "Try this photo again" if count == 1 else f"Try these {count} again"
        )
        self.again_button.setVisible(writing.over and count > 0)

    def _on_again(self) -> None:
        if self._writing is not None:
            self.again.emit(tuple(failed.sha256 for failed in self._writing.failed))

    def _on_lead(self) -> None:
        if self._trouble is not None:
            self.leading.emit(self._trouble)
