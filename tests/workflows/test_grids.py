"""Grids: every cell is paid for once, restarts go on, the rest waits for a click."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.errors import (
    InputError,
    JobCancelled,
    LimitReached,
    OutcomeUnknown,
    PaymentRequired,
    ServiceRefused,
)
from fluxlora_desktop.domain.grids import Axis, AxisKind, GridBase, GridSpec
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EffectKind, EffectState
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.workflows.events import PictureChanged
from fluxlora_desktop.workflows.grids import (
    end_grid,
    estimate_of,
    make_grid,
    open_grid,
    order_grid,
    order_missing,
    requests_of,
    sheet_of,
    waiting_grids,
)
from fluxlora_desktop.workflows.orders import take_up
from tests.workflows.conftest import Bench
from tests.workflows.fakes import Context

_S = PictureState
BASE = GridBase("replicate", "base", "a fox on grass", steps=20)
SPEC = GridSpec(BASE, Axis(AxisKind.SEED, (5, 6)), Axis(AxisKind.STEPS, (10, 20, 30)))


def order(bench: Bench, spec: GridSpec = SPEC):
    return order_grid("Steps", "", spec, bench.tools)


def states(bench: Bench, grid_id: str) -> list[PictureState]:
    there = open_grid(grid_id, bench.tools).pictures
    return [there[cell].state for cell in sorted(there)]


def test_each_cell_is_asked_for_once_along_the_rows(bench):
    grid = order(bench).grid
    assert states(bench, grid.id) == [_S.WAITING] * 6
    make_grid(grid.id, bench.tools, bench.ctx)
    assert [(asked.seed, asked.steps) for asked in bench.generator.asked] == [
        (seed, steps) for seed in (5, 6) for steps in (10, 20, 30)
    ]
    there = open_grid(grid.id, bench.tools)
    assert there.done() == 6
    assert not there.missing()
    charges = bench.tools.stores.ledger.charges()
    assert sum(charge.amount_usd for charge in charges) == Decimal("0.18")
    assert {e.picture.cell for e in bench.ctx.events if isinstance(e, PictureChanged)} == {
        *range(6)
    }


def test_grid_that_would_pass_the_monthly_limit_is_not_kept_unless_a_person_agrees(bench):
    bench.tools.budget.set_limit(Decimal("0.10"))
    with pytest.raises(LimitReached) as asked:
        order(bench)
    assert bench.tools.stores.grids.all() == ()
    assert bench.tools.stores.pictures.unfinished() == ()

    grid = order_grid("Steps", "", SPEC, bench.tools, Agreement(asked.value.reach)).grid

    assert len(make_grid(grid.id, bench.tools, bench.ctx)) == 6


def test_rest_of_a_grid_asks_at_the_limit_too(bench):
    grid = order(bench).grid
    end_grid(grid.id, bench.tools, "stopped")
    bench.tools.budget.set_limit(Decimal("0.10"))
    with pytest.raises(LimitReached) as asked:
        order_missing(grid.id, bench.tools)
    rest = order_missing(grid.id, bench.tools, Agreement(asked.value.reach))
    assert len(rest.waiting()) == 6


def test_price_of_a_grid_is_that_of_its_cells(bench):
    estimate = estimate_of(requests_of(SPEC, bench.tools), bench.tools)
    assert estimate.low_usd == Decimal("0.18")


def test_refused_grid_leaves_nothing_behind(bench):
    with pytest.raises(InputError, match="Steps 90"):
        order(bench, replace(SPEC, columns=Axis(AxisKind.STEPS, (10, 90))))
    assert bench.tools.stores.grids.all() == ()
    assert bench.tools.stores.pictures.ids() == ()
    with pytest.raises(InputError, match="not offered"):
        order(bench, replace(SPEC, base=replace(BASE, generator="nobody")))


def test_account_trouble_ends_the_grid_and_a_click_makes_the_rest_anew(bench):
    grid = order(bench).grid
    bench.generator.replies = [
        ServiceRefused("replicate", "NSFW"),
        PaymentRequired("replicate", ""),
    ]
    make_grid(grid.id, bench.tools, bench.ctx)
    assert len(bench.generator.asked) == 2
    assert states(bench, grid.id) == [_S.FAILED] * 6
    again = order_missing(grid.id, bench.tools)
    assert again.waiting() == tuple(range(6))
    make_grid(grid.id, bench.tools, bench.ctx)
    assert states(bench, grid.id) == [_S.DONE] * 6
    assert order_missing(grid.id, bench.tools).done() == 6
    assert len(bench.generator.asked) == 8


def test_lost_answer_is_never_sent_again_by_itself(bench):
    grid = order(bench).grid
    bench.generator.replies = [OutcomeUnknown("replicate", "reset")]
    make_grid(grid.id, bench.tools, bench.ctx)
    there = open_grid(grid.id, bench.tools)
    assert there.pictures[0].state is _S.MAYBE_CHARGED
    assert (there.missing(), there.done()) == ((0,), 5)
    make_grid(grid.id, bench.tools, bench.ctx)
    assert len(bench.generator.asked) == 6
    effect = bench.tools.stores.runs.live_effect(EffectKind.PICTURE, there.pictures[0].id)
    assert effect.state is EffectState.UNKNOWN


class Stops(Context):
    """A context that is stopped before the third picture."""

    checks = 0

    def check(self) -> None:
        self.checks += 1
        if self.checks > 2:
            raise JobCancelled


def test_stopped_app_goes_on_with_what_waits_and_sends_nothing_twice(bench):
    grid = order(bench).grid
    with pytest.raises(JobCancelled):
        make_grid(grid.id, bench.tools, Stops(bench.clock))
    assert states(bench, grid.id) == [_S.DONE, _S.DONE, *[_S.WAITING] * 4]
    assert take_up(bench.tools)[1] == ()  # the gallery's queue leaves the cells alone
    assert waiting_grids(bench.tools) == (grid.id,)
    make_grid(grid.id, bench.tools, bench.ctx)
    assert states(bench, grid.id) == [_S.DONE] * 6
    assert len(bench.generator.asked) == 6
    assert waiting_grids(bench.tools) == ()


def test_grid_of_yesterday_or_in_the_trash_waits_for_a_click(bench):
    grid = order(bench).grid
    bench.tools.stores.grids.trash(grid.id)
    assert waiting_grids(bench.tools) == ()
    bench.tools.stores.grids.trash(grid.id, trashed=False)
    bench.clock.pass_seconds(timedelta(days=1, seconds=1).total_seconds())
    assert waiting_grids(bench.tools) == ()
    assert open_grid(grid.id, bench.tools).waiting() == tuple(range(6))


def test_stop_ends_what_was_not_sent_and_nothing_else(bench):
    grid, other = order(bench).grid, order(bench).grid
    with pytest.raises(JobCancelled):
        make_grid(grid.id, bench.tools, Stops(bench.clock))
    assert len(end_grid(grid.id, bench.tools, "You stopped it.")) == 4
    there = open_grid(grid.id, bench.tools)
    assert (there.done(), there.missing()) == (2, (2, 3, 4, 5))
    assert there.pictures[5].error == "You stopped it."
    assert states(bench, other.id) == [_S.WAITING] * 6


def test_deleted_cell_is_a_missing_one(bench):
    grid = order(bench).grid
    make_grid(grid.id, bench.tools, bench.ctx)
    bench.tools.stores.pictures.trash([open_grid(grid.id, bench.tools).pictures[4].id])
    assert open_grid(grid.id, bench.tools).missing() == (4,)


def test_sheet_has_a_label_for_every_row_and_column(bench):
    grid = order(bench).grid
    bench.generator.replies = [ServiceRefused("replicate", "NSFW")]
    make_grid(grid.id, bench.tools, bench.ctx)
    sheet = sheet_of(open_grid(grid.id, bench.tools), bench.tools)
    assert sheet.title == "Steps"
    assert "a fox on grass" in sheet.note
    assert sheet.rows == ("Seed 5", "Seed 6")
    assert sheet.columns == ("Steps 10", "Steps 20", "Steps 30")
    assert [cell.path is not None for cell in sheet.cells] == [False, *[True] * 5]
    assert '"seed"' in sheet.facts
