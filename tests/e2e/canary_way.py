"""Drives the real app through all that could spill a token: `canary_way.py DATA_DIR GOAL`.

Reads {service: token} as a line of JSON from standard input. Prints a line of JSON for each thing
that was done, with what the clipboard held, and ends by SIGABRT, as a broken library would.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QProcess, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

import fluxlora_desktop.app as program
import fluxlora_desktop.workflows.tools as tools_module
from fluxlora_desktop.domain.pictures import PictureRequest
from fluxlora_desktop.domain.services import SERVICES
from fluxlora_desktop.domain.training import Preset
from fluxlora_desktop.system.places import resource
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.settings.diagnostics import DiagnosticsDialog
from fluxlora_desktop.workflows.photos import list_photos

DATA_DIR, GOAL = Path(sys.argv[1]), "".join(sys.argv[2:3])
TOKENS: dict[str, str] = json.loads(sys.stdin.readline())
PHOTOS = 6
_STEP_MS = 20
tools_module.Patience = tools_module.Patience.for_practice  # type: ignore[assignment, misc]

Until = Callable[[], object]


class Driven(program.App):
    """The app, with a person who pastes tokens everywhere."""

    def __init__(self, options: program.Options, qt: QApplication, redactor: Redactor) -> None:
        super().__init__(options, qt, redactor)
        self._way = self._walk()
        self._until: Until = lambda: self.session.desks is not None
        self._timer = QTimer(self, interval=_STEP_MS)
        self._timer.timeout.connect(self._step)
        self._timer.start()

    def _step(self) -> None:
        if self._until():
            self._until = next(self._way)

    def _walk(self) -> Iterator[Until]:
        yield from self._connect()
        yield from self._paste_everywhere()
        yield from self._train()
        yield from self._make_pictures()
        yield from self._open_elsewhere()
        yield from self._break_down()
        yield from self._copy_diagnostics()
        say("end")
        os.abort()

    def _connect(self) -> Iterator[Until]:
        window, accounts = self.session.window, self.session.desks.accounts
        window.go_to("settings")
        cards = dict(zip((f.key for f in SERVICES), window.page("settings").cards, strict=True))
        yield self._quiet
        cards["replicate"].field.setText(TOKENS["huggingface"])
        yield self._quiet
        say("wrong field", note=accounts.state("replicate").note)
        for service, token in TOKENS.items():
            cards[service].field.clear()
            cards[service].field.setText(f"  {token[:11]}\n {token[11:]} \t")
            yield self._quiet
            state = accounts.state(service)
            say("connected", service=service, status=state.status.value, lasting=state.lasting)

    def _paste_everywhere(self) -> Iterator[Until]:
        draft, token = self.session.desks.draft, TOKENS["replicate"]
        yield lambda: draft.loaded
        draft.set_plan(name=f"fox {token}")
        draft.set_plan(repo=token)
        draft.set_trigger(token)
        yield self._quiet
        notices = self.session.window.notices
        notices.copy.click()
        say("pasted", shown=notices.title.text(), clipboard=QGuiApplication.clipboard().text())

    def _train(self) -> Iterator[Until]:
        desks = self.session.desks
        desks.draft.set_plan(
            name="Toy fox", preset=Preset.QUICK, rights_confirmed=True, repo="toy-fox"
        )
        desks.draft.set_trigger("GLZFOX")
        desks.draft.choose_goal(GOAL)
        desks.draft.add_files(list_photos([resource("practice-photos")])[:PHOTOS])
        yield lambda: len(desks.draft.draft().dataset.photos) == PHOTOS and self._quiet()
        say("draft", problem=desks.draft.draft().problem)
        run_id = desks.draft.draft().run.id
        desks.runs.start(run_id)
        yield lambda: desks.runs.run(run_id) is not None and not desks.runs.run(run_id).open
        run = desks.runs.run(run_id)
        say("first run", state=run.state.value, error=run.error)
        if run.state.value == "failed" and not GOAL:
            desks.runs.try_again(run_id)
            yield lambda: any(it.state.value == "ready" for it in desks.runs.runs())
        yield self._quiet
        say("trained", states=sorted(it.state.value for it in desks.runs.runs()))

    def _make_pictures(self) -> Iterator[Until]:
        pictures, seen = self.session.desks.pictures, {}
        pictures.changed.connect(lambda picture: seen.__setitem__(picture.id, picture))
        pictures.refresh_offers()
        yield self._quiet
        keys = [generator.key for generator in pictures.tools.services.generators]
        for service in [key for key in keys if key in TOKENS]:
            offer = next(o for o in pictures.offers(()) if o.generator == service and o.works)
            order = PictureRequest(service, offer.model.key, "a fox", (), 512, 512, 8, seed=4)
            pictures.make(replace(order, prompt=f"a fox {TOKENS[service]}"))
            yield self._quiet
            for _ in range(2):  # the first meets a fault
                pictures.make(order)
                yield self._quiet
        say("pictures", states=sorted(f"{p.generator} {p.state.value}" for p in seen.values()))
        done = [picture for picture in seen.values() if picture.state.value == "done"]
        out = DATA_DIR.parent / "exported"
        out.mkdir(exist_ok=True)
        for clean in (False, True):
            pictures.save_as(done[0], out / f"{clean}.png", clean=clean)
        yield self._quiet

    def _open_elsewhere(self) -> Iterator[Until]:
        self.session.reveal(DATA_DIR)
        QProcess.startDetached("xdg-open", ["https://example.org"])  # as Qt does on a desktop
        yield self._quiet

    def _break_down(self) -> Iterator[Until]:
        notices = self.session.window.notices
        QTimer.singleShot(0, self, self._fall)
        yield lambda: notices.notice is not None and notices.notice.is_bug
        notices.copy.click()
        say("crash", clipboard=QGuiApplication.clipboard().text())

    def _fall(self) -> None:
        held = self.session.opened.secrets.get("replicate").reveal()
        raise ValueError(f"fell with {held}", held.encode("utf-16-le"))

    def _copy_diagnostics(self) -> Iterator[Until]:
        self.session.window.diagnostics_action.trigger()
        (dialog,) = self.session.window.findChildren(DiagnosticsDialog)
        yield dialog.copy_button.isEnabled
        dialog.copy_button.click()
        say("diagnostics", clipboard=QGuiApplication.clipboard().text())
        kept = {key: self.session.opened.secrets.get(key).reveal() for key in TOKENS}
        say("kept", hashes={k: hashlib.sha256(v.encode()).hexdigest() for k, v in kept.items()})
        dialog.accept()
        self.session.settings.save()
        yield self._quiet

    def _quiet(self) -> bool:
        return self.session.jobs.live() == 0


def say(what: str, **facts: object) -> None:
    print(json.dumps({"did": what} | facts), flush=True)


program.App = Driven  # type: ignore[misc]
sys.exit(program.run(program.Options(data_dir=DATA_DIR)))
