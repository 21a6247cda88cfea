from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from fluxlora_desktop.domain.errors import IllegalMove
from fluxlora_desktop.domain.journal import (
    Answered,
    Denied,
    Event,
    Found,
    Looked,
    NoAnswer,
    Prepared,
    Refused,
    Sending,
)
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.store.database import Database
from tests.store.conftest import Shelf
from tests.store.test_store_pictures import picture

_AT = datetime(2026, 11, 23, tzinfo=UTC)
_PATHS: dict[EffectState, tuple[Event, ...]] = {
    EffectState.PLANNED: (),
    EffectState.IN_FLIGHT: (Sending(_AT),),
    EffectState.CONFIRMED: (Sending(_AT), Answered("abc")),
    EffectState.REFUSED: (Sending(_AT), Refused("no")),
    EffectState.UNKNOWN: (Sending(_AT), NoAnswer("lost")),
    EffectState.ABSENT: (Sending(_AT), NoAnswer("lost"), Denied()),
}


def _effect_in(
    shelf: Shelf, state: EffectState, subject: str, kind: EffectKind = EffectKind.TRAINING
) -> str:
    runs = shelf.stores.runs
    effect = runs.plan_effect(kind, subject, "replicate", Decimal("1.5"))
    for event in _PATHS[state]:
        runs.record_effect(effect.id, event)
    return effect.id


def test_effect_is_the_same_when_the_library_is_opened_again(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    wanted = {"trainer": "x", "steps": 1000}
    planned = runs.plan_effect(
        EffectKind.TRAINING, "run", "replicate", Decimal("1.5"), confirmation=3, request=wanted
    )
    for event in (
        Prepared("file-1", _AT),
        Sending(_AT, 120),
        NoAnswer("lost"),
        Looked(_AT, complete=True),
        Found("abc", "handle", "adopted"),
    ):
        kept = runs.record_effect(planned.id, event)

    again = shelf.reopen().runs.live_effect(EffectKind.TRAINING, "run")

    assert again == kept
    assert (kept.attempt, kept.file_id, kept.remote_id, kept.reads) == (1, "file-1", "abc", 1)
    assert (kept.handle, kept.note, kept.deadline_s, kept.server_date) == (
        *("handle", "adopted", 120),
        _AT,
    )
    assert (kept.confirmation, json.loads(kept.request)) == (3, wanted)
    assert kept.request_sha256 == hashlib.sha256(kept.request.encode()).hexdigest()
    assert kept.sent_at == _AT
    assert kept.evidence == ("2026-11-23T00:00:00Z not there",)
    assert kept.nonce == planned.nonce


@pytest.mark.parametrize("start", [s for s in EffectState if s is not EffectState.IN_FLIGHT])
def test_event_that_cannot_come_leaves_the_row_as_it_was(shelf: Shelf, start: EffectState) -> None:
    effect_id = _effect_in(shelf, start, "run")
    (before,) = shelf.stores.runs.effects(start)

    with pytest.raises(IllegalMove):
        shelf.stores.runs.record_effect(effect_id, Answered("other"))

    assert shelf.reopen().runs.effects(start) == (before,)


@pytest.mark.parametrize(
    "live", [EffectState.IN_FLIGHT, EffectState.UNKNOWN, EffectState.CONFIRMED]
)
def test_second_attempt_beside_a_live_one_is_not_even_planned(
    shelf: Shelf, live: EffectState
) -> None:
    _effect_in(shelf, live, "run")

    with pytest.raises(IllegalMove):
        shelf.stores.runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None, confirmation=9)

    newest = shelf.stores.runs.live_effect(EffectKind.TRAINING, "run")
    assert newest is not None
    assert newest.attempt == 1


def test_two_planned_attempts_cannot_both_be_sent(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    first = runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None)
    second = runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None)
    runs.record_effect(first.id, Sending(_AT))

    with pytest.raises(IllegalMove):
        runs.record_effect(second.id, Sending(_AT))

    (waiting,) = runs.effects(EffectState.PLANNED)
    assert waiting.id == second.id


def test_what_costs_nothing_may_be_made_again_once_it_is_settled(shelf: Shelf) -> None:
    _effect_in(shelf, EffectState.CONFIRMED, "lora", EffectKind.COMMIT)
    _effect_in(shelf, EffectState.CONFIRMED, "lora", EffectKind.COMMIT)

    assert len(shelf.stores.runs.effects(EffectState.CONFIRMED)) == 2


def test_absent_launch_is_tried_again_only_for_a_new_click(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    _effect_in(shelf, EffectState.ABSENT, "run")

    with pytest.raises(IllegalMove):
        runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None, confirmation=1)

    assert runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None, confirmation=2)


def test_second_live_effect_is_refused_by_the_database_itself(shelf: Shelf) -> None:
    _effect_in(shelf, EffectState.UNKNOWN, "run")
    shelf.stores.runs.plan_effect(EffectKind.TRAINING, "other", "replicate", None)
    database = Database(path=shelf.folder / "library.db")

    with pytest.raises(IntegrityError), database.write() as session:
        session.connection().exec_driver_sql(
            "UPDATE effects SET state = 'in_flight', subject = 'run', attempt = rowid"
        )

    database.close()


@pytest.mark.parametrize("ended", [EffectState.REFUSED, EffectState.ABSENT])
def test_next_attempt_may_start_when_the_last_one_is_over(shelf: Shelf, ended: EffectState) -> None:
    _effect_in(shelf, ended, "run")
    runs = shelf.stores.runs
    second = runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None, confirmation=2)

    assert runs.record_effect(second.id, Sending(_AT)).attempt == 2


def test_live_effects_of_other_subjects_and_kinds_do_not_matter(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    _effect_in(shelf, EffectState.IN_FLIGHT, "run")
    _effect_in(shelf, EffectState.IN_FLIGHT, "other run")
    same_name = runs.plan_effect(EffectKind.PICTURE, "run", "together", None)

    assert runs.record_effect(same_name.id, Sending(_AT)).state is EffectState.IN_FLIGHT


def test_effects_cannot_be_deleted(shelf: Shelf) -> None:
    _effect_in(shelf, EffectState.ABSENT, "run")
    database = Database(path=shelf.folder / "library.db")

    with pytest.raises(IntegrityError, match="kept"), database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM effects")

    database.close()


def test_launching_run_is_unknown_after_the_app_stopped_in_flight(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    for state in (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING):
        runs.advance(run.id, state)
    _effect_in(shelf, EffectState.IN_FLIGHT, run.id)

    runs = shelf.reopen().runs

    assert runs.get(run.id).state is RunState.UNKNOWN
    assert runs.events(run.id)[-1].text == "unknown"
    assert [effect.subject for effect in runs.effects(EffectState.UNKNOWN)] == [run.id]


def test_launching_run_stays_when_nothing_was_sent(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    for state in (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING):
        runs.advance(run.id, state)
    _effect_in(shelf, EffectState.PLANNED, run.id)

    assert shelf.reopen().runs.get(run.id).state is RunState.LAUNCHING


@pytest.mark.parametrize(
    ("effect", "expected", "charges"),
    [
        (EffectState.IN_FLIGHT, PictureState.MAYBE_CHARGED, [Certainty.MAYBE]),
        (EffectState.CONFIRMED, PictureState.MAYBE_CHARGED, [Certainty.MAYBE]),
        (EffectState.PLANNED, PictureState.WAITING, []),
        (EffectState.REFUSED, PictureState.WAITING, []),
        (None, PictureState.WAITING, []),
    ],
)
def test_picture_being_made_is_settled_when_the_app_stopped(
    shelf: Shelf,
    effect: EffectState | None,
    expected: PictureState,
    charges: list[Certainty],
) -> None:
    stores = shelf.stores
    stores.pictures.add([picture("p", state=PictureState.MAKING)])
    stores.pictures.add([picture("w", state=PictureState.WAITING)])
    if effect is not None:
        made = stores.runs.plan_effect(EffectKind.PICTURE, "p", "together", Decimal("0.02"))
        for step in _PATHS[effect]:
            stores.runs.record_effect(made.id, step)

    stores = shelf.reopen()

    assert stores.pictures.get("p").state is expected
    assert bool(stores.pictures.get("p").error) is bool(charges)
    assert stores.pictures.get("w").state is PictureState.WAITING
    assert [charge.certainty for charge in stores.ledger.charges()] == charges
    assert stores.ledger.sum().worst == Decimal("0.02") * len(charges)


def test_picture_whose_file_was_written_is_done_when_the_app_stopped_before_its_row(
    shelf: Shelf,
) -> None:
    stores = shelf.stores
    made = picture("p", state=PictureState.MAKING)
    stores.pictures.add([made])
    effect = stores.runs.plan_effect(EffectKind.PICTURE, "p", "together", Decimal("0.02"))
    for event in (Sending(_AT), Answered("remote-1")):
        stores.runs.record_effect(effect.id, event)
    path = stores.files.picture("p", made.created_at)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the whole file")

    stores = shelf.reopen()

    found = stores.pictures.get("p")
    assert (found.state, found.error) == (PictureState.DONE, "")
    assert stores.files.resolve(found.file) == path
    assert found.sha256 == hashlib.sha256(b"the whole file").hexdigest()
    assert (found.remote_id, found.cost_usd) == ("remote-1", Decimal("0.02"))
    assert [charge.certainty for charge in stores.ledger.charges()] == [Certainty.CHARGED]


def test_launch_whose_answer_is_in_the_journal_alone_waits_to_be_taken_over(shelf: Shelf) -> None:
    runs, run = shelf.stores.runs, shelf.draft()
    for state in (RunState.PACKAGING, RunState.UPLOADING, RunState.LAUNCHING):
        runs.advance(run.id, state)
    _effect_in(shelf, EffectState.CONFIRMED, run.id)

    assert shelf.reopen().runs.get(run.id).state is RunState.UNKNOWN
