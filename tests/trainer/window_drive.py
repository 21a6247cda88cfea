"""Drives the real window from photos to a LoRA: `window_drive.py DATA_DIR PYTHON BASE PHOTOS`.

Run by the app's interpreter; PYTHON is the engine's, BASE the folder of a small model. Prints how
the run stands as lines of JSON, and leaves when it is over.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.create.steps import Step

DATA_DIR, PYTHON, BASE, PHOTOS = map(Path, sys.argv[1:5])
_LONGEST_MS = 200_000
RECIPE = {
    "steps": 12,
    "rank": 16,
    "resolution": "512",
    "optimizer": "adamw",
    "learning_rate": 0.003,
    "sample_every": 0,
    "checkpoint_every": 10,
}


class SetUp:
    """An engine that is there, with one GPU."""

    def not_ready(self, _base: str = "") -> str:
        return ""

    def python(self) -> Path:
        return PYTHON

    def gpus(self, _base: str = "") -> tuple[int, ...]:
        return (0,)

    def pace(self, _base: str, _steps: int, _resolution: str) -> None:
        return None


class Driver:
    """Does what a person does: photos, a name, this computer, Start."""

    def __init__(self, app: App) -> None:
        self.session, self.run_id = app.session, ""
        session: Any = self.session
        parts: Callable[[], Any] = session._local_parts
        session._local_parts = lambda: replace(
            parts(), engine=SetUp(), model_folder=lambda _base: str(BASE)
        )
        session.ready.connect(self.on_ready)

    def on_ready(self) -> None:
        self.desks = self.session.desks
        self.desks.draft.changed.connect(self.go_on)
        self.desks.runs.changed.connect(self.tell)
        self.go_on()

    def go_on(self, _draft: object = None) -> None:
        draft = self.desks.draft
        if not draft.loaded or self.run_id:
            return
        now = draft.draft()
        if not now.plan.name:
            way = next(way for way in now.ways if way.runs_here)
            draft.set_plan(name="Toy fox", rights_confirmed=True, publish=False)
            draft.choose_way(way)
            draft.set_plan(parameters=RECIPE)
            draft.set_trigger("TOKFOX")
            draft.add_files(sorted(PHOTOS.glob("*.jpg"))[:5])
        elif len(now.dataset.photos) == 5 and not now.problem:
            self.run_id = now.run.id
            QTimer.singleShot(0, self.press_start)

    def press_start(self) -> None:
        self.session.window.go_to("create")
        page = self.session.window.page("create")
        page.go_to(Step.REVIEW)
        page.footer.start_button.click()

    def tell(self, run: Any) -> None:
        line = {"state": run.state.value, "step": run.step, "error": run.error}
        cost = None if run.cost_usd is None else float(run.cost_usd)
        print(json.dumps(line | {"lora": run.lora_id, "cost": cost}), flush=True)
        if run.state.value in {"ready", "failed", "cancelled"}:
            QTimer.singleShot(0, self.session.window.close)


def main() -> int:
    qt = make_qt(sys.argv[:1])
    app = App(Options(data_dir=DATA_DIR), qt, Redactor())
    driver = Driver(app)
    QTimer.singleShot(_LONGEST_MS, qt.quit)
    code = qt.exec()
    app.close()
    del driver
    return code


if __name__ == "__main__":
    raise SystemExit(main())
