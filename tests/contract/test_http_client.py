"""The HTTP kit against servers that misbehave."""

from __future__ import annotations

import gzip
import hashlib
import logging
import socket
import threading
from pathlib import Path

import pytest
from hostile import HostileServer, Line, sized
from patient_context import PatientContext

from fluxlora_desktop.backends.http.client import ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.errors import scrub
from fluxlora_desktop.backends.http.uploads import Bare
from fluxlora_desktop.domain.errors import (
    GarbledReply,
    JobCancelled,
    OutcomeUnknown,
    ServiceBusy,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
    UnexpectedReply,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.replicate.delivery import WEIGHTS, Deliveries
from fluxlora_desktop.practice.services import PracticeServices, Service

TOKEN = "r8_" + "S" * 37
CONTENT = bytes(range(200))


@pytest.fixture
def server(cloud: PracticeServices) -> Service:
    """Lend a service whose faults are the replies: /a and /f are no paths of its own."""
    return cloud.replicate


@pytest.fixture
def stored(server: Service) -> str:
    """Return the address of a file that the delivery port really has."""
    deliveries = Deliveries(context=server.context)
    path = deliveries.new_path(WEIGHTS, "w.tar")
    deliveries.put(path, CONTENT)
    return f"{server.delivery_url}/{path}"


def client_of(url: str) -> ServiceClient:
    return ServiceClient(endpoint=Endpoint("replicate", url, lambda: Secret(TOKEN)))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_read_is_repeated_through_the_context_when_the_service_stumbles(
    server: Service, ctx: PatientContext, status: int
) -> None:
    server.next(path="/a", status=status, body="{}", headers={"retry-after": "7"})
    server.next(path="/a", json={"ok": True})

    assert client_of(server.url).get_json("a", ctx=ctx) == {"ok": True}
    (wait,) = ctx.pauses
    assert wait == 7 if status in {429, 503} else 0.25 <= wait <= 0.5


def test_read_waits_as_long_as_it_is_asked_to_and_at_most_15_minutes(
    server: Service, ctx: PatientContext
) -> None:
    server.next(path="/a", status=429, headers={"retry-after": "86400"})
    server.next(path="/a", json={})

    client_of(server.url).get_json("a", ctx=ctx)

    assert ctx.pauses == [900.0]


def test_read_ends_at_once_when_the_owner_stops_it(server: Service, ctx: PatientContext) -> None:
    ctx.cancelled = True
    server.next(path="/a", status=503, body="{}")

    with pytest.raises(JobCancelled):
        client_of(server.url).get_json("a", ctx=ctx)


def test_long_wait_is_the_callers_without_a_context(server: Service) -> None:
    before = len(server.ledger.requests("GET", "/a"))
    server.next(path="/a", status=429, json={"detail": "Your rate limit resets in ~30s."})

    with pytest.raises(ServiceBusy) as caught:
        client_of(server.url).get_json("a")

    assert caught.value.retry_after == 30
    assert len(server.ledger.requests("GET", "/a")) - before == 1


def test_reply_larger_than_the_limit_is_refused_after_decoding(server: Service) -> None:
    bomb = gzip.compress(b'"' + b"x" * 6_000_000 + b'"')
    server.next(path="/a", body=bomb, headers={"content-encoding": "gzip"})

    with pytest.raises(UnexpectedReply):
        client_of(server.url).get_json("a")


def test_control_characters_and_broken_letters_are_read(server: Service) -> None:
    server.next(path="/a", body=b'{"logs": "a\x07b\xff"}')

    assert client_of(server.url).get_json("a") == {"logs": "a\x07b\ufffd"}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"error": {"message": "Gone.", "code": "model_not_available"}}, "[model_not_available]"),
        ({"detail": "Bad", "code": "E_42"}, "Bad [E_42]"),
        ({"error": {"message": "bad_key was given", "code": "bad_key"}}, "bad_key was given"),
        ({"error": {"message": "Odd", "code": 17}}, "Odd"),
    ],
)
def test_code_of_an_error_stays_beside_its_sentence(
    server: Service, told: dict[str, object], words: str
) -> None:
    server.next(path="/a", status=400, json=told)

    with pytest.raises(ServiceRefused) as caught:
        client_of(server.url).get_json("a")

    assert caught.value.detail.endswith(words)


def test_paid_request_is_unreachable_when_nobody_listens(free_address: str) -> None:
    with pytest.raises(ServiceUnreachable):
        client_of(free_address).post_paid("a", {})


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


def test_token_stays_at_home_when_a_file_is_elsewhere(
    server: Service, cloud: PracticeServices, ctx: PatientContext
) -> None:
    there = f"{cloud.together.url}/file"
    server.next(path="/file", status=302, headers={"location": there})
    cloud.together.next(path="/file", body=b"bytes")

    blob = client_of(server.url).read(f"{server.url}/file", limit=100, ctx=ctx)

    assert blob.data == b"bytes"
    assert server.ledger.requests("GET", "/file")[-1].facts["authorization"]
    assert not cloud.together.ledger.requests("GET", "/file")[-1].facts["authorization"]


def test_query_of_an_address_is_sent_letter_by_letter(
    server: Service, ctx: PatientContext, tmp_path: Path
) -> None:
    query = "flag&sig=ab~c:d/e,f&name=a%3B%20b&uploads="
    server.next(path="/f", body=b"bytes")
    client_of(server.url).read(f"{server.url}/f?{query}", limit=100, ctx=ctx)
    assert server.ledger.requests("GET", "/f")[-1].facts["query"] == query

    file = tmp_path / "photos.zip"
    file.write_bytes(b"zip")
    server.next(method="PUT", path="/f", body=b"")
    client_of(server.url).put_file(f"{server.url}/f?{query}", Bare(file, "a/b"), ctx=ctx)
    assert server.ledger.requests("PUT", "/f")[-1].facts["query"] == query


def test_address_of_an_unknown_host_is_never_read(server: Service, ctx: PatientContext) -> None:
    server.next(path="/f", status=302, headers={"location": "https://example.com/f"})

    with pytest.raises(UnexpectedReply):
        client_of(server.url).read(f"{server.url}/f", limit=100, ctx=ctx)


def test_download_starts_anew_when_the_file_changed(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(b"old old old")
    (tmp_path / "w.part.etag").write_text('"old"')

    client_of(server.url).download(stored, part, what="w", limit=1000, ctx=ctx)

    assert part.read_bytes() == CONTENT


def test_download_is_done_when_everything_lies_there(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    part = tmp_path / "w.part"
    part.write_bytes(b"whole")
    (tmp_path / "w.part.etag").write_text('"e"')
    path = stored.removeprefix(server.delivery_url)
    server.next(path=path, status=416, headers={"content-range": "bytes */5"})

    client_of(server.url).download(stored, part, what="w", limit=1000, ctx=ctx)

    assert part.read_bytes() == b"whole"


def test_download_that_broke_goes_on_where_it_ended_and_is_hashed_whole(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    path = stored.removeprefix(server.delivery_url)
    server.next(path=path, cut_after=120)
    before = len(server.ledger.requests("GET", path))

    saved = client_of(server.url).download(stored, tmp_path / "w", what="w", limit=1000, ctx=ctx)

    asked = server.ledger.requests("GET", path)[before:]
    assert (saved.size, saved.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert saved.path.read_bytes() == CONTENT
    assert len(asked) == 2


def test_download_is_whole_when_it_came_as_another_part_than_asked_for(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    path, part = stored.removeprefix(server.delivery_url), tmp_path / "w"
    part.write_bytes(CONTENT[:50])
    part.with_name("w.etag").write_text('"e"')
    wrong = {"content-range": f"bytes 70-199/{len(CONTENT)}"}
    server.next(path=path, status=206, body=CONTENT[70:], headers=wrong)

    client_of(server.url).download(stored, part, what="w", limit=1000, ctx=ctx)

    assert part.read_bytes() == CONTENT


def test_server_that_never_sends_the_part_asked_for_is_asked_for_the_whole(
    ctx: PatientContext, tmp_path: Path
) -> None:
    def answers(line: Line) -> None:
        assert line.heard is not None
        if "range" in line.heard.headers:
            head = b"HTTP/1.1 206 Part\r\nContent-Range: bytes 1-2/3\r\n"
            line.send(sized(b"bc", head))
        else:
            line.send(sized(b"abc", b'HTTP/1.1 200 OK\r\nETag: "e"\r\n'))

    part = tmp_path / "w"
    part.write_bytes(b"ab")
    part.with_name("w.etag").write_text('"e"')
    with HostileServer(answers).running() as server:
        client_of(server.url()).download(f"{server.url()}/w", part, what="w", limit=9, ctx=ctx)

    assert part.read_bytes() == b"abc"


def test_part_of_a_file_is_not_taken_for_the_whole(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    path, part = stored.removeprefix(server.delivery_url), tmp_path / "w"
    short = {"content-range": f"bytes 0-49/{len(CONTENT)}", "etag": '"e"'}
    server.next(path=path, status=206, body=CONTENT[:50], headers=short)

    saved = client_of(server.url).download(stored, part, what="w", limit=1000, ctx=ctx)

    assert saved.path.read_bytes() == CONTENT


def test_packed_download_is_refused(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    path = stored.removeprefix(server.delivery_url)
    packed = {"content-encoding": "gzip"}
    server.next(path=path, times=9, body=gzip.compress(CONTENT), headers=packed)

    with pytest.raises(GarbledReply):
        client_of(server.url).download(stored, tmp_path / "w", what="w", limit=1000, ctx=ctx)

    assert not (tmp_path / "w").exists()


def test_download_over_its_limit_ends_before_the_disk_is_full(
    server: Service, stored: str, ctx: PatientContext, tmp_path: Path
) -> None:
    with pytest.raises(UnexpectedReply):
        client_of(server.url).download(stored, tmp_path / "w", what="w", limit=99, ctx=ctx)

    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("status", [409, 502])
def test_read_is_made_again_only_a_few_times(
    server: Service, ctx: PatientContext, status: int
) -> None:
    before = len(server.ledger.requests("GET", "/a"))
    server.next(path="/a", times=20, status=status, json={"detail": "no"})

    with pytest.raises(ServiceError):
        client_of(server.url).get_json("a", ctx=ctx, attempts=10)

    assert len(server.ledger.requests("GET", "/a")) - before == (4 if status == 409 else 10)


def test_scrub_hides_whatever_looks_like_a_token() -> None:
    text = f"hf_{'a' * 34} {TOKEN} Bearer abc.def signature=zzz& {'0f' * 32} my-secret fine"

    clean = scrub(text, Secret("my-secret"))

    for secret in ("hf_a", "r8_", "abc.def", "zzz", "0f0f", "my-secret"):
        assert secret not in clean
    assert clean.endswith("fine")


def test_token_that_a_service_quotes_is_in_no_log_and_no_error(
    server: Service, ctx: PatientContext, caplog: pytest.LogCaptureFixture
) -> None:
    told = {"detail": f"\x1b[31mbad {TOKEN}\u202e at https://x/?signature=abc"}
    server.next(path="/a", times=9, status=502, json=told)

    with caplog.at_level(logging.DEBUG), pytest.raises(ServiceError) as caught:
        client_of(server.url).get_json("a", ctx=ctx)

    assert "retry_scheduled" in caplog.text
    everything = f"{caplog.text} {[vars(line) for line in caplog.records]} {caught.value!r}"
    for secret in (TOKEN, "signature=abc", "\x1b", "\\x1b", "\u202e", "\\u202e"):
        assert secret not in everything
