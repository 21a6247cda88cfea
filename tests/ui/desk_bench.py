"""A real library and real jobs under the desks, with services that play."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from PIL import Image
from PySide6.QtCore import QObject

from fluxlora_desktop.domain.errors import ServiceUnreachable, TokenRejected
from fluxlora_desktop.domain.ports import (
    Account,
    PhotoWorkshop,
    PictureWorkshop,
    SecretStore,
    Services,
)
from fluxlora_desktop.domain.runs import Run, RunPlan
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.imaging.workshop import PillowPhotoWorkshop
from fluxlora_desktop.jobs.runner import JobRunner
from fluxlora_desktop.store.library import Library, open_library
from fluxlora_desktop.system.secret_store import MemorySecrets
from fluxlora_desktop.workflows.photos import take_in_photo
from fluxlora_desktop.workflows.tools import Patience, Tools
from tests.ui.fakes import FolderTrash, WallClock
from tests.workflows.conftest import write_lora
from tests.workflows.fakes import Context, FakeBackend, FakeGenerator, FakeHub, FakePictures
from tests.workflows.fakes import FakePhotos as CopyingPhotos

HASTE = Patience(
    poll=0.01, shortest_retry=0.01, longest_retry=0.01, settle=0.02, settle_reads=1, launch_tries=2
)

GOOD, OTHER, BAD = Secret("r8_good"), Secret("r8_other"), Secret("r8_bad")


@dataclass
class Doorman(FakeBackend):
    """A training service that knows its tokens, as kept in the secrets at that moment."""

    secrets: SecretStore | None = None
    down: bool = False

    def check(self) -> Account:
        if self.down:
            raise ServiceUnreachable(self.key, kind="dns")
        assert self.secrets is not None
        if self.secrets.get(self.key) not in {GOOD, OTHER}:
            raise TokenRejected(self.key, "Unauthenticated")
        return Account(self.key, "tester", "pays by card")


class Heard:
    """Keeps what a signal brought, in order."""

    def __init__(self, signal: object) -> None:
        self.all: list[object] = []
        signal.connect(self._take)

    def _take(self, *values: object) -> None:
        self.all.append(values[0] if len(values) == 1 else values)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def last(self) -> object:
        return self.all[-1]


@dataclass
class DeskBench:
    """What a desk needs; `reopen` closes the library and opens it again, as a restart does."""

    folder: Path
    backend: FakeBackend = field(default_factory=lambda: FakeBackend(weights=write_lora))
    hub: FakeHub = field(default_factory=FakeHub)
    generator: FakeGenerator = field(default_factory=FakeGenerator)
    photos: PhotoWorkshop = field(default_factory=PillowPhotoWorkshop)
    pictures: PictureWorkshop = field(default_factory=FakePictures)
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    patience: Patience = HASTE

    def __enter__(self) -> DeskBench:
        self.clock = WallClock()
        self.trash = FolderTrash(self.folder / "trash")
        self.inbox = self.folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _open(self) -> None:
        self.owner = QObject()
        self.jobs = JobRunner(parent=self.owner)
        self.library: Library = open_library(self.folder / "library", clock=self.clock)
        self.tools = Tools(
            stores=self.library.stores,
            services=Services((self.backend,), (self.generator,), self.hub),
            photos=self.photos,
            pictures=self.pictures,
            clock=self.clock,
            patience=self.patience,
        )

    def _close(self) -> None:
        assert self.jobs.shutdown(30_000)
        self.library.close()
        self.owner.deleteLater()

    def reopen(self) -> None:
        """Close everything and open it again; desks made before are gone."""
        self._close()
        self._open()

    def photo(self, name: str, *, caption: str = "", size: tuple[int, int] = (96, 80)) -> Path:
        """Write a photo into the inbox, unlike any of another name."""
        path = self.inbox / name
        dots = random.Random(name)
        image = Image.new("RGB", (8, 8))
        image.putdata([tuple(dots.randbytes(3)) for _ in range(64)])
        image.resize(size, Image.Resampling.NEAREST).save(path)
        if caption:
            path.with_suffix(".txt").write_text(caption, encoding="utf-8")
        return path

    def draft(self, photos: int = 6, **plan: object) -> Run:
        """Return a draft that can be started, with photos that are not looked at."""
        quick = replace(self.tools, photos=CopyingPhotos())
        stores = self.tools.stores
        dataset = stores.datasets.create()
        hashes = []
        for number in range(photos):
            source = self.inbox / f"photo{number}.jpg"
            source.write_bytes(b"photo" + bytes([number]))
            taken = take_in_photo(source, quick, Context(self.clock))
            hashes.append(taken.photo.sha256)
        stores.datasets.set_photos(dataset.id, hashes)
        chosen = replace(RunPlan(name="Fox", rights_confirmed=True), **plan)
        return stores.runs.create(dataset.id, chosen)
