"""A token goes to its own host and nowhere else, judged by what two servers heard."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority
from hostile import HostileServer, Line, sized
from patient_context import PatientContext

from fluxlora_desktop.backends.http import transport
from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.uploads import Bare
from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.secrets import Secret

TOKEN = "r8_" + "S" * 37
OWN, CDN, EVIL = "api.own.test", "files.cdn.test", "evil.test"
NAMES = {OWN, CDN, EVIL, f"{OWN}.{EVIL}", f"own.{EVIL}", f"a.{CDN}", f"{OWN}.", "xn--wn-fka.test"}


@dataclass
class World:
    """The service, and everybody else at another port, both over trusted TLS."""

    own: HostileServer
    other: HostileServer
    location: str = ""

    def client(self) -> ServiceClient:
        hosts = frozenset({CDN, f".{CDN}"})
        base = self.own.url(OWN) + "/v1"
        return ServiceClient(endpoint=Endpoint("replicate", base, lambda: Secret(TOKEN), hosts))

    def filled(self, shape: str) -> str:
        return shape.format(own=self.own.port, other=self.other.port)

    def heard(self) -> list[tuple[str, bool]]:
        """Return each request that arrived: its path, and whether it bore the token."""
        return [
            (heard.target, any(TOKEN in value for value in heard.headers.values()))
            for server in (self.own, self.other)
            for heard in server.heard
        ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    transport.certificates.cache_clear()
    guarded = socket.getaddrinfo

    def resolve(host: object, *rest: object, **named: object) -> object:
        return guarded("127.0.0.1" if host in NAMES else host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    tls = authority.server(*NAMES, "127.0.0.1")

    def answers(line: Line) -> None:
        assert line.heard is not None
        if "start" in line.heard.target:
            location = made.location.encode("latin-1")
            line.send(
                b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
            )
        else:
            line.send(sized(b"bytes"))

    made = World(HostileServer(answers, tls), HostileServer(answers, tls))
    with made.own.running(), made.other.running():
        yield made
    transport.certificates.cache_clear()


FOLLOWED_WITH = {
    "path": "/end",
    "relative": "end",
    "same-host": "https://api.own.test:{own}/end",
    "upper-case": "HTTPS://API.OWN.TEST:{own}/end",
    "scheme-relative": "//api.own.test:{own}/end",
    "odd-query": "/end?next=https://evil.test/&sig=ab~c:d",
    "dots": "/v1/../end",
}
FOLLOWED_WITHOUT = {
    "listed-host": "https://files.cdn.test:{other}/end",
    "below-a-listed-host": "https://a.files.cdn.test:{other}/end",
}
REFUSED = {
    "other-host": "https://evil.test:{other}/end",
    "other-port": "https://api.own.test:{other}/end",
    "downgrade": "http://api.own.test:{own}/end",
    "downgrade-of-a-listed-host": "http://files.cdn.test:{other}/end",
    "own-as-name": "https://api.own.test@evil.test:{other}/end",
    "own-as-name-and-password": "https://api.own.test:{own}@evil.test:{other}/end",
    "name-at-own": "https://name:word@api.own.test:{own}/end",
    "scheme-relative-other": "//evil.test:{other}/end",
    "three-slashes": "https:///evil.test:{other}/end",
    "backslashes": "\\\\\\\\evil.test:{other}/end",
    "backslash-at": "https://api.own.test:{own}\\@evil.test:{other}/end",
    "backslash-host": "https://evil.test:{other}\\.own.test/end",
    "below-another": "https://api.own.test.evil.test:{other}/end",
    "end-of-a-listed-host": "https://xfiles.cdn.test:{other}/end",
    "trailing-dot": "https://api.own.test.:{other}/end",
    "trailing-dot-listed": "https://files.cdn.test.:{other}/end",
    "look-alike": "https://api.\xf6wn.test:{other}/end",
    "punycode": "https://xn--wn-fka.test:{other}/end",
    "percent-host": "https://api%2eown%2etest:{own}/end",
    "address": "https://127.0.0.1:{own}/end",
    "whole-number-address": "https://2130706433:{other}/end",
    "six": "https://[::1]:{other}/end",
    "blank": "https://evil.test:{other}/ end",
    "tab": "https://api.own.test\t:{other}/end",
    "javascript": "javascript:alert(1)",
    "file": "file:///etc/passwd",
    "data": "data:text/plain,x",
    "ftp": "ftp://api.own.test:{own}/end",
    "no-host": "https://",
    "no-port": "https://api.own.test:x/end",
    "large-port": "https://api.own.test:99999/end",
    "broken-six": "https://[::1/end",
}


@pytest.mark.parametrize("shape", FOLLOWED_WITH)
def test_redirect_within_the_service_bears_the_token(
    world: World, ctx: PatientContext, shape: str
) -> None:
    world.location = world.filled(FOLLOWED_WITH[shape])

    blob = world.client().read(f"{world.own.url(OWN)}/start", limit=99, ctx=ctx)

    assert blob.data == b"bytes"
    assert [told for _, told in world.heard()] == [True, True]


@pytest.mark.parametrize("shape", FOLLOWED_WITHOUT)
def test_redirect_to_a_listed_host_leaves_the_token_at_home(
    world: World, ctx: PatientContext, shape: str
) -> None:
    world.location = world.filled(FOLLOWED_WITHOUT[shape])

    blob = world.client().read(f"{world.own.url(OWN)}/start", limit=99, ctx=ctx)

    assert blob.data == b"bytes"
    assert world.heard() == [("/start", True), ("/end", False)]


@pytest.mark.parametrize("shape", REFUSED)
def test_redirect_to_anywhere_else_is_not_taken(
    world: World, ctx: PatientContext, tmp_path: Path, shape: str
) -> None:
    world.location = world.filled(REFUSED[shape])
    client, start = world.client(), f"{world.own.url(OWN)}/start"

    with pytest.raises(e.UnexpectedReply):
        client.read(start, limit=99, ctx=ctx)
    with pytest.raises(e.UnexpectedReply):
        client.download(start, tmp_path / "w", what="w", limit=99, ctx=ctx)

    assert world.heard() == [("/start", True)] * 2


@pytest.mark.parametrize(
    "call",
    [
        lambda client, _file, _ctx: client.post_paid("start", {}),
        lambda client, _file, _ctx: client.post_json("start", {}),
        lambda client, _file, _ctx: client.delete("start"),
        lambda client, _file, _ctx: client.get_json("start", attempts=1),
        lambda client, file, ctx: client.put_file(
            client.endpoint.url("start"), Bare(file, "a/b"), ctx=ctx
        ),
    ],
    ids=["paid", "post", "delete", "get", "put"],
)
@pytest.mark.parametrize("shape", ["path", "listed-host", "other-host"])
def test_only_files_are_read_through_redirects(
    world: World,
    ctx: PatientContext,
    tmp_path: Path,
    call: Callable[[ServiceClient, Path, PatientContext], object],
    shape: str,
) -> None:
    file = tmp_path / "photos.zip"
    file.write_bytes(b"zip")
    world.location = world.filled({**FOLLOWED_WITH, **FOLLOWED_WITHOUT, **REFUSED}[shape])

    with pytest.raises((e.UnexpectedReply, e.SignInRequired, e.OutcomeUnknown)):
        call(world.client(), file, ctx)

    assert {path for path, _ in world.heard()} == {"/v1/start"}


def test_redirects_end_after_three(world: World, ctx: PatientContext) -> None:
    world.location = "/start/again"

    with pytest.raises(e.UnexpectedReply, match="redirects"):
        world.client().read(f"{world.own.url(OWN)}/start", limit=99, ctx=ctx)

    assert len(world.heard()) == 4


@pytest.mark.parametrize("path", ["https://evil.test/x", "//evil.test/x", "javascript:x"])
def test_paid_request_goes_to_the_service_whatever_its_path_says(world: World, path: str) -> None:
    client = world.client()

    with pytest.raises((e.UnexpectedReply, e.OutcomeUnknown)):
        client.post_paid(path, {})

    assert not world.other.heard
