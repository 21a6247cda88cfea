"""Twenty photos of 24 megapixels dropped on the Create page, against vipsthumbnail and a loop.

Ours is the real page: files are copied in, decoded in worker processes, measured, checked, and
their thumbnails painted. `vipsthumbnail` only makes thumbnails of the same files, on the same
cores. The plain loop decodes every pixel with Pillow and scales, one photo after another, as the
captioning peers do in the GUI thread. Prints seconds, ratios, when the first placeholder was
painted, and the longest time in which the window could not answer. `--many N` takes in N small
photos afterwards and prints the memory that they cost.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.imaging.guarded import GuardedPhotoWorkshop, PhotoWorkers
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.jobs.gc_guard import GcGuard
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.workflows.tools import Patience, Tools

COUNT = 20
SIZE = (6000, 4000)
SIDE = 512
BEAT_MS = 1
DRAG_MS = 800
"""How long a person at least holds files over the window before dropping them."""
LIMIT_S = 900


class WallClock:
    """The computer's clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only go forth."""
        return time.monotonic()


def make_photos(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Write JPEGs as noisy as those of a camera (24 megapixels: 7.7 MB), each with other pixels."""
    half = (size[0] // 2, size[1] // 2)
    parts = [Image.effect_noise(half, sigma).resize(size) for sigma in (12, 18, 24)]
    image = Image.merge("RGB", parts)
    paths = []
    for number in range(count):
        path = folder / f"photo_{number:04d}.jpg"
        ImageChops.offset(image, number * 97, number * 31).save(path, quality=88)
        paths.append(path)
    return paths


class Page:
    """The Create page over a real library, and what is measured of it."""

    def __init__(self, folder: Path) -> None:
        self.library = open_library(folder, clock=WallClock())
        self.workers = PhotoWorkers()
        self.jobs = JobRunner()
        services = build_services(addresses={}, secret_for=lambda _service: None)
        tools = Tools(
            stores=self.library.stores,
            services=services,
            photos=GuardedPhotoWorkshop(self.workers),
            pictures=PillowPictureWorkshop(),
            clock=WallClock(),
            patience=Patience(),
        )
        self.draft = DraftDesk(tools, self.jobs)
        self.runs = RunDesk(tools, self.jobs)
        self.page = CreatePage(draft=self.draft, runs=self.runs, jobs=self.jobs)
        self.page.resize(1500, 1100)  # all twenty tiles are in sight
        self.page.show()
        self.draft.load()
        wait_for(lambda: self.draft.loaded)
        settle(300)

    def close(self) -> None:
        """Let go of everything."""
        self.jobs.shutdown(30_000)
        self.workers.close()
        self.library.close()

    def rows(self) -> int:
        """Return how many tiles there are, with those of photos on their way."""
        return self.page.photos.model.rowCount()

    def shown(self, count: int) -> bool:
        """Tell whether every photo in sight has its thumbnail."""
        grid, model = self.page.photos.grid, self.page.photos.model
        rows = model.rows()
        if len(rows) < count:
            return False
        view = grid.viewport().rect()
        seen = [
            row
            for place, row in enumerate(rows)
            if grid.visualRect(model.index(place)).intersects(view)
        ]
        assert len(seen) >= min(count, COUNT), "the window is too small"
        thumbs = self.page.photos.grid.itemDelegate()._thumbs
        return all(row.thumb and thumbs.get(row.thumb, 168, fill=True) for row in seen)

    def checked(self, count: int) -> bool:
        """Tell whether the findings are those of all photos."""
        return not self.draft.checking() and len(self.draft.draft().dataset.photos) == count


class FirstPaint(QObject):
    """Notes when the grid is first painted with a tile in it."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self.at: float | None = None
        page.page.photos.grid.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Look at paint events and let them pass."""
        if event.type() is QEvent.Type.Paint and self.at is None and self._page.rows():
            self.at = time.perf_counter()
        return False


def wait_for(done: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so."""
    began = time.monotonic()
    while not done():
        QApplication.processEvents()
        time.sleep(0.0005)
        if time.monotonic() - began > LIMIT_S:
            raise SystemExit("the page did not come to an end")


def settle(milliseconds: int) -> None:
    """Let the event loop turn for a while."""
    until = time.monotonic() + milliseconds / 1000
    wait_for(lambda: time.monotonic() > until)


@contextmanager
def heartbeat(gaps: list[float]) -> Iterator[None]:
    """Add the longest time in milliseconds between two turns of the event loop."""
    beats = [time.perf_counter()]
    timer = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start()
    yield
    timer.stop()
    gaps.append(max((later - earlier for earlier, later in pairwise(beats)), default=0.0) * 1000)


def take_in(page: Page, photos: list[Path]) -> tuple[float, float, float, float]:
    """Drop photos; return seconds to the first tile, all thumbnails, all checks, and the stall."""
    page.draft.intake.prepare()  # as soon as the files hang over the page
    settle(DRAG_MS)
    first, gaps = FirstPaint(page), list[float]()
    with heartbeat(gaps):
        began = time.perf_counter()
        page.draft.add_files(photos)
        wait_for(lambda: page.shown(len(photos)))
        shown = time.perf_counter() - began
        wait_for(lambda: page.checked(len(photos)))
        checked = time.perf_counter() - began
    assert first.at is not None
    return first.at - began, shown, checked, gaps[0]


def with_vips(photos: list[Path], folder: Path) -> float | None:
    """Return the seconds of vipsthumbnail over the same files, None where it is not installed."""
    if shutil.which("vipsthumbnail") is None:
        return None
    command = ["vipsthumbnail", "--size", str(SIDE), "-o", f"{folder}/%s.jpg", *map(str, photos)]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def with_plain_loop(photos: list[Path]) -> float:
    """Return the seconds of decoding every pixel and scaling."""
    began = time.perf_counter()
    for path in photos:
        with Image.open(path) as image:
            image.load()
            image.resize((SIDE, SIDE * image.height // image.width))
    return time.perf_counter() - began


def memory_of(page: Page, count: int, folder: Path) -> None:
    """Take in many small photos and say what they cost in memory."""
    photos = make_photos(folder, count, (1200, 900))
    before = resident_mb()
    _, _, checked, stall = take_in(page, photos)
    print(
        f"intake: {count} photos of 1 MP in and checked in {checked:.1f} s, "
        f"{resident_mb() - before:.0f} MB more (aim 400), stall {stall:.0f} ms"
    )


def resident_mb() -> float:
    """Return the memory that this process holds now; where the system does not tell, at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=0, help="take in so many small photos, too")
    many = parser.parse_args().many
    QApplication([])
    guard = GcGuard()  # as in the app: no collection interrupts, or all of them do
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for part in ("photos", "vips", "many", "one", "two"):
            (root / part).mkdir()
        photos = make_photos(root / "photos", COUNT, SIZE)
        page = Page(root / "one")
        guard.settle()
        first, shown, checked, stall = take_in(page, photos)
        page.close()
        vips, plain = with_vips(photos, root / "vips"), with_plain_loop(photos)
        print(f"intake: first tile painted {first * 1000:.0f} ms after the drop (aim 50)")
        print(f"intake: {COUNT} photos of 24 MP shown in {shown:.2f} s, checked in {checked:.2f} s")
        if vips is None:
            print("intake: vipsthumbnail is not installed (libvips-tools), so no ratio to it")
        else:
            print(f"intake: ratio {shown / vips:.2f} to vipsthumbnail ({vips:.2f} s, aim 0.8)")
        print(
            f"intake: {plain / shown:.2f} times as quick as the plain loop ({plain:.2f} s, aim 4)"
        )
        print(f"intake: longest stall of the window {stall:.0f} ms (aim 20)")
        if many:
            page = Page(root / "two")
            memory_of(page, many, root / "many")
            page.close()


if __name__ == "__main__":
    main()
