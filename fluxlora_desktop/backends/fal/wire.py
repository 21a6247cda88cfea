"""fal's JSON, parsed at the border: the only place that knows its keys.

Shapes: docs of 2026 (queue, storage, platform) and what fal-client 1.0.3 reads and sends.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError

from fluxlora_desktop.backends.http.replies import (
    Id,
    Moment,
    Reply,
    Table,
    Words,
    read_paid_reply,
    read_reply,
    table,
    words,
)

SERVICE = "fal"
_CANCELLED = frozenset({"CANCELED", "CANCELLED"})
_BROKEN = frozenset({"FAILED", "ERROR"})
_ENDED = _CANCELLED | _BROKEN | {"COMPLETED"}
_ARCHIVES = ("image_data_url", "images_data_url")

read = partial(read_reply, SERVICE)
read_paid = partial(read_paid_reply, SERVICE)


def _lines(value: Any) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(words(table(entry).get("message")) for entry in entries)


def _true(value: Any) -> bool:
    return value is True


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the queue tells how a request stands, gives its result, and takes its cancel."""

    status: str
    response: str
    cancel: str

    def as_text(self) -> str:
        """Return them as a run's handle."""
        return json.dumps([self.status, self.response, self.cancel])

    @classmethod
    def from_text(cls, text: str) -> Addresses | None:
        """Return the addresses that a handle holds, or None."""
        try:
            status, response, cancel = json.loads(text)
        except (ValueError, TypeError):
            return None
        return cls(words(status), words(response), words(cancel))


class Submitted(Reply):
    """A request that the queue has taken."""

    request_id: Id
    status_url: Words = ""
    response_url: Words = ""
    cancel_url: Words = ""

    @property
    def addresses(self) -> Addresses:
        """Return where it is to be asked for; any of them may be missing."""
        return Addresses(self.status_url, self.response_url, self.cancel_url)


class Status(Reply):
    """How a request stands; `error` and `error_type` are set when it ended without a result."""

    status: str
    place: Annotated[int | None, BeforeValidator(_whole)] = Field(None, alias="queue_position")
    lines: Annotated[tuple[str, ...], BeforeValidator(_lines)] = Field((), alias="logs")
    error: Words = ""
    error_type: Words = ""

    @property
    def ended(self) -> bool:
        """Tell whether nothing more comes; a word that nobody knows means that it goes on."""
        return self.status in _ENDED

    @property
    def cancelled(self) -> bool:
        """Tell whether it ended because somebody cancelled it."""
        return self.status in _CANCELLED or self.error_type == "request_cancelled"

    @property
    def trouble(self) -> str:
        """Return why it ended without a result, or nothing when the status names no trouble."""
        return self.error or self.error_type or (self.status if self.status in _BROKEN else "")


class Trained(Reply):
    """What a trainer leaves."""

    weights: Table = Field(default_factory=dict, alias="diffusers_lora_file")

    @property
    def weights_address(self) -> str:
        """Return the address of the weights file, or nothing."""
        return words(self.weights.get("url"))


class Ticket(Reply):
    """Where a file may be put, and the address under which a job then reads it."""

    upload_url: str
    file_url: str

    @property
    def file_id(self) -> str:
        """Return what stays of the address wherever the file is served from."""
        return _place_of(self.file_url)


class PastRequest(Reply):
    """One line of the account's history; it is there once the request has begun."""

    request_id: Id
    endpoint_id: Words = ""
    sent_at: Moment = None
    ended_at: Moment = None
    status_code: Annotated[int | None, BeforeValidator(_whole)] = None
    given: Table = Field(default_factory=dict, alias="json_input")
    made: Table = Field(default_factory=dict, alias="json_output")

    @property
    def weights_address(self) -> str:
        """Return the address of the weights that a training made, or nothing."""
        return words(table(self.made.get("diffusers_lora_file")).get("url"))

    @property
    def archive(self) -> str:
        """Return the address of the photos that a training was given, or nothing."""
        return next((words(self.given[name]) for name in _ARCHIVES if name in self.given), "")

    @property
    def file_id(self) -> str:
        """Return what stays of that address wherever the file is served from."""
        return _place_of(self.archive)

    def bears(self, nonce: str, file_id: str) -> bool:
        """Tell whether this is the launch with that nonce or that file."""
        named = bool(nonce) and nonce in self.archive
        return named or (len(file_id) > 1 and self.file_id == file_id)


def _readable(value: Any) -> Any:
    """Return the lines of a page that can be read: others are of requests that are not ours."""
    if not isinstance(value, list):
        return value
    found = []
    for line in value:
        with suppress(ValidationError):
            found.append(PastRequest.model_validate(line))
    return found


class ListedModel(Reply):
    """A model as the catalogue lists it."""

    endpoint_id: Words = ""


class ModelPage(Reply):
    """What the catalogue lists of the models asked for (fal's platform API, v1.json of 2026)."""

    models: tuple[ListedModel, ...]


class HistoryPage(Reply):
    """One page of the account's history."""

    items: Annotated[tuple[PastRequest, ...], BeforeValidator(_readable)]
    next_cursor: Words = ""
    has_more: Annotated[bool, BeforeValidator(_true)] = False


def _place_of(url: str) -> str:
    """Return path and query of an address, "" for one that is malformed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
