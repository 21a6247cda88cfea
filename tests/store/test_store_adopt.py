"""A training found at its service becomes a run whole, or not at all, and only once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.recovery import Adoption
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunPlan, RunState
from fluxlora_desktop.domain.training import ListedTraining, RemoteRun, RemoteState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.schema import DatasetRow, EffectRow, RunRow
from tests.store.conftest import Shelf

_AT = datetime(2026, 11, 20, tzinfo=UTC)
_TRAINING = ListedTraining(
    RemoteRun("replicate", "lost-1", "a/trainer", "http://page", "v1", "handle", 700),
    RemoteState.SUCCEEDED,
    created_at=_AT,
    owner="tester",
    base="flux.1-dev",
    trigger_word="GLZFOX",
    version="tester/fox:1",
)
_ADOPTION = Adoption(
    training=_TRAINING,
    plan=RunPlan(name="Fox", backend="replicate", trainer="a/trainer", publish=False),
    note="Found.",
    mark="fluxlora-00000000-0123456789ab",
    file_id="file-1",
    estimate=Estimate(Decimal("1.00"), Decimal("2.00")),
)


class Killed(Exception):
    """The process ended here."""


def count(shelf: Shelf) -> tuple[int, int, int]:
    """Return how many datasets, runs and journal rows there are."""
    database = Database(path=shelf.folder / "library.db")
    try:
        with database.read() as session:
            found = [
                session.scalar(select(func.count()).select_from(table)) or 0
                for table in (DatasetRow, RunRow, EffectRow)
            ]
    finally:
        database.close()
    return found[0], found[1], found[2]


def test_adopted_run_has_everything_that_others_have(shelf: Shelf) -> None:
    run = shelf.stores.runs.adopt(_ADOPTION)

    stores = shelf.reopen()
    assert stores.runs.get(run.id) == run
    assert (run.state, run.recovered, run.account) == (RunState.QUEUED, True, "tester")
    assert (run.external_training_service, run.external_training_id) == ("replicate", "lost-1")
    assert (run.created_at, run.started_at, run.total) == (_AT, _AT, 700)
    assert (run.price_low, run.price_high) == (Decimal("1.00"), Decimal("2.00"))
    assert run.version_id is not None
    assert stores.datasets.version(run.version_id).trigger_word == "GLZFOX"
    effect = stores.runs.live_effect(EffectKind.TRAINING, run.id)
    assert effect is not None
    assert (effect.state, effect.nonce) == (EffectState.CONFIRMED, _ADOPTION.mark)
    assert (effect.remote_id, effect.file_id, effect.handle) == ("lost-1", "file-1", "handle")
    assert [one.text for one in stores.runs.events(run.id)] == ["Found.", "queued"]
    assert stores.runs.remote_ids() == {("replicate", "lost-1")}


def test_same_training_twice_is_one_run(shelf: Shelf) -> None:
    first = shelf.stores.runs.adopt(_ADOPTION)
    again = shelf.stores.runs.adopt(replace(_ADOPTION, plan=RunPlan(name="Other")))

    assert again == first
    assert count(shelf) == (1, 1, 1)


def test_training_without_a_mark_is_one_row_of_the_journal(shelf: Shelf) -> None:
    run = shelf.stores.runs.adopt(replace(_ADOPTION, mark=""))
    effect = shelf.stores.runs.live_effect(EffectKind.TRAINING, run.id)

    assert effect is not None
    assert effect.nonce == "adopted-replicate-lost-1"


def test_training_of_another_service_with_the_same_id_is_another_one(shelf: Shelf) -> None:
    shelf.stores.runs.adopt(replace(_ADOPTION, mark=""))
    other = replace(_TRAINING, remote=replace(_TRAINING.remote, service="fal"))

    shelf.stores.runs.adopt(replace(_ADOPTION, training=other, mark=""))

    assert count(shelf) == (2, 2, 2)


@pytest.mark.parametrize("statement", range(1, 12))
def test_killed_at_any_write_leaves_nothing_or_the_whole_run(shelf: Shelf, statement: int) -> None:
    seen = 0

    def kill(_connection: Any, _cursor: Any, sql: str, *_more: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise Killed(sql)

    event.listen(Engine, "before_cursor_execute", kill)
    try:
        with suppress(Killed):
            shelf.stores.runs.adopt(_ADOPTION)
    finally:
        event.remove(Engine, "before_cursor_execute", kill)

    assert count(shelf) in {(0, 0, 0), (1, 1, 1)}
    stores = shelf.reopen()
    run = stores.runs.adopt(_ADOPTION)
    assert count(shelf) == (1, 1, 1)
    assert stores.runs.live_effect(EffectKind.TRAINING, run.id) is not None
