"""Trouble that a test orders from a practice service, seen by a plain HTTP client."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from fluxlora_desktop.practice.services import PracticeServices

FILE = {"content": ("a.zip", b"zip", "application/zip")}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[PracticeServices]:
    with PracticeServices(state_dir=tmp_path / "practice", speed=2000) as running:
        yield running


@pytest.fixture
def api(services: PracticeServices) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=services.replicate.url + "/v1",
        headers={"Authorization": f"Bearer {services.replicate.token}"},
        trust_env=False,
        timeout=60,
    ) as client:
        yield client


def uploads(services: PracticeServices) -> int:
    return services.replicate.ledger.count("file_uploaded")


def wait_for(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def test_fault_before_the_effect_answers_and_does_nothing(
    services: PracticeServices, api: httpx.Client
) -> None:
    services.replicate.next(
        method="POST",
        path=r".*/files",
        status=429,
        json={"detail": "slow"},
        headers={"retry-after": "5"},
    )

    reply = api.post("/files", files=FILE)

    assert (reply.status_code, reply.json()) == (429, {"detail": "slow"})
    assert reply.headers["retry-after"] == "5"
    assert uploads(services) == 0
    assert api.post("/files", files=FILE).status_code == 201


def test_fault_after_the_effect_replaces_the_reply_only(
    services: PracticeServices, api: httpx.Client
) -> None:
    services.replicate.next(
        path=r".*/files", when="after", status=502, body="<html>", content_type="text/html"
    )

    reply = api.post("/files", files=FILE)

    assert (reply.status_code, reply.text, reply.headers["content-type"]) == (
        502,
        "<html>",
        "text/html",
    )
    assert uploads(services) == 1


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1)])
def test_fault_drop_breaks_the_connection_without_a_reply(
    services: PracticeServices, api: httpx.Client, when: str, effects: int
) -> None:
    services.replicate.next(path=r".*/files", when=when, drop=True)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.post("/files", files=FILE)

    assert uploads(services) == effects


def test_fault_cut_sends_some_bytes_of_the_length_it_promised(
    services: PracticeServices, api: httpx.Client
) -> None:
    services.replicate.next(path=r".*/account", cut_after=7)
    got = b""

    with (
        pytest.raises(httpx.RemoteProtocolError, match="received 7 bytes"),
        api.stream("GET", "/account") as reply,
    ):
        promised = int(reply.headers["content-length"])
        for piece in reply.iter_raw():
            got += piece

    assert len(got) == 7 < promised


def test_fault_delay_outlasts_a_client_that_is_in_a_hurry(
    services: PracticeServices, api: httpx.Client
) -> None:
    services.replicate.next(path=r".*/files", when="after", delay=30)

    with pytest.raises(httpx.ReadTimeout):
        api.post("/files", files=FILE, timeout=1)

    wait_for(lambda: uploads(services) == 1, "the upload")


def test_faults_meet_requests_in_order_and_as_often_as_told(
    services: PracticeServices, api: httpx.Client
) -> None:
    services.replicate.next(path=r".*/account", times=2, status=503)
    services.replicate.next(path=r".*/account", status=504)

    assert [api.get("/account").status_code for _ in range(4)] == [503, 503, 504, 200]


def test_faults_come_over_http_too_and_can_be_taken_back(
    services: PracticeServices, api: httpx.Client
) -> None:
    root = services.together.url + "/_practice/"
    fault = {"method": "GET", "path": ".*/models", "status": 500, "times": 3}

    assert api.post(root + "faults", json=fault).json() == {"waiting": 3}
    assert api.get(services.together.url + "/v1/models").status_code == 500
    assert api.post(root + "reset-faults").json() == {"waiting": 0}
    assert api.get(services.together.url + "/v1/models").status_code != 500
    assert api.post(root + "faults", json={"path": "("}).status_code == 422
    assert api.post(root + "faults", json={"color": "red"}).status_code == 422


def test_ledger_names_every_request_and_never_a_token(
    services: PracticeServices, api: httpx.Client
) -> None:
    api.get("/account")
    httpx.get(services.replicate.url + "/v1/account", trust_env=False, timeout=60)

    told = api.get(services.replicate.url + "/_practice/ledger")

    facts = [entry["facts"] for entry in told.json()["entries"] if entry["kind"] == "request"]
    assert [(f["method"], f["path"], f["status"], f["authorization"]) for f in facts] == [
        ("GET", "/v1/account", 200, True),
        ("GET", "/v1/account", 401, False),
    ]
    assert services.replicate.token not in told.text
    assert services.replicate.token not in json.dumps(
        [entry.as_json() for entry in services.replicate.ledger.entries()]
    )


def test_services_stop_soon_while_a_reply_is_held_back(tmp_path: Path) -> None:
    with PracticeServices(state_dir=tmp_path, speed=2000) as services:
        services.replicate.next(path=".*", delay=600)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(services.replicate.url + "/v1/account", timeout=0.5, trust_env=False)
        url = services.replicate.url

    def closed() -> bool:
        try:
            httpx.get(url, timeout=1, trust_env=False)
        except httpx.ConnectError:
            return True
        return False

    wait_for(closed, "the end of the services")
