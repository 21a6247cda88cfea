"""Months of the person's own, and limits as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.cells import guarded, unguarded
from fluxlora_desktop.domain.errors import InputError
from fluxlora_desktop.domain.money import Certainty
from fluxlora_desktop.domain.spending import Month, Standing, Sum, parse_limit


def test_month_knows_its_neighbours_and_when_it_begins() -> None:
    december = Month(2026, 12)

    assert (december.key, december.title) == ("2026-12", "December 2026")
    assert december.next == Month(2027, 1)
    assert Month.parse("2026-12") == december
    assert Month(2026, 11).next == december
    east = timezone(timedelta(hours=9))
    assert december.begins(east) == datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert Month.of(datetime(2026, 11, 30, 15, tzinfo=UTC), east) == december
    assert Month.of(datetime(2026, 11, 30, 14, 59, tzinfo=UTC), east) == Month(2026, 11)
    with pytest.raises(ValueError, match="2026-13"):
        Month.parse("2026-13")


def test_without_a_zone_a_month_begins_at_midnight_on_this_computer() -> None:
    begins = Month(2026, 11).begins()

    assert begins.astimezone().replace(tzinfo=None) == datetime(2026, 11, 1)
    assert Month.of(begins) == Month(2026, 11)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("", None),
        ("  ", None),
        ("0", "0"),
        ("20", "20"),
        ("$20", "20"),
        (" $ 12.5 ", "12.5"),
        ("12,50", "12.50"),
        ("1,000", "1000"),
        ("1,000.25", "1000.25"),
        ("1000000", "1000000"),
    ],
)
def test_limit_is_read_as_people_type_it(text: str, amount: str | None) -> None:
    assert parse_limit(text) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    "text", ["-5", "1e3", "NaN", "20.123", "1.000", "twenty", "20 $", "1000000.01", "9" * 40, "٢٠"]
)
def test_what_is_no_limit_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_limit(text)

    assert refused.value.field == "limit"


def test_month_reaches_what_is_spent_unsure_and_under_way() -> None:
    spent = Sum(Decimal("18.00"), Decimal("0.40"), 12)

    assert Standing(Month(2026, 11), spent, Decimal(3)).reach == Decimal("21.40")
    assert [it.value for it in Certainty] == ["charged", "maybe"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "'=1", "plain", "'plain", ""])
def test_guarded_cell_comes_back_as_it_was_and_is_no_formula(text: str) -> None:
    cell = guarded(text)

    assert unguarded(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t"))
