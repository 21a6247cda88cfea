"""The grid desk: plan a grid, make it, take it up again, keep it as one picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from fluxlora_desktop.domain.errors import AppError, EngineBusy, InputError, LoraNotUsable
from fluxlora_desktop.domain.grids import GridSpec
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.pictures import Picture
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.jobs.runner import Job, JobRunner
from fluxlora_desktop.ui.desks.base import Desk
from fluxlora_desktop.ui.undoable import Undoable
from fluxlora_desktop.workflows.events import OrderRefused, PictureAdvanced, PictureChanged
from fluxlora_desktop.workflows.grids import (
    OpenGrid,
    end_grid,
    estimate_of,
    export_grid,
    make_grid,
    open_grid,
    order_grid,
    order_missing,
    requests_of,
    waiting_grids,
)
from fluxlora_desktop.workflows.pictures import FAULT, STOPPED
from fluxlora_desktop.workflows.tools import Tools


@dataclass(frozen=True, slots=True)
class Quote:
    """What a grid would cost, or why it cannot be made; `field` names what to mend."""

    count: int
    estimate: Estimate | None
    problem: str = ""
    field: str = ""


class GridDesk(Desk):
    """Makes grids and reads them.

    `listed()` when the list is known or changed, `opened(OpenGrid)` answers `open` and an order,
    `changed(Picture)` for each step of a cell, `advanced(PictureAdvanced)` when its generator tells
    how far it is, `rested(str)` with a grid's id when nothing of it is
    under way any more, `ordered(tuple of Picture)` when cells wait.
    """

    listed = Signal()
    opened = Signal(object)
    changed = Signal(object)
    advanced = Signal(object)
    rested = Signal(str)
    ordered = Signal(object)

    def __init__(self, tools: Tools, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(tools, jobs, parent)
        self._grids: dict[str, OpenGrid] = {}
        self._making: dict[str, Job] = {}
        self._ending: dict[str, str] = {}
        self._ended: deque[Picture] = deque()
        self._card_wanted: set[str] = set()
        self.loaded = False

    def load(self) -> None:
        """Read the list of grids."""
        self._run("List grids", self._list, lane="details", done=self._on_listed)

    def _list(self, _ctx: JobContext) -> tuple[OpenGrid, ...]:
        return tuple(open_grid(grid.id, self.tools) for grid in self.tools.stores.grids.all())

    @Slot(object)
    def _on_listed(self, grids: tuple[OpenGrid, ...]) -> None:
        self._grids = {there.grid.id: there for there in grids}
        self.loaded = True
        self.listed.emit()

    def grids(self, lora_id: str = "") -> tuple[OpenGrid, ...]:
        """Return the grids, newest first, of one Lora or of all."""
        every = sorted(self._grids.values(), key=lambda there: there.grid.created_at, reverse=True)
        return tuple(there for there in every if not lora_id or there.grid.lora_id == lora_id)

    def grid(self, grid_id: str) -> OpenGrid | None:
        """Return a grid that is known, or None."""
        return self._grids.get(grid_id)

    def quote(self, spec: GridSpec, loras: Sequence[Lora]) -> Quote:
        """Return what a grid would cost, or why it cannot be made; no network, no disk."""
        if self.held is not None:
            return Quote(spec.count, None, "Changes are not being saved, so nothing is sent.")
        known = {lora.id: lora for lora in loras}
        try:
            requests = requests_of(spec, self.tools, known)
        except InputError as error:
            return Quote(spec.count, None, _sentence(error.reason), error.field)
        except LoraNotUsable as error:
            return Quote(spec.count, None, _sentence(error.reason), "model")
        return Quote(len(requests), estimate_of(requests, self.tools))

    def price_of_rest(self, there: OpenGrid, loras: Sequence[Lora]) -> Estimate | None:
        """Return what the cells that are missing or wait would cost, None when they cannot be."""
        known = {lora.id: lora for lora in loras}
        try:
            requests = requests_of(there.grid.spec, self.tools, known)
        except AppError:
            return None
        wanted = (*there.missing(), *there.waiting())
        return estimate_of([requests[cell] for cell in wanted], self.tools)

    def make(
        self, title: str, lora_id: str, spec: GridSpec, agreed: Agreement | None = None
    ) -> None:
        """Order a grid: the click that costs money. Its cells appear one by one."""
        if not self._may_launch():
            return

        def work(_ctx: JobContext) -> OpenGrid:
            return order_grid(title, lora_id, spec, self.tools, agreed)

        again = partial(self.make, title, lora_id, spec)
        self._run("Order a grid", work, lane="library", done=self._on_ordered, agreeable=again)

    def make_rest(self, grid_id: str, agreed: Agreement | None = None) -> None:
        """Make what is missing of a grid: a click that costs money as well."""
        if not self._may_launch() or grid_id in self._making:
            return

        def work(_ctx: JobContext) -> OpenGrid:
            return order_missing(grid_id, self.tools, agreed)

        again = partial(self.make_rest, grid_id)
        self._run(
            "Order the rest of a grid",
            work,
            lane="library",
            done=self._on_ordered,
            agreeable=again,
        )

    def resume(self) -> None:
        """Go on with the grids that the last end of the app broke off."""
        self._run(
            "Find unfinished grids",
            lambda _ctx: waiting_grids(self.tools),
            lane="library",
            done=self._on_waiting,
        )

    @Slot(object)
    def _on_waiting(self, grid_ids: tuple[str, ...]) -> None:
        for grid_id in grid_ids:
            self._start(grid_id)

    @Slot(object)
    def _on_ordered(self, there: OpenGrid) -> None:
        self._keep(there)
        self.ordered.emit(tuple(there.pictures[cell] for cell in there.waiting()))
        self.opened.emit(there)
        self._start(there.grid.id)

    def _start(self, grid_id: str, agreed: Agreement | None = None) -> None:
        if grid_id in self._making:
            return
        job = self._run(
            "Make a grid",
            partial(self._make, grid_id, agreed),
            lane="pictures",
            failed=partial(self._on_failed_grid, grid_id),
            progress=self._on_progress,
            agreeable=partial(self._start, grid_id),
            waits="Its cells go on waiting, and you are asked again at the next start.",
        )
        self._making[grid_id] = job
        job.finished.connect(partial(self._on_over, grid_id))

    def _make(self, grid_id: str, agreed: Agreement | None, ctx: JobContext) -> tuple[Picture, ...]:
        return make_grid(grid_id, self.tools, ctx, agreed)

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        if isinstance(event, PictureChanged):
            self._take(event.picture)
        elif isinstance(event, PictureAdvanced):
            self.advanced.emit(event)
        elif isinstance(event, OrderRefused):
            self._tell_only(event.error)

    def _take(self, picture: Picture) -> None:
        there = self._grids.get(picture.grid_id)
        if there is not None:
            fresh = {**there.pictures, picture.cell: picture}
            self._grids[picture.grid_id] = OpenGrid(there.grid, fresh)
        self.changed.emit(picture)

    def _on_failed_grid(self, grid_id: str, error: object) -> None:
        """Tell of trouble, never to be done again by a click on the bar: what was sent is paid."""
        if isinstance(error, EngineBusy):
            self._card_wanted.add(grid_id)
            self._tell_only(error)
            return
        self._ending[grid_id] = error.detail if isinstance(error, AppError) else FAULT
        self._tell_only(error)

    def _on_over(self, grid_id: str) -> None:
        self._making.pop(grid_id, None)
        words = self._ending.pop(grid_id, "")
        if words:
            self._end(grid_id, words)
        self.rested.emit(grid_id)

    def card_freed(self) -> None:
        """Make what waited for the graphics card; a training that runs keeps it waiting."""
        waiting, self._card_wanted = self._card_wanted, set()
        for grid_id in waiting:
            self._start(grid_id)

    def is_making(self, grid_id: str) -> bool:
        """Tell whether a grid is being made now."""
        return grid_id in self._making

    def stop(self, grid_id: str) -> None:
        """Stop a grid: what was sent is kept, the rest is not sent."""
        job = self._making.get(grid_id)
        if job is not None:
            self._ending[grid_id] = STOPPED
            job.cancel()
        self._end(grid_id, STOPPED)

    def _end(self, grid_id: str, words: str) -> None:
        def write() -> None:
            self._ended.extend(end_grid(grid_id, self.tools, words))

        self._save("End grid", write)

    @Slot(object)
    def _on_saved(self, nothing: object) -> None:
        super()._on_saved(nothing)
        while self._ended:
            self._take(self._ended.popleft())

    def open(self, grid_id: str) -> None:
        """Read a grid with its pictures."""

        def work(_ctx: JobContext) -> OpenGrid:
            return open_grid(grid_id, self.tools)

        self._run("Open grid", work, lane="details", done=self._on_open)

    @Slot(object)
    def _on_open(self, there: OpenGrid) -> None:
        self._keep(there)
        self.opened.emit(there)

    def _keep(self, there: OpenGrid) -> None:
        fresh = there.grid.id not in self._grids
        self._grids[there.grid.id] = there
        if fresh:
            self.listed.emit()

    def delete(self, grid_id: str) -> None:
        """Take a grid off the list; its pictures stay in the gallery, and the bar offers undo."""
        there = self._grids.pop(grid_id, None)
        if there is None:
            return
        self.stop(grid_id)
        self.listed.emit()
        self._save("Delete grid", partial(self.tools.stores.grids.trash, grid_id))
        says = f"The grid “{there.grid.title}” was deleted. Its pictures are in the gallery."
        self.undoable.emit(Undoable(says, partial(self._bring_back, grid_id)))

    def _bring_back(self, grid_id: str) -> None:
        def work(_ctx: JobContext) -> OpenGrid:
            self.tools.stores.grids.trash(grid_id, trashed=False)
            return open_grid(grid_id, self.tools)

        self._run("Bring grid back", work, lane="library", done=self._keep)

    def export(self, grid_id: str, target: Path) -> None:
        """Write a grid as one labelled picture."""

        def work(ctx: JobContext) -> str:
            export_grid(grid_id, target, self.tools, ctx)
            return f"Saved as {target.name}."

        self._run("Save grid", work, lane="disk", done=self.said.emit)

    def thumb(self, picture: Picture) -> Path | None:
        """Return where a picture's thumbnail lies, or None."""
        return self.tools.stores.files.resolve(picture.thumb) if picture.thumb else None

    def file(self, picture: Picture) -> Path | None:
        """Return where a picture's file lies, or None."""
        return self.tools.stores.files.resolve(picture.file) if picture.file else None


def names_of(there: OpenGrid, loras: Sequence[Lora]) -> Mapping[str, str]:
    """Return the names of Loras by id; one that is gone has the name that the grid knows."""
    known = {part.lora_id: part.name for part in there.grid.spec.base.loras}
    return known | {lora.id: lora.name for lora in loras}


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
