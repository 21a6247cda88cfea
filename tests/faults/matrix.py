"""Run the cells of the matrix: bring the fault about, let the app go on, judge from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fluxlora_desktop.domain.errors import LibraryBusy
from fluxlora_desktop.imaging.guarded import UNSAFE
from fluxlora_desktop.practice.replicate.delivery import PICTURES as PICTURE_FILES
from fluxlora_desktop.practice.replicate.delivery import WEIGHTS as WEIGHT_FILES
from fluxlora_desktop.store.library import open_library
from tests.faults.cells import Cell
from tests.faults.forge import Ended, Forge
from tests.faults.judge import judge, leaks, trainings_of
from tests.faults.lives import FILLER, told_of
from tests.faults.person import PICTURES, Scene, SystemClock, read_diary
from tests.faults.photos import make_photos
from tests.faults.services import Cloud
from tests.faults.window import look, opened

LAUNCH = r"/v1/models/[^/]+/[^/]+/versions/[^/]+/trainings"
REQUESTS: Mapping[int, tuple[str, str, str]] = {
    4: ("replicate", "POST", "/v1/files"),
    5: ("replicate", "POST", "/v1/models"),
    6: ("replicate", "POST", LAUNCH),
    7: ("replicate", "GET", "/v1/trainings/[^/]+"),
    8: ("replicate", "GET", f"/{WEIGHT_FILES}/.*"),
    10: ("huggingface", "POST", "/api/repos/create"),
    11: ("huggingface", "POST", ".*/commit/.*"),
    12: ("huggingface", "POST", ".*/commit/.*"),
    14: ("replicate", "POST", "/v1/predictions"),
    15: ("replicate", "GET", f"/{PICTURE_FILES}/.*"),
}
"""Which request makes a step: service, method, path."""
INTENTS = {6: 2, 14: 5}
"""Before a paid request leaves its intent is written: the so many-th that a way writes."""
TMPFS_BYTES = 700_000_000
_HOLD_PAUSES = 30
_FULL_WORDS = "(?i)disk.{0,40}full|room|space|could not keep|needs .* free"
_WAITS = frozenset({4, 5, 6, 7, 8, 10, 11})
"""Steps of a run, whose row in the window says until when a service asked to wait."""
_ANSWER_S = 2.5
_RETRY_AFTER_S = 1
_LIVES = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """What one life came to."""

    killed: bool
    said: str
    words: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return everything that it told a person."""
        return " | ".join((self.said, *self.words, *self.events))


@dataclass(slots=True)
class Verdict:
    """What is wrong with a cell: nothing, or sentences."""

    cell: Cell
    wrong: list[str] = field(default_factory=list)
    left_out: str = ""


@dataclass(slots=True)
class Ground:
    """A forge, services and photos on which cells are run one after another."""

    folder: Path
    forge: Forge
    cloud: Cloud
    photos: tuple[Path, ...]

    @classmethod
    def make(cls, folder: Path, broken: str = "") -> Ground:
        """Begin a forge and services."""
        photos = make_photos(folder / "photos")
        return cls(folder, Forge(broken), Cloud(folder / "cloud"), photos)

    def close(self) -> None:
        """End them."""
        self.forge.close()
        self.cloud.close()

    def scene(self, cell: Cell, variant: int = 0) -> Scene:
        """Return an empty place for a cell."""
        fault = cell.fault.replace("+", "p").replace("-", "m").lower()
        return self.place(f"cell-{cell.step}-{fault}-{variant}")

    def place(self, name: str) -> Scene:
        """Return an empty place of a name."""
        folder = self.folder / name
        (folder / "data").mkdir(parents=True)
        return Scene(name, folder, self.photos, self.cloud.connections)

    def live(self, scene: Scene, **plan: Any) -> Seen:
        """Let a life go on with a plan; an empty one only watches."""
        return _seen(self.forge.life(told_of(scene), plan={"pauses": 2000} | plan))


def _seen(ended: Ended) -> Seen:
    if ended.killed:
        return Seen(True, "killed")
    try:
        told = json.loads(ended.said)
    except ValueError:
        return Seen(False, ended.said)
    return Seen(False, told["said"], tuple(told["words"]), tuple(told["events"]))


def run_cell(ground: Ground, cell: Cell) -> Verdict:
    """Run a cell in all its variants."""
    verdict = Verdict(cell)
    for number, variant in enumerate(_variants(cell)):
        scene = ground.scene(cell, number)
        try:
            if cell.step == 12:
                scene = _with_card(ground, scene, verdict)
            with variant.around(scene):
                verdict.wrong += list(variant.run(ground, scene, cell))
            verdict.wrong += [f"{it.invariant} {it.seen}" for it in judge(scene, ground.cloud)]
            verdict.wrong += [f"{it.invariant} {it.seen}" for it in leaks(ground.cloud)]
        except NoDisk as error:
            verdict.left_out = str(error)
        finally:
            ground.cloud.calm()
        if not verdict.wrong:
            shutil.rmtree(scene.folder, ignore_errors=True)
    return verdict


def _with_card(ground: Ground, scene: Scene, verdict: Verdict) -> Scene:
    """Go the whole way first: the step is that a published card is changed."""
    said = ground.live(scene).said
    if said != "done":
        verdict.wrong.append(f"the way to the card ended as {said}")
    return replace(scene, card=True)


Run = Callable[[Ground, Scene, Cell], Iterator[str]]


class NoDisk(Exception):
    """No small disk could be made here."""


@contextmanager
def _as_it_is(_scene: Scene) -> Iterator[None]:
    yield


@contextmanager
def _small_disk(scene: Scene) -> Iterator[None]:
    """Give the data folder a disk of its own that can be filled."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(scene.data_dir)]
    kept = scene.folder / "kept"
    shutil.copytree(scene.data_dir, kept)
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        raise NoDisk("a disk of a few megabytes cannot be mounted here")
    shutil.copytree(kept, scene.data_dir, dirs_exist_ok=True)
    try:
        yield
        shutil.rmtree(kept)
        shutil.copytree(scene.data_dir, kept)
    finally:
        subprocess.run(["umount", "-l", str(scene.data_dir)], check=True)
        shutil.copytree(kept, scene.data_dir, dirs_exist_ok=True)


@dataclass(frozen=True, slots=True)
class _Variant:
    run: Run
    around: Callable[[Scene], Any] = _as_it_is


def _variants(cell: Cell) -> tuple[_Variant, ...]:
    made = _MAKERS[cell.fault](cell)
    return made if isinstance(made, tuple) else (made,)


def goes_on(ground: Ground, scene: Scene, **plan: Any) -> tuple[Seen, list[str]]:
    """Let lives follow each other until one is done; return the last and what a person clicked."""
    seen = Seen(False, "")
    for _ in range(_LIVES):
        seen = ground.live(scene, **plan)
        plan = {}
        if seen.said == "done":
            break
    wrong = [] if seen.said == "done" else [f"it did not go on: {seen.text[:600]}"]
    return seen, wrong


def no_clicks(scene: Scene, *, pictures: int = PICTURES) -> Iterator[str]:
    """Say where a person had to click although it should go on by itself."""
    for what in ("again", "publish"):
        if clicked := read_diary(scene, what):
            yield f"a person had to click: {clicked[0]}"
    ordered = len(read_diary(scene, "picture"))
    if ordered > pictures:
        yield f"a person had to order {ordered} pictures for {pictures}"


def one_training(ground: Ground, scene: Scene) -> Iterator[str]:
    taken = len(trainings_of(scene, ground.cloud))
    if taken != 1:
        yield f"{taken} trainings were taken"


def says(seen: Seen, pattern: str) -> Iterator[str]:
    if not re.search(pattern, seen.text):
        yield f"it does not say /{pattern}/: {seen.text[:500]}"


def _shown(scene: Scene, cell: Cell, words: str) -> Iterator[str]:
    """Open the window where the fault left the way, and read what a person reads."""
    place = "gallery" if cell.step >= 14 else "library" if cell.step == 12 else "runs"
    yield from look(scene, place, words)


def _killed(cell: Cell) -> _Variant:
    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        plan: dict[str, Any] = {"step": cell.step, "moment": "before", "do": "kill"}
        plan["workers"] = cell.step == 1
        if cell.fault == "K+":
            plan["moment"] = "after"
        elif cell.step in INTENTS:
            plan |= {"step": "intent", "nth": INTENTS[cell.step]}
        first = ground.live(scene, **plan)
        if not first.killed:
            yield f"it was not killed: {first.text[:300]}"
        last, wrong = goes_on(ground, scene)
        yield from wrong
        yield from one_training(ground, scene)
        if cell.code == "H":  # nobody can be asked about a picture: one more order
            yield from no_clicks(scene, pictures=PICTURES + 1)
        else:
            yield from no_clicks(scene)
        if cell.code == "Q" and cell.step == 6:
            yield from says(last, "(?i)had started. Continuing.")

    return _Variant(run)


def _broken_reply(cell: Cell, **fault: Any) -> Run:
    """Return a run in which the step's request meets a fault once."""
    service, method, path = REQUESTS[cell.step]

    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        ground.cloud.fault(service, method=method, path=path, **fault)
        seen, wrong = goes_on(ground, scene)
        yield from wrong
        yield from one_training(ground, scene)
        if cell.code == "H":
            yield from says(seen, "charged")
            yield from no_clicks(scene, pictures=PICTURES + 1)
            return
        if cell.code == "W":
            yield from says(seen, "asks to wait")
        if cell.code == "Q" and cell.step == 6 and fault.get("when") == "before":
            yield from says(seen, "has no such training. Nothing was charged.")
            again = len(read_diary(scene, "again"))
            if again != 1:
                yield f"{again} clicks on Start now, for one launch that was lost"
            return
        if cell.code == "Q" and cell.step == 6:
            yield from says(seen, "(?i)had started. Continuing.")
        yield from no_clicks(scene)

    return run


def _cut(cell: Cell) -> tuple[_Variant, ...]:
    if cell.step in {8, 15}:
        runs = [_broken_reply(cell, drop=True), _broken_reply(cell, cut_after=500)]
    else:
        runs = [_broken_reply(cell, drop=True, when=when) for when in ("after", "before")]
    if cell.step == 6:
        runs.append(_in_doubt)
    return tuple(_Variant(run) for run in runs)


def _busy(cell: Cell) -> tuple[_Variant, ...]:
    headers = {"retry-after": str(_RETRY_AFTER_S)}
    waits_out = _Variant(_broken_reply(cell, status=429, headers=headers))
    return (waits_out, _Variant(_counts_down)) if cell.step in _WAITS else (waits_out,)


def _counts_down(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
    """Open the window while a service asks to wait a minute: it counts down."""
    service, method, path = REQUESTS[cell.step]
    wait = {"status": 429, "headers": {"retry-after": "60"}, "times": 10_000}
    ground.cloud.fault(service, method=method, path=path, **wait)
    first = ground.live(scene, pauses=_HOLD_PAUSES)
    yield from says(first, "asks to wait")
    yield from _shown(scene, cell, r"asks to wait.*\d:\d\d")
    ground.cloud.calm()
    _last, wrong = goes_on(ground, scene)
    yield from wrong
    yield from one_training(ground, scene)


def _in_doubt(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
    """Open the window while a lost launch is looked for and the list cannot be read."""
    ground.cloud.fault("replicate", method="POST", path=LAUNCH, drop=True, when="after")
    ground.cloud.fault("replicate", method="GET", path="/v1/trainings", status=500, times=10_000)
    ground.live(scene, pauses=_HOLD_PAUSES)
    yield from _shown(scene, cell, "(?i)nothing (is|will be) (sent|ordered) (twice|again)|asking")
    ground.cloud.calm()
    _last, wrong = goes_on(ground, scene)
    yield from wrong
    yield from one_training(ground, scene)
    yield from no_clicks(scene)


def _damaged_database(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
    """Damage the database after two good starts: a page says so and restores by a click."""
    for _ in range(2):
        if (said := ground.live(scene).said) != "done":
            yield f"the way ended as {said}"
    database = scene.data_dir / "library.db"
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\x5a" * (database.stat().st_size - 100))
    with opened(scene) as window:
        if not window.wait(lambda: window.buttons("Restore")):
            yield f"no page offers the backup: {window.read()[:500]}"
            return
        if "damaged" not in window.read():
            yield f"it does not say what is wrong: {window.read()[:500]}"
        window.buttons("Restore")[0].click()
        if not window.wait(lambda: window.session.desks and window.session.desks.runs.runs()):
            yield f"it was not restored: {window.read()[:500]}"
    if not list(scene.data_dir.glob("library.damaged-*")):
        yield "the damaged database is gone"
    _last, wrong = goes_on(ground, scene)
    yield from wrong
    yield from one_training(ground, scene)


def _breaks(cell: Cell) -> tuple[_Variant, ...]:
    whens = ("before",) if REQUESTS[cell.step][1] == "GET" else ("after", "before")
    return tuple(_Variant(_broken_reply(cell, status=500, when=when)) for when in whens)


def _too_late(cell: Cell) -> _Variant:
    if cell.step == 2:
        return _Variant(_planned(cell, do="lock"))
    if cell.step == 1:
        return _Variant(_endless_photo)
    return _Variant(_broken_reply(cell, delay=_ANSWER_S, when="after"))


def _planned(cell: Cell, *, moment: str = "before", **plan: Any) -> Run:
    """Return a run in which something happens at the step and it goes on by itself."""

    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        _seen_last, wrong = goes_on(ground, scene, step=cell.step, moment=moment, **plan)
        yield from wrong
        yield from one_training(ground, scene)
        yield from no_clicks(scene)

    return run


def _refused_photo(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
    """Give a photo that breaks off in its middle among the good ones."""
    whole = scene.photos[0].read_bytes()
    cut = scene.folder / "cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    scene = replace(scene, photos=(scene.photos[0], cut, *scene.photos[1:]))
    _last, wrong = goes_on(ground, scene)
    yield from wrong
    refused = {told["name"] for told in read_diary(scene, "refused")}
    if refused != {"cut.jpg"}:
        yield f"refused: {sorted(refused)}"
    yield from no_clicks(scene)


def _endless_photo(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
    """Let the worker hang on the second photo: that one alone is refused."""
    plan = {"step": cell.step, "moment": "before", "do": "freeze", "nth": 2, "workers": True}
    _last, wrong = goes_on(ground, scene, **plan)
    yield from wrong
    refused = [(told["name"], told["reason"]) for told in read_diary(scene, "refused")]
    if [name for name, _ in refused] != [scene.photos[1].name] or UNSAFE not in refused[0][1]:
        yield f"refused: {refused}"
    yield from no_clicks(scene)


def _full(cell: Cell) -> _Variant:
    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        plan: dict[str, Any] = {"step": cell.step, "moment": "before", "do": "fill"}
        if cell.step in INTENTS:
            plan |= {"step": "intent", "nth": INTENTS[cell.step]}
        plan["workers"] = cell.step == 1
        before = len(trainings_of(scene, ground.cloud))
        first = ground.live(scene, pauses=_HOLD_PAUSES, **plan)
        if first.said == "done":
            yield "a full disk did not show"
        yield from says(first, _FULL_WORDS)
        if cell.step > 2:
            yield from _shown(scene, cell, _FULL_WORDS)
        if cell.step <= 6 and len(trainings_of(scene, ground.cloud)) > before:
            yield "a training was launched although its intent could not be kept"
        (scene.data_dir / FILLER).unlink(missing_ok=True)
        _last, wrong = goes_on(ground, scene)
        yield from wrong
        yield from one_training(ground, scene)

    return _Variant(run, _small_disk)


def _corrupt(cell: Cell) -> _Variant:
    if cell.step in _CORRUPT:
        return _Variant(_CORRUPT[cell.step])
    when = "before" if REQUESTS[cell.step][1] == "GET" else "after"
    return _Variant(_broken_reply(cell, status=200, body='{"id": ', when=when))


def _spoiled_zip(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
    yield from _planned(cell, moment="after", do="spoil")(ground, scene, cell)


def _spoiled_weights(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
    """Change the fetched bytes before each check: held in words, fetched again by a click."""
    plan = {"step": cell.step, "moment": "before", "do": "spoil", "always": True}
    first = ground.live(scene, pauses=_HOLD_PAUSES, tries=1, **plan)
    yield from says(first, "(?i)usable|damaged|incomplete|cannot be read|malformed")
    yield from _shown(scene, cell, "(?i)usable|damaged|incomplete|cannot be read|malformed")
    if not list(scene.data_dir.glob("runs/*/damaged/*")):
        yield "the damaged file was not kept"
    _last, wrong = goes_on(ground, scene)
    yield from wrong
    yield from one_training(ground, scene)


def _spoiled_lora(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
    """Change the kept weights before the run is called ready: they come back from the hub."""
    seen, wrong = goes_on(ground, scene, step=11, moment="after", do="spoil weights")
    yield from wrong
    yield from says(seen, "had changed; they were fetched from the hub again")
    yield from no_clicks(scene)
    if not list(scene.data_dir.glob("loras/*/*.damaged-*")):
        yield "the changed file was not kept"


def _wrong_files(body: str) -> Run:
    def run(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
        service, method, path = REQUESTS[8 if cell.step == 8 else 15]
        ground.cloud.fault(service, method=method, path=path, status=200, body=body)
        seen, wrong = goes_on(ground, scene)
        yield from wrong
        yield from one_training(ground, scene)
        if cell.step in {14, 15}:
            yield from says(seen, "(?i)charged|not a picture|damaged")
            yield from no_clicks(scene, pictures=PICTURES + 1)

    return run


def _damaged_upload(ground: Ground, scene: Scene, cell: Cell) -> Iterator[str]:
    """The service says that other bytes arrived than were sent, once."""
    told = {"id": "f1", "urls": {"get": "http://127.0.0.1/f1"}, "checksums": {"sha256": "0" * 64}}
    yield from _broken_reply(cell, status=201, json=told, when="after")(ground, scene, cell)


_CORRUPT: dict[int, Run] = {
    1: _refused_photo,
    2: _damaged_database,
    3: _spoiled_zip,
    4: _damaged_upload,
    8: _wrong_files("\x1f\x8bnot an archive" * 9000),
    9: _spoiled_weights,
    13: _spoiled_lora,
    14: _wrong_files("not a picture"),
    15: _wrong_files("GIF89a" + "\0" * 40),
}


def _second_start(cell: Cell) -> _Variant:
    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        """Start again while the step is under way: the second leaves and changes nothing."""
        moment = {"step": cell.step, "moment": "before", "do": "wait"}
        second = subprocess.Popen(
            [sys.executable, "-c", _WAIT_AND_OPEN, str(scene.folder)],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        _last, wrong = goes_on(ground, scene, **moment)
        said, _ = second.communicate(timeout=60)
        yield from wrong
        if said.strip() != LibraryBusy.__name__:
            yield f"the second start said {said.strip() or 'nothing'}"
        yield from one_training(ground, scene)
        yield from no_clicks(scene)

    return _Variant(run)


_WAIT_AND_OPEN = """
import sys, time
from pathlib import Path
from tests.faults.matrix import open_as_second
print(open_as_second(Path(sys.argv[1])))
"""


def open_as_second(folder: Path) -> str:
    """Wait until the first start is in the middle of the step, then try to open its library."""
    import time

    while not (folder / "waiting").exists():
        time.sleep(0.01)
    try:
        open_library(folder / "data", clock=SystemClock()).close()
        said = "it opened"
    except LibraryBusy:
        said = LibraryBusy.__name__
    (folder / "go").touch()
    return said


def _clock(cell: Cell) -> _Variant:
    if cell.step != 6:
        return _Variant(_planned(cell, do="jump"))

    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        """The clock jumps a month ahead and the answer is lost: the server's own date helps."""
        ground.cloud.fault("replicate", method="POST", path=LAUNCH, drop=True, when="after")
        seen, wrong = goes_on(ground, scene, step=6, moment="before", do="jump")
        yield from wrong
        yield from says(seen, "(?i)had started. Continuing.")
        yield from one_training(ground, scene)
        yield from no_clicks(scene)

    return _Variant(run)


def _revoked(cell: Cell) -> _Variant:
    service = REQUESTS[cell.step][0]
    fault = {"status": 401, "times": 10_000, "json": {"detail": "Invalid token"}}

    def run(ground: Ground, scene: Scene, _cell: Cell) -> Iterator[str]:
        plan = {"step": cell.step, "moment": "before", "do": "arm"}
        first = ground.live(scene, service=service, fault=fault, pauses=_HOLD_PAUSES, **plan)
        if first.said == "done":
            yield "a revoked token did not show"
        yield from says(first, "(?i)token")
        yield from _shown(scene, cell, "(?i)token")
        ground.cloud.calm()
        _last, wrong = goes_on(ground, scene)
        yield from wrong
        yield from one_training(ground, scene)

    return _Variant(run)


_MAKERS: dict[str, Callable[[Cell], _Variant | tuple[_Variant, ...]]] = {
    "K-": _killed,
    "K+": _killed,
    "NC": _cut,
    "429": _busy,
    "5xx": _breaks,
    "TO": _too_late,
    "DF": _full,
    "CP": _corrupt,
    "2I": _second_start,
    "CJ": _clock,
    "TR": _revoked,
}
