"""A gallery of 100,000 pictures: the real page over a real library, against the naive list.

The naive way reads every row and gives a QListWidget in icon mode an item for each; its 300 icons
are decoded before the clock starts, which is more than a real one could have. It searches by LIKE
and fills the list again. The floor of the first paint is bare sqlite3: all ids in order, then one
page of rows.

A frame is all the time in which the window's thread was busy between two steps of 16 ms, whatever
it did: paint, take rows, take thumbnails. A picture is filled when its own thumbnail is painted;
no two pictures share a file's name, so no cache knows a thumbnail before it is decoded.
"""

import argparse
import os

# Qt then tells when its loop falls asleep and wakes up; with GLib it runs inside of that.
os.environ.setdefault("QT_NO_GLIB", "1")
import gc
import random
import resource
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from _naive_gallery import NaiveGallery
from _pictures import RARE, WORDS, add_pictures, make_thumbs
from PySide6.QtCore import QAbstractEventDispatcher, QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QApplication, QStackedWidget, QWidget

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.jobs.gc_guard import GcGuard
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.desks.gallery import GalleryDesk
from fluxlora_desktop.ui.desks.loras import LoraDesk
from fluxlora_desktop.ui.desks.pictures import PictureDesk
from fluxlora_desktop.ui.desks.prompts import PromptDesk
from fluxlora_desktop.ui.gallery.model import PAGE
from fluxlora_desktop.ui.gallery.page import GalleryPage
from fluxlora_desktop.ui.theme import Scheme, Theme
from fluxlora_desktop.workflows.tools import Patience, Tools

COUNT = 100_000
THUMBS = 300
STEP_MS = 16
SIZE = (1736, 1040)
"""The page in a window of 1920 x 1080."""
FLING, FLING_PIXELS = 500, 120
"""What a hard turn of the wheel does."""
LIMIT_S = 600
TIMES = 9


class WallClock:
    """The computer's clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only go forth."""
        return time.monotonic()


class NoTrash:
    """A trash that nothing comes to."""

    def put(self, _path: Path) -> Path | None:
        """Keep nothing."""
        return None

    def restore(self, _trashed: Path, _original: Path) -> None:
        """Have nothing to bring back."""


class Gallery:
    """The app's page behind an empty one, over a library, with desk and jobs as in the app."""

    def __init__(self, data_dir: Path) -> None:
        self.library = open_library(data_dir, clock=WallClock())
        self.jobs = JobRunner()
        tools = Tools(
            stores=self.library.stores,
            services=build_services(addresses={}, secret_for=lambda _service: None),
            photos=None,
            pictures=PillowPictureWorkshop(),
            clock=WallClock(),
            patience=Patience(),
        )
        self.loras = LoraDesk(tools, self.jobs, NoTrash())
        self.desk = PictureDesk(tools, self.jobs)
        self.marks = GalleryDesk(tools, self.jobs, NoTrash())
        self.prompts = PromptDesk(tools, self.jobs)
        self.desk.refresh_offers_once = lambda: None  # asks services, which are not here
        self.place = QStackedWidget()
        self.place.resize(*SIZE)
        self.place.addWidget(QWidget())
        self.place.show()

    def build(self) -> float:
        """Make the page; return milliseconds."""
        began = time.perf_counter()
        self.page = GalleryPage(
            pictures=self.desk,
            gallery=self.marks,
            loras=self.loras,
            prompts=self.prompts,
            jobs=self.jobs,
        )
        self.browser, self.grid = self.page.browser, self.page.browser.grid
        self.model = self.browser.model
        self.place.addWidget(self.page)
        return ms_since(began)

    def forget(self) -> None:
        """Let the page go, with all it has read."""
        self.place.removeWidget(self.page)
        self.page.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.page = self.browser = self.grid = self.model = None
        gc.collect()

    def click(self) -> None:
        """Do what a click on Gallery does when the page is made."""
        self.place.setCurrentWidget(self.page)
        self.page.shown()

    def visible(self) -> Sequence[Picture | None]:
        """Return the pictures of the cells in sight, None for one that is not read."""
        first, last = self.grid.rows_in_sight()
        return [self.model.picture(row) for row in range(first, last + 1)]

    def known(self) -> bool:
        """Tell whether every cell in sight has its row."""
        seen = self.visible()
        return bool(seen) and None not in seen

    def filled(self) -> bool:
        """Tell whether every cell in sight has its thumbnail."""
        seen = self.visible()
        return bool(seen) and all(p is not None and self.browser.thumb(p) is not None for p in seen)

    def until_painted(self, holds: Callable[[], bool], act: Callable[[], None]) -> float:
        """Act; return the milliseconds until a frame is painted at whose end something holds."""
        done: list[float] = []

        def look(_first: int, _last: int) -> None:
            if not done and holds():
                done.append(time.perf_counter())

        self.grid.painted.connect(look)
        began = time.perf_counter()
        act()
        wait_for(lambda: bool(done))
        self.grid.painted.disconnect(look)
        return (done[0] - began) * 1000

    def rest(self) -> None:
        """Wait until no job runs."""
        wait_for(lambda: self.jobs.live() == 0)
        settle(50)

    def close(self) -> None:
        """Let go of everything."""
        self.jobs.shutdown(30_000)
        self.library.close()


class Busy(QObject):
    """Measures how long the window's thread was busy since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._sum, self._since, self._asleep = 0.0, time.perf_counter(), False
        loop = QAbstractEventDispatcher.instance()
        loop.awake.connect(self._on_awake)
        loop.aboutToBlock.connect(self._on_sleep)

    def _on_awake(self) -> None:
        if self._asleep:
            self._since, self._asleep = time.perf_counter(), False

    def _on_sleep(self) -> None:
        if not self._asleep:
            self._sum += time.perf_counter() - self._since
            self._asleep = True

    def take(self) -> float:
        """Return the milliseconds, and begin anew."""
        now = time.perf_counter()
        found = self._sum + (0.0 if self._asleep else now - self._since)
        self._sum, self._since = 0.0, now
        return found * 1000

    def close(self) -> None:
        """Measure no more."""
        loop = QAbstractEventDispatcher.instance()
        loop.awake.disconnect(self._on_awake)
        loop.aboutToBlock.disconnect(self._on_sleep)


def ms_since(began: float) -> float:
    """Return the milliseconds since a moment."""
    return (time.perf_counter() - began) * 1000


def wait_for(done: Callable[[], bool], each_ms: int = 1) -> None:
    """Let the event loop turn until something is so."""
    loop, until = QEventLoop(), time.monotonic() + LIMIT_S

    def look() -> None:
        if done():
            loop.quit()
        elif time.monotonic() > until:
            raise SystemExit("the gallery did not come to an end")

    clock = QTimer(interval=each_ms)
    clock.timeout.connect(look)
    clock.start()
    loop.exec()
    clock.stop()


def settle(milliseconds: int) -> None:
    """Let the event loop turn for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def resident_mb() -> float:
    """Return the memory that this process holds now; where the system does not tell, at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1e6


def share(values: Sequence[float], part: float) -> float:
    """Return the value that this part of all does not pass."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def told(values: Sequence[float]) -> str:
    """Return median and best in words."""
    return f"{statistics.median(values):.1f} ms (best {min(values):.1f})"


@dataclass
class Frames:
    """Milliseconds of each frame by the clock and of the processor, and the memory on the way."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def words(self) -> str:
        """Return what to print."""
        return (
            f"frame median {statistics.median(self.clock):.1f} ms, 99th percentile "
            f"{share(self.clock, 0.99):.1f}, worst {max(self.clock):.1f}; of the processor alone "
            f"{statistics.median(self.processor):.1f}, {share(self.processor, 0.99):.1f} and "
            f"{max(self.processor):.1f}"
        )


def scroll(view: QAbstractItemView, steps: int, by: int = 0) -> Frames:
    """Scroll from the top to the end, a screen in each 16 ms, or by so many pixels."""
    bar, busy, loop = view.verticalScrollBar(), Busy(), QEventLoop()
    screen = by or view.viewport().height()
    places = [0, 0, *range(0, bar.maximum(), screen)][:steps]
    frames, way = Frames(), iter(places)
    spent = [time.thread_time()]

    def step() -> None:
        frames.clock.append(busy.take())
        spent.append(time.thread_time())
        if len(spent) % max(1, len(places) // 40) == 0:
            frames.memory_mb.append(resident_mb())
        place = next(way, None)
        if place is None:
            loop.quit()
        else:
            bar.setValue(place)

    clock = QTimer(interval=STEP_MS, timerType=Qt.TimerType.PreciseTimer)
    clock.timeout.connect(step)
    clock.start()
    loop.exec()
    clock.stop()
    busy.close()
    frames.processor = [(late - early) * 1000 for early, late in pairwise(spent)][2:]
    del frames.clock[:2]
    return frames


def floor_ms(database: Path) -> float:
    """Return the time of bare sqlite3 for all ids and the first page of rows."""
    with closing(sqlite3.connect(database)) as bare:
        began = time.perf_counter()
        ids = bare.execute(
            "SELECT id FROM pictures WHERE trashed_at IS NULL ORDER BY created_at DESC, seq DESC"
        ).fetchall()
        some = [picture_id for (picture_id,) in ids[:PAGE]]
        marks = ", ".join("?" * len(some))
        bare.execute(f"SELECT * FROM pictures WHERE id IN ({marks})", some).fetchall()
        bare.execute(f"SELECT * FROM picture_loras WHERE picture_id IN ({marks})", some).fetchall()
        return ms_since(began)


class Report:
    """What was measured: lines to print, each with its aim."""

    def line(self, words: str) -> None:
        """Print one result."""
        print(f"gallery: {words}", flush=True)


def measure_paint(gallery: Gallery, database: Path, report: Report) -> list[float]:
    """Click on Gallery several times, each on a page that was never shown."""
    floors, built, paints, fills = list[float](), list[float](), list[float](), list[float]()
    for _ in range(TIMES):
        floors.append(floor_ms(database))
        built.append(gallery.build())
        settle(50)
        paints.append(gallery.until_painted(gallery.known, gallery.click))
        began = time.perf_counter()
        if not gallery.filled():
            gallery.until_painted(gallery.filled, int)
        fills.append(paints[-1] + ms_since(began))
        gallery.rest()
        if len(paints) < TIMES:
            gallery.forget()
    ratio = statistics.median(paints) / statistics.median(floors)
    report.line(
        f"click to first paint {told(paints)}; its page of widgets is made before, {told(built)}"
    )
    report.line(f"floor, bare ids and a page {told(floors)}; ratio {ratio:.2f} (aim 1.8)")
    report.line(f"click to every thumbnail in sight {told(fills)}")
    return paints


def measure_jumps(gallery: Gallery, report: Report) -> None:
    """Drag the handle to places that were never seen."""
    chance, bar = random.Random(3), gallery.grid.verticalScrollBar()
    times = []
    for _ in range(60):
        place = chance.randrange(bar.maximum())
        times.append(gallery.until_painted(gallery.filled, lambda at=place: bar.setValue(at)))
        settle(40)
    cells = len(gallery.visible())
    report.line(
        f"a jump is filled ({cells} cells) in {told(times)}, 95th percentile "
        f"{share(times, 0.95):.1f} ms (aim 120)"
    )
    bar.setValue(0)
    gallery.rest()


def measure_search(gallery: Gallery, report: Report) -> None:
    """Type words, and clear the field again."""
    words = gallery.browser.filters.words
    times: dict[str, list[float]] = {}
    for word in (RARE, WORDS[0], WORDS[9], "zep", "lanter", "fo") * 3:
        for text in (word, ""):
            answers: list[object] = []
            gallery.desk.first_ready.connect(answers.append)
            gallery.desk.rows_ready.connect(answers.append)
            painted = gallery.until_painted(
                lambda answers=answers: bool(answers) and gallery.known(),
                lambda text=text: words.setText(text),
            )
            times.setdefault(text, []).append(painted)
            gallery.desk.first_ready.disconnect(answers.append)
            gallery.desk.rows_ready.disconnect(answers.append)
            gallery.rest()
    everything = times.pop("")
    found = [painted for several in times.values() for painted in several]
    report.line(
        f"a word search paints {told(found)} after the key, worst {max(found):.1f} (aim 60); "
        f"without words again {told(everything)}"
    )
    for word, several in times.items():
        report.line(f"  {word!r}: {told(several)}")


def measure_insert(gallery: Gallery, report: Report) -> None:
    """Let new pictures come in on top."""
    times = []
    for number in range(20):
        like = gallery.model.picture(0)
        name = f"{secrets.token_hex(8)}00"
        fresh = replace(
            like, id=name, order_id=name[:16], seed=number, created_at=datetime.now(UTC)
        )
        gallery.library.stores.pictures.add([fresh])
        times.append(
            gallery.until_painted(
                gallery.known, lambda fresh=fresh: gallery.desk.ordered.emit((fresh,))
            )
        )
        settle(30)
    report.line(f"one picture inserted and painted {told(times)}, worst {max(times):.1f} (aim 10)")


def measure_scroll(gallery: Gallery, before: float, steps: int, report: Report) -> None:
    """Scroll from end to end."""
    frames = scroll(gallery.grid, steps)
    report.line(f"{len(frames.clock)} screens, one each 16 ms: {frames.words()} (aim: 99th 8)")
    gallery.rest()
    fling = scroll(gallery.grid, FLING, by=FLING_PIXELS)
    report.line(f"{FLING} steps of {FLING_PIXELS} pixels, one each 16 ms: {fling.words()}")
    gallery.rest()
    memory = frames.memory_mb
    later = memory[len(memory) // 4 :]
    report.line(
        f"memory {max(memory) - before:.0f} MB more at most (aim 200); after a quarter of the way "
        f"between {min(later) - before:.0f} and {max(later) - before:.0f}, at its end "
        f"{memory[-1] - before:.0f}"
    )


def measure_naive(
    place: QStackedWidget, database: Path, thumbs: list[Path], report: Report
) -> list[float]:
    """Do the same with the naive list; return its first paints in milliseconds."""
    naive = NaiveGallery(database, thumbs)
    place.addWidget(naive)
    paints = []
    before = resident_mb()
    for _ in range(3):
        place.setCurrentIndex(0)
        began = time.perf_counter()
        naive.read()
        place.setCurrentWidget(naive)
        naive.viewport().repaint()
        paints.append(ms_since(began))
    report.line(f"naive: first paint {told(paints)}, {resident_mb() - before:.0f} MB more")
    report.line(f"naive: {scroll(naive, 300).words()} (300 screens)")
    began = time.perf_counter()
    naive.add_on_top()
    naive.viewport().repaint()
    report.line(f"naive: one picture inserted and painted {ms_since(began):.1f} ms")
    for word in (RARE, WORDS[0]):
        began = time.perf_counter()
        count = len(naive.rows(word))
        liked = ms_since(began)
        began = time.perf_counter()
        naive.read(word)
        naive.viewport().repaint()
        report.line(
            f"naive: LIKE {word!r} ({count}) {liked:.1f} ms, painted {ms_since(began):.1f} ms"
        )
    return paints


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="so many pictures")
    parser.add_argument("--steps", type=int, default=100_000, help="scroll so many screens at most")
    parser.add_argument("--only", help="measure these parts, by their first letters")
    parser.add_argument("--library", type=Path, help="a folder that keeps the library made before")
    chosen = parser.parse_args()
    app = QApplication([])
    Theme(app).apply(Scheme.LIGHT)
    guard = GcGuard()  # as in the app
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        root = chosen.library or Path(name)
        began = time.perf_counter()
        if not (root / "library").exists():
            open_library(root / "library", clock=WallClock()).close()
            add_pictures(root / "library", chosen.count, make_thumbs(root / "thumbs", THUMBS))
        thumbs = sorted((root / "thumbs").glob("*.jpg"))
        load = ", ".join(f"{part:.1f}" for part in os.getloadavg()) if os.name == "posix" else "?"
        report.line(f"{chosen.count} pictures made in {ms_since(began) / 1000:.1f} s; load {load}")
        gallery = Gallery(root / "library")
        guard.settle()
        database = root / "library" / "library.db"
        before = resident_mb()
        part = chosen.only or "sjwin"
        if "s" in part:
            gallery.build()
            gallery.until_painted(gallery.known, gallery.click)
            gallery.rest()
            measure_scroll(gallery, before, chosen.steps, report)
            gallery.forget()
        paints = measure_paint(gallery, database, report)
        if "j" in part:
            measure_jumps(gallery, report)
        if "w" in part:
            measure_search(gallery, report)
        if "i" in part:
            measure_insert(gallery, report)
        if "n" not in part:
            os._exit(0)
        naive = measure_naive(gallery.place, database, thumbs, report)
        quicker = statistics.median(naive) / statistics.median(paints)
        report.line(
            f"first paint {quicker:.1f} times as quick as the naive list (aim 25); "
            f"best to best {min(naive) / min(paints):.1f}"
        )
        gallery.close()


if __name__ == "__main__":
    main()
