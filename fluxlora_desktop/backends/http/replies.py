"""What replies are made of, whatever the service: ids, words, moments, and reading them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from fluxlora_desktop.domain.errors import OutcomeUnknown, UnexpectedReply

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HALVES = re.compile("[\ud800-\udfff]")


def _safe_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value) or value in {".", ".."}:
        raise ValueError("not an id that may enter an address")
    return value


def words(value: Any) -> str:
    """Return text without halves of letters, which nothing can store, and anything else as none."""
    return _HALVES.sub("\ufffd", value) if isinstance(value, str) else ""


def table(value: Any) -> dict[str, Any]:
    """Return an object as it is and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def _seconds(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return float(value) if good else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Id = Annotated[str, BeforeValidator(_safe_id)]
Words = Annotated[str, BeforeValidator(words)]
Table = Annotated[dict[str, Any], BeforeValidator(table)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Seconds = Annotated[float | None, BeforeValidator(_seconds)]


class Reply(BaseModel):
    """A reply; fields that nobody asked for are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


R = TypeVar("R", bound=Reply)


def read_reply(service: str, kind: type[R], data: Any) -> R:
    """Return a reply as a value; raise `UnexpectedReply` with the first place that is wrong."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "reply"
        raise UnexpectedReply(service, f"{kind.__name__}.{where}", first["msg"]) from error


def read_paid_reply(service: str, kind: type[R], data: Any) -> R:
    """The same for the answer to a paid request: what cannot be read may have been charged."""
    try:
        return read_reply(service, kind, data)
    except UnexpectedReply as error:
        raise OutcomeUnknown(service, str(error)) from error
