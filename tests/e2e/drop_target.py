"""The real app on a display, saying on stdout how many photos its draft has, for the drop test."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.system.redaction import Redactor

qt = make_qt(sys.argv[:1])
app = App(Options(data_dir=Path(sys.argv[1]), practice=True), qt, Redactor())


def on_ready() -> None:
    session = app.session
    session.window.setGeometry(260, 40, 1000, 700)
    session.window.setWindowTitle("DropTarget")
    session.window.go_to("create")
    session.desks.draft.changed.connect(
        lambda draft: print(f"photos {len(draft.dataset.photos)}", flush=True)
    )
    QTimer.singleShot(500, lambda: print("ready", flush=True))


app.session.ready.connect(on_ready)
QTimer.singleShot(90_000, qt.quit)
code = qt.exec()
app.close()
sys.exit(code)
