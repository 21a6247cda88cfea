"""Makes queued pictures in a process of its own, so that it can be killed: DATA_DIR URL TOKEN."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.pictures import PictureRequest, PictureState
from fluxlora_desktop.domain.prompts import Spread
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.workflows.events import PictureChanged
from fluxlora_desktop.workflows.orders import make_order, pause_order, place_order
from fluxlora_desktop.workflows.tools import Tools

ORDER = PictureRequest(
    "together",
    "black-forest-labs/FLUX.2-dev",
    "a {red|grey} fox",
    width=256,
    height=256,
    steps=4,
    seed=7,
    count=2,
    spread=Spread.EVERY,
)


class Telling:
    """A job's context that says on the output how many pictures are there."""

    def report(self, event: object) -> None:
        if isinstance(event, PictureChanged) and event.picture.state is PictureState.DONE:
            print("made", flush=True)

    def check(self) -> None:
        return

    def pause(self, seconds: float) -> None:
        raise AssertionError(f"nobody asked to wait {seconds} s")


@contextmanager
def tools_at(data_dir: Path, url: str, token: str) -> Iterator[Tools]:
    """Open the library with Together at an address."""
    clock = SystemClock()
    library = open_library(data_dir, clock=clock)
    services = build_services(addresses={"together": url}, secret_for=lambda _key: Secret(token))
    try:
        services.generator("together").refresh()
        yield Tools(library.stores, services, PillowPhotoWorkshop(), PillowPictureWorkshop(), clock)
    finally:
        library.close()


def main(data_dir: str, url: str, token: str) -> None:
    with tools_at(Path(data_dir), url, token) as tools:
        first = place_order(ORDER, tools).order
        second = place_order(ORDER, tools).order
        pause_order(second.id, True, tools)
        make_order(first.id, tools, Telling())


if __name__ == "__main__":
    main(*sys.argv[1:])
