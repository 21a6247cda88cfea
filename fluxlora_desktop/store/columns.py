"""Column types: how the values of `domain/` lie in SQLite."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Dialect, Enum, Integer, Text
from sqlalchemy.types import TypeDecorator

_MICRO = Decimal(1_000_000)


class UtcTime(TypeDecorator[datetime]):
    """A time as ISO text in UTC, always with six decimals, so that texts sort as times do."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Return the text; a time without a zone is refused with `ValueError`."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Return the time, in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class MicroDollars(TypeDecorator[Decimal]):
    """An amount in US dollars as a whole number of millionths."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Return the amount rounded to a millionth of a dollar."""
        return None if value is None else int((value * _MICRO).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Return the amount in dollars."""
        return None if value is None else Decimal(value) / _MICRO


def one_of(kind: type[StrEnum], name: str) -> Enum:
    """Return a column type that keeps an enum by value, held by a CHECK of that name."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=20,
        values_callable=_values,
    )


def _values(kind: Any) -> list[str]:
    return [member.value for member in kind]
