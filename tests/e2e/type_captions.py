"""Types a caption in the real app without a pause, until it is killed: `type_captions.py DATA_DIR`.

Prints a line of JSON for each key: the photo, and how many characters were typed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.system.places import resource
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.workflows.photos import list_photos

PHOTOS = 6
KEY_MS = 40
WORDS = "a small fox on the shelf in soft light "


class Typist:
    """Waits for the photos, opens the first caption and types."""

    def __init__(self, app: App) -> None:
        self.app, self.typed = app, 0
        self.keys = QTimer(interval=KEY_MS)
        self.keys.timeout.connect(self.key)
        app.session.ready.connect(self.on_ready)

    def on_ready(self) -> None:
        draft = self.app.session.desks.draft
        draft.changed.connect(self.go_on)
        QTimer.singleShot(0, self.go_on)

    def go_on(self, _draft: object = None) -> None:
        draft = self.app.session.desks.draft
        photos = draft.draft().dataset.photos if draft.loaded else ()
        if draft.loaded and not photos:
            draft.changed.disconnect(self.go_on)
            draft.changed.connect(self.begin)
            draft.add_files(list_photos([resource("practice-photos")])[:PHOTOS])

    def begin(self, _draft: object = None) -> None:
        draft = self.app.session.desks.draft
        if len(draft.draft().dataset.photos) == PHOTOS and not self.keys.isActive():
            draft.changed.disconnect(self.begin)
            window = self.app.session.window
            window.go_to("create")
            window.page("create").go_to(Step.CAPTIONS)
            self.step = window.page("create").captions
            self.step.editor.clear()
            self.step.keep()
            self.keys.start()

    def key(self) -> None:
        QTest.keyClick(self.step.editor, WORDS[self.typed % len(WORDS)])
        self.typed += 1
        line = {"photo": self.step.current(), "typed": self.typed}
        print(json.dumps(line), flush=True)


def main() -> int:
    qt = make_qt(sys.argv[:1])
    app = App(Options(data_dir=Path(sys.argv[1]), practice=True), qt, Redactor())
    typist = Typist(app)
    QTimer.singleShot(120_000, qt.quit)
    code = qt.exec()
    app.close()
    del typist
    return code


if __name__ == "__main__":
    raise SystemExit(main())
