"""Runs, their history and losses; the journal of paid requests comes from `effects`."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, delete, func, insert, select
from sqlalchemy.orm import Session

from fluxlora_desktop.domain.errors import IllegalMove
from fluxlora_desktop.domain.recovery import Adoption
from fluxlora_desktop.domain.runs import (
    FINAL,
    EffectKind,
    LossPoint,
    Run,
    RunEvent,
    RunPlan,
    RunState,
    may_move,
)
from fluxlora_desktop.domain.training import Preset, Quality, Visibility
from fluxlora_desktop.store.effects import EffectJournal
from fluxlora_desktop.store.rows import change, fields_from
from fluxlora_desktop.store.schema import (
    DatasetRow,
    DatasetVersionRow,
    EffectRow,
    LossPointRow,
    RunEventRow,
    RunLogRow,
    RunRow,
    VersionPhotoRow,
)

_FIXED = frozenset({"id", "dataset_id", "state", "plan", "created_at", "updated_at"})


class SqlRunStore(EffectJournal):
    """Fills the port `RunStore`; an unknown run raises `KeyError`."""

    def create(self, dataset_id: str, plan: RunPlan) -> Run:
        """Make a run in DRAFT."""
        now = self._clock.now()
        row = RunRow(
            id=secrets.token_hex(8),
            dataset_id=dataset_id,
            state=RunState.DRAFT,
            plan=asdict(plan),
            created_at=now,
            updated_at=now,
        )
        with self._database.write() as session:
            session.add(row)
            session.flush()
            return run_of(row)

    def adopt(self, adoption: Adoption) -> Run:
        """Make a run in QUEUED of a training found at its service, with its row of the journal.

        Photos are not at the service, so its dataset is empty. All of it in one transaction; the
        same training twice is one run.
        """
        remote = adoption.training.remote
        with self._database.write() as session:
            known = _run_of(session, remote.service, remote.id)
            if known is not None:
                return run_of(known)
            row = self._adopted_run(session, adoption)
            self._add_found_effect(session, row.id, adoption)
            now = row.updated_at
            session.add(RunEventRow(run_id=row.id, at=now, kind="note", text=adoption.note))
            session.add(RunEventRow(run_id=row.id, at=now, kind="state", text=row.state.value))
            session.flush()
            return run_of(row)

    def _adopted_run(self, session: Session, adoption: Adoption) -> RunRow:
        training, estimate, now = adoption.training, adoption.estimate, self._clock.now()
        dataset = DatasetRow(
            id=secrets.token_hex(8), trigger_word=training.trigger_word, created_at=now
        )
        session.add(dataset)
        session.flush()
        version = DatasetVersionRow(
            id=secrets.token_hex(8),
            dataset_id=dataset.id,
            trigger_word=dataset.trigger_word,
            findings=[],
            created_at=now,
        )
        session.add(version)
        session.flush()
        row = RunRow(
            id=secrets.token_hex(8),
            dataset_id=dataset.id,
            version_id=version.id,
            state=RunState.QUEUED,
            plan=asdict(adoption.plan),
            created_at=training.created_at or now,
            updated_at=now,
            started_at=training.created_at or now,
            base=training.base,
            external_training_id=training.remote.id,
            external_training_service=training.remote.service,
            page=training.remote.page,
            trainer_version=training.remote.trainer_version,
            output_version=training.version,
            total=training.remote.steps,
            price_low=estimate.low_usd if estimate else None,
            price_high=estimate.high_usd if estimate else None,
            account=training.owner,
            recovered=True,
        )
        session.add(row)
        session.flush()
        return row

    def remote_ids(self) -> frozenset[tuple[str, str]]:
        """Return (service, id there) of every training that this library knows, hidden ones too."""
        runs = select(RunRow.external_training_service, RunRow.external_training_id)
        effects = select(EffectRow.service, EffectRow.remote_id)
        with self._database.read() as session:
            of_runs = session.execute(runs.where(RunRow.external_training_id.is_not(None))).all()
            of_effects = session.execute(
                effects.where(EffectRow.kind == EffectKind.TRAINING, EffectRow.remote_id != "")
            ).all()
        return frozenset((str(service), str(found)) for service, found in (*of_runs, *of_effects))

    def get(self, run_id: str) -> Run:
        """Return a run."""
        with self._database.read() as session:
            return run_of(_row(session, run_id))

    def all(self) -> tuple[Run, ...]:
        """Return every run that is not a draft and not hidden, newest first."""
        started = RunRow.state != RunState.DRAFT
        return self._runs(started & RunRow.hidden.is_(False), by=RunRow.created_at.desc())

    def trained_on(self, sha256: str) -> tuple[Run, ...]:
        """Return the runs that were trained on a photo, newest first; hidden ones too."""
        row = VersionPhotoRow
        versions = select(row.version_id).where(row.photo_sha256 == sha256)
        started = RunRow.state != RunState.DRAFT
        return self._runs(started & RunRow.version_id.in_(versions), by=RunRow.created_at.desc())

    def drafts(self) -> tuple[Run, ...]:
        """Return the drafts, the one changed last first."""
        return self._runs(RunRow.state == RunState.DRAFT, by=RunRow.updated_at.desc())

    def open_runs(self) -> tuple[Run, ...]:
        """Return the runs that go on by themselves, oldest first."""
        closed = [*FINAL, RunState.DRAFT]
        return self._runs(RunRow.state.not_in(closed), by=RunRow.created_at.asc())

    def _runs(self, which: ColumnElement[bool], *, by: UnaryExpression[Any]) -> tuple[Run, ...]:
        with self._database.read() as session:
            rows = session.scalars(select(RunRow).where(which).order_by(by, RunRow.id)).all()
            return tuple(run_of(row) for row in rows)

    def save_plan(self, run_id: str, plan: RunPlan) -> Run:
        """Keep a draft's choices; raises `IllegalMove` once the run has started."""
        with self._database.write() as session:
            row = _draft(session, run_id)
            row.plan = asdict(plan)
            row.updated_at = self._clock.now()
            session.flush()
            return run_of(row)

    def update(self, run_id: str, **changes: Any) -> Run:
        """Change columns other than the state; raises `TypeError` for an unknown one."""
        with self._database.write() as session:
            row = _row(session, run_id)
            change(row, changes, fixed=_FIXED)
            row.updated_at = max(self._clock.now(), row.updated_at)
            session.flush()
            return run_of(row)

    def advance(self, run_id: str, to: RunState, **changes: Any) -> Run:
        """Move along the table of moves, with other columns in the same transaction.

        The history gets a line of the kind "state". Raises `IllegalMove`.
        """
        with self._database.write() as session:
            row = _row(session, run_id)
            if not may_move(row.state, to):
                raise IllegalMove(run_id, row.state, to)
            change(row, changes, fixed=_FIXED)
            row.state = to
            row.updated_at = max(self._clock.now(), row.updated_at)
            session.add(RunEventRow(run_id=run_id, at=row.updated_at, kind="state", text=to.value))
            session.flush()
            return run_of(row)

    def delete_draft(self, run_id: str) -> None:
        """Forget a draft; raises `IllegalMove` for a run that has started."""
        with self._database.write() as session:
            _draft(session, run_id)
            session.execute(delete(RunRow).where(RunRow.id == run_id))

    def hide(self, run_id: str, hidden: bool = True) -> None:
        """Take a finished run off the list or put it back; its rows stay."""
        self.update(run_id, hidden=hidden)

    def add_event(self, run_id: str, kind: str, text: str) -> None:
        """Append a line to the run's history."""
        with self._database.write() as session:
            session.add(
                RunEventRow(run_id=run_id, at=self._clock.now(), kind=kind, text=_storable(text))
            )

    def events(self, run_id: str) -> tuple[RunEvent, ...]:
        """Return the history, log lines left out, oldest first."""
        lines = select(RunEventRow).where(RunEventRow.run_id == run_id, RunEventRow.kind != "log")
        with self._database.read() as session:
            rows = session.scalars(lines.order_by(RunEventRow.seq)).all()
            return tuple(RunEvent(**fields_from(row, RunEvent)) for row in rows)

    def append_log(self, run_id: str, text: str) -> None:
        """Append a piece of the service's log."""
        if text:
            with self._database.write() as session:
                session.add(RunLogRow(run_id=run_id, chars=len(text), text=_storable(text)))

    def log(self, run_id: str) -> str:
        """Return the whole log."""
        pieces = select(RunLogRow.text).where(RunLogRow.run_id == run_id).order_by(RunLogRow.seq)
        with self._database.read() as session:
            return "".join(session.scalars(pieces).all())

    def log_size(self, run_id: str) -> int:
        """Return how many characters of the log are kept."""
        size = select(func.sum(RunLogRow.chars)).where(RunLogRow.run_id == run_id)
        with self._database.read() as session:
            return session.scalar(size) or 0

    def add_losses(self, run_id: str, points: Sequence[tuple[int, float]]) -> None:
        """Keep (step, loss) pairs; a step that is there already stays, NaN is left out."""
        rows = [
            {"run_id": run_id, "step": step, "loss": loss}
            for step, loss in points
            if not math.isnan(loss)
        ]
        if rows:
            with self._database.write() as session:
                session.execute(insert(LossPointRow).prefix_with("OR IGNORE"), rows)

    def losses(self, run_id: str) -> tuple[LossPoint, ...]:
        """Return the loss curve in order of steps."""
        points = select(LossPointRow.step, LossPointRow.loss).where(LossPointRow.run_id == run_id)
        with self._database.read() as session:
            rows = session.execute(points.order_by(LossPointRow.step)).all()
        return tuple(LossPoint(step, loss) for step, loss in rows)


def _row(session: Session, run_id: str) -> RunRow:
    row = session.get(RunRow, run_id)
    if row is None:
        raise KeyError(run_id)
    return row


def _run_of(session: Session, service: str, remote_id: str) -> RunRow | None:
    """Return the run of a training at a service, by its own row or by the journal's."""
    by_row = select(RunRow).where(
        RunRow.external_training_service == service, RunRow.external_training_id == remote_id
    )
    by_journal = select(RunRow).join(EffectRow, EffectRow.subject == RunRow.id)
    by_journal = by_journal.where(
        EffectRow.kind == EffectKind.TRAINING,
        EffectRow.service == service,
        EffectRow.remote_id == remote_id,
    )
    return session.scalars(by_row).first() or session.scalars(by_journal).first()


def _draft(session: Session, run_id: str) -> RunRow:
    row = _row(session, run_id)
    if row.state is not RunState.DRAFT:
        raise IllegalMove(run_id, row.state, RunState.DRAFT)
    return row


def run_of(row: RunRow) -> Run:
    """Return the run of a row; raises `ValueError` or its kin for a plan that is none."""
    saved = dict(row.plan)
    saved["preset"] = Preset(saved["preset"])
    saved["quality"] = Quality(saved["quality"])
    saved["visibility"] = Visibility(saved["visibility"])
    return Run(**fields_from(row, Run, without=("plan",)), plan=RunPlan(**saved))


def _storable(text: str) -> str:
    """Return the text with lone surrogates, which SQLite cannot hold, as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
