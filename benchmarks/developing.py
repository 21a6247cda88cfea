"""Twenty photos of 24 megapixels on their arrival: in worker processes against in the app itself.

The floor does the same work in two threads of this process, where a hostile photo would end the
app. Prints photos per second, the ratio, how long a worker takes to start, and on Linux the most
memory that one held.
"""

import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _photos import make_photos

from fluxlora_desktop.imaging.guarded import GuardedPhotoWorkshop, PhotoWorkers
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop

COUNT = 20


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long this takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def develop_all(workshop: PillowPhotoWorkshop, photos: list[Path]) -> None:
    """Develop the photos two at a time, as the lane for photos does."""

    def develop(photo: Path) -> None:
        copy, thumb = photo.with_suffix(".working.jpg"), photo.with_suffix(".thumb.jpg")
        workshop.develop(photo, working=copy, thumb=thumb)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(develop, photos))


def peak_bytes(workers: PhotoWorkers) -> int:
    """Return the most bytes that a worker held, 0 where the system does not tell."""
    files = (Path(f"/proc/{pid}/status") for pid in workers.processes())
    texts = (file.read_text("utf-8") for file in files if file.exists())
    found = (re.search(r"VmHWM:\s+(\d+) kB", text) for text in texts)
    return max((int(hit[1]) * 1024 for hit in found if hit), default=0)


def main() -> None:
    """Measure both and print them."""
    workers = PhotoWorkers()
    with tempfile.TemporaryDirectory() as name:
        photos = make_photos(Path(name), COUNT)
        small = Path(name) / "small.gif"
        small.write_bytes(b"no photo")
        start = seconds_of(lambda: workers.ask({"do": "develop", **places(small)}))
        guarded = GuardedPhotoWorkshop(workers)
        ours = seconds_of(lambda: develop_all(guarded, photos))
        floor = seconds_of(lambda: develop_all(PillowPhotoWorkshop(), photos))
        held = peak_bytes(workers)
        workers.close()
    print(f"developing: {COUNT} photos in {ours:.2f} s ({COUNT / ours:.1f}/s) by two workers")
    print(f"developing: ratio {ours / floor:.2f} to two threads of the app ({floor:.2f} s)")
    print(f"developing: a worker starts in {start:.2f} s and held {held / 1e6:.0f} MB at most")


def places(photo: Path) -> dict[str, str]:
    """Return where a photo's copies go, as a worker is asked."""
    copy, thumb = photo.with_suffix(".w.jpg"), photo.with_suffix(".t.jpg")
    return {"original": str(photo), "working": str(copy), "thumb": str(thumb)}


if __name__ == "__main__":
    main()
