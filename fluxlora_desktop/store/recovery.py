"""What the last process left in the middle, settled before anything else reads it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.money import NOTHING, Certainty
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.domain.runs import EffectKind, EffectState, RunState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.schema import ChargeRow, EffectRow, PictureRow, RunEventRow, RunRow

_MAYBE = "The app stopped while this was made. It may have been charged; it is not sent again."
_NOT_SENT = "The app stopped before this was sent. Nothing was charged."
_SENT = frozenset({EffectState.UNKNOWN, EffectState.CONFIRMED})


def recover_interrupted(database: Database, clock: Clock) -> None:
    """Turn every request that was under way into one whose outcome is unknown.

    Runs that were launching wait in UNKNOWN for the service to be asked. Pictures have nobody to
    ask: one that was sent may have been charged and counts so in the ledger, one that was not has
    failed. Waiting pictures stay as they are.
    """
    with database.write() as session:
        flying = session.scalars(
            select(EffectRow).where(EffectRow.state == EffectState.IN_FLIGHT)
        ).all()
        for effect in flying:
            effect.state = EffectState.UNKNOWN
            effect.note = "found in flight at start"
            effect.updated_at = clock.now()
        session.flush()
        _settle_runs(session, flying, clock)
        _settle_pictures(session, clock)


def _settle_runs(session: Session, flying: Sequence[EffectRow], clock: Clock) -> None:
    for effect in flying:
        run = session.get(RunRow, effect.subject) if effect.kind is EffectKind.TRAINING else None
        if run is None or run.state is not RunState.LAUNCHING:
            continue
        run.state = RunState.UNKNOWN
        run.updated_at = clock.now()
        session.add(
            RunEventRow(run_id=run.id, at=run.updated_at, kind="state", text=RunState.UNKNOWN.value)
        )


def _settle_pictures(session: Session, clock: Clock) -> None:
    making = select(PictureRow).where(PictureRow.state == PictureState.MAKING)
    for picture in session.scalars(making).all():
        sent = session.scalars(
            select(EffectRow).where(
                EffectRow.kind == EffectKind.PICTURE,
                EffectRow.subject == picture.id,
                EffectRow.state.in_(_SENT),
            )
        ).first()
        if sent is None:
            picture.state, picture.error = PictureState.FAILED, _NOT_SENT
            continue
        picture.state, picture.error = PictureState.MAYBE_CHARGED, _MAYBE
        charge = f"picture-{picture.id}"
        if session.get(ChargeRow, charge) is None:
            session.add(
                ChargeRow(
                    id=charge,
                    service=picture.generator,
                    kind="picture",
                    amount_usd=sent.price_usd or NOTHING,
                    at=sent.sent_at or clock.now(),
                    certainty=Certainty.MAYBE,
                    picture_id=picture.id,
                    note=picture.prompt[:80],
                )
            )
