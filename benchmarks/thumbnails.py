"""Thumbnails of 20 photos of 24 MP: the app's way, its floor, and the way that comes to mind first.

Ours is `ThumbLoader`: background jobs that let the decoder shrink. The floor is the same decoder
without jobs, one photo after another. The peer decodes all pixels in the GUI thread and scales
them afterwards. Prints photos per second, the ratio, and how long the window could not answer.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from _photos import make_photos
from PySide6.QtCore import QEventLoop, QSize, Qt, QTimer
from PySide6.QtGui import QImageReader, QPixmap
from PySide6.QtWidgets import QApplication

from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.ui.thumbs import ThumbLoader

COUNT = 20
SIDE = 168
BEAT_MS = 2
KEEP = Qt.AspectRatioMode.KeepAspectRatio
QImageReader.setAllocationLimit(512)


@dataclass
class Measured:
    """Seconds for all photos, and the longest time in which the event loop did not turn."""

    seconds: float
    longest_gap_ms: float


def measure(start: Callable[[Callable[[], None]], object]) -> Measured:
    """Run one way inside an event loop; `start` gets the function that ends it."""
    loop = QEventLoop()
    beats = [time.perf_counter()]
    timer = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start()
    began = time.perf_counter()
    QTimer.singleShot(0, lambda: start(loop.quit))
    loop.exec()
    ended = time.perf_counter()
    beats.append(ended)
    gaps = [later - earlier for earlier, later in pairwise(beats)]
    return Measured(ended - began, max(gaps) * 1000)


def with_loader(jobs: JobRunner, photos: list[Path]) -> Measured:
    """Ask the app's loader for every photo and wait until it has said all are ready."""
    loader = ThumbLoader(jobs)
    waiting = {str(path) for path in photos}

    def start(end: Callable[[], None]) -> None:
        def on_ready(path: str) -> None:
            assert loader.get(path, SIDE) is not None, f"no thumbnail of {path}"
            waiting.discard(path)
            if not waiting:
                end()

        loader.ready.connect(on_ready)
        for path in photos:
            loader.get(path, SIDE)

    return measure(start)


def with_reader(photos: list[Path]) -> Measured:
    """Let the decoder shrink each photo, one after another."""

    def start(end: Callable[[], None]) -> None:
        for path in photos:
            reader = QImageReader(str(path))
            reader.setScaledSize(reader.size().scaled(QSize(SIDE, SIDE), KEEP))
            assert not QPixmap.fromImage(reader.read()).isNull()
        end()

    return measure(start)


def with_full_decode(photos: list[Path]) -> Measured:
    """Decode every pixel, then scale."""

    def start(end: Callable[[], None]) -> None:
        for path in photos:
            whole = QPixmap(str(path))
            assert not whole.scaledToWidth(
                SIDE, Qt.TransformationMode.SmoothTransformation
            ).isNull()
        end()

    return measure(start)


def main() -> None:
    """Measure the three ways and print them."""
    app = QApplication([])
    jobs = JobRunner()
    with tempfile.TemporaryDirectory() as folder:
        photos = make_photos(Path(folder), COUNT)
        with_reader(photos[:1])
        results = {
            "ThumbLoader": with_loader(jobs, photos),
            "floor, QImageReader alone": with_reader(photos),
            "peer, full decode in the GUI thread": with_full_decode(photos),
        }
    jobs.shutdown(5000)
    for name, found in results.items():
        rate = COUNT / found.seconds
        print(f"thumbnails: {name}: {rate:.1f}/s, longest gap {found.longest_gap_ms:.0f} ms")
    ours, floor, peer = (found.seconds for found in results.values())
    print(
        f"thumbnails: ratio {ours / floor:.2f} of the floor's time, {ours / peer:.2f} of the peer's"
    )
    del app


if __name__ == "__main__":
    main()
