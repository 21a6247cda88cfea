"""Where a Lora can be used: ticks and crosses, each with its words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.ui.widgets import Symbol, clear, column, label, row


class RoutesPart(QWidget):
    """Lists the routes of a Lora, those that work first."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Route, ...] | None = None
        self._lines = column(spacing=8)
        self.setLayout(column(label("Where it can be used", "section"), self._lines, spacing=8))

    def show_routes(self, routes: Sequence[Route]) -> None:
        """Show the routes."""
        if tuple(routes) == self._shown:
            return
        self._shown = tuple(routes)
        clear(self._lines)
        if not routes:
            self._lines.addWidget(label("No service that takes LoRAs is known.", "muted"))
        for route in sorted(routes, key=lambda route: not route.works):
            self._lines.addWidget(_line(route))

    def texts(self) -> tuple[str, ...]:
        """Return what is shown, one text for each route, as a screen reader says it."""
        routes = sorted(self._shown or (), key=lambda route: not route.works)
        return tuple(_says(route) for route in routes)


def _says(route: Route) -> str:
    where = f"{route.generator_title}, {route.model_title}"
    return f"Works at {where}" if route.works else f"Not at {where}: {route.reason}"


def _line(route: Route) -> QWidget:
    mark = Symbol("check" if route.works else "close", "ok" if route.works else "muted", 16)
    mark.setAlignment(Qt.AlignmentFlag.AlignTop)
    words = [label(f"{route.generator_title} · {route.model_title}", wrap=True)]
    if not route.works:
        words[0].setText(f"Not at {route.generator_title} · {route.model_title}")
        words.append(label(route.reason, "caption", wrap=True))
    line = QWidget()
    inside = row(mark, column(*words, spacing=2), spacing=8)
    inside.setStretch(1, 1)
    line.setLayout(inside)
    line.setAccessibleName(_says(route))
    return line
