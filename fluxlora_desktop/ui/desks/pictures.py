"""The picture desk: make pictures, the gallery's rows, trash."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
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
    PictureRequest,
    PictureState,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.routes import refusal
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.desks.loras import Trash
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.events import PictureChanged
from fluxlora_desktop.workflows.pictures import (
    FAULT,
    STOPPED,
    end_order,
    make_pictures,
    order_pictures,
    save_picture,
    unsaved_file,
    waiting_orders,
)
from fluxlora_desktop.workflows.tools import Tools

FIRST_PAGE = 128
"""Pictures that are read with the rows, so that the first frame shows them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One model of one generator for the chosen Loras; `reason` says why it cannot be used."""

    generator: str
    generator_title: str
    model: GeneratorModel
    reason: str = ""

    @property
    def works(self) -> bool:
        """Tell whether it can be used."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class GalleryRows:
    """The answer to a query: ids in its order, and the first page of its pictures."""

    query: PictureQuery
    ids: tuple[str, ...]
    first: tuple[Picture, ...] = ()


class PictureDesk(Desk):
    """Makes pictures and reads the gallery.

    `rows_ready(GalleryRows)` answers `find`; before it `first_ready(GalleryRows)` may bring the
    first page alone. `page_ready(tuple of Picture)` answers `read`, `ordered(tuple of Picture)`
    when new pictures wait, `changed(Picture)` for each step of one, `offers_changed()` when a
    service said what it offers now, `removed(tuple of ids)`.
    """

    rows_ready = Signal(object)
    first_ready = Signal(object)
    page_ready = Signal(object)
    ordered = Signal(object)
    changed = Signal(object)
    offers_changed = Signal()
    removed = Signal(object)
    restored = Signal(object)

    def __init__(
        self, tools: Tools, jobs: JobRunner, trash: Trash, parent: QObject | None = None
    ) -> None:
        super().__init__(tools, jobs, parent)
        self._trash = trash
        self._orders: dict[str, Job] = {}
        self._ending: dict[str, str] = {}
        self._ended: deque[Picture] = deque()
        self._offers_asked = False

    def offers(self, loras: Sequence[LoraUse]) -> tuple[Offer, ...]:
        """Return every model with what speaks against it for these Loras, the usable ones first."""
        found: list[Offer] = []
        for generator in self.tools.services.generators:
            for model in generator.abilities().models:
                reason = _against(generator.key, model, loras)
                found.append(Offer(generator.key, generator.title, model, reason))
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

    def resume(self) -> None:
        """Make what was ordered before the app ended and never sent."""
        self._run(
            "Find waiting pictures",
            lambda _ctx: waiting_orders(self.tools),
            lane="library",
            done=self._on_waiting,
        )

    def _on_waiting(self, orders: tuple[tuple[PictureRequest, tuple[Picture, ...]], ...]) -> None:
        for request, pictures in orders:
            self._on_ordered(request, pictures)

    def make(self, request: PictureRequest, agreed: Agreement | None = None) -> None:
        """Order pictures: the click that costs money. They appear one by one."""
        if not self._may_launch():
            return
        self._run(
            "Order pictures",
            partial(self._order, request, agreed),
            lane="library",
            done=partial(self._on_ordered, request),
            agreeable=partial(self.make, request),
        )

    def _order(
        self, request: PictureRequest, agreed: Agreement | None, _ctx: JobContext
    ) -> tuple[Picture, ...]:
        return order_pictures(request, self.tools, agreed)

    def _on_ordered(self, request: PictureRequest, pictures: tuple[Picture, ...]) -> None:
        self.ordered.emit(pictures)
        self._send(request, pictures)

    def _send(
        self,
        request: PictureRequest,
        pictures: tuple[Picture, ...],
        agreed: Agreement | None = None,
    ) -> None:
        order_id = pictures[0].order_id
        job = self._run(
            "Make pictures",
            partial(self._make, request, pictures, agreed),
            lane="pictures",
            failed=partial(self._on_order_failed, order_id),
            progress=self._on_progress,
            agreeable=partial(self._send, request, pictures),
            waits="They go on waiting, and you are asked again at the next start.",
        )
        self._orders[order_id] = job
        job.finished.connect(partial(self._on_order_over, order_id))

    def _make(
        self,
        request: PictureRequest,
        pictures: tuple[Picture, ...],
        agreed: Agreement | None,
        ctx: JobContext,
    ) -> tuple[Picture, ...]:
        return make_pictures(pictures, request, self.tools, ctx, agreed)

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        if isinstance(event, PictureChanged):
            self.changed.emit(event.picture)

    def _on_order_failed(self, order_id: str, error: object) -> None:
        """Tell of trouble, never to be done again by a click on the bar: what was sent is paid."""
        self._ending[order_id] = error.detail if isinstance(error, AppError) else FAULT
        self._tell_only(error)

    def _on_order_over(self, order_id: str) -> None:
        self._orders.pop(order_id, None)
        words = self._ending.pop(order_id, "")
        if words:
            self._end(order_id, words)

    def making(self) -> int:
        """Return how many orders are being made."""
        return len(self._orders)

    def stop(self, order_id: str) -> None:
        """Stop an order: what was sent is kept, the rest is not sent.

        What waits is ended at once, so that no later start takes it up; a picture whose request
        was about to leave is looked at again when the work has stopped.
        """
        job = self._orders.get(order_id)
        if job is not None:
            self._ending[order_id] = STOPPED
            job.cancel()
        self._end(order_id, STOPPED)

    def _end(self, order_id: str, words: str) -> None:
        def write() -> None:
            self._ended.extend(end_order(order_id, self.tools, words))

        self._save("End order", write)

    @Slot(object)
    def _on_saved(self, nothing: object) -> None:
        super()._on_saved(nothing)
        while self._ended:
            self.changed.emit(self._ended.popleft())

    def find(self, query: PictureQuery) -> None:
        """Look up the rows of the gallery."""
        self._run(
            "Find pictures",
            partial(self._find, query),
            lane="details",
            done=self.rows_ready.emit,
            progress=self.first_ready.emit,
        )

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

    def delete(self, pictures: Sequence[Picture]) -> None:
        """Move pictures to the computer's trash; the bar offers to bring them back."""
        chosen = tuple(p for p in pictures if p.state is not PictureState.MAKING)
        if not chosen:
            return
        self.removed.emit(tuple(picture.id for picture in chosen))
        self._run(
            "Delete pictures",
            partial(self._put_in_trash, chosen),
            lane="library",
            done=partial(self._on_trashed, chosen),
        )

    def _put_in_trash(
        self, pictures: tuple[Picture, ...], _ctx: JobContext
    ) -> tuple[tuple[Path, Path], ...]:
        moved: list[tuple[Path, Path]] = []
        for picture in pictures:
            path = self.file(picture)
            if path is not None and path.exists():
                trashed = self._trash.put(path)
                if trashed is not None:
                    moved.append((trashed, path))
        self.tools.stores.pictures.trash([picture.id for picture in pictures])
        return tuple(moved)

    def _on_trashed(
        self, pictures: tuple[Picture, ...], moved: tuple[tuple[Path, Path], ...]
    ) -> None:
        noun = "picture was" if len(pictures) == 1 else "pictures were"
        says = f"{len(pictures)} {noun} moved to the trash."
        self.undoable.emit(Undoable(says, partial(self._bring_back, pictures, moved)))

    def _bring_back(
        self, pictures: tuple[Picture, ...], moved: tuple[tuple[Path, Path], ...]
    ) -> None:
        def work(_ctx: JobContext) -> tuple[str, ...]:
            for trashed, original in moved:
                self._trash.restore(trashed, original)
            ids = tuple(picture.id for picture in pictures)
            self.tools.stores.pictures.trash(ids, trashed=False)
            return ids

        self._run("Bring pictures back", work, lane="library", done=self.restored.emit)


def _against(generator: str, model: GeneratorModel, loras: Sequence[LoraUse]) -> str:
    if not loras:
        if model.needs_lora or model.needs_trained_version:
            return f"{model.title} needs a LoRA."
        return "" if model.available else f"{model.title} is not served at present."
    for use in loras:
        reason = refusal(generator, model, use)
        if reason:
            return reason
    limit = 1 if model.needs_trained_version else model.max_loras
    return f"{model.title} takes at most {limit}." if len(loras) > limit else ""


def _refresh(ask: object, _ctx: JobContext) -> GeneratorAbilities:
    assert callable(ask)
    abilities = ask()
    assert isinstance(abilities, GeneratorAbilities)
    return abilities


def _ignore_service_trouble(error: object) -> None:
    """Leave offers as known when a service cannot be asked; a bug is still a bug."""
    if isinstance(error, BaseException) and not isinstance(error, AppError):
        raise error
