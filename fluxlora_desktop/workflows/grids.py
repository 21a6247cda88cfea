"""Make grids: order every cell, make them one after another, take up what a restart left."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from operator import add
from pathlib import Path

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.gallery import PictureQuery
from fluxlora_desktop.domain.grid_text import spec_as_json
from fluxlora_desktop.domain.grids import (
    AxisKind,
    Grid,
    GridSpec,
    cells,
    newest_by_cell,
    value_words,
)
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.money import NOTHING, Estimate
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureRequest, PictureState
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.sheets import Sheet, SheetCell
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.workflows.pictures import end_order, make_each, request_of
from fluxlora_desktop.workflows.spending import passing
from fluxlora_desktop.workflows.tools import Tools

LONGEST_WAIT = timedelta(days=1)
"""After this long the rest of a grid is made at a click only, as its price was agreed to then."""
_GONE = "Its LoRA is no longer in the library. Nothing was charged."
_ON_ITS_WAY = frozenset({PictureState.WAITING, PictureState.MAKING})


@dataclass(frozen=True, slots=True)
class OpenGrid:
    """A grid with the picture that stands in each cell, by the cell's number."""

    grid: Grid
    pictures: Mapping[int, Picture]

    def missing(self) -> tuple[int, ...]:
        """Return the cells that hold no picture and wait for none."""
        there = _ON_ITS_WAY | {PictureState.DONE}
        found = {cell for cell, picture in self.pictures.items() if picture.state in there}
        return tuple(cell for cell in range(self.grid.spec.count) if cell not in found)

    def waiting(self) -> tuple[int, ...]:
        """Return the cells that are ordered and not made yet."""
        pairs = sorted(self.pictures.items())
        return tuple(cell for cell, picture in pairs if picture.state in _ON_ITS_WAY)

    def done(self) -> int:
        """Return how many cells hold a picture."""
        return sum(picture.state is PictureState.DONE for picture in self.pictures.values())


def requests_of(
    spec: GridSpec, tools: Tools, loras: Mapping[str, Lora] | None = None
) -> tuple[PictureRequest, ...]:
    """Return the checked order of each cell; no network.

    Raises `InputError` and `LoraNotUsable`, with the value named.
    """
    try:
        generator = tools.services.generator(spec.base.generator)
    except KeyError:
        raise InputError("model", f"{spec.base.generator} is not offered at present") from None
    known = _loras(tools) if loras is None else loras
    return cells(spec, generator.abilities(), known)


def _loras(tools: Tools) -> Mapping[str, Lora]:
    return {lora.id: lora for lora in tools.stores.loras.all()}


def estimate_of(requests: Sequence[PictureRequest], tools: Tools) -> Estimate:
    """Return the price and time range of some cells, made one after another; no network."""
    found: list[Estimate] = []
    for request in requests:
        model = tools.services.generator(request.generator).abilities().model(request.model)
        if model is not None:
            found.append(model.estimate(request.width, request.height, request.steps))
    total = reduce(add, found, Estimate(NOTHING, NOTHING))
    return replace(total, basis="; ".join(dict.fromkeys(one.basis for one in found if one.basis)))


def order_grid(
    title: str, lora_id: str, spec: GridSpec, tools: Tools, agreed: Agreement | None = None
) -> OpenGrid:
    """Keep a grid and write its cells down as waiting; nothing is sent yet.

    Raises `InputError` and `LoraNotUsable` when one of the cells cannot be made, `LimitReached`.
    """
    requests = requests_of(spec, tools)
    name = title.strip()[:120] or "Grid"
    grid = Grid(secrets.token_hex(8), name, lora_id, spec, tools.clock.now())
    order = secrets.token_hex(8)
    with passing(order, estimate_of(requests, tools).high_usd, tools, agreed):
        tools.stores.grids.add(grid)
        return _order_cells(order, grid, dict(enumerate(requests)), tools)


def order_missing(grid_id: str, tools: Tools, agreed: Agreement | None = None) -> OpenGrid:
    """Order the cells anew that hold no picture: lost, stopped or thrown away.

    Raises as `order_grid` does.
    """
    there = open_grid(grid_id, tools)
    requests = requests_of(there.grid.spec, tools)
    missing = {cell: requests[cell] for cell in there.missing()}
    order = secrets.token_hex(8)
    price = estimate_of(tuple(missing.values()), tools).high_usd
    with passing(order, price, tools, agreed):
        return _order_cells(order, there.grid, missing, tools)


def _order_cells(
    order: str, grid: Grid, requests: Mapping[int, PictureRequest], tools: Tools
) -> OpenGrid:
    """Write cells down as waiting pictures of one order, and return the grid as it stands."""
    tools.stores.pictures.add(
        [_picture(order, request, grid.id, cell, tools) for cell, request in requests.items()]
    )
    return open_grid(grid.id, tools)


def _picture(order: str, request: PictureRequest, grid_id: str, cell: int, tools: Tools) -> Picture:
    model = tools.services.generator(request.generator).abilities().model(request.model)
    return Picture(
        id=f"{order}{cell:02d}",
        order_id=order,
        state=PictureState.WAITING,
        generator=request.generator,
        model=request.model,
        base=model.base if model else "",
        prompt=request.prompt,
        loras=tuple(
            PictureLora(use.lora_id, use.name, use.scale, use.tensor_hash) for use in request.loras
        ),
        width=request.width,
        height=request.height,
        steps=request.steps,
        guidance=request.guidance,
        seed=request.seed,
        created_at=tools.clock.now(),
        grid_id=grid_id,
        cell=cell,
    )


def open_grid(grid_id: str, tools: Tools) -> OpenGrid:
    """Return a grid as it stands; raises `KeyError` for an unknown one."""
    pictures = tools.stores.pictures
    ids = pictures.ids(PictureQuery(grid_id=grid_id))
    return OpenGrid(tools.stores.grids.get(grid_id), newest_by_cell(pictures.page(ids)))


def make_grid(
    grid_id: str, tools: Tools, ctx: JobContext, agreed: Agreement | None = None
) -> tuple[Picture, ...]:
    """Make the waiting cells of a grid, one after another, as `make_pictures` makes an order."""
    orders: list[tuple[Picture, PictureRequest]] = []
    for picture in _waiting(grid_id, tools):
        try:
            orders.append((picture, request_of(picture, 1, tools)))
        except KeyError:
            end_order(picture.order_id, tools, _GONE)
    return make_each(orders, tools, ctx, agreed)


def _waiting(grid_id: str, tools: Tools) -> tuple[Picture, ...]:
    return tuple(
        picture
        for picture in tools.stores.pictures.unfinished()
        if picture.grid_id == grid_id and picture.state is PictureState.WAITING
    )


def end_grid(grid_id: str, tools: Tools, words: str) -> tuple[Picture, ...]:
    """End what still waits of a grid, and return those pictures; none of them was sent."""
    orders = dict.fromkeys(picture.order_id for picture in _waiting(grid_id, tools))
    return tuple(ended for order in orders for ended in end_order(order, tools, words))


def waiting_grids(tools: Tools) -> tuple[str, ...]:
    """Return the grids that go on after a restart, oldest first: ordered within the last day.

    The rest of an older one waits for a click.
    """
    oldest = tools.clock.now() - LONGEST_WAIT
    kept = {grid.id for grid in tools.stores.grids.all()}
    waiting = (
        picture.grid_id
        for picture in tools.stores.pictures.unfinished()
        if picture.state is PictureState.WAITING and picture.created_at >= oldest
    )
    return tuple(grid_id for grid_id in dict.fromkeys(waiting) if grid_id in kept)


def export_grid(grid_id: str, target: Path, tools: Tools, ctx: JobContext) -> None:
    """Write a grid as one labelled picture; the format is that of the target's name.

    Raises `InputError` when it holds no picture yet, `StorageError` and its kin.
    """
    there = open_grid(grid_id, tools)
    if not there.done():
        raise InputError("grid", "It holds no picture yet")
    ctx.check()
    tools.pictures.sheet(sheet_of(there, tools), target)


def sheet_of(there: OpenGrid, tools: Tools) -> Sheet:
    """Return a grid as a sheet: labels, files, and what was asked for."""
    spec, names = there.grid.spec, {lora.id: lora.name for lora in tools.stores.loras.all()}
    names = {part.lora_id: part.name for part in spec.base.loras} | names
    note = [spec.base.prompt] if spec.axis(AxisKind.PROMPT) is None else []
    varied = spec.axis(AxisKind.SCALE) is not None
    for place, part in enumerate(spec.base.loras):
        note.append(part.name if varied and place == 0 else f"{part.name} {part.scale:g}")
    note.append(_made_by(spec, tools))
    return Sheet(
        title=there.grid.title,
        note=" · ".join(note),
        rows=tuple(value_words(spec.rows.kind, value, names) for value in spec.rows.values),
        columns=tuple(
            value_words(spec.columns.kind, value, names) for value in spec.columns.values
        ),
        cells=tuple(_sheet_cell(there.pictures.get(cell), tools) for cell in range(spec.count)),
        width=spec.base.width,
        height=spec.base.height,
        facts=json.dumps({"fluxlora_grid": spec_as_json(spec)}, ensure_ascii=False),
    )


def _made_by(spec: GridSpec, tools: Tools) -> str:
    try:
        generator = tools.services.generator(spec.base.generator)
    except KeyError:
        return f"{spec.base.model} at {spec.base.generator}"
    model = generator.abilities().model(spec.base.model)
    if model is not None and generator.title.casefold() in model.title.casefold():
        return model.title
    return f"{model.title if model else spec.base.model} at {generator.title}"


def _sheet_cell(picture: Picture | None, tools: Tools) -> SheetCell:
    if picture is None or picture.state is not PictureState.DONE or not picture.file:
        return SheetCell(None, "Not made")
    path = tools.stores.files.resolve(picture.file)
    return SheetCell(path, "Picture") if path.is_file() else SheetCell(None, "Its file is gone")
