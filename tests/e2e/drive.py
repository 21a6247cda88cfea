"""Drives the real app in a process that a test may kill: `drive.py DATA_DIR start|resume [GOAL]`.

A goal is where the LoRA shall be used, which decides who trains. Prints a line of JSON for each
change of the run, and leaves when the run is over.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.domain.training import Preset
from fluxlora_desktop.system.places import resource
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.workflows.photos import list_photos

SPEED = 40.0
PHOTOS = 6


class Driver:
    """Starts a run, or only watches the one that the library already has."""

    def __init__(self, app: App, start: bool, goal: str) -> None:
        self.app, self.start, self.goal = app, start, goal
        app.session.ready.connect(self.on_ready)

    def on_ready(self) -> None:
        desks = self.app.session.desks
        desks.runs.changed.connect(self.tell)
        desks.runs.listed.connect(self.tell_all)
        if self.start:
            desks.draft.changed.connect(self.go_on)
            QTimer.singleShot(0, self.go_on)

    def go_on(self, _draft: object = None) -> None:
        desks = self.app.session.desks
        if not desks.draft.loaded or not self.start:
            return
        draft = desks.draft.draft()
        if not draft.dataset.photos and not draft.plan.name:
            desks.draft.set_plan(
                name="Toy fox", preset=Preset.QUICK, rights_confirmed=True, repo="toy-fox"
            )
            desks.draft.choose_goal(self.goal)
            desks.draft.add_files(list_photos([resource("practice-photos")])[:PHOTOS])
        elif len(draft.dataset.photos) == PHOTOS and not draft.problem:
            self.start = False
            desks.runs.start(draft.run.id)

    def tell_all(self) -> None:
        for run in self.app.session.desks.runs.runs():
            self.tell(run)

    def tell(self, run: object) -> None:
        line = {"state": run.state.value, "step": run.step, "remote": run.external_training_id}
        print(json.dumps(line | {"error": run.error}), flush=True)
        if run.state.value in {"ready", "failed", "cancelled"}:
            QTimer.singleShot(0, self.app.session.window.close)


def main() -> int:
    data_dir, what = Path(sys.argv[1]), sys.argv[2]
    goal = "".join(sys.argv[3:])
    qt = make_qt(sys.argv[:1])
    app = App(Options(data_dir=data_dir, practice=True, practice_speed=SPEED), qt, Redactor())
    driver = Driver(app, what == "start", goal)
    QTimer.singleShot(120_000, qt.quit)
    code = qt.exec()
    app.close()
    del driver
    return code


if __name__ == "__main__":
    raise SystemExit(main())
