"""Every call against servers that misbehave: an error in our own words, soon, in little memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hostile import (
    JSON,
    OK,
    Behaviour,
    HostileServer,
    Line,
    packed,
    reset_after,
    says,
    sized,
    then_repeats,
    then_waits,
)
from patient_context import PatientContext

from fluxlora_desktop.backends.http import retries
from fluxlora_desktop.backends.http.client import Limits, ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.uploads import Form
from fluxlora_desktop.domain import errors as e
from fluxlora_desktop.domain.secrets import Secret

TOKEN = "r8_" + "S" * 37
DEADLINE = 0.6
SOON = 10.0  # a hang would break this; the deadline is a twentieth of it
LITTLE = 20_000_000
LIMITS = Limits(connect=2, idle=DEADLINE, reply=DEADLINE, paid=DEADLINE, window=DEADLINE / 2)
BOMB = packed(b'"' + b"x" * 200_000_000 + b'"')
VALUE = object()


def drips_headers(line: Line) -> None:
    line.send(OK)
    line.forever(b"X-Drip: 1\r\n", drip=True)


@dataclass(frozen=True)
class Case:
    """A behaviour, what a read becomes, and what a paid request becomes; `VALUE` is an answer."""

    behave: Behaviour
    read: Any = e.ServiceInterrupted
    paid: Any = e.OutcomeUnknown
    hears_first: bool = True


CASES: dict[str, Case] = {
    "closes-at-once": Case(lambda _line: None, hears_first=False),
    "closes-after-the-request": Case(lambda _line: None),
    "resets-at-once": Case(lambda line: line.reset(), hears_first=False),
    "resets-after-the-request": Case(lambda line: line.reset()),
    "says-nothing": Case(lambda line: line.wait()),
    "half-a-status-line": Case(says(b"HTTP/1.1 20")),
    "half-the-headers": Case(says(OK + b"Content-Le")),
    "silent-after-the-headers": Case(then_waits(JSON + b"Content-Length: 9\r\n\r\n")),
    "silent-in-the-body": Case(then_waits(JSON + b"Content-Length: 9\r\n\r\n{")),
    "reset-in-the-body": Case(reset_after(JSON + b"Content-Length: 9\r\n\r\n{")),
    "drips-headers": Case(drips_headers),
    "drips-a-body": Case(then_repeats(JSON + b"Content-Length: 999999\r\n\r\n", b"x", drip=True)),
    "drips-chunks": Case(
        then_repeats(JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", drip=True)
    ),
    "body-without-end": Case(then_repeats(JSON + b"\r\n", b"x" * 65536), e.ReplyTooLong),
    "chunks-without-end": Case(
        then_repeats(
            JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"
        ),
        e.ReplyTooLong,
    ),
    "headers-without-end": Case(then_repeats(OK, b"X-More: " + b"x" * 8000 + b"\r\n")),
    "one-header-without-end": Case(then_repeats(OK + b"X-More: ", b"x" * 65536)),
    "status-line-without-end": Case(then_repeats(b"HTTP/1.1 200 ", b"O" * 65536)),
    "gzip-bomb": Case(says(BOMB), e.ReplyTooLong),
    "gzip-that-is-none": Case(
        says(sized(b"plain", JSON + b"Content-Encoding: gzip\r\n")), e.GarbledReply
    ),
    "gzip-that-is-cut": Case(
        says(sized(packed(b'{"a": 1}')[-20:-6], JSON + b"Content-Encoding: gzip\r\n")),
        e.GarbledReply,
    ),
    "unknown-packing": Case(
        says(sized(b"x", JSON + b"Content-Encoding: br, gzip\r\n")), e.GarbledReply
    ),
    "length-too-long": Case(says(JSON + b"Content-Length: 99\r\n\r\n{}")),
    "length-too-short": Case(says(JSON + b"Content-Length: 1\r\n\r\n{}"), e.GarbledReply),
    "length-negative": Case(says(JSON + b"Content-Length: -1\r\n\r\n{}")),
    "two-lengths": Case(says(JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")),
    "chunks-that-are-none": Case(says(JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}")),
    "cut-chunks": Case(says(JSON + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}")),
    "cut-without-a-length": Case(says(JSON + b'\r\n{"id": "trunc'), e.GarbledReply),
    "continue-without-end": Case(then_repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "hints-without-end": Case(then_repeats(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    "switches-protocols": Case(says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")),
    "redirects-to-itself": Case(
        says(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n"), e.UnexpectedReply
    ),
    "redirects-to-a-sign-in": Case(
        says(b"HTTP/1.1 302 Found\r\nLocation: https://wifi.example/\r\nContent-Length: 0\r\n\r\n"),
        e.SignInRequired,
    ),
    "redirects-nowhere": Case(
        says(b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n"),
        e.UnexpectedReply,
    ),
    "asks-for-a-sign-in": Case(
        says(sized(b"<html>", b"HTTP/1.1 511 Sign In\r\nContent-Type: text/html\r\n")),
        e.SignInRequired,
    ),
    "a-web-page": Case(
        says(sized(b"<html>Welcome", OK + b"Content-Type: text/html\r\n")), e.SignInRequired
    ),
    "nothing-at-all": Case(says(sized(b"")), e.GarbledReply),
    "deep-json": Case(says(sized(b"[" * 1_000_000)), e.GarbledReply),
    "not-a-number": Case(says(sized(b'{"a": NaN}')), e.GarbledReply),
    "huge-number": Case(says(sized(b"9" * 100_000)), e.GarbledReply),
    "utf-16": Case(says(sized('{"a": 1}'.encode("utf-16"))), e.GarbledReply),
    "byte-order-mark": Case(says(sized(b'\xef\xbb\xbf{"a": 1}')), VALUE, VALUE),
    "wrong-type": Case(says(sized(b'"words"')), VALUE, VALUE),
    "same-key-twice": Case(says(sized(b'{"a": 1, "a": 2}')), VALUE, VALUE),
    "broken-letters": Case(says(sized(b'{"a": "\xff\x00\xc3\x28"}')), VALUE, VALUE),
    "status-0": Case(says(b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n")),
    "status-999": Case(says(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), e.UnexpectedReply),
    "status-in-words": Case(says(b"HTTP/1.1 OK\r\n\r\n")),
    "http-0.9": Case(says(b'{"a": 1}')),
    "http-2": Case(says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00")),
    "speaks-tls": Case(says(b"\x15\x03\x01\x00\x02\x02\x46")),
    "other-protocol": Case(then_waits(b"220 mail.example ESMTP\r\n"), hears_first=False),
    "refuses-and-drips": Case(
        then_repeats(b"HTTP/1.1 400 Bad\r\nContent-Length: 99999\r\n\r\n", b"x", drip=True)
    ),
    "refuses-without-end": Case(
        then_repeats(b"HTTP/1.1 400 Bad\r\n\r\n", b"x" * 65536), e.ReplyTooLong
    ),
}
NEVER_SENT = {"closes-at-once", "resets-at-once"}  # the break may come before the first byte
FLOODS = [name for name in CASES if "without-end" in name or "bomb" in name]
every_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every call once: how often it is repeated is tested elsewhere."""
    monkeypatch.setattr(retries, "AGAIN", {})


def client_of(url: str, wanted: object = None) -> ServiceClient:
    """Return a client that waits little; longer, on a busy computer too, where an answer comes."""
    endpoint = Endpoint("replicate", url, lambda: Secret(TOKEN))
    limits = Limits(connect=SOON, idle=SOON, reply=SOON, paid=SOON) if wanted is VALUE else LIMITS
    return ServiceClient(endpoint=endpoint, limits=limits)


def outcome_of(call: Callable[[], object]) -> tuple[Any, str]:
    """Return the class of what was raised, or `VALUE`, and its words; it must come soon."""
    began = time.monotonic()
    try:
        call()
    except e.AppError as error:
        return type(error), f"{error} {error!r}"
    else:
        return VALUE, ""
    finally:
        assert time.monotonic() - began < SOON


@every_case
def test_read_ends_with_a_fitting_error(name: str) -> None:
    case = CASES[name]
    with HostileServer(case.behave, hears_first=case.hears_first).running() as server:
        client = client_of(server.url(), case.read)
        kind, words = outcome_of(lambda: client.get_json("a"))

    assert kind is case.read or (name in NEVER_SENT and kind is e.ServiceUnreachable)
    assert TOKEN not in words


@every_case
def test_paid_request_is_sent_once_and_unknown_without_a_clear_answer(name: str) -> None:
    case = CASES[name]
    with HostileServer(case.behave, hears_first=case.hears_first).running() as server:
        client = client_of(server.url(), case.paid)
        kind, words = outcome_of(lambda: client.post_paid("a", {"prompt": "x"}))

    assert kind is case.paid or (name in NEVER_SENT and kind is e.ServiceUnreachable)
    assert server.posts() <= 1
    assert TOKEN not in words


@every_case
def test_download_ends_with_an_error_or_a_file(
    name: str, tmp_path: Path, ctx: PatientContext
) -> None:
    case, part = CASES[name], tmp_path / "w.part"
    with HostileServer(case.behave, hears_first=case.hears_first).running() as server:
        client = client_of(server.url())
        kind, _words = outcome_of(
            lambda: client.download(f"{server.url()}/w", part, what="w", limit=5_000_000, ctx=ctx)
        )

    assert kind is VALUE or issubclass(kind, e.ServiceError)
    assert not part.exists() or part.stat().st_size <= 5_000_000


@every_case
def test_upload_ends_with_an_error_or_an_answer(
    name: str, tmp_path: Path, ctx: PatientContext
) -> None:
    case, file = CASES[name], tmp_path / "photos.zip"
    file.write_bytes(b"zip" * 1000)
    form = Form(file=file, name="photos.zip", media_type="application/zip")
    with HostileServer(case.behave, hears_first=case.hears_first).running() as server:
        client = client_of(server.url())
        kind, _words = outcome_of(lambda: client.upload("files", form, ctx=ctx))

    assert kind is VALUE or issubclass(kind, e.ServiceError)
    assert server.posts() <= 1


@pytest.mark.parametrize(
    "name", [name for name in CASES if "without-end" in name or "bomb" in name]
)
def test_read_takes_little_memory_whatever_comes(name: str) -> None:
    with HostileServer(CASES[name].behave).running() as server:
        client = client_of(server.url())
        tracemalloc.start()
        try:
            outcome_of(lambda: client.get_json("a"))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < LITTLE


def test_upload_that_nobody_takes_is_given_up(tmp_path: Path, ctx: PatientContext) -> None:
    file = tmp_path / "photos.zip"
    file.write_bytes(b"\0" * 30_000_000)
    form = Form(file=file, name="photos.zip", media_type="application/zip")

    def reads_no_byte(line: Line) -> None:
        line.stop.wait(SOON)

    with HostileServer(reads_no_byte, hears_first=False).running() as server:
        kind, _ = outcome_of(lambda: client_of(server.url()).upload("files", form, ctx=ctx))

    assert kind is e.ServiceInterrupted


def test_cancel_is_heard_while_nothing_comes(tmp_path: Path, ctx: PatientContext) -> None:
    def cancels(line: Line) -> None:
        line.send(JSON + b"Content-Length: 99\r\n\r\n{")
        line.stop.wait(0.5)  # by now the byte was taken and the next one is waited for
        ctx.cancelled = True
        line.wait()

    with HostileServer(cancels).running() as server:
        patient = ServiceClient(endpoint=client_of(server.url()).endpoint)
        began = time.monotonic()
        with pytest.raises(e.JobCancelled):
            patient.download(f"{server.url()}/w", tmp_path / "w", what="w", limit=99, ctx=ctx)

    assert time.monotonic() - began < SOON
