"""Writes captions in a process of its own, so that it can be killed: DATA_DIR URL TOKEN PHOTO..."""

from __future__ import annotations

import sys
from pathlib import Path

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop, PillowPictureWorkshop
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.workflows.captioning import order_captions, write_captions
from fluxlora_desktop.workflows.events import CaptionWritten
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.tools import Tools

EYES = "Qwen/Qwen2.5-VL-72B-Instruct"


class Telling:
    """A job's context that says on the output how many captions are there."""

    def report(self, event: object) -> None:
        if isinstance(event, CaptionWritten):
            print("written", flush=True)

    def check(self) -> None:
        return

    def pause(self, seconds: float) -> None:
        raise AssertionError(f"nobody asked to wait {seconds} s")


def main(data_dir: str, url: str, token: str, *photos: str) -> None:
    clock = SystemClock()
    library = open_library(Path(data_dir), clock=clock)
    services = build_services(addresses={"together": url}, secret_for=lambda _key: Secret(token))
    tools = Tools(library.stores, services, PillowPhotoWorkshop(), PillowPictureWorkshop(), clock)
    dataset = library.stores.datasets.create()
    hashes = [take_in_photo(Path(path), tools, Telling()).photo.sha256 for path in photos]
    library.stores.datasets.set_photos(dataset.id, hashes)
    services.captioner("together").refresh()
    order = order_captions(
        dataset.id,
        dict.fromkeys(hashes, ""),
        captioner="together",
        model=EYES,
        prompt="Describe this photo of TOK.",
        trigger="TOK",
    )
    write_captions(order, tools, Telling())
    library.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
