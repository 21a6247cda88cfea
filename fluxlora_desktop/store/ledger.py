"""What was spent."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Text, func, select, type_coerce

from fluxlora_desktop.domain.money import NOTHING, Charge
from fluxlora_desktop.store.database import Database
from fluxlora_desktop.store.rows import columns_of, fields_from
from fluxlora_desktop.store.schema import ChargeRow


class SqlLedger:
    """Fills the port `Ledger`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def add(self, charge: Charge) -> None:
        """Keep a charge; one with the same id replaces it."""
        with self._database.write() as session:
            session.merge(ChargeRow(**columns_of(charge)))

    def charges(self) -> tuple[Charge, ...]:
        """Return every charge, newest first."""
        newest = select(ChargeRow).order_by(ChargeRow.at.desc(), ChargeRow.id)
        with self._database.read() as session:
            rows = session.scalars(newest).all()
            return tuple(Charge(**fields_from(row, Charge)) for row in rows)

    def total(self, *, run_id: str = "", month: str = "") -> Decimal:
        """Return the sum in US dollars, of a run or of a month (2026-11, in UTC)."""
        total = select(func.sum(ChargeRow.amount_usd))
        if run_id:
            total = total.where(ChargeRow.run_id == run_id)
        if month:
            total = total.where(func.substr(type_coerce(ChargeRow.at, Text), 1, 7) == month)
        with self._database.read() as session:
            return session.scalar(total) or NOTHING
