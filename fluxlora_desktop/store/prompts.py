"""Prompts that were used before, and those that were saved."""

from __future__ import annotations

from sqlalchemy import delete, select

from fluxlora_desktop.domain.kept_prompts import MOST_UNSAVED, KeptPrompt
from fluxlora_desktop.domain.ports import Clock
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import columns_of, fields_from
from fluxlora_desktop.store.schema import PromptRow

_NEWEST = (PromptRow.used_at.desc(), PromptRow.text)


class SqlPromptStore:
    """Fills the port `PromptStore`; keeps the `most` unsaved prompts that were used last."""

    def __init__(self, *, database: Database, clock: Clock, most: int = MOST_UNSAVED) -> None:
        self._database = database
        self._clock = clock
        self._most = most

    def all(self) -> tuple[KeptPrompt, ...]:
        """Return every prompt, the one used last first."""
        with self._database.read() as session:
            rows = session.scalars(select(PromptRow).order_by(*_NEWEST)).all()
            return tuple(KeptPrompt(**fields_from(row, KeptPrompt)) for row in rows)

    def use(self, text: str) -> None:
        """Note that a prompt is used now; the oldest unsaved ones make room."""
        now = self._clock.now()
        with self._database.write() as session:
            row = session.get(PromptRow, text)
            if row is None:
                session.add(PromptRow(**columns_of(KeptPrompt(text, now, uses=1))))
            else:
                row.uses, row.used_at = row.uses + 1, now
            session.flush()
            unsaved = select(PromptRow.text).where(PromptRow.saved.is_(False))
            old = unsaved.order_by(*_NEWEST).offset(self._most)
            session.execute(delete(PromptRow).where(PromptRow.text.in_(old)))

    def put(self, prompt: KeptPrompt) -> None:
        """Keep a prompt in place of what is known of its text."""
        with self._database.write() as session:
            session.merge(PromptRow(**columns_of(prompt)))

    def remove(self, text: str) -> None:
        """Forget a prompt."""
        with self._database.write() as session:
            session.execute(delete(PromptRow).where(PromptRow.text == text))
