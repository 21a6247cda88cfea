"""One life of the app, begun from what the forge was told, with something happening at one step.

A step of the way is one call of one port. Around it a plan may kill the process, move the clock,
fill the disk, spoil a file, or wait until it is told to go on.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from fluxlora_desktop.backends.http.client import Limits, ServiceClient
from fluxlora_desktop.backends.huggingface import session
from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.journal import Found, Sending
from fluxlora_desktop.domain.ports import Waiting
from fluxlora_desktop.domain.runs import RunState
from fluxlora_desktop.imaging.guarded import PhotoWorkers, Program
from fluxlora_desktop.workflows import collect
from fluxlora_desktop.workflows.events import PictureChanged, RunChanged
from fluxlora_desktop.workflows.tools import Tools
from tests.faults.person import Impatient, Scene, SystemClock, live, open_tools, write_down

MONTH = timedelta(days=30)
FILLER = "filler.bin"
BUSY_SECONDS = 1.0
PHOTO_SECONDS = 2.0
_WORKERS: list[PhotoWorkers] = []
ANSWER_SECONDS = 1.5
_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step happens: a port by its name, the method, and which calls of it are meant."""

    port: str
    method: str
    chosen: Callable[..., bool] = lambda *_told, **_named: True


STEPS: dict[int, Place] = {
    1: Place("photos", "develop"),
    2: Place("datasets", "set_caption"),
    3: Place("photos", "package"),
    4: Place("trainer", "upload"),
    5: Place("trainer", "prepare"),
    6: Place("trainer", "submit"),
    7: Place("trainer", "poll"),
    8: Place("trainer", "fetch_weights"),
    9: Place("inspect", "inspect_weights"),
    10: Place("hub", "make_repo"),
    11: Place("hub", "publish"),
    12: Place("hub", "publish", lambda bundle, *_: bundle.card.recommended_scale != 1.0),
    13: Place("runs", "advance", lambda _run, to, **_: to is RunState.READY),
    14: Place("generator", "generate"),
    15: Place("pictures", "finish"),
}
INTENT = Place("runs", "record_effect", lambda _effect, event, *_: isinstance(event, Sending))
"""The moment before a paid request leaves, at which its intent must reach the disk."""
FOUND = Place("runs", "record_effect", lambda _effect, event, *_: isinstance(event, Found))
"""The moment at which a launch in doubt was found, before that is written down."""

_MOMENTS = {"intent": INTENT, "found": FOUND}


class Watched:
    """A port that calls `at` before and after the calls of one method."""

    def __init__(self, inner: Any, place: Place, at: Callable[[str, Any], None]) -> None:
        self._inner, self._place, self._at = inner, place, at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._place.method:
            return found

        def call(*told: Any, **named: Any) -> Any:
            if not self._place.chosen(*told, **named):
                return found(*told, **named)
            self._at("before", told)
            made = found(*told, **named)
            self._at("after", made)
            return made

        return call


class Seen(Impatient):
    """A context that keeps what a person would have been told."""

    def __init__(self, most_pauses: int, tries: int) -> None:
        super().__init__(most_pauses, tries)
        self.words: list[str] = []

    def report(self, event: object) -> None:
        super().report(event)
        said = ""
        if isinstance(event, Waiting):
            said = f"{event.service} asks to wait."
        if isinstance(event, RunChanged):
            said = event.run.attention or event.run.error
        elif isinstance(event, PictureChanged):
            said = event.picture.error and f"{event.picture.state}: {event.picture.error}"
        if said and said not in self.words[-1:]:
            self.words.append(said)


def scene_of(told: dict[str, Any]) -> Scene:
    """Return a scene from JSON."""
    return Scene(
        told["name"],
        Path(told["folder"]),
        tuple(Path(photo) for photo in told["photos"]),
        told["connections"],
        card=bool(told.get("card")),
        who=told.get("who", ""),
    )


def told_of(scene: Scene) -> dict[str, Any]:
    """Return a scene as JSON."""
    return {
        "name": scene.name,
        "folder": str(scene.folder),
        "photos": [str(photo) for photo in scene.photos],
        "connections": scene.connections,
        "card": scene.card,
        "who": scene.who,
    }


def begin(told: dict[str, Any], plan: dict[str, Any]) -> str:
    """Live, and return the last words: as JSON with what was seen where there is a plan."""
    scene = scene_of(told)
    if not plan:
        return live(scene)
    _hurry()
    clock = SystemClock(timedelta(seconds=plan.get("ahead", 0)))
    ctx = Seen(plan.get("pauses", 600), plan.get("tries", 400))
    started = time.monotonic()
    events: list[str] = []
    try:
        workers = None
        if plan.get("workers"):
            workers = PhotoWorkers(program=Program(wall_s=PHOTO_SECONDS))
            _WORKERS.append(workers)
        locked = plan.get("locked", 0)
        with open_tools(scene, clock, locked=locked, workers=workers) as tools:
            write_down(scene, "opened", seconds=time.monotonic() - started)
            try:
                said = live(scene, ctx, _with_plan(tools, scene, clock, plan))
            finally:
                events = [
                    event.text
                    for run in tools.stores.runs.all()
                    for event in tools.stores.runs.events(run.id)
                ]
    except AppError as error:
        said = f"{type(error).__name__}: {error}"
    return json.dumps({"said": said, "words": ctx.words[-12:], "events": events[-12:]})


def _hurry() -> None:
    """Wait for answers as many seconds as a person's app waits minutes."""
    limits = Limits(idle=ANSWER_SECONDS, reply=ANSWER_SECONDS, paid=ANSWER_SECONDS)
    defaults = ServiceClient.__init__.__kwdefaults__
    assert defaults is not None
    defaults["limits"] = limits
    session.TIMEOUT = httpx2.Timeout(ANSWER_SECONDS)


def _with_plan(tools: Tools, scene: Scene, clock: SystemClock, plan: dict[str, Any]) -> Tools:
    if "step" not in plan:
        return tools
    step = plan["step"]
    place = _MOMENTS[step] if step in _MOMENTS else STEPS[int(step)]
    left = [1] * int(plan.get("nth", 1))

    def at(moment: str, _told: Any) -> None:
        if moment == plan["moment"] and left:
            if not plan.get("always"):
                left.pop()
            if not left or plan.get("always"):
                _DEEDS[plan["do"]](scene, clock, plan)

    return _watching(tools, place, at)


def _watching(tools: Tools, place: Place, at: Callable[[str, Any], None]) -> Tools:
    def watched(port: Any) -> Any:
        return Watched(port, place, at)

    services, stores = tools.services, tools.stores
    match place.port:
        case "photos":
            return replace(tools, photos=watched(tools.photos))
        case "pictures":
            return replace(tools, pictures=watched(tools.pictures))
        case "trainer":
            trainers = tuple(watched(it) for it in services.trainers)
            return replace(tools, services=replace(services, trainers=trainers))
        case "generator":
            generators = tuple(watched(it) for it in services.generators)
            return replace(tools, services=replace(services, generators=generators))
        case "hub":
            return replace(tools, services=replace(services, hub=watched(services.hub)))
        case "inspect":
            collect.inspect_weights = watched(collect).inspect_weights
            return tools
    return replace(
        tools, stores=replace(stores, **{place.port: watched(getattr(stores, place.port))})
    )


def _kill(_scene: Scene, _clock: SystemClock, _plan: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _jump(_scene: Scene, clock: SystemClock, _plan: dict[str, Any]) -> None:
    clock.ahead += MONTH


def _fill(scene: Scene, _clock: SystemClock, _plan: dict[str, Any]) -> None:
    """Leave no byte of room on the disk of the data folder."""
    size = 1 << 20
    with (scene.data_dir / FILLER).open("ab", buffering=0) as file:
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2


def _wait(scene: Scene, _clock: SystemClock, _plan: dict[str, Any]) -> None:
    (scene.folder / "waiting").touch()
    deadline = time.monotonic() + _WAIT_S
    while not (scene.folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.005)


def _spoil(scene: Scene, _clock: SystemClock, _plan: dict[str, Any]) -> None:
    """Change bytes in the middle of what the step before left in the run's folder."""
    for path in (scene.data_dir / "runs").rglob("*"):
        if path.is_file() and path.stat().st_size > 4096:
            with path.open("r+b") as file, suppress(OSError):
                file.seek(path.stat().st_size // 2)
                file.write(b"\xff" * 512)


def _spoil_weights(scene: Scene, _clock: SystemClock, _plan: dict[str, Any]) -> None:
    for path in (scene.data_dir / "loras").rglob("*.safetensors"):
        with path.open("r+b") as file:
            file.seek(path.stat().st_size - 64)
            file.write(b"\1" * 64)


def _arm(scene: Scene, _clock: SystemClock, plan: dict[str, Any]) -> None:
    """Let the service's next requests meet a fault."""
    url = f"{scene.connections[plan['service']]['url']}/_practice/faults"
    with urllib.request.urlopen(url, data=json.dumps(plan["fault"]).encode(), timeout=10):
        return


def _lock(scene: Scene, _clock: SystemClock, plan: dict[str, Any]) -> None:
    """Keep the database busy for a while, as a scanner or a backup program may."""
    del plan
    if os.fork() == 0:
        with sqlite3.connect(scene.data_dir / "library.db", isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(BUSY_SECONDS)
        os._exit(0)
    time.sleep(0.05)


def _freeze(_scene: Scene, _clock: SystemClock, _plan: dict[str, Any]) -> None:
    """Stop the worker that reads photos, as one that hangs."""
    for pid in _WORKERS[0].processes():
        os.kill(pid, signal.SIGSTOP)


_DEEDS: dict[str, Callable[[Scene, SystemClock, dict[str, Any]], None]] = {
    "kill": _kill,
    "jump": _jump,
    "fill": _fill,
    "wait": _wait,
    "arm": _arm,
    "lock": _lock,
    "freeze": _freeze,
    "spoil": _spoil,
    "spoil weights": _spoil_weights,
}
