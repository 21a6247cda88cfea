"""The journal of paid requests: intent on the disk before the request leaves."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from fluxlora_desktop.domain.errors import IllegalMove
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.domain.runs import EFFECT_MOVES, Effect, EffectKind, EffectState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import change, fields_from
from fluxlora_desktop.store.schema import EffectRow

_FIXED = frozenset({"id", "kind", "subject", "attempt", "nonce", "state", "updated_at"})


class EffectJournal:
    """The effects part of the port `RunStore`; `library_id` opens every nonce."""

    def __init__(self, *, database: Database, clock: Clock, library_id: str) -> None:
        self._database = database
        self._clock = clock
        self._library_id = library_id

    def plan_effect(
        self, kind: EffectKind, subject: str, service: str, price_usd: Decimal | None
    ) -> Effect:
        """Write the next attempt's row, in `planned`, with a new nonce."""
        with self._database.write() as session:
            newest = session.scalars(_newest(kind, subject)).first()
            row = EffectRow(
                id=secrets.token_hex(8),
                kind=kind,
                subject=subject,
                attempt=newest.attempt + 1 if newest else 1,
                nonce=f"fluxlora-{self._library_id}-{secrets.token_hex(6)}",
                state=EffectState.PLANNED,
                service=service,
                price_usd=price_usd,
                updated_at=self._clock.now(),
            )
            session.add(row)
            session.flush()
            return _effect(row)

    def move_effect(self, effect_id: str, to: EffectState, **changes: Any) -> Effect:
        """Move an effect, synced to disk before it returns.

        Raises `IllegalMove` when the table of moves does not lead there, and when another effect
        of the same subject is live.
        """
        with self._database.write() as session:
            row = session.get(EffectRow, effect_id)
            if row is None:
                raise KeyError(effect_id)
            start = row.state
            if to not in EFFECT_MOVES[start]:
                raise IllegalMove(effect_id, start, to)
            change(row, changes, fixed=_FIXED)
            row.updated_at = self._clock.now()
            session.flush()
            try:
                moved = session.execute(
                    update(EffectRow)
                    .where(EffectRow.id == effect_id, EffectRow.state == start)
                    .values(state=to)
                    .returning(EffectRow.id)
                ).all()
            except IntegrityError as error:
                raise IllegalMove(effect_id, start, to) from error
            if len(moved) != 1:
                raise IllegalMove(effect_id, start, to)
            session.refresh(row)
            return _effect(row)

    def update_effect(self, effect_id: str, **changes: Any) -> Effect:
        """Change columns other than the state; raises `TypeError` for an unknown one."""
        with self._database.write() as session:
            row = session.get(EffectRow, effect_id)
            if row is None:
                raise KeyError(effect_id)
            change(row, changes, fixed=_FIXED)
            row.updated_at = self._clock.now()
            session.flush()
            return _effect(row)

    def live_effect(self, kind: EffectKind, subject: str) -> Effect | None:
        """Return the newest effect of the subject."""
        with self._database.read() as session:
            row = session.scalars(_newest(kind, subject)).first()
            return None if row is None else _effect(row)

    def effects(self, state: EffectState) -> tuple[Effect, ...]:
        """Return every effect in a state, the one changed last at the end."""
        chosen = select(EffectRow).where(EffectRow.state == state)
        with self._database.read() as session:
            rows = session.scalars(chosen.order_by(EffectRow.updated_at)).all()
            return tuple(_effect(row) for row in rows)


def _newest(kind: EffectKind, subject: str) -> Any:
    return (
        select(EffectRow)
        .where(EffectRow.kind == kind, EffectRow.subject == subject)
        .order_by(EffectRow.attempt.desc())
        .limit(1)
    )


def _effect(row: EffectRow) -> Effect:
    return Effect(**fields_from(row, Effect))
