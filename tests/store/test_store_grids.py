"""Grids in the library."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fluxlora_desktop.domain.grids import Axis, AxisKind, BaseLora, Grid, GridBase, GridSpec
from fluxlora_desktop.store.library import open_library
from tests.ui.fakes import WallClock

SPEC = GridSpec(
    GridBase("replicate", "m", "FOXX, “a fox”\nat night", (BaseLora("l1", "Fox", 0.8, "ab"),)),
    Axis(AxisKind.SEED, (1, 2)),
    Axis(AxisKind.SCALE, (0.0, 0.4, 1.2)),
)
GRID = Grid("g1", "Strength of Fox", "l1", SPEC, datetime(2026, 11, 23, tzinfo=UTC))


def test_grids_come_back_newest_first_and_leave_for_the_trash_and_back(tmp_path: Path) -> None:
    library = open_library(tmp_path, clock=WallClock())
    grids = library.stores.grids
    later = replace(GRID, id="g2", created_at=datetime(2026, 11, 24, tzinfo=UTC))
    grids.add(GRID)
    grids.add(later)
    assert grids.all() == (later, GRID)
    assert grids.get("g1") == GRID
    assert grids.trash("g2").trashed_at is not None
    assert grids.all() == (GRID,)
    grids.trash("g2", trashed=False)
    library.close()
    again = open_library(tmp_path, clock=WallClock())
    assert again.stores.grids.all() == (later, GRID)
    with pytest.raises(KeyError):
        again.stores.grids.get("g3")
    again.close()
