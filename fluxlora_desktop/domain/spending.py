"""What was spent: months, sums and lines of the ledger, and the limit that a person set.

A month is the person's own: it begins at midnight where they are, though the ledger keeps UTC. Who
moves to another time zone sees the months of the new one. What is sure and what may have been
charged stand apart everywhere; only the limit takes both, since it has to expect the worse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum

from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.money import NOTHING, Charge

NONE = "-"
"""Stands in a query for charges that belong to no run or no Lora."""
MOST_LIMIT = Decimal(1_000_000)
"""The highest monthly limit in US dollars that can be set."""

_NAMES = (  # not from the locale, which a library may change: the app speaks one language
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LIMIT = re.compile(r"\$? ?([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3})+)(?:[.,]([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month of the calendar; `number` is from 1 to 12."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo | None = None) -> Month:
        """Return the month that a moment lies in; without a zone, in the computer's own."""
        there = moment.astimezone(zone)
        return cls(there.year, there.month)

    @classmethod
    def parse(cls, key: str) -> Month:
        """Return the month with this key; raises `ValueError`."""
        year, _, number = key.partition("-")
        found = cls(int(year), int(number))
        if not 1 <= found.number <= len(_NAMES):
            raise ValueError(key)
        return found

    @property
    def key(self) -> str:
        """Year and number, as in 2026-11: sorts as months do."""
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def name(self) -> str:
        """The month's name without its year."""
        return _NAMES[self.number - 1]

    @property
    def title(self) -> str:
        """The month as people write it: November 2026."""
        return f"{self.name} {self.year}"

    @property
    def next(self) -> Month:
        """The month after this one."""
        at = self.year * len(_NAMES) + self.number
        return Month(at // len(_NAMES), at % len(_NAMES) + 1)

    def begins(self, zone: tzinfo | None = None) -> datetime:
        """Return the first moment of the month, in UTC."""
        midnight = datetime(self.year, self.number, 1, tzinfo=zone)
        return midnight.astimezone(UTC)  # a time without a zone counts as the computer's own


class GroupBy(StrEnum):
    """What the lines of the ledger can be added up by."""

    MONTH = "month"
    SERVICE = "service"
    KIND = "kind"
    RUN = "run"
    LORA = "lora"


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """Which lines of the ledger are asked for; what is empty does not count.

    `run_id` and `lora_id` may be `NONE`. `words` are looked for, all of them, in what was paid for,
    the prompt, and the names of the run, its Loras and the service. `zone` is where months begin.
    """

    month: Month | None = None
    service: str = ""
    kind: str = ""
    run_id: str = ""
    lora_id: str = ""
    picture_id: str = ""
    words: str = ""
    zone: tzinfo | None = None


WHOLE_LEDGER = LedgerQuery()


@dataclass(frozen=True, slots=True)
class Sum:
    """Amounts in US dollars, apart: what is sure, what may have been charged, and of how many."""

    charged: Decimal = NOTHING
    maybe: Decimal = NOTHING
    count: int = 0

    @property
    def worst(self) -> Decimal:
        """What it comes to if everything that may have been charged was."""
        return self.charged + self.maybe


@dataclass(frozen=True, slots=True)
class LedgerGroup:
    """The lines that have something in common: its key, its name, and their sum.

    `key` is `NONE` for lines that have none. `shared` is the part of a Lora's sum that another Lora
    has too, since both are in the same picture: it counts for each of them.
    """

    by: GroupBy
    key: str
    name: str
    sum: Sum
    shared: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class LedgerLora:
    """A Lora that a charge belongs to; `name` is "" where nothing remembers it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the ledger with what it was for.

    A run's charge belongs to the Lora that it made, a picture's to each Lora in it. `prompt` is how
    the picture's prompt begins. `run_here` and `picture_here` tell whether they can be shown.
    """

    charge: Charge
    run_name: str = ""
    run_here: bool = False
    picture_here: bool = False
    prompt: str = ""
    loras: tuple[LedgerLora, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingPictures:
    """Pictures of one order that are alike and not in the ledger yet; `made` once it was begun."""

    order_id: str
    generator: str
    model: str
    width: int
    height: int
    steps: int
    made: bool
    count: int


@dataclass(frozen=True, slots=True)
class OpenTraining:
    """A run on its way that is not in the ledger yet; `price` is the high end of its estimate."""

    run_id: str
    sent: bool
    price: Decimal


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What was ordered or started and has no line in the ledger yet."""

    trainings: tuple[OpenTraining, ...] = ()
    pictures: tuple[WaitingPictures, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a month stands against the limit, in US dollars.

    `under_way` is the most that everything can cost that is ordered or started and not yet in the
    ledger; `limit` is None where none was set.
    """

    month: Month
    spent: Sum
    under_way: Decimal = NOTHING
    limit: Decimal | None = None

    @property
    def reach(self) -> Decimal:
        """What the month comes to at most, as things stand."""
        return self.spent.worst + self.under_way


@dataclass(frozen=True, slots=True)
class Agreement:
    """A person's yes to passing the limit once, up to the amount in US dollars that they saw."""

    up_to: Decimal


def parse_limit(text: str) -> Decimal | None:
    """Return the limit that a person typed, in US dollars, or None for an empty field.

    A point or a comma may stand before the cents, commas between thousands. Raises `InputError`.
    """
    typed = text.strip()
    if not typed:
        return None
    found = _LIMIT.fullmatch(typed)
    if found is None:
        raise InputError("limit", "Give an amount in dollars, such as 20 or 12.50.")
    amount = Decimal(f"{found[1].replace(',', '')}.{found[2] or '0'}")
    if amount > MOST_LIMIT:
        raise InputError("limit", f"The highest limit is ${MOST_LIMIT:,}.")
    return amount
