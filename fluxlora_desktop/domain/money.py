"""Prices before, amounts after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A price range in US dollars and a time range in seconds, with where the numbers come from."""

    low_usd: Decimal
    high_usd: Decimal
    low_seconds: float = 0.0
    high_seconds: float = 0.0
    basis: str = ""

    def __add__(self, other: Estimate) -> Estimate:
        basis = "; ".join(part for part in (self.basis, other.basis) if part)
        return Estimate(
            self.low_usd + other.low_usd,
            self.high_usd + other.high_usd,
            self.low_seconds + other.low_seconds,
            self.high_seconds + other.high_seconds,
            basis,
        )

    def times(self, count: int) -> Estimate:
        """Return the estimate for the same thing done `count` times, one after another."""
        return Estimate(
            self.low_usd * count,
            self.high_usd * count,
            self.low_seconds * count,
            self.high_seconds * count,
            self.basis,
        )


class Certainty(StrEnum):
    """How sure the app is that a charge happened."""

    CHARGED = "charged"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the ledger: what one service took for one thing, in US dollars."""

    id: str
    service: str
    kind: str
    amount_usd: Decimal
    at: datetime
    certainty: Certainty = Certainty.CHARGED
    run_id: str | None = None
    picture_id: str | None = None
    note: str = ""
