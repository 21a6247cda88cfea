"""The engine: set up, update, check, remove; progress with Stop; what went wrong with a way on."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame

from fluxlora_desktop.domain.engine import EngineState, EngineStep, ThisComputer
from fluxlora_desktop.domain.errors import EngineError
from fluxlora_desktop.ui.computer import words
from fluxlora_desktop.ui.notices import Action, notice_for
from fluxlora_desktop.ui.widgets import (
    Card,
    ProgressLine,
    Symbol,
    button,
    column,
    label,
    row,
    set_role,
)

_STATES = {
    EngineState.ABSENT: ("Not set up", "muted", "info"),
    EngineState.READY: ("Ready", "ok", "check"),
    EngineState.OUTDATED: ("Ready, with an update", "ok", "check"),
    EngineState.BROKEN: ("Does not work", "danger", "error"),
}
_WITHOUT_GPU = ("Does not see the GPU", "warn", "warning")
_BLIND = (
    "Its libraries do not see the GPU. Update NVIDIA's driver, restart the computer, then check "
    "the engine."
)


class EngineCard(Card):
    """`install_requested()`, `remove_requested()`, `check_requested()`, `stop_requested()`.

    `open_requested(str)` for a web page, `reveal_requested(Path)` for the installer's log.
    """

    install_requested = Signal()
    remove_requested = Signal()
    check_requested = Signal()
    stop_requested = Signal()
    open_requested = Signal(str)
    reveal_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("engine")
        self._page, self._mend_page, self._log = "", "", Path()
        self._seen: ThisComputer | None = None
        self._step: EngineStep | None = None
        self._mark = Symbol("info", "muted", 18)
        self.state = label("", "muted")
        self.says = label("", wrap=True)
        self.needs = label("", "muted", wrap=True)
        self.remark = label("", "warn", wrap=True)
        self.failure = self._make_failure()
        self.progress = self._make_progress()
        self.install = button(
            "Set up the engine",
            self.install_requested.emit,
            role="primary",
            symbol="download",
        )
        self.get_maker = button("Get it", self._on_get_maker, symbol="link")
        self.check = button("Check the engine", self.check_requested.emit)
        self.remove = button("Remove", self.remove_requested.emit, symbol="trash")
        self.body.addLayout(row(label("Engine", "section"), None, self._mark, self.state))
        for part in (self.says, self.needs, self.remark, self.failure, self.progress):
            self.body.addWidget(part)
        buttons = row(self.install, self.get_maker, self.check, self.remove, None)
        self.body.addLayout(buttons)

    def _make_failure(self) -> QFrame:
        made = QFrame()
        made.setProperty("role", "notice")
        made.setProperty("tone", "danger")
        self.failed_title = label("", "strong", wrap=True)
        self.failed_body = label("", wrap=True)
        self.show_log = button("Show the log", self._on_show_log)
        self.open_mend = button("", self._on_open_mend)
        text = column(self.failed_title, self.failed_body, spacing=2)
        inside = row(
            Symbol("error", "danger", 18),
            text,
            self.open_mend,
            self.show_log,
            spacing=10,
            margin=10,
        )
        inside.setStretch(1, 1)
        made.setLayout(inside)
        made.hide()
        return made

    def _make_progress(self) -> QFrame:
        made = QFrame()
        made.setProperty("role", "notice")
        self.step = label("", wrap=True)
        self.line = ProgressLine("Progress of the engine")
        self.stop = button("Stop", self.stop_requested.emit)
        inside = row(column(self.step, self.line, spacing=6), self.stop, spacing=12, margin=10)
        inside.setStretch(0, 1)
        made.setLayout(inside)
        made.hide()
        return made

    def show_computer(self, seen: ThisComputer) -> None:
        """Show how the engine stands."""
        self._seen = seen
        state, role, symbol = _STATES[seen.status.state]
        if seen.status.usable and not words.sees_gpu(seen):
            state, role, symbol = _WITHOUT_GPU
        self.state.setText(state)
        set_role(self.state, role)
        self._mark.show_symbol(symbol, role)
        self.says.setText(words.engine_words(seen))
        self._page = seen.hardware.maker_page
        self._show_buttons()

    def show_step(self, step: EngineStep) -> None:
        """Show what is done at present."""
        if self._step is None:
            self.failure.hide()
            self.stop.setEnabled(True)
            self.stop.setText("Stop")
        self._step = step
        self.step.setText(words.step_words(step))
        self.line.show_share(step.done / step.total if step.done and step.total else None)
        self.progress.show()
        self._show_buttons()

    def show_rest(self) -> None:
        """Show that nothing is done any more."""
        self._step = None
        self.progress.hide()
        self._show_buttons()

    def show_stopping(self) -> None:
        """Say that the stop was heard; the installer takes a moment to end."""
        self.stop.setEnabled(False)
        self.stop.setText("Stopping…")

    def show_trouble(self, error: BaseException) -> None:
        """Show what went wrong, until something is tried again."""
        notice = notice_for(error)
        says, mend = notice.title, notice.body
        if isinstance(error, EngineError):  # here nobody wonders whether it was charged
            says, mend = error.says, error.mend
        self.failed_title.setText(says)
        self.failed_body.setText(mend)
        self.failed_body.setVisible(bool(mend))
        self._mend_page = notice.target if notice.action is Action.WEB_PAGE else ""
        self.open_mend.setText(notice.button)
        self.open_mend.setVisible(bool(self._mend_page))
        log = error.log if isinstance(error, EngineError) else None
        self._log = log or Path()
        self.show_log.setVisible(log is not None)
        self.failure.show()

    def _show_buttons(self) -> None:
        seen, idle = self._seen, self._step is None
        if seen is None:
            return
        status = seen.status
        wanted = status.state is not EngineState.READY
        able = seen.advice.can and not seen.hardware.maker_trouble
        self.install.setText(_INSTALL[status.state])
        self.install.setVisible(wanted and able and idle)
        self.needs.setText(words.needs_words(seen.needs))
        self.needs.setVisible(wanted and able)
        self.remark.setText(self._remark(seen))
        self.remark.setVisible(bool(self.remark.text()))
        self.get_maker.setVisible(wanted and bool(self._page) and seen.advice.can)
        self.check.setVisible(status.usable)
        self.remove.setText(
            f"Remove, frees {words.size_words(status.disk_bytes)}"
            if status.disk_bytes
            else "Remove"
        )
        self.remove.setVisible(status.state is not EngineState.ABSENT)
        for control in (self.install, self.check, self.remove):
            control.setEnabled(idle and not status.busy)
        if words.lacks_room(seen):
            self.install.setEnabled(False)

    def _remark(self, seen: ThisComputer) -> str:
        if seen.status.busy and self._step is None:
            return "Another window of the app is changing the engine."
        if not words.sees_gpu(seen):
            return _BLIND
        wanted = seen.status.state is not EngineState.READY and seen.advice.can
        if wanted and not seen.hardware.maker_trouble and words.lacks_room(seen):
            return "There is not enough room on the disk. Make room, then look again."
        return seen.hardware.maker_trouble if wanted else ""

    def _on_get_maker(self) -> None:
        self.open_requested.emit(self._page)

    def _on_open_mend(self) -> None:
        self.open_requested.emit(self._mend_page)

    def _on_show_log(self) -> None:
        self.reveal_requested.emit(self._log)


_INSTALL = {
    EngineState.ABSENT: "Set up the engine",
    EngineState.READY: "Set up the engine",
    EngineState.OUTDATED: "Update the engine",
    EngineState.BROKEN: "Set it up anew",
}
