"""The list of runs as rows of text, for views and screen readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.ui.wording import duration, needs_person, run_share, run_words

ROW_ROLE = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex


class RunTone(StrEnum):
    """How a run's words are tinted; the words say the same."""

    MUTED = "muted"
    OK = "ok"
    WARN = "warn"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the list; `share` is None while nothing is under way or the end is unknown."""

    id: str
    name: str
    words: str
    eta: str
    share: float | None
    tone: RunTone
    cover: Path | None


def row_of(run: Run, cover: Path | None, waits: str = "") -> RunRow:
    """Return a run as a line of the list; `waits` is what it waits for, with the time left."""
    return RunRow(
        id=run.id,
        name=run.plan.name or "Unnamed",
        words=waits or run_words(run),
        eta=eta_words(run),
        share=run_share(run) if run.open else None,
        tone=_tone(run),
        cover=cover,
    )


def eta_words(run: Run) -> str:
    """Return how long a run still takes, or nothing when that is not known."""
    if not run.open or run.eta_seconds is None:
        return ""
    return duration(run.eta_seconds)


def _tone(run: Run) -> RunTone:
    if run.state is RunState.READY:
        return RunTone.OK
    if run.state is RunState.FAILED:
        return RunTone.WARN if needs_person(run) else RunTone.DANGER
    if run.attention or run.state is RunState.UNKNOWN:
        return RunTone.WARN
    return RunTone.MUTED


class RunListModel(QAbstractListModel):
    """Holds the rows in the order in which they were given, newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []

    def show_rows(self, rows: Iterable[RunRow]) -> None:
        """Replace all rows; the same runs in the same order only change their words."""
        fresh = list(rows)
        if [row.id for row in fresh] == [row.id for row in self._rows]:
            for row in fresh:
                self.show_row(row)
            return
        self.beginResetModel()
        self._rows = fresh
        self.endResetModel()

    def show_row(self, row: RunRow) -> None:
        """Change one row, when it is there and says something new."""
        place = self.place_of(row.id)
        if place is None or self._rows[place] == row:
            return
        self._rows[place] = row
        index = self.index(place)
        self.dataChanged.emit(index, index)

    def place_of(self, run_id: str) -> int | None:
        """Return where a run stands in the list, or None."""
        return next((i for i, row in enumerate(self._rows) if row.id == run_id), None)

    def row(self, place: int) -> RunRow:
        """Return one row."""
        return self._rows[place]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many runs there are."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's name, its words for a screen reader, or the row itself."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            left = f"{row.eta} left" if row.eta else ""
            return ", ".join(part for part in (row.name, row.words, left) if part)
        return row if role == ROW_ROLE else None
