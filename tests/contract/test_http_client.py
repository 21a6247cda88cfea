"""The HTTP kit against servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import threading

import pytest
from loopback import Answer, Loopback, as_json
from patient_context import PatientContext

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.errors import scrub
from fluxlora_desktop.domain.errors import (
    JobCancelled,
    OutcomeUnknown,
    ServiceBusy,
    ServiceUnreachable,
    UnexpectedReply,
)
from fluxlora_desktop.domain.secrets import Secret

TOKEN = "r8_" + "S" * 37


def client_of(url: str) -> ServiceClient:
    return ServiceClient(endpoint=Endpoint("replicate", url, lambda: Secret(TOKEN)))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_read_is_repeated_through_the_context_when_the_service_stumbles(
    server: Loopback, ctx: PatientContext, status: int
) -> None:
    server.next("GET", "/a", Answer(status, b"{}", {"retry-after": "7"}))
    server.route("GET", "/a", as_json({"ok": True}))

    assert client_of(server.url).get_json("a", ctx=ctx) == {"ok": True}
    assert ctx.pauses == [7.0 if status in {429, 503} else 0.5]


def test_read_waits_at_most_a_minute(server: Loopback, ctx: PatientContext) -> None:
    server.next("GET", "/a", Answer(429, b"{}", {"retry-after": "86400"}))
    server.route("GET", "/a", as_json({}))

    client_of(server.url).get_json("a", ctx=ctx)

    assert ctx.pauses == [60.0]


def test_read_ends_at_once_when_the_owner_stops_it(server, ctx) -> None:
    ctx.cancelled = True
    server.route("GET", "/a", Answer(503, b"{}"))

    with pytest.raises(JobCancelled):
        client_of(server.url).get_json("a", ctx=ctx)


def test_long_wait_is_the_callers_without_a_context(server: Loopback) -> None:
    server.route("GET", "/a", Answer(429, b'{"detail":"Your rate limit resets in ~30s."}'))

    with pytest.raises(ServiceBusy) as caught:
        client_of(server.url).get_json("a")

    assert caught.value.retry_after == 30
    assert server.count("GET", "/a") == 1


def test_reply_larger_than_the_limit_is_refused_after_decoding(server: Loopback) -> None:
    bomb = gzip.compress(b'"' + b"x" * 6_000_000 + b'"')
    server.route("GET", "/a", Answer(200, bomb, {"content-encoding": "gzip"}))

    with pytest.raises(UnexpectedReply):
        client_of(server.url).get_json("a")


def test_control_characters_and_broken_letters_are_read(server: Loopback) -> None:
    server.route("GET", "/a", Answer(200, b'{"logs": "a\x07b\xff"}'))

    assert client_of(server.url).get_json("a") == {"logs": "a\x07b\ufffd"}


def test_paid_request_is_unreachable_when_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        with pytest.raises(ServiceUnreachable):
            client_of(url).post_paid("a", {})


def test_paid_request_ends_at_its_deadline_when_headers_drip() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    try:
                        line.sendall(b"x-drip: 1\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(OutcomeUnknown):
                client_of(url).post_paid("a", {}, total_seconds=0.3)
        finally:
            stop.set()
            thread.join()


def test_token_stays_at_home_when_a_file_is_elsewhere(server: Loopback, ctx) -> None:
    with Loopback() as other:
        other.route("GET", "/f", Answer(200, b"bytes"))
        server.route("GET", "/f", Answer(302, b"", {"location": f"{other.url}/f"}))

        blob = client_of(server.url).read(f"{server.url}/f", limit=100, ctx=ctx)

    assert blob.data == b"bytes"
    assert "authorization" in server.seen[0].headers
    assert "authorization" not in other.seen[0].headers


def test_address_of_an_unknown_host_is_never_read(server: Loopback, ctx) -> None:
    server.route("GET", "/f", Answer(302, b"", {"location": "https://example.com/f"}))

    with pytest.raises(UnexpectedReply):
        client_of(server.url).read(f"{server.url}/f", limit=100, ctx=ctx)


def test_download_starts_anew_when_the_file_changed(server: Loopback, ctx, tmp_path) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(b"old old old")
    (tmp_path / "w.part.etag").write_text('"old"')
    server.route("GET", "/w", Answer(200, b"new", {"etag": '"new"'}))

    client_of(server.url).download(f"{server.url}/w", part, what="w", limit=100, ctx=ctx)

    assert part.read_bytes() == b"new"
    assert server.seen[0].headers["if-range"] == '"old"'


def test_download_is_done_when_everything_lies_there(server: Loopback, ctx, tmp_path) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(b"whole")
    (tmp_path / "w.part.etag").write_text('"e"')
    server.route("GET", "/w", Answer(416, b"", {"content-range": "bytes */5"}))

    client_of(server.url).download(f"{server.url}/w", part, what="w", limit=100, ctx=ctx)

    assert part.read_bytes() == b"whole"


def test_scrub_hides_whatever_looks_like_a_token() -> None:
    text = f"hf_{'a' * 34} {TOKEN} Bearer abc.def signature=zzz& {'0f' * 32} my-secret fine"

    clean = scrub(text, Secret("my-secret"))

    for secret in ("hf_a", "r8_", "abc.def", "zzz", "0f0f", "my-secret"):
        assert secret not in clean
    assert clean.endswith("fine")
