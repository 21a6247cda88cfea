"""The journal of requests with an effect: intent on the disk before the request leaves.

What follows from what is decided in `domain/journal.py`; here it is kept.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.errors import IllegalMove
from fluxlora_desktop.domain.journal import Event, Settling, decide, may_plan
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.domain.recovery import Adoption
from fluxlora_desktop.domain.runs import Effect, EffectKind, EffectState
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import columns_of, fields_from
from fluxlora_desktop.store.schema import EffectRow

_DECIDED = frozenset({"id", "kind", "subject", "attempt", "nonce", "service", "updated_at"})


class EffectJournal:
    """The effects part of the port `RunStore`; `library_id` opens every nonce."""

    def __init__(
        self, *, database: Database, clock: Clock, library_id: str, device: str = ""
    ) -> None:
        self._database = database
        self._clock = clock
        self._device = device
        self.library_id = library_id

    def plan_effect(
        self,
        kind: EffectKind,
        subject: str,
        service: str,
        price_usd: Decimal | None,
        *,
        confirmation: int = 1,
        request: Mapping[str, Any] | None = None,
        nonce: str = "",
    ) -> Effect:
        """Write the next attempt's row, in `planned`, with a new nonce.

        `request` is what will be sent, without secrets. `nonce` is the mark of a launch that was
        made already, and that the journal does not know. Raises `IllegalMove` where the newest
        attempt forbids another one; see `journal.may_plan`.
        """
        wanted = json.dumps(request, sort_keys=True, ensure_ascii=True) if request else ""
        with self._database.write() as session:
            newest = session.scalars(_newest(kind, subject)).first()
            known = None if newest is None else _effect(newest)
            if known is not None and not may_plan(known, kind, confirmation):
                raise IllegalMove(known.id, known.state, EffectState.PLANNED)
            row = EffectRow(
                id=secrets.token_hex(8),
                kind=kind,
                subject=subject,
                attempt=known.attempt + 1 if known else 1,
                nonce=nonce or f"fluxlora-{self.library_id}-{secrets.token_hex(6)}",
                state=EffectState.PLANNED,
                service=service,
                price_usd=price_usd,
                updated_at=self._clock.now(),
                confirmation=confirmation,
                request=wanted,
                request_sha256=hashlib.sha256(wanted.encode()).hexdigest() if wanted else "",
                device=self._device,
            )
            session.add(row)
            session.flush()
            return _effect(row)

    def _add_found_effect(self, session: Session, subject: str, adoption: Adoption) -> None:
        """Write the row of a launch that was found at its service, as if it had been answered.

        Without a mark of its own it gets one that no other row can have, so that one training has
        one row.
        """
        training = adoption.training
        service, remote_id = training.remote.service, training.remote.id
        row = EffectRow(
            id=secrets.token_hex(8),
            kind=EffectKind.TRAINING,
            subject=subject,
            attempt=1,
            nonce=adoption.mark or f"adopted-{service}-{remote_id}",
            state=EffectState.CONFIRMED,
            service=service,
            price_usd=adoption.estimate.high_usd if adoption.estimate else None,
            updated_at=self._clock.now(),
            file_id=adoption.file_id,
            remote_id=remote_id,
            sent_at=training.created_at,
            handle=training.remote.handle,
            note="found at the service",
            device=self._device,
        )
        session.add(row)
        session.flush()

    def record_effect(
        self, effect_id: str, event: Event, settling: Settling | None = None
    ) -> Effect:
        """Keep what an event makes of an effect, synced to disk before it returns.

        Raises `IllegalMove` when the event cannot come in the effect's state, and when another
        effect of the same subject is live.
        """
        with self._database.write() as session:
            row = session.get(EffectRow, effect_id)
            if row is None:
                raise KeyError(effect_id)
            before = _effect(row)
            after = decide(before, event, settling)
            changes = columns_of(after, without=_DECIDED) | {"updated_at": self._clock.now()}
            changes["evidence"] = list(after.evidence)
            try:
                moved = session.execute(
                    update(EffectRow)
                    .where(EffectRow.id == effect_id, EffectRow.state == before.state)
                    .values(**changes)
                    .returning(EffectRow.id)
                ).all()
            except IntegrityError as error:
                raise IllegalMove(effect_id, before.state, after.state) from error
            if len(moved) != 1:
                raise IllegalMove(effect_id, before.state, after.state)
            session.refresh(row)
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

    def attempts(self, kind: EffectKind) -> tuple[Effect, ...]:
        """Return every attempt of a kind that has no id at its service, whatever its state."""
        chosen = select(EffectRow).where(EffectRow.kind == kind, EffectRow.remote_id == "")
        with self._database.read() as session:
            return tuple(_effect(row) for row in session.scalars(chosen).all())

    def nonces(self) -> frozenset[str]:
        """Return the mark of every attempt that this library ever planned."""
        with self._database.read() as session:
            return frozenset(session.scalars(select(EffectRow.nonce)).all())


def _newest(kind: EffectKind, subject: str) -> Any:
    return (
        select(EffectRow)
        .where(EffectRow.kind == kind, EffectRow.subject == subject)
        .order_by(EffectRow.attempt.desc())
        .limit(1)
    )


def _effect(row: EffectRow) -> Effect:
    return Effect(**fields_from(row, Effect, without=("evidence",)), evidence=tuple(row.evidence))
