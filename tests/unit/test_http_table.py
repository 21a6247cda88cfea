"""What replies and breaks mean: one table, walked status by status, free and paid."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest

from fluxlora_desktop.backends.http.errors import (
    error_for_break,
    error_for_no_json,
    error_for_redirect,
    error_for_reply,
    parse_json,
    scrub,
)
from fluxlora_desktop.backends.http.logs import clean_log
from fluxlora_desktop.backends.http.replies import words
from fluxlora_desktop.backends.http.retries import times_again
from fluxlora_desktop.backends.http.waits import LONGEST_WAIT, wait_of
from fluxlora_desktop.domain import errors as e

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOTHING = httpx.Headers()

TABLE: list[tuple[int, type[e.AppError], type[e.AppError]]] = [
    (304, e.UnexpectedReply, e.OutcomeUnknown),
    (307, e.UnexpectedReply, e.OutcomeUnknown),
    (308, e.UnexpectedReply, e.OutcomeUnknown),
    (400, e.ServiceRefused, e.ServiceRefused),
    (401, e.TokenRejected, e.TokenRejected),
    (402, e.PaymentRequired, e.PaymentRequired),
    (403, e.ServiceRefused, e.ServiceRefused),
    (404, e.NotFoundAtService, e.NotFoundAtService),
    (405, e.ServiceRefused, e.ServiceRefused),
    (408, e.ServiceInterrupted, e.OutcomeUnknown),
    (409, e.ServiceConflict, e.OutcomeUnknown),
    (410, e.NotFoundAtService, e.NotFoundAtService),
    (412, e.ServiceConflict, e.ServiceConflict),
    (413, e.TooLargeForService, e.TooLargeForService),
    (415, e.FormatRefused, e.FormatRefused),
    (422, e.ServiceRefused, e.ServiceRefused),
    (429, e.ServiceBusy, e.ServiceBusy),
    (500, e.ServiceFailing, e.OutcomeUnknown),
    (502, e.ServiceFailing, e.OutcomeUnknown),
    (503, e.ServiceBusy, e.OutcomeUnknown),
    (504, e.ServiceFailing, e.OutcomeUnknown),
    (511, e.SignInRequired, e.OutcomeUnknown),
    (520, e.ServiceFailing, e.OutcomeUnknown),
    (999, e.UnexpectedReply, e.OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "free", "paid"), TABLE, ids=[str(row[0]) for row in TABLE])
def test_each_status_has_one_meaning_for_free_and_one_for_paid(
    status: int, free: type[e.AppError], paid: type[e.AppError]
) -> None:
    assert type(error_for_reply("replicate", status, NOTHING, b"no")) is free
    assert type(error_for_reply("replicate", status, NOTHING, b"no", paid=True)) is paid


@pytest.mark.parametrize(
    ("body", "code", "kind"),
    [
        (b'{"error": "You lack the permission repo.write"}', "", e.ScopeMissing),
        (b"Private repository storage limit reached, please upgrade", "", e.QuotaReached),
        (b"You have exceeded your public storage space", "", e.QuotaReached),
        (b"Access to model x is restricted", "GatedRepo", e.AccessGated),
        (b"no", "", e.ServiceRefused),
    ],
)
def test_refusal_is_of_a_right_a_gate_or_a_full_account(
    body: bytes, code: str, kind: type[e.AppError]
) -> None:
    headers = httpx.Headers({"x-error-code": code})

    assert type(error_for_reply("huggingface", 403, headers, body)) is kind


def test_refused_field_is_named() -> None:
    body = b'{"detail": [{"loc": ["body", "input", "steps"], "msg": "too many"}]}'

    error = error_for_reply("fal", 422, NOTHING, body)

    assert isinstance(error, e.ServiceRefused)
    assert error.detail == "steps: too many"


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after": "28"}, b"", 28),
        ({"retry-after": " 1.5 "}, b"", 1.5),
        ({"retry-after": "0"}, b"", 0),
        ({"retry-after": "86400"}, b"", LONGEST_WAIT),
        ({"retry-after": "9" * 400}, b"", 10),
        ({"retry-after": "-5"}, b"", 10),
        ({"retry-after": "²"}, b"", 10),
        ({"retry-after": "soon"}, b"", 10),
        ({"retry-after": format_datetime(NOW.replace(minute=1), usegmt=True)}, b"", 60),
        ({"retry-after": format_datetime(NOW.replace(year=2020), usegmt=True)}, b"", 1),
        ({"retry-after": format_datetime(NOW.replace(year=2040), usegmt=True)}, b"", LONGEST_WAIT),
        ({"retry-after": "Mon, 99 Nov 99999 99:99:99 GMT"}, b"", 10),
        ({"ratelimit": '"default";r=0;t=28'}, b"", 28),
        ({"ratelimit": '"api";r=0;pk=:x:; t = 55'}, b"", 55),
        ({"retry-after": "soon", "ratelimit": '"default";r=0;t=28'}, b"", 28),
        ({"ratelimit-reset": "30"}, b"", 30),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 40)}, b"", 40),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) - 40)}, b"", 1),
        ({}, b'{"retry_after": 12}', 12),
        ({}, b'{"retry_after": -1}', 10),
        ({}, b'{"retry_after": true}', 10),
        ({}, b'{"retry_after": 1e999}', 10),
        ({}, b'{"retry_after": NaN}', 10),
        ({}, b'{"detail": "Your rate limit resets in ~30s."}', 30),
        ({}, b"[" * 100_000, 10),
        ({}, b"", 10),
    ],
)
def test_wait_is_read_from_whatever_says_it(
    headers: dict[str, str], body: bytes, wait: float
) -> None:
    raw = [(name, value.encode("latin-1")) for name, value in headers.items()]

    assert wait_of(httpx.Headers(raw), body, NOW) == wait


CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")


@pytest.mark.parametrize(
    ("cause", "kind", "again"),
    [
        (socket.gaierror(-2, "unknown"), "dns", True),
        (ConnectionRefusedError(), "connect", True),
        (ssl.SSLError(1, "wrong version number"), "tls", True),
        (CERTIFICATE, "certificate", False),
    ],
)
def test_break_before_the_first_byte_is_sent_nothing_and_repeated_unless_untrusted(
    cause: OSError, kind: str, again: bool
) -> None:
    raised = httpx.ConnectError("no")
    raised.__cause__ = cause

    for paid in (False, True):
        error = error_for_break("fal", raised, sent=False, paid=paid)
        assert isinstance(error, e.ServiceUnreachable)
        assert error.kind == kind
        assert bool(times_again(error)) is again


def test_break_after_the_first_byte_is_unknown_only_when_paid() -> None:
    raised = httpx.ReadError("reset")

    assert type(error_for_break("fal", raised, sent=True)) is e.ServiceInterrupted
    assert type(error_for_break("fal", raised, sent=True, paid=True)) is e.OutcomeUnknown


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("certificate has expired", "expired, or this computer's clock is wrong"),
        ("certificate is not yet valid", "not valid yet, or this computer's clock is wrong"),
        ("self-signed certificate in certificate chain", "nobody vouches"),
        ("unable to get local issuer certificate", "nobody that this computer trusts"),
        ("Hostname mismatch, certificate is not valid for 'a.b'", "belongs to another address"),
        ("something new", "could not be checked"),
    ],
)
def test_untrusted_connection_says_why(said: str, reason: str) -> None:
    raised = httpx.ConnectError("no")
    raised.__cause__ = ssl.SSLCertVerificationError(1, said)

    error = error_for_break("fal", raised, sent=False)

    assert isinstance(error, e.UntrustedConnection)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/html; charset=utf-8", b"anything"),
        ("application/json", b"\xef\xbb\xbf\n<!DOCTYPE html><p>Sign in"),
        ("", b"<HTML>"),
    ],
)
def test_web_page_in_place_of_json_is_a_network_that_asks_for_a_sign_in(
    media_type: str, body: bytes
) -> None:
    error = error_for_no_json("fal", "a", 200, httpx.Headers({"content-type": media_type}), body)

    assert isinstance(error, e.SignInRequired)
    assert error.kind == "portal"


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("https://wifi.example/login", e.SignInRequired),
        ("//wifi.example/login", e.SignInRequired),
        ("/elsewhere", e.UnexpectedReply),
        ("https://api.example/elsewhere", e.UnexpectedReply),
        ("https://[broken", e.UnexpectedReply),
    ],
)
def test_redirect_to_another_host_is_a_sign_in(location: str, kind: type[e.AppError]) -> None:
    error = error_for_redirect("fal", "https://api.example/a", location, 302)

    assert type(error) is kind


EVERY_ERROR = [kind for kind in vars(e).values() if isinstance(kind, type)]
REPEATED = {
    e.ServiceUnreachable,
    e.SignInRequired,
    e.ServiceInterrupted,
    e.ServiceFailing,
    e.ServiceBusy,
    e.GarbledReply,
    e.ServiceConflict,
}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in EVERY_ERROR if issubclass(kind, e.AppError)],
    ids=lambda kind: kind.__name__,
)
def test_only_passing_trouble_is_asked_again(kind: type[e.AppError]) -> None:
    assert bool(times_again(kind.__new__(kind))) is (kind in REPEATED)


@pytest.mark.parametrize("text", [b"NaN", b'{"a": Infinity}', b"[" * 200_000, b"1" * 5000])
def test_json_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_json_may_begin_with_a_mark_and_hold_halves_of_letters() -> None:
    value = parse_json(b'\xef\xbb\xbf{"logs": "a\\ud800b"}')

    assert words(value["logs"]) == "a\ufffdb"


def test_log_is_plain_text() -> None:
    log = (
        "\x1b]0;title\x07\x1b[31mred\x1b[0m \x9b1mbold\u202egnp.exe\u2066\u061c\x00\ud800 é\r\nnext"
    )

    assert clean_log(log) == "red boldgnp.exe é\nnext"
    assert scrub("\x1b[31mBearer abc.def\u202e") == "[hidden]"
