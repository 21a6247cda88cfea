from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from fluxlora_desktop.domain.errors import IllegalMove
from fluxlora_desktop.domain.runs import LossPoint, RunPlan, RunState
from fluxlora_desktop.domain.training import Preset, Quality, Visibility
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.schema import RunEventRow
from tests.store.conftest import Shelf

_PLAN = RunPlan(
    name="Füchse",
    preset=Preset.STYLE,
    quality=Quality.THOROUGH,
    trainer="ostris",
    parameters={"steps": 900, "learning_rate": 0.0004, "autocaption": False, "note": "x"},
    publish=False,
    visibility=Visibility.PUBLIC,
    rights_confirmed=True,
)


def test_run_is_the_same_when_the_library_is_opened_again(shelf: Shelf) -> None:
    draft = shelf.draft(_PLAN)
    kept = shelf.stores.runs.update(
        draft.id,
        price_low=Decimal("1.234567"),
        eta_seconds=12.5,
        started_at=datetime(2026, 11, 23, tzinfo=UTC),
        lora_ready_for_inference=True,
        failed_at=RunState.COLLECTING,
        error_kind="WeightsError",
        huggingface_repo="ada/fox",
        external_training_id="abc",
    )

    again = shelf.reopen().runs.get(draft.id)

    assert again == kept
    assert again.plan == _PLAN
    assert type(again.plan.parameters["autocaption"]) is bool
    assert type(again.plan.parameters["steps"]) is int
    assert again.price_low == Decimal("1.234567")


def test_run_raises_key_error_for_an_unknown_id(shelf: Shelf) -> None:
    with pytest.raises(KeyError):
        shelf.stores.runs.get("nobody")


def test_update_refuses_the_state_and_unknown_columns(shelf: Shelf) -> None:
    run = shelf.draft()

    with pytest.raises(TypeError):
        shelf.stores.runs.update(run.id, state=RunState.READY)
    with pytest.raises(TypeError):
        shelf.stores.runs.update(run.id, colour="red")

    assert shelf.stores.runs.get(run.id) == run


def test_advance_follows_the_table_and_writes_history(shelf: Shelf) -> None:
    run = shelf.draft()

    moved = shelf.stores.runs.advance(run.id, RunState.PACKAGING, total=900)

    assert (moved.state, moved.total) == (RunState.PACKAGING, 900)
    assert [(event.kind, event.text) for event in shelf.stores.runs.events(run.id)] == [
        ("state", "packaging")
    ]


def test_advance_changes_nothing_when_the_move_is_illegal(shelf: Shelf) -> None:
    run = shelf.draft()

    with pytest.raises(IllegalMove):
        shelf.stores.runs.advance(run.id, RunState.READY, total=900)

    assert shelf.stores.runs.get(run.id) == run
    assert shelf.stores.runs.events(run.id) == ()


def test_lists_part_drafts_open_finished_and_hidden_runs(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    draft, older, newer, ended = (shelf.draft() for _ in range(4))
    for run in (older, newer, ended):
        runs.advance(run.id, RunState.PACKAGING)
    runs.advance(ended.id, RunState.CANCELLED)

    assert [run.id for run in runs.all()] == [ended.id, newer.id, older.id]
    assert [run.id for run in runs.drafts()] == [draft.id]
    assert [run.id for run in runs.open_runs()] == [older.id, newer.id]

    runs.hide(ended.id)
    assert [run.id for run in runs.all()] == [newer.id, older.id]
    runs.hide(ended.id, hidden=False)
    assert len(runs.all()) == 3


def test_drafts_come_with_the_one_changed_last_first(shelf: Shelf) -> None:
    first, second = shelf.draft(), shelf.draft()

    shelf.stores.runs.save_plan(first.id, replace(first.plan, name="Changed"))

    assert [run.plan.name for run in shelf.stores.runs.drafts()] == ["Changed", second.plan.name]


def test_started_run_is_neither_planned_again_nor_deleted(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    runs.advance(run.id, RunState.PACKAGING)

    with pytest.raises(IllegalMove):
        runs.save_plan(run.id, RunPlan(name="Other"))
    with pytest.raises(IllegalMove):
        runs.delete_draft(run.id)

    assert runs.get(run.id).plan == run.plan


def test_deleted_draft_is_gone(shelf: Shelf) -> None:
    run = shelf.draft()

    shelf.stores.runs.delete_draft(run.id)

    with pytest.raises(KeyError):
        shelf.stores.runs.get(run.id)


def test_run_needs_a_dataset_that_exists(shelf: Shelf) -> None:
    with pytest.raises(IntegrityError):
        shelf.stores.runs.create("no such dataset", RunPlan())


def test_history_comes_in_order_without_log_lines(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    runs.add_event(run.id, "note", "first")
    runs.add_event(run.id, "log", "noise")
    runs.add_event(run.id, "warn", "second")

    events = shelf.reopen().runs.events(run.id)

    assert [(event.kind, event.text) for event in events] == [("note", "first"), ("warn", "second")]
    assert events[0].at < events[1].at


def test_history_cannot_be_changed_or_deleted(shelf: Shelf) -> None:
    run = shelf.draft()
    shelf.stores.runs.add_event(run.id, "note", "as it was")
    database = Database(path=shelf.folder / "library.db")

    for statement in ("UPDATE run_events SET text = 'x'", "DELETE FROM run_events"):
        with pytest.raises(IntegrityError, match="append-only"), database.write() as session:
            session.connection().exec_driver_sql(statement)

    with database.read() as session:
        assert session.query(RunEventRow).one().text == "as it was"
    database.close()


def test_log_grows_by_pieces_and_counts_characters(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    pieces = ["step 1\n", "Größe 🦊\n", "nul \0 inside\n", "lone \ud83e\n"]
    for piece in pieces:
        runs.append_log(run.id, piece)

    assert runs.log(run.id) == "".join(pieces).replace("\ud83e", "?")
    assert runs.log_size(run.id) == len("".join(pieces))


def test_log_is_empty_when_nothing_was_appended(shelf: Shelf) -> None:
    run = shelf.draft()

    assert (shelf.stores.runs.log(run.id), shelf.stores.runs.log_size(run.id)) == ("", 0)


def test_losses_keep_the_first_value_of_a_step_and_leave_nan_out(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    runs.add_losses(run.id, [(2, 0.5), (1, 0.9), (3, float("nan"))])
    runs.add_losses(run.id, [(2, 0.1), (4, 0.3)])
    runs.add_losses(run.id, [])

    assert runs.losses(run.id) == (LossPoint(1, 0.9), LossPoint(2, 0.5), LossPoint(4, 0.3))


def test_threads_write_and_read_at_once_without_losing_anything(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()

    def work(name: int) -> None:
        for step in range(10):
            runs.add_losses(run.id, [(name * 100 + step, 0.5)])
            runs.append_log(run.id, "x")
            runs.losses(run.id)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, name) for name in range(6)]:
            done.result()

    assert len(runs.losses(run.id)) == 60
    assert runs.log_size(run.id) == 60
