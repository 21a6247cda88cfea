"""What the gallery can be asked for: which pictures, in which order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

KEPT_IN_TRASH = timedelta(days=30)
"""How long a picture that was thrown away can be brought back."""
TRASH_PLACE = "_trash"
"""The fact of a picture that says where its file lies in the computer's trash; never shown."""
LONGEST_TAG = 60


class PictureSort(StrEnum):
    """The order of the gallery; pictures that are equal in it come newest first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    BEST = "best"
    NAME = "prompt"


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """Which pictures the gallery shall show; a field left empty asks for nothing.

    Each of `words` must begin a word of the prompt; case and accents do not matter. `since` is the
    first moment, `before` the first one that is too late. `rating` is the least one wanted.
    `source` is a program that pictures were imported from; `imported` asks for those of any, or
    with False for those made here. `trashed` asks for those in the trash instead of the others.
    """

    words: str = ""
    lora_id: str = ""
    base: str = ""
    generator: str = ""
    since: datetime | None = None
    before: datetime | None = None
    rating: int = 0
    favourite: bool = False
    tag: str = ""
    source: str = ""
    imported: bool | None = None
    grid_id: str = ""
    trashed: bool = False
    sort: PictureSort = PictureSort.NEWEST


EVERYTHING = PictureQuery()
"""Every picture that is not in the trash, newest first."""


class Period(StrEnum):
    """When a picture was made, counted in days of this computer's calendar."""

    ANY = ""
    TODAY = "today"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    RANGE = "range"


_DAYS = {Period.TODAY: 1, Period.WEEK: 7, Period.MONTH: 30}


@dataclass(frozen=True, slots=True)
class PictureFilter:
    """What a person chose to see: a query whose days are counted anew each time it is asked.

    `first` and `last` are the days of `Period.RANGE`; either may be missing.
    """

    query: PictureQuery = EVERYTHING
    period: Period = Period.ANY
    first: date | None = None
    last: date | None = None

    def asked(self, today: date) -> PictureQuery:
        """Return the query as it is on a day."""
        first, last = self.first, self.last
        if self.period is not Period.RANGE:
            first = last = None
        if self.period in _DAYS:
            first = today - timedelta(days=_DAYS[self.period] - 1)
        elif self.period is Period.YEAR:
            first = today.replace(month=1, day=1)
        after = last + timedelta(days=1) if last is not None else None
        return replace(self.query, since=_morning(first), before=_morning(after))


def _morning(day: date | None) -> datetime | None:
    """Return the first moment of a day on this computer."""
    return datetime.combine(day, time()).astimezone() if day is not None else None


@dataclass(frozen=True, slots=True)
class PictureUses:
    """What the pictures were made with, trash left out: the values that a filter can ask for.

    `loras` are pairs of id and the name that a picture keeps, also of one that is gone.
    """

    loras: tuple[tuple[str, str], ...] = ()
    bases: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def clean_tag(text: str) -> str:
    """Return a tag as it is kept: one line, no more than `LONGEST_TAG` characters; "" for none."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:LONGEST_TAG].rstrip()
