"""Where a Lora can be used: ticks and crosses, each with its words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from fluxlora_desktop.domain.routes import Remedy, Route
from fluxlora_desktop.ui.widgets import Symbol, button, clear, column, label, row

_MAKE_PUBLIC = "Make it public…"
_PRIVATE = {True: "Also while its repo is private", False: "While its repo is public"}
_HERE = "From its file here, published or not"


class RoutesPart(QWidget):
    """Lists the routes of a Lora: what works, what a person can help, and the rest.

    `use_wanted(Route)` when one of them was chosen for pictures, `public_wanted()` when the button
    was pressed that lets more of them work, `set_up_wanted()` the one for this computer.
    """

    use_wanted = Signal(object)
    public_wanted = Signal()
    set_up_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Route, ...] | None = None
        self._lines = column(spacing=8)
        self.remedy = button(_MAKE_PUBLIC, self.public_wanted.emit, role="link", symbol="globe")
        self.remedy.hide()
        title = label("Where it can be used", "section")
        self.setLayout(column(title, row(self.remedy, None), self._lines, spacing=8))

    def show_routes(self, routes: Sequence[Route]) -> None:
        """Show the routes."""
        if tuple(routes) == self._shown:
            return
        self._shown = tuple(routes)
        clear(self._lines)
        if not routes:
            self._lines.addWidget(label("No service that takes LoRAs is known.", "muted"))
        for route in sorted(routes, key=_order):
            self._lines.addWidget(self._line(route))
        self.remedy.setVisible(any(it.remedy is Remedy.MAKE_PUBLIC for it in routes))

    def _line(self, route: Route) -> QWidget:
        mark = Symbol("check" if route.works else "close", "ok" if route.works else "muted", 16)
        mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        where = _where(route)
        able = _HERE if route.takes_files else _PRIVATE[route.private_works]
        under = able if route.works else route.reason
        title = label(where, "" if route.works else "muted", wrap=True)
        words = column(title, label(under, "caption", wrap=True), spacing=2)
        line = QWidget()
        inside = row(mark, words, spacing=8)
        inside.setStretch(1, 1)
        if route.works:
            use = button("Use", partial(self.use_wanted.emit, route), role="link")
            use.setAccessibleName(f"Make pictures at {where}")
            inside.addWidget(use, 0, Qt.AlignmentFlag.AlignTop)
        elif route.remedy is Remedy.SET_UP:
            set_up = button("Set up", self.set_up_wanted.emit, role="link")
            set_up.setAccessibleName("Set up this computer for it")
            inside.addWidget(set_up, 0, Qt.AlignmentFlag.AlignTop)
        line.setLayout(inside)
        line.setAccessibleName(_says(route))
        return line

    def texts(self) -> tuple[str, ...]:
        """Return what is shown, one text for each route, as a screen reader says it."""
        routes = sorted(self._shown or (), key=_order)
        return tuple(_says(route) for route in routes)


def _where(route: Route) -> str:
    """Return service and model, the service once where the model's title names it."""
    if route.generator_title.casefold() in route.model_title.casefold():
        return route.model_title
    return f"{route.generator_title} · {route.model_title}"


def _order(route: Route) -> tuple[bool, bool, bool]:
    """Put first what works, then what a person can help, then what runs the LoRA's base."""
    return (not route.works, not route.remedy, not route.fits)


def _says(route: Route) -> str:
    where = f"{route.generator_title}, {route.model_title}"
    return f"Works at {where}" if route.works else f"Not at {where}: {route.reason}"
