"""The real app on a display, for the drop test.

It says on stdout when it is "ready" for a drop, that files hang "over" it, and how many photos its
draft has.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.system.redaction import Redactor

qt = make_qt(sys.argv[:1])
app = App(Options(data_dir=Path(sys.argv[1]), practice=True), qt, Redactor())


looking = QTimer(interval=20)
told: set[str] = set()


def say_once(words: str) -> None:
    if words not in told:
        told.add(words)
        print(words, flush=True)


def look() -> None:
    window = app.session.window
    if app.session.desks.draft.loaded and window.windowHandle().isExposed():
        say_once("ready")
    if window.page("create").photos.card.property("dropping") == "true":
        say_once("over")


def on_ready() -> None:
    session = app.session
    session.window.setGeometry(260, 40, 1000, 700)
    session.window.setWindowTitle("DropTarget")
    session.window.go_to("create")
    session.desks.draft.changed.connect(
        lambda draft: print(f"photos {len(draft.dataset.photos)}", flush=True)
    )
    looking.timeout.connect(look)
    looking.start()


app.session.ready.connect(on_ready)
QTimer.singleShot(90_000, qt.quit)
code = qt.exec()
app.close()
sys.exit(code)
