"""Grids of pictures."""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.grid_text import spec_as_json, spec_from
from fluxlora_desktop.domain.grids import Grid
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import columns_of, fields_from
from fluxlora_desktop.store.schema import PictureGridRow

_log = logging.getLogger(__name__)


class SqlGridStore:
    """Fills the port `GridStore`; an unknown grid raises `KeyError`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, grid: Grid) -> None:
        """Keep a new grid."""
        columns = columns_of(grid, without=("spec",))
        with self._database.write() as session:
            session.add(PictureGridRow(**columns, spec=spec_as_json(grid.spec)))

    def get(self, grid_id: str) -> Grid:
        """Return a grid; raises `InputError` for one that a newer version wrote."""
        with self._database.read() as session:
            return _grid(_row(session, grid_id))

    def all(self) -> tuple[Grid, ...]:
        """Return the grids not in the trash, newest first; unreadable ones are left out."""
        kept = select(PictureGridRow).where(PictureGridRow.trashed_at.is_(None))
        newest = kept.order_by(PictureGridRow.created_at.desc(), PictureGridRow.id)
        found: list[Grid] = []
        with self._database.read() as session:
            for row in session.scalars(newest).all():
                try:
                    found.append(_grid(row))
                except InputError as error:
                    _log.warning("a grid is left out of the list: %s", error)
        return tuple(found)

    def trash(self, grid_id: str, trashed: bool = True) -> Grid:
        """Put a grid into the app's trash or take it out; its pictures stay where they are."""
        with self._database.write() as session:
            row = _row(session, grid_id)
            row.trashed_at = self._clock.now() if trashed else None
            session.flush()
            return _grid(row)


def _row(session: Session, grid_id: str) -> PictureGridRow:
    row = session.get(PictureGridRow, grid_id)
    if row is None:
        raise KeyError(grid_id)
    return row


def _grid(row: PictureGridRow) -> Grid:
    return Grid(**fields_from(row, Grid, without=("spec",)), spec=spec_from(row.spec))
