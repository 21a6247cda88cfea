"""The Create page over a real library, real jobs and stand-ins for services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from zlib import crc32

from fakes import (
    OTHER_TRAINER,
    FakeGenerator,
    FakePhotos,
    FakeTrainer,
    WallClock,
    make_tools,
)
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.datasets import Finding, Photo
from fluxlora_desktop.domain.pictures import GeneratorModel
from fluxlora_desktop.domain.ports import PhotoWorkshop, Stores
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import open_library
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.desks.draft import Draft, DraftDesk
from fluxlora_desktop.ui.desks.runs import RunDesk

_PATIENCE_MS = 60_000


class JudgedPhotos(FakePhotos):
    """Photos whose findings a test writes; a file that says "broken" is refused."""

    def __init__(self) -> None:
        self.judge: Callable[[Sequence[Photo]], tuple[Finding, ...]] = lambda _photos: ()

    def find_problems(self, photos: Sequence[Photo]) -> tuple[Finding, ...]:  # type: ignore[override]  # the stand-in above judges nothing
        return self.judge(photos)


@dataclass
class Ground:
    """Everything that a test of the page holds in its hands."""

    qtbot: QtBot
    folder: Path
    page: CreatePage
    draft: DraftDesk
    runs: RunDesk
    jobs: JobRunner
    stores: Stores
    photos: JudgedPhotos
    trainer: FakeTrainer
    to_choose: tuple[Path, ...] = ()
    asked_to_start_over: list[Callable[[], None]] = field(default_factory=list)
    visited: list[tuple[str, object]] = field(default_factory=list)

    def now(self) -> Draft:
        """Return the draft as it stands."""
        return self.draft.draft()

    def names(self) -> list[str]:
        """Return the photos' names in order."""
        return [item.photo.name for item in self.now().dataset.photos]

    def sha(self, place: int) -> str:
        """Return the hash of a photo by its place from 0."""
        return self.now().dataset.photos[place].photo.sha256

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait for a condition, long enough for a busy computer."""
        self.qtbot.waitUntil(until, timeout=_PATIENCE_MS)

    def settle(self) -> None:
        """Wait until no work is under way and none is about to begin."""
        self.wait(lambda: self.jobs.live() == 0 and not self.draft.checking() and self.page.calm())

    def make_photo(self, name: str, caption: str = "") -> Path:
        """Write a photo that differs from all others, with a caption beside it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = crc32(name.encode())
        shade = (tone >> 16 & 255, tone >> 8 & 255, tone & 255)
        Image.new("RGB", (96, 64), shade).save(path, comment=name.encode())
        if caption:
            path.with_suffix(".txt").write_text(caption, encoding="utf-8")
        return path

    def fill(self, count: int = 6) -> None:
        """Take in so many photos."""
        paths = [self.make_photo(f"photo {n}.jpg") for n in range(1, count + 1)]
        self.draft.add_files(paths)
        self.wait(lambda: len(self.names()) == count)
        self.settle()

    def choose(self, _parent: QWidget, take: Callable[[tuple[Path, ...]], None]) -> None:
        """Answer a file dialog."""
        take(self.to_choose)

    def ask(self, _parent: QWidget, start_over: Callable[[], None]) -> None:
        """Keep the question for the test to answer."""
        self.asked_to_start_over.append(start_over)


@contextmanager
def open_ground(
    qtbot: QtBot, folder: Path, workshop: PhotoWorkshop | None = None
) -> Iterator[Ground]:
    """Open a library and show the page on it; everything is gone afterwards.

    With a `workshop` photos are really developed and checked, instead of as a test says.
    """
    library = open_library(folder / "library", clock=WallClock())
    trainer, photos = FakeTrainer(hold=True), JudgedPhotos()
    near = GeneratorModel("own", "its own model", "flux.1-dev", needs_trained_version=True)
    far = GeneratorModel("flux2", "FLUX.2-dev", "flux.2-dev", max_loras=2)
    generators = (
        FakeGenerator(models=(near,)),
        FakeGenerator(key="together", title="Together", models=(far,)),
    )
    other = FakeTrainer(key="fal", title="fal", trainers=(OTHER_TRAINER,))
    tools = make_tools(
        library.stores, trainer=trainer, more_trainers=(other,), generators=generators
    )
    tools = replace(tools, photos=workshop or photos)
    jobs = JobRunner()
    draft, runs = DraftDesk(tools, jobs), RunDesk(tools, jobs)
    ground = Ground(
        qtbot, folder / "photos", None, draft, runs, jobs, library.stores, photos, trainer
    )  # type: ignore[arg-type]  # the page comes next, since its dialogs are the ground's
    ground.page = make_page(ground)
    draft.load()
    ground.wait(lambda: draft.loaded)
    yield ground
    assert jobs.shutdown(_PATIENCE_MS)
    for thing in (ground.page, draft, runs, jobs):
        thing.deleteLater()
    library.close()


def make_page(ground: Ground) -> CreatePage:
    """Show a page on the ground's desks."""
    page = CreatePage(
        draft=ground.draft,
        runs=ground.runs,
        jobs=ground.jobs,
        choose_files=ground.choose,
        choose_folder=ground.choose,
        ask=ground.ask,
    )
    page.go.connect(lambda name, what: ground.visited.append((name, what)))
    page.resize(1000, 700)
    ground.qtbot.addWidget(page)
    with ground.qtbot.waitExposed(page):
        page.show()
    return page


def files_mime(*paths: Path) -> QMimeData:
    """Return what a file manager offers for files and folders."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drop(target: QWidget, mime: QMimeData, at: QPointF | None = None) -> bool:
    """Drag something over a widget and let go; say whether it was taken."""
    place = at or QPointF(20, 20)
    action, left = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place.toPoint(), action, mime, left, none)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(place, action, mime, left, none)
    QApplication.sendEvent(target, event)
    return event.isAccepted()
