"""The bar that tells of trainings which the library had forgotten and follows again."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame

from fluxlora_desktop.domain.runs import Run
from fluxlora_desktop.ui.widgets import Symbol, button, icon_button, label, row


class FoundBar(QFrame):
    """Hidden while there is nothing to tell; `show_requested(str)` with a run's id, `closed()`."""

    show_requested = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self.setProperty("tone", "ok")
        self.setObjectName("found_bar")
        self._run_id = ""
        self.words = label(role="strong", wrap=True)
        self.show_button = button("Show", self._show)
        close = icon_button("close", "Close this bar", self.closed.emit)
        layout = row(
            Symbol("check", "ok"), self.words, self.show_button, close, spacing=12, margin=10
        )
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    def show_runs(self, runs: Sequence[Run]) -> None:
        """Tell of the runs that came back; none hides the bar."""
        self.setVisible(bool(runs))
        if not runs:
            return
        self._run_id = runs[-1].id
        words = found_words(runs)
        self.words.setText(words)
        self.setAccessibleName(words)

    def _show(self) -> None:
        self.show_requested.emit(self._run_id)
        self.closed.emit()


def found_words(runs: Sequence[Run]) -> str:
    """Return what came back, in sentences."""
    if len(runs) == 1:
        name = runs[0].plan.name
        return f"Found a training this library had forgotten: {name}. It is followed again."
    names = ", ".join(run.plan.name for run in runs)
    return f"Found {len(runs)} trainings this library had forgotten: {names}. They are followed."
