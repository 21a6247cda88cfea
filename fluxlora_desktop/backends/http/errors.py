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

import httpx

from fluxlora_desktop.domain.errors import (
    AppError,
    NotFoundAtService,
    OutcomeUnknown,
    PaymentRequired,
    ScopeMissing,
    ServiceBusy,
    ServiceError,
    ServiceInterrupted,
    ServiceRefused,
    ServiceUnreachable,
    TokenRejected,
    UnexpectedReply,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.services import token_pattern

_DETAIL_LIMIT = 500
_LONGEST_WAIT = 900.0
_TOKENS = re.compile(
    rf"{token_pattern()}|Bearer\s+[^\s\"']+|\bKey\s+(?=\S*\d)[^\s\"']{{16,}}"
    r"|(?<=signature=)[^&\s\"']+|\b[0-9a-f]{64}\b",
    re.IGNORECASE,
)
"""What follows "Key" must be long and hold a digit: services write of keys in plain sentences."""
_RESETS = re.compile(r"(?:resets in|available in)\s*~?\s*(\d+)")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,63}")
_RIGHTS = re.compile(r"permission|scope", re.IGNORECASE)


def scrub(text: str, *secrets: Secret | None) -> str:
    """Return a service's words without tokens or signatures, at most 500 characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), "[token]")
    return _TOKENS.sub("[hidden]", text)[:_DETAIL_LIMIT].strip()


def parse_json(body: bytes) -> Any:
    """Return what JSON bytes say; raises `ValueError`.

    Control characters inside strings and broken UTF-8 are let through: Replicate sent both in logs.
    """
    return json.loads(body.decode("utf-8", errors="replace"), strict=False)


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
                return found
    return ""


def _code(data: Any) -> str:
    """Return the word for programs, such as `error.code` at Together; numbers are none."""
    inner = data.get("error") if isinstance(data, dict) else None
    for place in (inner, data):
        code = place.get("code") if isinstance(place, dict) else None
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return ""


def wait_of(headers: httpx.Headers, body: bytes) -> float:
    """Return the seconds that a 429 or 503 asks for: header, body, sentence, else 10."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdigit():
        return min(float(asked), _LONGEST_WAIT)
    if asked:
        try:
            until = parsedate_to_datetime(asked)
        except ValueError:
            pass
        else:
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)
    try:
        data = parse_json(body)
    except ValueError:
        data = None
    if isinstance(data, dict) and isinstance(data.get("retry_after"), int | float):
        return min(max(float(data["retry_after"]), 0.0), _LONGEST_WAIT)
    said = _RESETS.search(body.decode("utf-8", errors="replace"))
    return min(float(said.group(1)), _LONGEST_WAIT) if said else 10.0


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
    if paid and (status < 400 or status >= 500 or status in {408, 409}):
        return OutcomeUnknown(service, detail, status=status, request_id=_request_id(headers))
    if status == 401:
        return TokenRejected(service, detail)
    if status == 402:
        return PaymentRequired(service, detail, status=402)
    if status == 403 and _RIGHTS.search(detail):
        return ScopeMissing(service, detail)
    if status in {404, 410}:
        return NotFoundAtService(service, detail, status=status)
    if status in {429, 503}:
        return ServiceBusy(service, detail, retry_after=wait_of(headers, body), status=status)
    if 400 <= status < 500 and status != 408:
        return ServiceRefused(service, detail, status=status, request_id=_request_id(headers))
    if status >= 500 or status == 408:
        return ServiceInterrupted(service, detail, status=status, request_id=_request_id(headers))
    return UnexpectedReply(service, "status", str(status), status=status)


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
    if not sent:
        return ServiceUnreachable(service, detail, kind=_kind_of(error))
    if paid:
        return OutcomeUnknown(service, detail)
    return ServiceInterrupted(service, detail)


def _kind_of(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "dns"
        if isinstance(cause, ssl.SSLError):
            return "tls"
    return "timeout" if isinstance(error, httpx.TimeoutException) else "connect"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _request_id(headers: httpx.Headers) -> str:
    return str(headers.get("x-request-id", ""))[:128]
