"""One set of practice services for the whole folder; each test begins without faults."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from patient_context import PatientContext
from shelf import Shelf, fill_shelf

from fluxlora_desktop.practice.services import PracticeServices


@pytest.fixture(scope="session")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeServices]:
    folder = tmp_path_factory.mktemp("cloud")
    with PracticeServices(state_dir=folder, speed=2000) as services:
        yield services


@pytest.fixture
def cloud(_cloud: PracticeServices) -> Iterator[PracticeServices]:
    """Lend the running services, and see that no fault is left for the next test."""
    yield _cloud
    hosted = (_cloud.replicate, _cloud.fal, _cloud.huggingface, _cloud.together)
    for service in (*hosted, _cloud.own_pictures):
        service.reset()


@pytest.fixture(scope="session")
def shelf(_cloud: PracticeServices, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Return Loras that the running services know."""
    return fill_shelf(_cloud, tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def ctx() -> PatientContext:
    return PatientContext()


@pytest.fixture
def free_address() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"
