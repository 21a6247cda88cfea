"""The whole way without a window: real library, real backends, practice services."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureRequest
from fluxlora_desktop.domain.routes import use_of
from fluxlora_desktop.domain.runs import RunPlan, RunState
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from fluxlora_desktop.workflows.tools import Patience, Tools

PHOTOS = Path(__file__).parents[2] / "resources" / "practice-photos"
ORDERS = "/v1/images/generations"
_LONGEST_PAUSE_S = 0.05


class Hurry:
    """A context that waits a little where a person's would wait long."""

    def __init__(self) -> None:
        self._never = threading.Event()

    def report(self, event: object) -> None: ...

    def check(self) -> None: ...

    def pause(self, seconds: float) -> None:
        self._never.wait(min(seconds, _LONGEST_PAUSE_S))


@contextmanager
def tools_for(services: PracticeServices, folder: Path) -> Iterator[Tools]:
    """Join a real library and the real backends, as the app does."""
    known = services.connections()
    clock = SystemClock()
    library = open_library(folder, clock=clock)
    try:
        yield Tools(
            stores=library.stores,
            services=build_services(
                addresses={name: told["url"] for name, told in known.items()},
                secret_for=lambda name: Secret(known[name]["token"]),
            ),
            photos=PillowPhotoWorkshop(),
            pictures=PillowPictureWorkshop(),
            clock=clock,
            patience=Patience.for_practice(),
        )
    finally:
        library.close()


def train_and_publish(tools: Tools, **chosen: object) -> Lora:
    """Carry eight practice photos, three of them with a caption, to a public Lora."""
    ctx, stores = Hurry(), tools.stores
    dataset = stores.datasets.create()
    taken = [take_in_photo(photo, tools, ctx) for photo in sorted(PHOTOS.glob("*.jpg"))[:8]]
    stores.datasets.set_photos(dataset.id, [one.photo.sha256 for one in taken])
    stores.datasets.set_trigger(dataset.id, "GLZFOX")
    for one in taken[:3]:
        stores.datasets.set_caption(dataset.id, one.photo.sha256, "on a wooden table")
    plan = RunPlan(
        name="Glazed fox",
        goal="together",
        repo="glazed-fox",
        visibility=Visibility.PUBLIC,
        rights_confirmed=True,
    )
    plan = replace(plan, **chosen)  # type: ignore[arg-type]  # fields of the plan by name
    run = carry_run(start_run(stores.runs.create(dataset.id, plan).id, tools).id, tools, ctx)
    assert run.state is RunState.READY, run.error
    assert run.lora_id is not None
    return stores.loras.get(run.lora_id)


def make_one(tools: Tools, request: PictureRequest) -> Picture:
    made = make_pictures(order_pictures(request, tools), request, tools, Hurry())
    return made[0]


def request_for(
    lora: Lora, generator: str, model: str, scale: float = 1.0, side: int = 256
) -> PictureRequest:
    return PictureRequest(
        generator, model, "GLZFOX on a beach", (use_of(lora, scale),), side, side, 8, seed=41
    )
