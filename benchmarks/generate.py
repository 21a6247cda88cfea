"""Twenty pictures through the app against the bare HTTP calls, at the practice services.

Both order the same pictures in turns, one by one as the app does: the bare way posts, asks how it
stands as often as the app, and reads the file, with one httpx client for all. The app looks at
the service first, journals each request on a synced disk, hashes, decodes and writes the PNG with
its metadata and a thumbnail, and keeps rows and charges in a library of its own. Replicate's
practice server takes as long as a real one does, 6.6 s a picture, and that ratio is the aim. At
Together's, which paints at once, nothing hides what the app takes, so the milliseconds are told
and no ratio is meant. `--speed 3` lets the first one hurry.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.pictures import PictureRequest, PictureState
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.imaging.guarded import GuardedPhotoWorkshop, PhotoWorkers
from fluxlora_desktop.imaging.guarded_pictures import GuardedPictureWorkshop
from fluxlora_desktop.jobs.context import CancellableContext
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.system.clock import SystemClock
from fluxlora_desktop.workflows.pictures import make_pictures, order_pictures
from fluxlora_desktop.workflows.tools import Tools

PICTURES = 20
AIM = 0.05
REPLICATE = PictureRequest("replicate", "flux-dev", "a fox on grass", (), 1024, 1024, 28, seed=1)
TOGETHER = PictureRequest(
    "together", "black-forest-labs/FLUX.2-dev", "a fox on grass", (), 1024, 1024, 28, seed=1
)


def bare_replicate(cloud: PracticeServices, client: httpx.Client, seed: int) -> int:
    """Make one picture with nothing but HTTP; return its size."""
    head = {"authorization": f"Bearer {cloud.replicate.token}", "prefer": "wait=30"}
    order = {
        "prompt": REPLICATE.prompt,
        "num_outputs": 1,
        "num_inference_steps": REPLICATE.steps,
        "seed": seed,
        "output_format": "png",
        "aspect_ratio": "1:1",
        "guidance": REPLICATE.guidance,
    }
    url = f"{cloud.replicate.url}/v1/models/black-forest-labs/flux-dev/predictions"
    made = client.post(url, json={"input": order}, headers=head).raise_for_status().json()
    return len(client.get(made["output"][0]).raise_for_status().content)


def bare_together(cloud: PracticeServices, client: httpx.Client, seed: int) -> int:
    """Make one picture with nothing but HTTP; return the size of the reply."""
    order = {
        "model": TOGETHER.model,
        "prompt": TOGETHER.prompt,
        "width": TOGETHER.width,
        "height": TOGETHER.height,
        "steps": TOGETHER.steps,
        "seed": seed,
        "response_format": "base64",
        "output_format": "png",
    }
    head = {"authorization": f"Bearer {cloud.together.token}"}
    reply = client.post(f"{cloud.together.url}/v1/images/generations", json=order, headers=head)
    return len(reply.raise_for_status().content)


def open_tools(cloud: PracticeServices, folder: Path, workers: PhotoWorkers) -> Tools:
    """Return everything that the app makes pictures with, over a library in a folder."""
    clock = SystemClock()
    places = {"replicate": cloud.replicate, "together": cloud.together}
    return Tools(
        stores=open_library(folder, clock=clock).stores,
        services=build_services(
            addresses={name: service.url for name, service in places.items()},
            secret_for=lambda name: Secret(places[name].token),
        ),
        photos=GuardedPhotoWorkshop(workers),
        pictures=GuardedPictureWorkshop(workers),
        clock=clock,
    )


def by_app(tools: Tools, order: PictureRequest, seed: int) -> None:
    """Order one picture and make it, as a click does."""
    request = replace(order, seed=seed)
    context = CancellableContext(lambda event: None)
    (made,) = make_pictures(order_pictures(request, tools), request, tools, context)
    if made.state is not PictureState.DONE:
        raise SystemExit(f"no picture: {made.error}")


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long this takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(
    name: str, bare: Callable[[int], object], app: Callable[[int], object], aim: float | None
) -> None:
    """Make pictures by both ways in turns, the first of each uncounted, and print."""
    times: dict[str, list[float]] = {"bare": [], "app": []}
    for seed in range(PICTURES + 1):
        ways = {"bare": bare, "app": app}
        for way in sorted(ways, reverse=bool(seed % 2)):
            took = seconds_of(partial(ways[way], seed))
            if seed:
                times[way].append(took)
    floor, whole = sum(times["bare"]), sum(times["app"])
    extra = [app - bare for app, bare in zip(times["app"], times["bare"], strict=True)]
    print(f"generate: {name}, {PICTURES} pictures bare in {floor:.2f} s, by the app {whole:.2f} s")
    print(f"generate: {name}, the app adds {statistics.median(extra) * 1000:.0f} ms a picture")
    if aim is not None:
        over = whole / floor - 1
        print(f"generate: {name}, overhead {over * 100:.1f} % (aim: at most {aim * 100:.0f} %)")


def main() -> None:
    """Measure both services."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=1.0, help="of the practice service")
    speed = parser.parse_args().speed
    workers = PhotoWorkers()
    with (
        tempfile.TemporaryDirectory() as name,
        PracticeServices(state_dir=Path(name) / "cloud", speed=speed) as cloud,
        httpx.Client(timeout=60, trust_env=False) as client,
    ):
        tools = open_tools(cloud, Path(name) / "library", workers)
        try:
            for title, request, bare, aim in (
                ("replicate", REPLICATE, bare_replicate, AIM),
                ("together", TOGETHER, bare_together, None),
            ):
                measure(title, partial(bare, cloud, client), partial(by_app, tools, request), aim)
        finally:
            workers.close()


if __name__ == "__main__":
    main()
