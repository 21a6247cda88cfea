"""How long a service asks to wait, in whatever way it says so."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST_WAIT = 900.0
_UNSAID = 10.0
_SHORTEST_DATE_WAIT = 1.0
_EPOCH = 1_000_000_000  # a reset beyond this many seconds is a moment and not a wait
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_LIMIT_FIELD = re.compile(r";\s*t\s*=\s*([0-9]{1,9})")
_RESETS = re.compile(r"(?:resets in|available in)\s*~?\s*([0-9]{1,9})")
_RESET_HEADERS = ("ratelimit-reset", "x-ratelimit-reset")


def wait_of(headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> float:
    """Return the seconds that a 429 or 503 asks for, at most 15 minutes.

    The first of these that can be read counts: Retry-After as seconds or as a date, the RateLimit
    header, its older forms, `retry_after` in the body, a sentence in it; else 10. A date that has
    passed by this computer's clock, which may be wrong, is one second. `now` is for tests.
    """
    now = now or datetime.now(UTC)
    for found in _said(headers, body, now):
        if found is not None and math.isfinite(found) and found >= 0:
            return min(found, LONGEST_WAIT)
    return _UNSAID


def _said(headers: Mapping[str, str], body: bytes, now: datetime) -> Iterator[float | None]:
    asked = headers.get("retry-after", "").strip()
    yield _number(asked)
    yield _until(asked, now)
    field = _LIMIT_FIELD.search(headers.get("ratelimit", ""))
    yield _number(field.group(1)) if field else None
    for name in _RESET_HEADERS:
        yield _delta(_number(headers.get(name, "").strip()), now)
    text = body[:10_000].decode("utf-8", errors="replace")
    yield _in_body(text)
    said = _RESETS.search(text)
    yield float(said.group(1)) if said else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _delta(seconds: float | None, now: datetime) -> float | None:
    if seconds is None or seconds < _EPOCH:
        return seconds
    return max(seconds - now.timestamp(), _SHORTEST_DATE_WAIT)


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - now).total_seconds(), _SHORTEST_DATE_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None


def _in_body(text: str) -> float | None:
    data: Any = None
    with suppress(ValueError, RecursionError):
        data = json.loads(text)
    wait = data.get("retry_after") if isinstance(data, dict) else None
    if not isinstance(wait, int | float) or isinstance(wait, bool) or abs(wait) >= _EPOCH:
        return None
    return float(wait)
