"""The notice bar and the undo bar."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QWidget

from fluxlora_desktop.system import public_log
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.notices import Action, Notice, Tone, notice_for, waiting_title
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.ui.widgets import Symbol, button, column, icon_button, label, row, set_mark

_log = logging.getLogger(__name__)
_UNDO_MS = 8000
_SAID_MS = 6000
_TICK_MS = 500
_SYMBOLS = {
    Tone.INFO: ("info", "muted"),
    Tone.OK: ("check", "ok"),
    Tone.WARN: ("warning", "warn"),
    Tone.DANGER: ("error", "danger"),
}


class NoticeBar(QFrame):
    """Shows one notice below a page; `acted(Notice)` when its button is pressed.

    `diagnostics_requested()` where a bug of the app is told.

    `redact` takes tokens out of what services said; without it, whatever looks like one. A wait
    that a service asks for is counted down by `now`, and its button comes when it is over.
    """

    acted = Signal(object)
    diagnostics_requested = Signal()

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        redact: Callable[[str], str] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._redact = redact or Redactor().redact
        self.setProperty("role", "notice")
        self.setObjectName("notice_bar")
        self._notice: Notice | None = None
        self._symbol = Symbol("info")
        self.title = label(role="strong", wrap=True)
        self.body = label(role="muted", wrap=True)
        self.act = button("", self._on_act)
        self.copy = button("Copy details", self._copy, role="quiet")
        self.diagnose = button("Diagnostics…", self.diagnostics_requested.emit, role="quiet")
        self._close = icon_button("close", "Close this notice", self.clear)
        self._away = QTimer(self, singleShot=True, interval=_SAID_MS)
        self._away.timeout.connect(self.clear)
        self._now, self._until = now, 0.0
        self._ticks = QTimer(self, interval=_TICK_MS)
        self._ticks.timeout.connect(self._tick)
        words = column(self.title, self.body, spacing=2)
        layout = row(
            *(self._symbol, words, self.copy, self.diagnose, self.act, self._close),
            spacing=12,
            margin=10,
        )
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    @property
    def notice(self) -> Notice | None:
        """Return what is shown, or None."""
        return self._notice

    def show_error(self, error: object) -> None:
        """Show an error in words."""
        assert isinstance(error, BaseException)
        _log.info("told of %s", type(error).__name__, extra=public_log.failure(error, None))
        notice = notice_for(error)
        self.show_notice(
            replace(
                notice,
                title=self._redact(notice.title),
                body=self._redact(notice.body),
                details=self._redact(notice.details),
            )
        )

    def say(self, sentence: str) -> None:
        """Show a short sentence for some seconds; it never covers trouble."""
        if self.tell(Notice(sentence, "", Tone.OK)):
            self._away.start()

    def tell(self, notice: Notice) -> bool:
        """Show what is good to know, until it is read; it never covers trouble. Tell if it did."""
        if self._notice is not None and self._notice.tone in {Tone.WARN, Tone.DANGER}:
            return False
        self.show_notice(notice)
        return True

    def show_notice(self, notice: Notice) -> None:
        """Show a notice in place of what is there."""
        self._away.stop()
        self._ticks.stop()
        self._notice = notice
        set_mark(self, "tone", notice.tone.value)
        self._symbol.show_symbol(*_SYMBOLS[notice.tone])
        self.title.setText(notice.title)
        self.body.setText(notice.body)
        self.body.setVisible(bool(notice.body))
        self.act.setText(notice.button)
        self.act.setVisible(notice.action is not Action.NONE and not notice.wait_seconds)
        self.copy.setVisible(bool(notice.details))
        self.diagnose.setVisible(notice.is_bug)
        self.setAccessibleName(f"{notice.title} {notice.body}")
        if notice.wait_seconds:
            self._until = self._now() + notice.wait_seconds
            self._ticks.start()
        self.show()

    def clear(self) -> None:
        """Take the notice away."""
        self._ticks.stop()
        self._notice = None
        self.hide()

    def _tick(self) -> None:
        """Show the seconds that are left; at the end the button, and the end to screen readers."""
        if self._notice is None:
            return
        left = self._until - self._now()
        self.title.setText(waiting_title(self._notice.target, left))
        if left <= 0:
            self._ticks.stop()
            self.act.setVisible(self._notice.action is not Action.NONE)
            self.setAccessibleName(f"{self.title.text()} {self._notice.body}")

    def _on_act(self) -> None:
        notice = self._notice
        self.clear()
        if notice is not None:
            self.acted.emit(notice)

    def _copy(self) -> None:
        if self._notice is not None:
            text = f"{self._notice.title} {self._notice.body}\n{self._notice.details}"
            QGuiApplication.clipboard().setText(text)


class UndoBar(QFrame):
    """Says what was done and offers to take it back, for 8 seconds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "notice")
        self.setObjectName("undo_bar")
        self.last: Undoable | None = None
        self.words = label(wrap=True)
        self.undo_button = button("Undo", self.undo, symbol="undo")
        self._close = icon_button("close", "Close this bar", self.hide)
        self._away = QTimer(self, singleShot=True, interval=_UNDO_MS)
        self._away.timeout.connect(self.hide)
        layout = row(self.words, self.undo_button, self._close, spacing=12, margin=10)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.hide()

    def offer(self, undoable: object) -> None:
        """Offer to take something back."""
        assert isinstance(undoable, Undoable)
        self.last = undoable
        self.words.setText(undoable.says)
        self.setAccessibleName(f"{undoable.says} Undo is offered.")
        self.show()
        self._away.start()

    def undo(self) -> None:
        """Take the last thing back, once; also what the Edit menu does after the bar is gone."""
        undoable, self.last = self.last, None
        self.hide()
        if undoable is not None:
            undoable.undo()
