"""`--self-test`: drive the real main window through the whole way in practice mode, and report.

One stage after another, each with a thing to do, a sign that it is done, and a time limit. It runs
in the event loop like a person would: by drops, clicks and keys on the window's own widgets.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEvent, QMimeData, QObject, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QWidget

from fluxlora_desktop.app import App, Options, make_qt
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.domain.runs import Run, RunState
from fluxlora_desktop.domain.training import Preset, Visibility
from fluxlora_desktop.domain.weights import inspect_weights
from fluxlora_desktop.system.places import resource
from fluxlora_desktop.system.practice_process import PracticeProcess
from fluxlora_desktop.system.redaction import Redactor
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.theme import Scheme
from fluxlora_desktop.ui.window import MainWindow
from fluxlora_desktop.workflows.photos import list_photos

SPEED = 80.0
PROMPT = "TOK fox on a beach at sunset"
BASE_PROMPT = "a lighthouse on a cliff, evening light"
_TICK_MS = 20
_HEARTBEAT_MS = 15
_SETTLE_S = 0.6
W = TypeVar("W", bound=QWidget)


@dataclass(frozen=True, slots=True)
class Way:
    """One whole way: `goal` is chosen in the wizard, the rest is what must come of it."""

    goal: str
    trained_at: str
    generator: str
    model: str
    visibility: Visibility = Visibility.PRIVATE


WAYS = {
    "replicate": Way("", "replicate", "replicate", "trained-version"),
    "together": Way(
        "together", "fal", "together", "black-forest-labs/FLUX.2-dev", Visibility.PUBLIC
    ),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the way: `begin` does something, `done` says when it has happened."""

    name: str
    begin: Callable[[], object]
    done: Callable[[], bool]
    limit_s: float = 60.0
    screen: str = ""


@dataclass(slots=True)
class Report:
    """What `report.json` says; hashes are SHA-256, `gaps_ms` the GUI thread's longest."""

    passed: bool = False
    failed_stage: str = ""
    reason: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    photos: int = 0
    route: str = ""
    run: dict[str, object] = field(default_factory=dict)
    trainings_counted: dict[str, int] = field(default_factory=dict)
    weights_sha256_here: str = ""
    weights_sha256_hub: str = ""
    pictures: list[str] = field(default_factory=list)
    screens: list[str] = field(default_factory=list)
    gaps_ms: dict[str, float] = field(default_factory=dict)


class StageFailed(Exception):
    """A stage cannot go on; the words say why."""


class SelfTest(QObject):
    """Plays the stages on one window and leaves the report in `out`."""

    def __init__(self, app: App, photos: tuple[Path, ...], out: Path, route: str) -> None:
        super().__init__(app)
        self.app, self.photos, self.out = app, photos, out
        self.way = WAYS[route]
        self.report = Report(route=route)
        self._facts: dict[str, object] = {}
        self._stages: Iterator[Stage] = self._way()
        self._stage: Stage | None = None
        self._began = self._beat = time.monotonic()
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._heartbeat = QTimer(self, interval=_HEARTBEAT_MS)
        self._heartbeat.setTimerType(Qt.TimerType.PreciseTimer)
        self._heartbeat.timeout.connect(self._on_beat)

    def start(self) -> None:
        """Begin the first stage in the next turn of the event loop."""
        self._heartbeat.start()
        self._tick.start()

    @property
    def window(self) -> MainWindow:
        """Return the window under test."""
        return self.app.session.window

    def _way(self) -> Iterator[Stage]:
        """Yield the stages in order; each is made when the one before it is done."""
        yield Stage("Open the window and the library", lambda: None, self._is_open, 90)
        yield Stage("Show the first screen", self._go("welcome"), _at_once, screen="welcome")
        yield Stage("Drop photos", self._drop, self._have_photos, 120, "create-1-photos")
        yield Stage("Captions", self._write_captions, self._at("captions"), 20, "create-2-captions")
        yield Stage("Recipe", self._choose_recipe, self._recipe_fits, 20, "create-3-recipe")
        yield Stage("Destination", self._name_it, self._named, 20, "create-4-destination")
        yield Stage("Review", self._review, self._may_start, 20, "create-5-review")
        yield Stage("Launch", self._click("create_start"), self._launched, 60)
        yield Stage("Training", self._go("runs"), self._half_way, 120, "runs-training")
        yield Stage("Weights", lambda: None, self._collected, 180)
        yield Stage("Publish", lambda: None, self._published, 60, "runs-ready")
        yield Stage("Verify", self._verify, self._verified, 60)
        yield Stage("Library", self._go("library"), self._in_library, 20, "library")
        yield Stage("Picture at strength 0.6", self._picture(0.6, 1), self._made(1), 60)
        yield Stage("Pictures at strength 1.0", self._picture(1.0, 2), self._made(3), 90)
        yield Stage("Base picture at Together", self._base_picture, self._made(4), 60)
        yield Stage("Gallery", self._go("gallery"), _at_once, screen="gallery")
        yield Stage("Settings", self._go("settings"), _at_once, screen="settings")
        yield Stage("Count at the service", self._count, self._counted, 20)

    def _on_beat(self) -> None:
        now = time.monotonic()
        gap = round((now - self._beat) * 1000 - _HEARTBEAT_MS, 1)
        name = self._stage.name if self._stage else "start"
        self.report.gaps_ms[name] = max(self.report.gaps_ms.get(name, 0.0), gap)
        self._beat = now

    def _on_tick(self) -> None:
        try:
            self._advance()
        except (StageFailed, AssertionError, LookupError, AttributeError, OSError) as error:
            self._end(f"{type(error).__name__}: {error}")

    def _advance(self) -> None:
        if self._stage is None:
            self._stage = next(self._stages, None)
            if self._stage is None:
                self._end("")
                return
            self._began = time.monotonic()
            self._stage.begin()
            return
        seconds = time.monotonic() - self._began
        if self._stage.name in self.report.stages:
            self._settle(self._stage, seconds)
        elif self._stage.done():
            self.report.stages[self._stage.name] = round(seconds, 2)
            _say(f"{self._stage.name}: {seconds:.1f} s")
            self._settle(self._stage, seconds)
        elif seconds > self._stage.limit_s:
            notice = self.window.notices.notice
            words = f" The window says: {notice.title} {notice.body}" if notice else ""
            raise StageFailed(f"not done after {self._stage.limit_s:.0f} s.{words}")

    def _settle(self, stage: Stage, seconds: float) -> None:
        """End a stage; one with a picture gives the thumbnails a moment to come first."""
        if stage.screen:
            if seconds < self.report.stages[stage.name] + _SETTLE_S:
                return
            self._grab(stage.screen)
        self._stage = None

    def _end(self, reason: str) -> None:
        self._tick.stop()
        self._heartbeat.stop()
        if reason and self._stage is not None:
            self.report.failed_stage, self.report.reason = self._stage.name, reason
            self._grab("failed")
        self.report.passed = not reason
        self.report.photos = len(self.photos)
        QApplication.exit(0 if self.report.passed else 1)

    def _grab(self, name: str) -> None:
        """Keep the window as it looks, light and dark; the pauses are the camera's."""
        self._heartbeat.stop()
        for scheme in (Scheme.DARK, Scheme.LIGHT):
            self.app.theme.apply(scheme)
            target = self.out / f"{name}-{scheme.value}.png"
            self.window.grab().save(str(target))
            self.report.screens.append(target.name)
        self._beat = time.monotonic()
        self._heartbeat.start()

    def _go(self, place: str) -> Callable[[], object]:
        return lambda: self.window.go_to(place)

    def _find(self, kind: type[W], name: str) -> W:
        found = self.window.findChild(kind, name)
        if found is None:
            raise StageFailed(f"the window has no {name}")
        return found

    def _click(self, name: str) -> Callable[[], object]:
        def click() -> None:
            made = self._find(QAbstractButton, name)
            if not made.isEnabled():
                raise StageFailed(f"{name} is not enabled")
            made.click()

        return click

    def _type(self, name: str, text: str) -> None:
        entry = self._find(QLineEdit, name)
        entry.setFocus()
        entry.selectAll()
        for letter in text:
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                event = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
                QApplication.sendEvent(entry, event)
        entry.editingFinished.emit()

    def _is_open(self) -> bool:
        desks = self.app.session.desks
        return desks is not None and desks.draft.loaded and desks.runs.loaded

    def _drop(self) -> None:
        """Drop the files onto the Photos page as a file manager would."""
        self.app.session.desks.draft.refused.connect(
            lambda refused: self._facts.update(refused=refused)
        )
        self.window.go_to("create")
        page = self.window.page("create")
        target: QWidget = page
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in self.photos])
        at = target.rect().center()
        copy, left, plain = (
            Qt.DropAction.CopyAction,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        enter = QDragEnterEvent(at, copy, data, left, plain)
        QApplication.sendEvent(target, enter)
        if not enter.isAccepted():
            raise StageFailed(f"{page.name} does not take the drop")
        QApplication.sendEvent(target, QDropEvent(QPointF(at), copy, data, left, plain))

    def _have_photos(self) -> bool:
        refused = self._facts.get("refused")
        if isinstance(refused, tuple) and refused:
            raise StageFailed(f"{refused[0].path.name}: {refused[0].error}")
        draft = self.app.session.desks.draft.draft()
        return len(draft.dataset.photos) == len(self.photos)

    def _at(self, step: str) -> Callable[[], bool]:
        def there() -> bool:
            page = self.window.page("create")
            assert isinstance(page, CreatePage)
            return page.step().name.lower() == step

        return there

    def _write_captions(self) -> None:
        self._click("create_next")()
        self._type("trigger_word", "TOK")
        self._click("use_trigger_in_all")()

    def _choose_recipe(self) -> None:
        self._click("create_next")()
        card = self._find(QWidget, f"preset_{Preset.OBJECT}")
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            event = QKeyEvent(kind, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ")
            QApplication.sendEvent(card, event)
        if self.way.goal:
            self._choose_goal(self.way.goal)
            self._click("publish_for_goal")()

    def _choose_goal(self, key: str) -> None:
        """Walk down the list of goals by keyboard, until the one wanted is taken."""
        goal = self._find(QComboBox, "goal")
        for _ in range(goal.count()):
            if self.app.session.desks.draft.draft().plan.goal == key:
                return
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                event = QKeyEvent(kind, Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier)
                QApplication.sendEvent(goal, event)
        raise StageFailed(f"no trainer leads to {key}")

    def _recipe_fits(self) -> bool:
        draft = self.app.session.desks.draft.draft()
        fits = draft.way.backend == self.way.trained_at and draft.way.reaches(self.way.goal)
        return fits and self._at("recipe")()

    def _name_it(self) -> None:
        self._click("create_next")()
        self._type("lora_name", "Toy fox")

    def _named(self) -> bool:
        return bool(self.app.session.desks.draft.draft().plan.name == "Toy fox")

    def _review(self) -> None:
        self._click("create_next")()
        self._click("rights")()

    def _may_start(self) -> bool:
        return self._find(QAbstractButton, "create_start").isEnabled()

    def _run(self) -> Run:
        runs = self.app.session.desks.runs.runs()
        if not runs:
            raise StageFailed("there is no run")
        newest: Run = runs[0]
        if newest.state in {RunState.FAILED, RunState.CANCELLED}:
            raise StageFailed(f"the run ended {newest.state}: {newest.error}")
        return newest

    def _launched(self) -> bool:
        runs = self.app.session.desks.runs.runs()
        return bool(runs) and self._run().external_training_id is not None

    def _half_way(self) -> bool:
        run = self._run()
        done = run.state not in {RunState.QUEUED, RunState.TRAINING}
        return done or bool(run.step and run.total and run.step >= run.total / 2)

    def _collected(self) -> bool:
        return self._run().lora_id is not None

    def _published(self) -> bool:
        run = self._run()
        if run.state is RunState.READY and run.huggingface_status != "verified":
            raise StageFailed(f"not published: {run.error or run.attention}")
        return run.state is RunState.READY

    def _in_library(self) -> bool:
        return bool(self.app.session.desks.loras.loras())

    def _lora(self) -> Lora:
        lora_id = self._run().lora_id
        assert lora_id is not None
        lora = self.app.session.desks.loras.lora(lora_id)
        if lora is None:
            raise StageFailed("the library does not have the LoRA")
        found: Lora = lora
        return found

    def _verify(self) -> None:
        """Hash the weights here and ask the hub for its hash, in the background."""
        tools = self.app.session.desks.loras.tools
        lora_id = self._run().lora_id
        repo = self._run().huggingface_repo

        def look(ctx: JobContext) -> tuple[str, str]:
            here = inspect_weights(tools.stores.files.lora(lora_id), ctx.check).sha256
            return here, tools.services.hub.status(repo).weights_sha256

        job = self.app.session.jobs.start("Verify", look, lane="network")
        job.succeeded.connect(lambda hashes: self._facts.update(hashes=hashes))

    def _verified(self) -> bool:
        hashes = self._facts.get("hashes")
        if not isinstance(hashes, tuple):
            return False
        self.report.weights_sha256_here, self.report.weights_sha256_hub = hashes
        if hashes[0] != hashes[1] or not hashes[0]:
            raise StageFailed(f"the hub holds {hashes[1] or 'nothing'}, here is {hashes[0]}")
        return True

    def _picture(self, scale: float, count: int) -> Callable[[], object]:
        def order() -> None:
            request = PictureRequest(
                generator=self.way.generator,
                model=self.way.model,
                prompt=PROMPT,
                loras=(use_of(self._lora(), scale),),
                seed=7,
                count=count,
            )
            self._order(request)

        return order

    def _order(self, request: PictureRequest) -> None:
        """Fill the gallery's panel with a request and press its button."""
        self.window.go_to("gallery", request)
        boxes = self.window.findChildren(QComboBox)
        number = next(box for box in boxes if box.accessibleName() == "Number of pictures")
        number.setCurrentText(str(request.count))
        self._click("gallery_make")()

    def _base_picture(self) -> None:
        models = self.app.session.desks.pictures.offers(())
        offer = next((o for o in models if o.generator == "together" and o.works), None)
        if offer is None:
            raise StageFailed("Together offers no model")
        model = offer.model
        request = PictureRequest(
            generator="together",
            model=model.key,
            prompt=BASE_PROMPT,
            width=1024,
            height=768,
            steps=model.default_steps,
            guidance=model.default_guidance,
            seed=11,
        )
        self._order(request)

    def _made(self, count: int) -> Callable[[], bool]:
        def all_there() -> bool:
            pictures = self._pictures()
            for picture in pictures:
                if picture.state in {PictureState.FAILED, PictureState.MAYBE_CHARGED}:
                    raise StageFailed(f"a picture failed: {picture.error}")
            return sum(p.state is PictureState.DONE for p in pictures) >= count

        return all_there

    def _pictures(self) -> tuple[Picture, ...]:
        store = self.app.session.desks.pictures.tools.stores.pictures
        found: tuple[Picture, ...] = store.page(store.ids())
        return found

    def _count(self) -> None:
        """Ask each practice service how many trainings it was asked for."""
        addresses = self.app.session.practice_addresses

        def ask(_ctx: JobContext) -> dict[str, int]:
            return {key: _trainings_at(url) for key, url in addresses.items()}

        job = self.app.session.jobs.start("Count", ask, lane="network")
        job.succeeded.connect(lambda count: self._facts.update(trainings=count))

    def _counted(self) -> bool:
        count = self._facts.get("trainings")
        if not isinstance(count, dict):
            return False
        self.report.trainings_counted = {key: made for key, made in count.items() if made}
        if self.report.trainings_counted != {self.way.trained_at: 1}:
            raise StageFailed(f"the services counted {count} trainings")
        return True

    def keep(self) -> None:
        """Copy the pictures out and write the report."""
        files = self.app.session.desks.pictures.tools.stores.files if self._is_open() else None
        if files is not None:
            for number, picture in enumerate(reversed(self._pictures()), 1):
                if picture.file:
                    target = self.out / f"picture-{number}.png"
                    shutil.copyfile(files.resolve(picture.file), target)
                    self.report.pictures.append(target.name)
            runs = self.app.session.desks.runs.runs()
            if runs:
                self.report.run = {
                    name: str(value) for name, value in asdict(runs[0]).items() if value is not None
                }
        text = json.dumps(asdict(self.report), indent=2, ensure_ascii=False)
        (self.out / "report.json").write_text(text + "\n", encoding="utf-8")


def run(options: Options) -> int:
    """Go the whole way; return 0 when it passed, else 1."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = (options.out or Path(tempfile.mkdtemp(prefix="fluxlora-self-test-"))).absolute()
    out.mkdir(parents=True, exist_ok=True)
    photos = list_photos([(options.photos or resource("practice-photos")).absolute()])
    if not photos:
        _say(f"self-test: failed: there are no photos in {options.photos}")
        return 1
    data_dir = Path(tempfile.mkdtemp(prefix="fluxlora-data-"))
    qt = make_qt(sys.argv[:1])
    app = App(
        replace(options, data_dir=data_dir, practice=True, files=(), practice_speed=SPEED),
        qt,
        Redactor(),
    )
    app.theme.apply(Scheme.LIGHT)
    test = SelfTest(app, photos, out, options.route or "replicate")
    test.start()
    code = qt.exec()
    test.keep()
    services = app.session.places.practice_services
    app.close()
    PracticeProcess(state_dir=services).stop()
    shutil.rmtree(data_dir, ignore_errors=True)
    _say(f"Report, screens and pictures: {out}")
    if code == 0:
        _say("self-test: passed")
    else:
        _say(f"self-test: failed at “{test.report.failed_stage}”: {test.report.reason}")
    return code


def _trainings_at(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_practice/ledger", timeout=10) as reply:  # noqa: S310 - loopback
        entries = json.loads(reply.read(5_000_000))["entries"]
    return sum(entry.get("kind") == "training_created" for entry in entries)


def _at_once() -> bool:
    return True


def _say(text: str) -> None:
    print(text, flush=True)
