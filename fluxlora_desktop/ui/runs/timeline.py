"""The stages of a run as a vertical line of marks, words and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from fluxlora_desktop.ui.icons import pixmap
from fluxlora_desktop.ui.runs.stages import Stage, StageMark
from fluxlora_desktop.ui.theme import color
from fluxlora_desktop.ui.widgets import column, label, row, set_role
from fluxlora_desktop.ui.wording import duration

_MARK = 18
_ICONS = {
    StageMark.DONE: ("check", "ok"),
    StageMark.FAILED: ("close", "danger"),
    StageMark.STOPPED: ("stop", "warn"),
}
_ROLES = {
    StageMark.DONE: "",
    StageMark.CURRENT: "strong",
    StageMark.TODO: "muted",
    StageMark.FAILED: "danger",
    StageMark.STOPPED: "warn",
}


class MarkDot(QWidget):
    """The mark at the left: a dot, a ring, a tick or a cross, joined by a thin line."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(_MARK + 4)
        self._mark = StageMark.TODO
        self._first = self._last = False

    def show_mark(self, mark: StageMark, *, first: bool, last: bool) -> None:
        """Show a mark; the first and the last have the line on one side only."""
        if (mark, first, last) != (self._mark, self._first, self._last):
            self._mark, self._first, self._last = mark, first, last
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the line, then the mark."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.width() / 2, self.height() / 2)
        painter.setPen(QPen(color("border"), 2))
        reach = _MARK / 2 + 1
        if not self._first:
            painter.drawLine(QPointF(middle.x(), 0), middle - QPointF(0, reach))
        if not self._last:
            painter.drawLine(middle + QPointF(0, reach), QPointF(middle.x(), self.height()))
        self._paint_mark(painter, middle)
        painter.end()

    def _paint_mark(self, painter: QPainter, middle: QPointF) -> None:
        if self._mark in _ICONS:
            drawn = pixmap(*_ICONS[self._mark], _MARK)
            painter.drawPixmap(middle - QPointF(_MARK / 2, _MARK / 2), drawn)
            return
        current = self._mark is StageMark.CURRENT
        painter.setPen(QPen(color("accent" if current else "control_border"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = _MARK / 2 - 3
        painter.drawEllipse(middle, radius, radius)
        if current:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("accent"))
            inner = QRectF(0, 0, radius, radius)
            inner.moveCenter(middle)
            painter.drawEllipse(inner)


class StageRow(QWidget):
    """One stage: mark, words, time."""

    def __init__(self) -> None:
        super().__init__()
        self.dot = MarkDot()
        self.words = label("")
        self.time = label("", "caption")
        layout = row(self.dot, self.words, None, self.time, spacing=8)
        self.setLayout(layout)
        self.setFixedHeight(28)

    def show_stage(self, stage: Stage, today: date, *, first: bool, last: bool) -> None:
        """Show a stage; a time of another day than `today` has its date."""
        self.dot.show_mark(stage.mark, first=first, last=last)
        _set(self.words, stage.title, _ROLES[stage.mark])
        time = time_words(stage, today)
        _set(self.time, time, "caption")
        parts = (stage.title, stage.mark.value, time)
        self.setAccessibleName(", ".join(part for part in parts if part))


def time_words(stage: Stage, today: date) -> str:
    """Return when a stage ended and how long it took, or since when it goes on."""
    if stage.began is None:
        return ""
    if stage.mark is StageMark.CURRENT or stage.ended is None:
        return f"since {_clock(stage.began, today)}"
    took = duration(stage.seconds or 0.0)
    return f"{_clock(stage.ended, today)} · {took}"


def _clock(moment: datetime, today: date) -> str:
    local = moment.astimezone()
    return local.strftime("%H:%M") if local.date() == today else local.strftime("%d %b %H:%M")


def _set(words: QLabel, text: str, role: str) -> None:
    if words.text() != text:
        words.setText(text)
    set_role(words, role)


class Timeline(QWidget):
    """All stages of a run; screen readers get them as one description."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Stages of the training")
        self._rows: list[StageRow] = []
        layout = column(spacing=0)
        self.setLayout(layout)
        self._lines: QVBoxLayout = layout

    def show_stages(self, stages: Sequence[Stage], today: date) -> None:
        """Show the stages in their order."""
        while len(self._rows) < len(stages):
            self._rows.append(StageRow())
            self._lines.addWidget(self._rows[-1])
        for place, stage_row in enumerate(self._rows):
            stage_row.setVisible(place < len(stages))
            if place < len(stages):
                stage_row.show_stage(
                    stages[place], today, first=place == 0, last=place == len(stages) - 1
                )
        shown = self._rows[: len(stages)]
        self.setAccessibleDescription("; ".join(one.accessibleName() for one in shown))
