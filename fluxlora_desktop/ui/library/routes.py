"""Where a Lora can be used: ticks and crosses, each with its words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.routes import Remedy, Route
from fluxlora_desktop.ui.widgets import Symbol, button, clear, column, label, row

_REMEDIES = {Remedy.PUBLISH: "Publish it…", Remedy.MAKE_PUBLIC: "Make it public…"}
_PRIVATE = {True: "Also while its repo is private", False: "While its repo is public"}


class RoutesPart(QWidget):
    """Lists the routes of a Lora, those that work first.

    `use_wanted(Route)` when one of them was chosen for pictures, `remedy_wanted(Remedy)` when the
    button was pressed that lets more of them work.
    """

    use_wanted = Signal(object)
    remedy_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Route, ...] | None = None
        self._remedy = Remedy.NONE
        self._lines = column(spacing=8)
        words = _REMEDIES[Remedy.MAKE_PUBLIC]
        self.remedy = button(words, self._on_remedy, role="link", symbol="globe")
        self.remedy.hide()
        title = label("Where it can be used", "section")
        self.setLayout(column(title, self._lines, row(self.remedy, None), spacing=8))

    def show_routes(self, routes: Sequence[Route]) -> None:
        """Show the routes."""
        if tuple(routes) == self._shown:
            return
        self._shown = tuple(routes)
        clear(self._lines)
        if not routes:
            self._lines.addWidget(label("No service that takes LoRAs is known.", "muted"))
        for route in sorted(routes, key=lambda route: not route.works):
            self._lines.addWidget(self._line(route))
        self._remedy = next((it.remedy for it in routes if it.remedy), Remedy.NONE)
        self.remedy.setText(_REMEDIES.get(self._remedy, ""))
        self.remedy.setVisible(bool(self.remedy.text()))

    def _line(self, route: Route) -> QWidget:
        mark = Symbol("check" if route.works else "close", "ok" if route.works else "muted", 16)
        mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        where = f"{route.generator_title} · {route.model_title}"
        title = where if route.works else f"Not at {where}"
        under = _PRIVATE[route.private_works] if route.works else route.reason
        words = column(label(title, wrap=True), label(under, "caption", wrap=True), spacing=2)
        line = QWidget()
        inside = row(mark, words, spacing=8)
        inside.setStretch(1, 1)
        if route.works:
            use = button("Use", partial(self.use_wanted.emit, route), role="link")
            use.setAccessibleName(f"Make pictures at {where}")
            inside.addWidget(use, 0, Qt.AlignmentFlag.AlignTop)
        line.setLayout(inside)
        line.setAccessibleName(_says(route))
        return line

    def _on_remedy(self) -> None:
        self.remedy_wanted.emit(self._remedy)

    def texts(self) -> tuple[str, ...]:
        """Return what is shown, one text for each route, as a screen reader says it."""
        routes = sorted(self._shown or (), key=lambda route: not route.works)
        return tuple(_says(route) for route in routes)


def _says(route: Route) -> str:
    where = f"{route.generator_title}, {route.model_title}"
    return f"Works at {where}" if route.works else f"Not at {where}: {route.reason}"
