"""Connections that are not what they seem: nothing is sent over one that cannot be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from certificates import DAY, Authority
from hostile import HostileServer, Line, says, sized
from patient_context import PatientContext

from fluxlora_desktop.backends.http import transport
from fluxlora_desktop.backends.http.client import Limits, ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.huggingface.hub import HuggingFaceHub
from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.secrets import Secret

HERE = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    transport.certificates.cache_clear()
    yield made
    transport.certificates.cache_clear()


def client_of(url: str) -> ServiceClient:
    limits = Limits(connect=2, idle=2, reply=2, paid=2)
    return ServiceClient(endpoint=Endpoint("fal", url, lambda: Secret("token")), limits=limits)


Served = Callable[[Authority, Path], HostileServer]
ANSWER = says(sized(b"{}"))


def served_with(**more: object) -> Served:
    def make(authority: Authority, _folder: Path) -> HostileServer:
        names = more.get("names", (HERE,))
        assert isinstance(names, tuple)
        starts, alone = more.get("starts", -DAY), bool(more.get("alone"))
        assert isinstance(starts, timedelta)
        return HostileServer(ANSWER, authority.server(*names, starts=starts, alone=alone))

    return make


def served_by(**more: str) -> Served:
    """Return a server that another authority vouches for, perhaps one of the same name."""

    def make(_authority: Authority, folder: Path) -> HostileServer:
        folder = folder / "stranger"
        folder.mkdir()
        return HostileServer(ANSWER, Authority(folder, **more).server(HERE))

    return make


UNTRUSTED: dict[str, tuple[Served, str]] = {
    "expired": (served_with(starts=-30 * DAY), "expired"),
    "not-yet": (served_with(starts=3 * DAY), "not valid yet"),
    "alone": (served_with(alone=True), "nobody"),
    "stranger": (served_by(name="Stranger"), "nobody that this computer trusts"),
    "impostor": (served_by(), "in another's name"),
    "other-name": (served_with(names=("evil.test",)), "another address"),
}


@pytest.mark.parametrize("name", UNTRUSTED)
@pytest.mark.parametrize("paid", [False, True], ids=["free", "paid"])
def test_nothing_is_sent_to_one_who_cannot_prove_who_it_is(
    authority: Authority, tmp_path: Path, ctx: PatientContext, name: str, paid: bool
) -> None:
    make, reason = UNTRUSTED[name]
    with make(authority, tmp_path).running() as server:
        client = client_of(server.url())
        with pytest.raises(e.UntrustedConnection) as caught:
            client.post_paid("a", {}) if paid else client.get_json("a", ctx=ctx)

    assert reason in caught.value.reason
    assert not server.heard
    assert not ctx.pauses


def test_one_who_proves_who_it_is_gets_the_token(authority: Authority) -> None:
    with HostileServer(ANSWER, authority.server(HERE)).running() as server:
        assert client_of(server.url()).get_json("a") == {}

    assert server.heard[0].headers["authorization"] == "Bearer token"


def test_plain_words_in_place_of_a_protected_connection_send_nothing(authority: Authority) -> None:
    with HostileServer(says(b"220 mail.example\r\n"), hears_first=False).running() as server:
        secure = server.url().replace("http:", "https:")
        with pytest.raises(e.ServiceUnreachable) as caught:
            client_of(secure).post_paid("a", {})

    assert caught.value.kind == "tls"


def test_connection_that_never_gets_protected_is_given_up(authority: Authority) -> None:
    def drips(line: Line) -> None:
        line.send(b"\x16\x03\x03\x40\x00")
        line.forever(b"\x00", drip=True)

    with HostileServer(drips, hears_first=False).running() as server:
        secure = server.url().replace("http:", "https:")
        with pytest.raises(e.ServiceUnreachable):
            client_of(secure).post_paid("a", {})


def test_plain_request_to_a_protected_server_is_unknown_when_paid(authority: Authority) -> None:
    with HostileServer(ANSWER, authority.server(HERE)).running() as server:
        plain = server.url().replace("https:", "http:")
        with pytest.raises(e.OutcomeUnknown):
            client_of(plain).post_paid("a", {})

    assert not server.heard


def test_file_that_ends_without_a_farewell_is_not_whole(
    authority: Authority, tmp_path: Path, ctx: PatientContext
) -> None:
    def cut(line: Line) -> None:
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
        line.socket.close()

    part = tmp_path / "w"
    with (
        HostileServer(cut, authority.server(HERE)).running() as server,
        pytest.raises(e.ServiceInterrupted),
    ):
        client_of(server.url()).download(f"{server.url()}/w", part, what="w", limit=999, ctx=ctx)


def test_hub_gets_no_token_when_it_cannot_prove_who_it_is(
    authority: Authority, tmp_path: Path
) -> None:
    make, _ = UNTRUSTED["stranger"]
    with make(authority, tmp_path).running() as server:
        hub = HuggingFaceHub(address=server.url(), token=lambda: Secret("token"))
        with pytest.raises(e.UntrustedConnection):
            hub.whoami()

    assert not server.heard
