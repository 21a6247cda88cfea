"""A plan that names no training service runs at the first, which is then written into it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.workflows.launch import start_run
from tests.workflows.fakes import FakeBackend


@pytest.fixture
def two(bench):
    """Tools with a second training service."""
    second = FakeBackend(key="second", title="Second")
    services = replace(bench.tools.services, trainers=(bench.backend, second))
    return replace(bench.tools, services=services)


def test_no_key_means_the_first_trainer(two) -> None:
    assert two.services.trainer("") is two.services.trainers[0]
    assert two.services.trainer("second") is two.services.trainers[1]
    with pytest.raises(KeyError):
        two.services.trainer("nobody")


def test_started_run_keeps_the_service_that_it_began_with(bench, two) -> None:
    draft = bench.draft()
    assert draft.plan.backend == ""

    run = start_run(draft.id, two)

    assert (run.plan.backend, run.plan.trainer) == ("replicate", "fake/trainer")
    turned = replace(two.services, trainers=two.services.trainers[::-1])
    assert turned.trainer(run.plan.backend) is bench.backend


def test_service_that_was_chosen_stays(bench, two) -> None:
    assert start_run(bench.draft(backend="second").id, two).plan.backend == "second"
