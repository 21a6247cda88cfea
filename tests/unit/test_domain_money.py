"""Estimates add up, times out, and come from a trainer's price rule to the cent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.money import Estimate
from fluxlora_desktop.domain.training import PriceRule

ONE = Estimate(Decimal(1), Decimal(2), 3.0, 5.0, "one rule")
OTHER = Estimate(Decimal(10), Decimal(20), 30.0, 50.0, "another")


def test_sum_of_two_estimates_adds_each_part_and_names_both_rules() -> None:
    assert Estimate(Decimal(11), Decimal(22), 33.0, 55.0, "one rule; another") == ONE + OTHER
    assert (ONE + Estimate(Decimal(0), Decimal(0))).basis == "one rule"
    assert (Estimate(Decimal(0), Decimal(0)) + OTHER).basis == "another"


def test_same_thing_so_many_times_costs_and_takes_so_many_times_as_much() -> None:
    assert ONE.times(4) == Estimate(Decimal(4), Decimal(8), 12.0, 20.0, "one rule")


def test_price_by_the_second_has_the_range_of_the_seconds() -> None:
    rule = PriceRule(
        usd_per_second=Decimal("0.001525"),
        start_seconds=100,
        seconds_per_step=0.5,
        spread=0.2,
        basis="H100",
    )
    found = rule.estimate(1000)
    assert (found.low_seconds, found.high_seconds) == pytest.approx((480.0, 720.0))
    assert (found.low_usd, found.high_usd) == (Decimal("0.732000"), Decimal("1.098000"))
    assert found.basis == "H100"


def test_price_by_the_step_bills_at_least_the_fewest_and_at_most_the_dearest() -> None:
    free = PriceRule(start_seconds=0, seconds_per_step=0, spread=0, basis="by the step")
    rule = replace(
        free,
        usd_per_step=Decimal("0.002"),
        most_usd_per_step=Decimal("0.003"),
        fewest_steps=500,
    )
    low = rule.estimate(100)
    assert (low.low_usd, low.high_usd) == (Decimal("1.000"), Decimal("1.500"))
    usual = rule.estimate(1000)
    assert (usual.low_usd, usual.high_usd) == (Decimal("2.000"), Decimal("3.000"))
    flat = replace(free, usd_per_step=Decimal("0.002")).estimate(1000)
    assert flat.low_usd == flat.high_usd == Decimal("2.000")
