"""What a person looks at in the grid, kept while rows come, go and change their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint

from fluxlora_desktop.ui.gallery.cells import GAP
from fluxlora_desktop.ui.gallery.model import PictureModel
from fluxlora_desktop.ui.gallery.view import GridView

_Flag = QItemSelectionModel.SelectionFlag


@dataclass(frozen=True, slots=True)
class Place:
    """The current picture, the selected ones, and which one is at the top at which height."""

    current: str
    selected: frozenset[str]
    top: str
    height: int


def selected_ids(grid: GridView, model: PictureModel) -> tuple[str, ...]:
    """Return the ids of all selected rows, in their order."""
    selection = grid.selectionModel().selection()
    rows: set[int] = set()
    for span in map(selection.at, range(selection.count())):
        rows.update(range(span.top(), span.bottom() + 1))
    return tuple(map(model.id_at, sorted(rows)))


def remember(grid: GridView, model: PictureModel) -> Place:
    """Return what is looked at now; at the very top, what is new there shall be seen."""
    first = grid.indexAt(QPoint(GAP, GAP))
    above = grid.verticalScrollBar().value() == 0 or not first.isValid()
    current = grid.currentIndex()
    return Place(
        model.id_at(current.row()) if current.isValid() else "",
        frozenset(selected_ids(grid, model)),
        "" if above else model.id_at(first.row()),
        grid.visualRect(first).top(),
    )


def go_back(grid: GridView, model: PictureModel, place: Place) -> None:
    """Select and show what was looked at, as far as it is still there."""
    chosen = grid.selectionModel()
    here = model.row_of(place.current) if place.current else -1
    bar = grid.verticalScrollBar()
    kept = bar.value()
    if here >= 0 and grid.currentIndex().row() != here:
        chosen.setCurrentIndex(model.index(here), _Flag.NoUpdate)
        bar.setValue(kept)
    if frozenset(selected_ids(grid, model)) != place.selected:
        rows = sorted(model.rows_of(place.selected))
        chosen.select(_selection(model, rows), _Flag.ClearAndSelect)
    top = model.row_of(place.top) if place.top else -1
    if top >= 0:
        bar.setValue(bar.value() + grid.visualRect(model.index(top)).top() - place.height)


def _selection(model: PictureModel, rows: Iterable[int]) -> QItemSelection:
    selection = QItemSelection()
    first = last = -2
    for row in (*rows, -2):
        if row == last + 1:
            last = row
            continue
        if first >= 0:
            selection.select(model.index(first), model.index(last))
        first = last = row
    return selection
