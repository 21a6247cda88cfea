from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from fluxlora_desktop.domain.errors import IllegalMove
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.runs import EFFECT_MOVES, EffectKind, EffectState, RunState
from fluxlora_desktop.store.database import Database
from tests.store.conftest import Shelf
from tests.store.test_store_pictures import picture

_PATHS: dict[EffectState, tuple[EffectState, ...]] = {
    EffectState.PLANNED: (),
    EffectState.IN_FLIGHT: (EffectState.IN_FLIGHT,),
    EffectState.CONFIRMED: (EffectState.IN_FLIGHT, EffectState.CONFIRMED),
    EffectState.REFUSED: (EffectState.IN_FLIGHT, EffectState.REFUSED),
    EffectState.UNKNOWN: (EffectState.IN_FLIGHT, EffectState.UNKNOWN),
    EffectState.ABSENT: (EffectState.IN_FLIGHT, EffectState.UNKNOWN, EffectState.ABSENT),
}


def _effect_in(shelf: Shelf, state: EffectState, subject: str) -> str:
    runs = shelf.stores.runs
    effect = runs.plan_effect(EffectKind.TRAINING, subject, "replicate", Decimal("1.5"))
    for step in _PATHS[state]:
        runs.move_effect(effect.id, step)
    return effect.id


def test_effect_is_the_same_when_the_library_is_opened_again(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    planned = runs.plan_effect(EffectKind.TRAINING, "run", "replicate", Decimal("1.5"))
    runs.update_effect(planned.id, file_id="file-1", reads=2)
    runs.move_effect(planned.id, EffectState.IN_FLIGHT, sent_at=shelf.clock.now())
    kept = runs.move_effect(planned.id, EffectState.CONFIRMED, remote_id="abc", note="n")

    again = shelf.reopen().runs.live_effect(EffectKind.TRAINING, "run")

    assert again == kept
    assert (kept.attempt, kept.file_id, kept.remote_id, kept.reads) == (1, "file-1", "abc", 2)
    assert kept.sent_at is not None
    assert kept.nonce == planned.nonce


@pytest.mark.parametrize("start", EffectState)
@pytest.mark.parametrize("to", EffectState)
def test_effect_moves_only_along_the_table(
    shelf: Shelf, start: EffectState, to: EffectState
) -> None:
    effect_id = _effect_in(shelf, start, "run")

    if to in EFFECT_MOVES[start]:
        assert shelf.stores.runs.move_effect(effect_id, to).state is to
    else:
        with pytest.raises(IllegalMove):
            shelf.stores.runs.move_effect(effect_id, to, note="not kept")
        (kept,) = shelf.stores.runs.effects(start)
        assert kept.note == ""


@pytest.mark.parametrize(
    "live", [EffectState.IN_FLIGHT, EffectState.UNKNOWN, EffectState.CONFIRMED]
)
def test_second_live_effect_of_a_subject_is_refused(shelf: Shelf, live: EffectState) -> None:
    _effect_in(shelf, live, "run")
    second = shelf.stores.runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None)

    with pytest.raises(IllegalMove):
        shelf.stores.runs.move_effect(second.id, EffectState.IN_FLIGHT)

    newest = shelf.stores.runs.live_effect(EffectKind.TRAINING, "run")
    assert newest is not None
    assert (newest.attempt, newest.state) == (2, EffectState.PLANNED)


def test_second_live_effect_is_refused_by_the_database_itself(shelf: Shelf) -> None:
    _effect_in(shelf, EffectState.UNKNOWN, "run")
    shelf.stores.runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None)
    database = Database(path=shelf.folder / "library.db")

    with pytest.raises(IntegrityError), database.write() as session:
        session.connection().exec_driver_sql("UPDATE effects SET state = 'in_flight'")

    database.close()


@pytest.mark.parametrize("ended", [EffectState.REFUSED, EffectState.ABSENT])
def test_next_attempt_may_start_when_the_last_one_is_over(shelf: Shelf, ended: EffectState) -> None:
    _effect_in(shelf, ended, "run")
    second = shelf.stores.runs.plan_effect(EffectKind.TRAINING, "run", "replicate", None)

    assert shelf.stores.runs.move_effect(second.id, EffectState.IN_FLIGHT).attempt == 2


def test_live_effects_of_other_subjects_and_kinds_do_not_matter(shelf: Shelf) -> None:
    runs = shelf.stores.runs
    _effect_in(shelf, EffectState.IN_FLIGHT, "run")
    _effect_in(shelf, EffectState.IN_FLIGHT, "other run")
    same_name = runs.plan_effect(EffectKind.PICTURE, "run", "together", None)

    assert runs.move_effect(same_name.id, EffectState.IN_FLIGHT).state is EffectState.IN_FLIGHT


def test_effects_cannot_be_deleted(shelf: Shelf) -> None:
    _effect_in(shelf, EffectState.ABSENT, "run")
    database = Database(path=shelf.folder / "library.db")

    with pytest.raises(IntegrityError, match="kept"), database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM effects")

    database.close()


def test_effect_refuses_changes_of_its_mark(shelf: Shelf) -> None:
    effect_id = _effect_in(shelf, EffectState.PLANNED, "run")

    for column in ("nonce", "subject", "state"):
        with pytest.raises(TypeError):
            shelf.stores.runs.update_effect(effect_id, **{column: "x"})


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
        (EffectState.PLANNED, PictureState.FAILED, []),
        (EffectState.REFUSED, PictureState.FAILED, []),
        (None, PictureState.FAILED, []),
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
            stores.runs.move_effect(made.id, step)

    stores = shelf.reopen()

    assert stores.pictures.get("p").state is expected
    assert stores.pictures.get("p").error
    assert stores.pictures.get("w").state is PictureState.WAITING
    assert [charge.certainty for charge in stores.ledger.charges()] == charges
    assert stores.ledger.total() == Decimal("0.02") * len(charges)
