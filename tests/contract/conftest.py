from collections.abc import Iterator

import pytest
from loopback import Loopback
from patient_context import PatientContext
from replicate_double import ReplicateDouble


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def replicate(server: Loopback) -> Iterator[ReplicateDouble]:
    with Loopback() as delivery:
        yield ReplicateDouble(server, delivery)


@pytest.fixture
def ctx() -> PatientContext:
    return PatientContext()
