"""The one table from what HTTP says to what the app says."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from fluxlora_desktop.backends.http.logs import clean_log, plain_text
from fluxlora_desktop.backends.http.waits import wait_of
from fluxlora_desktop.domain.errors import (
    AccessGated,
    AppError,
    FormatRefused,
    GarbledReply,
    NotFoundAtService,
    OutcomeUnknown,
    PaymentRequired,
    QuotaReached,
    ScopeMissing,
    ServiceBusy,
    ServiceConflict,
    ServiceError,
    ServiceFailing,
    ServiceInterrupted,
    ServiceRefused,
    ServiceUnreachable,
    SignInRequired,
    TokenRejected,
    TooLargeForService,
    UnexpectedReply,
    UntrustedConnection,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import token_pattern

_DETAIL_LIMIT = 500
_TOKENS = re.compile(
    rf"{token_pattern()}|Bearer\s+[^\s\"']+|\bKey\s+(?=\S*\d)[^\s\"']{{16,}}"
    r"|(?<=signature=)[^&\s\"']+|\b[0-9a-f]{64}\b",
    re.IGNORECASE,
)
"""What follows "Key" must be long and hold a digit: services write of keys in plain sentences."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,63}")
_RIGHTS = re.compile(r"permission|scope", re.IGNORECASE)
_NO_ROOM = re.compile(r"storage (?:limit|space|quota)|insufficient storage", re.IGNORECASE)
_GATED_CODE = "GatedRepo"
_WHOLE = {413: TooLargeForService, 415: FormatRefused, 409: ServiceConflict, 412: ServiceConflict}
_KNOWN_TRUST = (
    ("expired", "its certificate has expired, or this computer's clock is wrong"),
    ("not yet valid", "its certificate is not valid yet, or this computer's clock is wrong"),
    ("self-signed", "nobody vouches for its certificate"),
    ("self signed", "nobody vouches for its certificate"),
    ("unable to get", "nobody that this computer trusts vouches for its certificate"),
    ("signature failure", "its certificate was signed in another's name"),
    ("mismatch", "its certificate belongs to another address"),
    ("not valid for", "its certificate belongs to another address"),
)


def scrub(text: str, *secrets: Secret | None) -> str:
    """Return a service's words without tokens, signatures or controls, at most 500 characters."""
    text = plain_text(text)
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), "[token]")
    return _TOKENS.sub("[hidden]", text)[:_DETAIL_LIMIT].strip()


def parse_json(body: bytes) -> Any:
    """Return what JSON bytes say; raises `ValueError`, also for NaN and for nesting without end.

    Control characters inside strings and broken UTF-8 are let through: Replicate sent both in logs.
    """
    text = body.decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested without end") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def looks_like_a_page(headers: httpx.Headers, body: bytes) -> bool:
    """Tell a web page, which no service sends in place of JSON, by its type or its first tag."""
    if "html" in headers.get("content-type", "").lower():
        return True
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html"))


def detail_of(body: bytes, media_type: str) -> str:
    """Return the sentence in an error's body, or a name for a body that has none.

    A code beside the sentence is kept behind it in brackets: services reword sentences.
    """
    try:
        data = parse_json(body)
    except ValueError:
        text = body[:_DETAIL_LIMIT].decode("utf-8", errors="replace")
        return "a web page instead of an answer" if "<html" in text.lower() else text
    sentence, code = _sentence(data), _code(data)
    named = f"{sentence} [{code}]" if sentence and code and code not in sentence else sentence
    return named or code or media_type


def _sentence(data: Any) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return "; ".join(filter(None, (_sentence(item) for item in data[:3])))
    if isinstance(data, dict):
        for key in ("detail", "message", "msg", "error", "errors", "title"):
            if found := _sentence(data.get(key)):
                field = _field(data.get("loc"))
                return f"{field}: {found}" if field else found
    return ""


def _field(place: Any) -> str:
    """Return the name of the input that a list such as [body, input, steps] leads to."""
    named = place[-1] if isinstance(place, list) and len(place) > 1 else ""
    return named if isinstance(named, str) else ""


def _code(data: Any) -> str:
    """Return the word for programs, such as `error.code` at Together; numbers are none."""
    inner = data.get("error") if isinstance(data, dict) else None
    for place in (inner, data):
        code = place.get("code") if isinstance(place, dict) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return ""


def date_of(headers: httpx.Headers) -> datetime | None:
    """Return the moment that the header `date` names, or None."""
    try:
        at = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def error_for_reply(
    service: str,
    status: int,
    headers: httpx.Headers,
    body: bytes,
    *,
    secret: Secret | None = None,
    paid: bool = False,
) -> AppError:
    """Return the error that a reply outside 200 to 299 means."""
    detail = scrub(detail_of(body, headers.get("content-type", "no content type")), secret)
    request_id = _request_id(headers)
    if paid and (status < 400 or status >= 500 or status in {408, 409}):
        return OutcomeUnknown(service, detail, status=status, request_id=request_id)
    if status in {401, 403} and headers.get("x-error-code", "") == _GATED_CODE:
        return AccessGated(service, detail, status=status)
    if status == 401:
        return TokenRejected(service, detail)
    if status == 402:
        return PaymentRequired(service, detail, status=402)
    if status in {400, 403, 507} and _NO_ROOM.search(detail):
        return QuotaReached(service, detail, status=status, request_id=request_id)
    if status == 403 and _RIGHTS.search(detail):
        return ScopeMissing(service, detail)
    if status in {404, 410}:
        return NotFoundAtService(service, detail, status=status)
    if status in {429, 503}:
        return ServiceBusy(service, detail, retry_after=wait_of(headers, body), status=status)
    if status == 408:
        return ServiceInterrupted(service, detail, status=status, request_id=request_id)
    if status == 511:
        return SignInRequired(service, detail)
    if 400 <= status < 500:
        kind = _WHOLE.get(status, ServiceRefused)
        return kind(service, detail, status=status, request_id=request_id)
    if 500 <= status < 600:
        return ServiceFailing(service, detail, status=status, request_id=request_id)
    return UnexpectedReply(service, "status", str(status), status=status)


def error_for_redirect(service: str, url: str, location: str, status: int) -> ServiceError:
    """Return what it means that an address which never redirects does: a network that signs in.

    Only one to another host is taken for that; the address that was asked for is `url`.
    """
    try:
        there = urlsplit(location).hostname
    except ValueError:
        there = None
    if there and there != urlsplit(url).hostname:
        return SignInRequired(service, f"redirected to {there}")
    return UnexpectedReply(service, "status", str(status), status=status)


def error_for_no_json(
    service: str, where: str, status: int, headers: httpx.Headers, body: bytes
) -> ServiceError:
    """Return what a successful reply to a read means that is not JSON."""
    if looks_like_a_page(headers, body):
        return SignInRequired(service, f"{where}: a web page instead of an answer")
    got = headers.get("content-type", "no content type")
    return GarbledReply(service, where, clean_log(got)[:100], status=status)


def raise_for_reply(
    service: str, response: httpx.Response, *, secret: Secret | None = None, paid: bool = False
) -> None:
    """Raise what a reply that was read to its end means, unless it is 200 to 299."""
    if not response.is_success:
        raise error_for_reply(
            service,
            response.status_code,
            response.headers,
            response.content,
            secret=secret,
            paid=paid,
        )


def error_for_break(
    service: str,
    error: httpx.HTTPError | httpx.InvalidURL,
    *,
    sent: bool,
    paid: bool = False,
    secret: Secret | None = None,
) -> ServiceError:
    """Return what a request without a reply means; `sent` tells whether a byte of it left."""
    detail = scrub(f"{type(error).__name__}: {error}", secret)
    if isinstance(error, httpx.InvalidURL) or "location header" in str(error):
        return OutcomeUnknown(service, detail) if paid and sent else _odd_address(service, detail)
    if not sent:
        return not_sent(service, error, detail)
    if paid:
        return OutcomeUnknown(service, detail)
    return ServiceInterrupted(service, detail)


def not_sent(service: str, error: BaseException, detail: str) -> ServiceUnreachable:
    """Return why a request never left, by the causes of what was raised."""
    kind = "timeout" if "Timeout" in type(error).__name__ else "connect"
    kind = "proxy" if "Proxy" in type(error).__name__ else kind
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            kind = "dns"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UntrustedConnection(service, _why_untrusted(cause), detail)
        if isinstance(cause, ssl.SSLError):
            kind = "tls"
    return ServiceUnreachable(service, detail, kind=kind)


def _why_untrusted(error: ssl.SSLCertVerificationError) -> str:
    said = str(getattr(error, "verify_message", "") or error).lower()
    known = (words for sign, words in _KNOWN_TRUST if sign in said)
    return next(known, "its certificate could not be checked")


def _odd_address(service: str, detail: str) -> UnexpectedReply:
    return UnexpectedReply(service, "address", detail)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _request_id(headers: httpx.Headers) -> str:
    return str(headers.get("x-request-id", ""))[:128]
