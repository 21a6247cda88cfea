"""Loras and where they are published."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.loras import Lora, Publication
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import change, columns_of, fields_from
from fluxlora_desktop.store.schema import LoraRow, PublicationRow

_FIXED = frozenset({"id", "sha256", "created_at"})


class SqlLoraStore:
    """Fills the port `LoraStore`; an unknown Lora raises `KeyError`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, lora: Lora) -> Lora:
        """Keep a new Lora; its file lies at its place already."""
        with self._database.write() as session:
            session.add(LoraRow(**columns_of(lora, without=("publication",))))
            session.flush()
            if lora.publication is not None:
                session.add(_publication_row(lora.publication))
        return lora

    def get(self, lora_id: str) -> Lora:
        """Return a Lora."""
        with self._database.read() as session:
            return _lora(session, _row(session, lora_id))

    def all(self) -> tuple[Lora, ...]:
        """Return the Loras that are not in the trash, newest first."""
        kept = select(LoraRow).where(LoraRow.trashed_at.is_(None))
        with self._database.read() as session:
            rows = session.scalars(kept.order_by(LoraRow.created_at.desc(), LoraRow.id)).all()
            return tuple(_lora(session, row) for row in rows)

    def with_sha256(self, sha256: str) -> Lora | None:
        """Return the Lora whose file has this hash, rather one that is not in the trash."""
        same = select(LoraRow).where(LoraRow.sha256 == sha256)
        with self._database.read() as session:
            row = session.scalars(same.order_by(LoraRow.trashed_at.is_not(None))).first()
            return None if row is None else _lora(session, row)

    def with_tensors(self, tensor_hash: str) -> Lora | None:
        """Return the Lora whose tensors have this hash, rather one that is not in the trash."""
        same = select(LoraRow).where(LoraRow.tensor_hash == tensor_hash)
        with self._database.read() as session:
            row = session.scalars(same.order_by(LoraRow.trashed_at.is_not(None))).first()
            return None if row is None else _lora(session, row)

    def reheaded(self, lora_id: str, sha256: str, size_bytes: int) -> Lora:
        """Keep what a Lora's file is since its header was written anew, with the same tensors."""
        with self._database.write() as session:
            row = _row(session, lora_id)
            row.sha256, row.size_bytes = sha256, size_bytes
            session.flush()
            return _lora(session, row)

    def update(self, lora_id: str, **changes: Any) -> Lora:
        """Change columns; raises `TypeError` for an unknown one."""
        with self._database.write() as session:
            row = _row(session, lora_id)
            change(row, changes, fixed=_FIXED)
            session.flush()
            return _lora(session, row)

    def publish(self, publication: Publication) -> Lora:
        """Keep where a Lora is published, in place of what was there."""
        with self._database.write() as session:
            row = _row(session, publication.lora_id)
            session.merge(_publication_row(publication))
            session.flush()
            return _lora(session, row)

    def unpublish(self, lora_id: str) -> Lora:
        """Forget the publication."""
        with self._database.write() as session:
            row = _row(session, lora_id)
            session.execute(delete(PublicationRow).where(PublicationRow.lora_id == lora_id))
            return _lora(session, row)

    def trash(self, lora_id: str, trashed: bool = True) -> Lora:
        """Put a Lora into the app's trash or take it out; the file stays."""
        return self.update(lora_id, trashed_at=self._clock.now() if trashed else None)


def _row(session: Session, lora_id: str) -> LoraRow:
    row = session.get(LoraRow, lora_id)
    if row is None:
        raise KeyError(lora_id)
    return row


def _lora(session: Session, row: LoraRow) -> Lora:
    published = session.get(PublicationRow, row.id)
    publication = _publication(published) if published else None
    return Lora(**fields_from(row, Lora, without=("publication",)), publication=publication)


def _publication(row: PublicationRow) -> Publication:
    columns = fields_from(row, Publication, without=("pictures",))
    return Publication(**columns, pictures=tuple(row.pictures))


def _publication_row(publication: Publication) -> PublicationRow:
    columns = columns_of(publication, without=("pictures",))
    return PublicationRow(**columns, pictures=list(publication.pictures))
