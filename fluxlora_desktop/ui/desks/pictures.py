"""The picture desk: make pictures, the gallery's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.errors import AppError
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import (
    GeneratorAbilities,
    GeneratorModel,
    LoraUse,
    Picture,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.routes import Remedy, refused_for
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.queue import QueueDesk
from fluxlora_desktop.workflows.pictures import save_picture, unsaved_file
from fluxlora_desktop.workflows.tools import Tools

FIRST_PAGE = 128
"""Pictures that are read with the rows, so that the first frame shows them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One model of one generator for the chosen Loras.

    `reason` says why it cannot be used, `remedy` what helps, and for which of them.
    """

    generator: str
    generator_title: str
    model: GeneratorModel
    reason: str = ""
    remedy: Remedy = Remedy.NONE
    lora_id: str = ""

    @property
    def works(self) -> bool:
        """Tell whether it can be used."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """A model to make the next pictures with, as another page asks for it.

    Without `lora_id` the order that was refused last is taken up with it.
    """

    generator: str
    model: str
    lora_id: str = ""


@dataclass(frozen=True, slots=True)
class GalleryRows:
    """The answer to a query: ids in its order, and the first page of its pictures."""

    query: PictureQuery
    ids: tuple[str, ...]
    first: tuple[Picture, ...] = ()


class PictureDesk(QueueDesk):
    """Makes pictures, as `QueueDesk` tells, and reads the gallery.

    `rows_ready(GalleryRows)` answers `find`; before it `first_ready(GalleryRows)` may bring the
    first page alone. `page_ready(tuple of Picture)` answers `read`, `offers_changed()` tells that a
    service said what it offers now.
    """

    rows_ready = Signal(object)
    first_ready = Signal(object)
    page_ready = Signal(object)
    offers_changed = Signal()

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self._offers_asked = False
        self._finding: Job | None = None
        self.refused.connect(self.offers_changed)

    def offers(self, loras: Sequence[LoraUse]) -> tuple[Offer, ...]:
        """Return every model with what speaks against it for these Loras, the usable ones first."""
        found: list[Offer] = []
        for generator in self.tools.services.generators:
            for model in generator.abilities().models:
                offer = Offer(generator.key, generator.title, model)
                if against := refused_for(generator.key, model, loras):
                    offer = replace(
                        offer,
                        reason=against.words,
                        remedy=against.remedy,
                        lora_id=against.lora_id,
                    )
                found.append(offer)
        return tuple(sorted(found, key=lambda offer: not offer.works))

    def refresh_offers_once(self) -> None:
        """Ask every generator what it offers now, unless that was done since the start."""
        if not self._offers_asked:
            self._offers_asked = True
            self.refresh_offers()

    def refresh_offers(self) -> None:
        """Ask every generator what it offers now; the ones that cannot be asked stay as known."""
        for generator in self.tools.services.generators:
            self._run(
                f"Ask {generator.title}",
                partial(_refresh, generator.refresh),
                lane="network",
                done=self._on_offers,
                failed=_ignore_service_trouble,
            )

    @Slot(object)
    def _on_offers(self, _abilities: object) -> None:
        self.offers_changed.emit()

    def estimate(self, offer: Offer, width: int, height: int, steps: int, count: int) -> Estimate:
        """Return the price and time range of an order."""
        return offer.model.estimate(width, height, steps).times(count)

    def find(self, query: PictureQuery) -> None:
        """Look up the rows of the gallery."""
        if self._finding is not None:
            self._finding.cancel()  # what waits for its turn is not asked any more
        job = self._run(
            "Find pictures",
            partial(self._find, query),
            lane="details",
            done=self.rows_ready.emit,
            progress=self.first_ready.emit,
        )
        self._finding = job
        job.finished.connect(partial(self._on_find_over, job))

    def _on_find_over(self, job: Job) -> None:
        if self._finding is job:
            self._finding = None

    def _find(self, query: PictureQuery, ctx: JobContext) -> GalleryRows:
        store = self.tools.stores.pictures
        ids = store.ids(query, most=FIRST_PAGE)
        first = store.page(ids)
        if len(ids) < FIRST_PAGE:
            return GalleryRows(query, ids, first)
        ctx.report(GalleryRows(query, ids, first))
        return GalleryRows(query, store.ids(query), first)

    def read(self, ids: Sequence[str]) -> None:
        """Read these pictures."""
        self._run(
            "Read pictures",
            partial(self._read, tuple(ids)),
            lane="details",
            done=self.page_ready.emit,
        )

    def _read(self, ids: tuple[str, ...], _ctx: JobContext) -> tuple[Picture, ...]:
        return self.tools.stores.pictures.page(ids)

    def is_free(self, picture: Picture) -> bool:
        """Tell whether nobody is ever paid for a picture of its model."""
        return picture.generator in self.free_generators()

    def file(self, picture: Picture) -> Path | None:
        """Return where a picture's file lies, or None when it has none."""
        return self.tools.stores.files.resolve(picture.file) if picture.file else None

    def spilled(self, picture: Picture) -> Path | None:
        """Return where a picture lies that was paid for and that the library could not take."""
        return unsaved_file(picture, self.tools)

    def thumb(self, picture: Picture) -> Path | None:
        """Return where a picture's thumbnail lies, or None."""
        return self.tools.stores.files.resolve(picture.thumb) if picture.thumb else None

    def locate(self, name: str) -> Path:
        """Return where a file of the library lies; asks the disk, so call it in a job.

        Raises `StorageError` for a name that leads out of the library.
        """
        return self.tools.stores.files.resolve(name)

    def save_as(self, picture: Picture, target: Path, *, clean: bool = False) -> None:
        """Copy a picture's file elsewhere; `clean` leaves its metadata out."""
        if not picture.file and self.spilled(picture) is None:
            return

        def work(_ctx: JobContext) -> str:
            save_picture(picture, target, self.tools, clean=clean)
            return f"Saved as {target.name}."

        self._run("Save picture", work, lane="disk", done=self.said.emit)


def _refresh(ask: object, _ctx: JobContext) -> GeneratorAbilities:
    assert callable(ask)
    abilities = ask()
    assert isinstance(abilities, GeneratorAbilities)
    return abilities


def _ignore_service_trouble(error: object) -> None:
    """Leave offers as known when a service cannot be asked; a bug is still a bug."""
    if isinstance(error, BaseException) and not isinstance(error, AppError):
        raise error
