"""What a person does with the app, from photos to pictures; goes on wherever the last life ended.

The person keeps a diary outside the app: each click that may cost money is in it before it is made,
each caption once the app said that it is saved. The judge reads it beside the services' ledgers.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.errors import SecretStoreLocked, UnreadablePhoto
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest, PictureState
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.domain.runs import Run, RunPlan, RunState
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Preset, Quality, Visibility
from fluxlora_desktop.imaging.guarded import (
    GuardedPhotoWorkshop,
    PhotoWorkers,
)
from fluxlora_desktop.imaging.guarded_pictures import GuardedPictureWorkshop
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run, try_again
from fluxlora_desktop.workflows.orders import make_order, place_order, take_up
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.publish import publish_lora
from fluxlora_desktop.workflows.tools import Patience, Tools

PICTURES = 2
MODEL = "trained-version"
SIDE = 256
SCALE = 0.8
QUICK = Patience(
    poll=0.02,
    shortest_retry=0.02,
    longest_retry=0.1,
    settle=1.0,
    settle_reads=3,
    launch_tries=60,
    deadline=0,
)
_LONGEST_PAUSE_S = 0.1
_MOST_TURNS = 400


@dataclass(frozen=True, slots=True)
class Scene:
    """Where one way from photos to pictures takes place; `name` tells it from others."""

    name: str
    folder: Path
    photos: tuple[Path, ...]
    connections: dict[str, dict[str, str]]
    patience: Patience = QUICK
    card: bool = False
    """Whether the person also changes the card of the published Lora."""
    who: str = ""
    """Which of two computers it is that holds the library."""

    @property
    def data_dir(self) -> Path:
        """The app's data folder."""
        return self.folder / "data"

    @property
    def diary(self) -> Path:
        """What the person wrote down, outside the app."""
        return self.folder / "diary.jsonl"


class SystemClock:
    """The computer's clock, `ahead` of the truth where a test says so."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()


class Impatient:
    """A job's context that waits a little where a person's would wait long, and not for ever."""

    def __init__(self, most_pauses: int = 3000, tries: int = _MOST_TURNS) -> None:
        self.left, self.tries = most_pauses, tries
        self.reports = 0

    def report(self, event: object) -> None:
        self.reports += 1

    def check(self) -> None: ...

    def pause(self, seconds: float) -> None:
        self.left -= 1
        if self.left < 0:
            raise Held
        time.sleep(min(seconds, _LONGEST_PAUSE_S))


class Held(BaseException):
    """The app waits for something that does not come by itself."""


def write_down(scene: Scene, what: str, **more: Any) -> None:
    """Add a line to the diary, on the disk before this returns."""
    line = json.dumps({"what": what, **more}) + "\n"
    handle = os.open(scene.diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def read_diary(scene: Scene, what: str) -> list[dict[str, Any]]:
    """Return the lines of one kind."""
    if not scene.diary.exists():
        return []
    lines = scene.diary.read_text("utf-8").splitlines()
    return [told for line in lines if (told := json.loads(line))["what"] == what]


@contextmanager
def open_tools(
    scene: Scene,
    clock: SystemClock | None = None,
    *,
    locked: int = 0,
    workers: PhotoWorkers | None = None,
) -> Iterator[Tools]:
    """Join a real library and the real backends, as the app does.

    The password store is locked for the first `locked` times that it is asked. Photos are read in
    this process unless there are workers for it: to start some takes longer than most lives.
    """
    clock = clock or SystemClock()
    known = scene.connections
    asked = iter(range(locked))

    def secret_for(name: str) -> Secret:
        if next(asked, None) is not None:
            raise SecretStoreLocked("keyring")
        return Secret(known[name]["token"])

    library = open_library(scene.data_dir, clock=clock)
    try:
        yield Tools(
            stores=library.stores,
            services=build_services(
                addresses={name: told["url"] for name, told in known.items()},
                secret_for=secret_for,
            ),
            photos=GuardedPhotoWorkshop(workers) if workers else PillowPhotoWorkshop(),
            pictures=GuardedPictureWorkshop(workers) if workers else PillowPictureWorkshop(),
            clock=clock,
            patience=scene.patience,
        )
    finally:
        library.close()
        if workers:
            workers.close()


def live(scene: Scene, ctx: Impatient | None = None, tools: Tools | None = None) -> str:
    """Use the app until the pictures are there, or something needs a person; say which."""
    ctx = ctx or Impatient()
    started = time.monotonic()
    if tools is None:
        with open_tools(scene) as opened:
            write_down(scene, "opened", seconds=time.monotonic() - started)
            return _live(scene, opened, ctx)
    return _live(scene, tools, ctx)


def _live(scene: Scene, tools: Tools, ctx: Impatient) -> str:
    try:
        run = train(scene, tools, ctx)
        if run.state is not RunState.READY or run.lora_id is None:
            return f"{run.state}: {run.error}"
        lora = see_to_publication(scene, tools.stores.loras.get(run.lora_id), tools, ctx)
        if scene.card:
            lora = change_card(scene, lora, tools, ctx)
        return make_all(scene, lora, tools, ctx)
    except Held:
        return "held"


def train(scene: Scene, tools: Tools, ctx: Impatient) -> Run:
    """Do what is left until the training ended; a click for each launch."""
    run = _current(scene, tools)
    if run.state is RunState.DRAFT:
        fill_draft(scene, run, tools, ctx)
        if not any(told["run"] == run.id for told in read_diary(scene, "start")):
            write_down(scene, "start", run=run.id)
        run = start_run(run.id, tools)
    for turn in range(_MOST_TURNS):
        run = carry_run(run.id, tools, ctx)
        if run.state is not RunState.FAILED:
            return run
        if turn + 1 >= ctx.tries:
            raise Held
        if run.failed_at is not RunState.COLLECTING:
            write_down(scene, "again", run=run.id, error=run.error)
        run = try_again(run.id, tools)
    return run


def _current(scene: Scene, tools: Tools) -> Run:
    """Return the newest run, or the draft, or a new draft."""
    runs = tools.stores.runs
    for run in (*runs.all(), *runs.drafts()):
        return run
    dataset = tools.stores.datasets.create()
    plan = RunPlan(
        name=scene.name,
        preset=Preset.QUICK,
        quality=Quality.NORMAL,
        repo=scene.name,
        visibility=Visibility.PRIVATE,
        rights_confirmed=True,
    )
    return runs.create(dataset.id, plan)


def fill_draft(scene: Scene, run: Run, tools: Tools, ctx: Impatient) -> None:
    """Drop the photos, write the captions and the trigger word."""
    datasets = tools.stores.datasets
    held = [item.photo.sha256 for item in datasets.get(run.dataset_id).photos]
    for place, source in enumerate(scene.photos):
        if hashlib.sha256(source.read_bytes()).hexdigest() in held:
            continue
        try:
            taken = take_in_photo(source, tools, ctx)
        except UnreadablePhoto as error:
            write_down(scene, "refused", name=source.name, reason=error.reason)
            continue
        words = f"{scene.name} on table {place}"
        datasets.set_photos(run.dataset_id, [*held, taken.photo.sha256])
        held.append(taken.photo.sha256)
        write_down(scene, "photo", sha256=taken.photo.sha256)
        datasets.set_caption(run.dataset_id, taken.photo.sha256, words)
        write_down(scene, "caption", sha256=taken.photo.sha256, text=words)
    captions = {item.photo.sha256: item.caption for item in datasets.get(run.dataset_id).photos}
    for place, sha256 in enumerate(held):
        if not captions[sha256]:
            datasets.set_caption(run.dataset_id, sha256, f"{scene.name} on table {place}")
    datasets.set_trigger(run.dataset_id, "GLZFOX")


def see_to_publication(scene: Scene, lora: Lora, tools: Tools, ctx: Impatient) -> Lora:
    """Publish again what could not be published; it costs nothing."""
    if lora.publication is not None:
        return lora
    write_down(scene, "publish", lora=lora.id)
    return publish_lora(lora.id, scene.name, Visibility.PRIVATE, tools, ctx)


def change_card(scene: Scene, lora: Lora, tools: Tools, ctx: Impatient) -> Lora:
    """Recommend another strength and publish the card that says so, once."""
    if read_diary(scene, "card done"):
        return lora
    if lora.recommended_scale == 1.0:
        lora = tools.stores.loras.update(lora.id, recommended_scale=SCALE)
    lora = publish_lora(lora.id, scene.name, Visibility.PRIVATE, tools, ctx)
    write_down(scene, "card done")
    return lora


def request_for(lora: Lora, prompt: str) -> PictureRequest:
    """Return the order of one small picture."""
    return PictureRequest(
        "replicate", MODEL, prompt, (use_of(lora, 1.0),), SIDE, SIDE, 4, seed=41, count=1
    )


def make_all(scene: Scene, lora: Lora, tools: Tools, ctx: Impatient) -> str:
    """Order pictures until enough are done; each order is a click, with a prompt of its own."""
    for _ in range(_MOST_TURNS):
        pictures = _pictures(tools)
        done = [picture for picture in pictures if picture.state is PictureState.DONE]
        if len(done) >= PICTURES:
            return "done"
        queue, _waiting = take_up(tools)
        for order in queue.orders:
            make_order(order.id, tools, ctx)
        if queue.orders:
            continue
        prompt = f"{scene.name}{scene.who} GLZFOX {len(read_diary(scene, 'picture')) + 1}"
        write_down(scene, "picture", prompt=prompt)
        placed = place_order(request_for(lora, prompt), tools)
        make_order(placed.order.id, tools, ctx)
    return "pictures: too many turns"


def _pictures(tools: Tools) -> tuple[Picture, ...]:
    store = tools.stores.pictures
    return store.page(store.ids())
