"""The real window on a library that a fault left: what a person reads, and what they can press."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QApplication, QLabel, QWidget

from fluxlora_desktop.app import Options, Session, make_qt
from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.system.secret_store import MemorySecrets
from fluxlora_desktop.ui.theme import Theme
from tests.faults.person import Scene

LONGEST_LOOK_S = 15.0
_TURN_MS = 20
ACTS = (
    "Try again|Replace|Publish|Look|Download again|Start|Make it again|Cancel|It is not there"
    "|Restore|Open|Show|Save"
)
"""What the buttons that lead on are called; a cell needs one of them."""


class _Shown(Session):
    """The app's own session, with the services of a scene in place of the real ones."""

    def __init__(self, scene: Scene, theme: Theme) -> None:
        self._scene = scene
        super().__init__(Options(data_dir=scene.data_dir), theme, Redactor())

    def _services(self, ctx: Any) -> tuple[Any, Any, str]:
        del ctx
        secrets = MemorySecrets()
        for name, told in self._scene.connections.items():
            secrets.put(name, Secret(told["token"]))
        addresses = {name: told["url"] for name, told in self._scene.connections.items()}
        services = build_services(addresses=addresses, secret_for=secrets.get)
        return services, secrets, "memory"


@dataclass(slots=True)
class Window:
    """An open window; `read` returns every word that is in sight."""

    session: Session

    def go_to(self, place: str) -> None:
        """Show a page, with the first thing on it chosen."""
        self.session.window.go_to(place)
        for view in self._all(QAbstractItemView):
            model = view.model()
            if model is not None and model.rowCount() and not view.currentIndex().isValid():
                view.setCurrentIndex(model.index(0, 0))

    def read(self) -> str:
        """Return what can be read in the window, lists as a screen reader tells them."""
        labels = [label.text() for label in self._all(QLabel)]
        buttons = [made.text() for made in self._all(QAbstractButton)]
        rows = [row for view in self._all(QAbstractItemView) for row in _rows(view.model())]
        return "\n".join((*labels, *buttons, *rows))

    def buttons(self, pattern: str = ACTS) -> list[QAbstractButton]:
        """Return the enabled buttons in sight whose words match, those of the sidebar left out."""
        sidebar = self.session.window.sidebar
        return [
            made
            for made in self._all(QAbstractButton)
            if made.isEnabled()
            and not sidebar.isAncestorOf(made)
            and re.search(pattern, f"{made.text()} {made.accessibleName()} {made.toolTip()}")
        ]

    def _all(self, kind: type[Any]) -> list[Any]:
        return [it for it in self.session.window.findChildren(kind) if _in_sight(it)]

    def wait(self, seen: Callable[[], object], seconds: float = LONGEST_LOOK_S) -> bool:
        """Let the window live until something is seen."""
        until = time.monotonic() + seconds
        while not seen():
            if time.monotonic() > until:
                return False
            _turn()
        return True


def _in_sight(widget: QWidget) -> bool:
    return widget.isVisible()


def _rows(model: QAbstractItemModel | None) -> Iterator[str]:
    if model is None:
        return
    for row in range(min(model.rowCount(), 50)):
        index = model.index(row, 0)
        for role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.DisplayRole):
            text = model.data(index, role)
            if isinstance(text, str):
                yield text


def _turn() -> None:
    loop = QEventLoop()
    QTimer.singleShot(_TURN_MS, loop.quit)
    loop.exec()


@contextmanager
def opened(scene: Scene) -> Iterator[Window]:
    """Open the window on a scene's library, and close it as a person would."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or make_qt(["faults"])
    session = _Shown(scene, Theme(app))  # type: ignore[arg-type]  # it is a QApplication
    window = Window(session)
    session.window.resize(1280, 860)
    session.window.show()
    session.open()
    try:
        yield window
    finally:
        session.window.close()
        session.close()
        session.window.deleteLater()
        session.deleteLater()
        _turn()


def look(scene: Scene, place: str, words: str, acts: str = ACTS) -> Iterator[str]:
    """Say what the window does not show: the words, or an enabled button that leads on."""
    with opened(scene) as window:
        window.wait(lambda: window.session.desks or re.search(words, window.read()))
        if window.session.desks is not None:  # else a page says why the library is not open
            window.wait(lambda: window.session.desks.runs.loaded)
            window.go_to(place)
        if not window.wait(lambda: re.search(words, window.read())):
            yield f"the window does not say /{words}/: {window.read()[:900]}"
        elif not window.wait(lambda: window.buttons(acts), 3.0):
            yield f"no button leads on: {[it.text() for it in window.buttons('.')]}"
