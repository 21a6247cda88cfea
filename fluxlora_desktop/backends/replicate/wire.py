"""Replicate's JSON, parsed at the border: the only place that knows its keys.

Everything except `id` and `status` may be missing: the published description lists success replies
only, and recordings differ from it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from fluxlora_desktop.domain.errors import UnexpectedReply

SERVICE = "replicate"
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def _safe_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value) or value in {".", ".."}:
        raise ValueError("not an id that may enter an address")
    return value


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _table(value: Any) -> dict[str, Any]:
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
Words = Annotated[str, BeforeValidator(_words)]
Table = Annotated[dict[str, Any], BeforeValidator(_table)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Seconds = Annotated[float | None, BeforeValidator(_seconds)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AccountReply(_Reply):
    """Whose token it is."""

    username: str
    name: Words = ""


class Metrics(_Reply):
    """What a job took, in seconds."""

    predict_time: Seconds = None


class JobReply(_Reply):
    """A training or a prediction."""

    id: Id
    status: str
    version: Words = ""
    input: Table = Field(default_factory=dict)
    logs: Words = ""
    error: Words = ""
    output: Any = None
    metrics: Annotated[Metrics, BeforeValidator(_table)] = Metrics()
    created_at: Moment = None
    completed_at: Moment = None

    @property
    def weights(self) -> str:
        """Return the address of the trained weights, or nothing."""
        return _words(_table(self.output).get("weights"))

    @property
    def trained_version(self) -> str:
        """Return owner/name:hash of the trained model, or nothing."""
        return _words(_table(self.output).get("version"))

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return the addresses of the pictures made."""
        items = self.output if isinstance(self.output, list) else [self.output]
        return tuple(item for item in items if isinstance(item, str) and item)

    def bears(self, nonce: str, file_id: str) -> bool:
        """Tell whether this is the launch with that nonce or that file.

        Replicate rewrites the file's address, so its id is looked for inside it.
        """
        return bool(
            (nonce and nonce in _words(self.input.get("wandb_run")))
            or (file_id and file_id in str(self.input.get("input_images", "")))
        )


class JobPage(_Reply):
    """One page of trainings, newest first; `next` is a full address or nothing."""

    results: tuple[JobReply, ...]
    next: Words = ""


class FileReply(_Reply):
    """An uploaded file."""

    id: Id
    urls: Table = Field(default_factory=dict)
    checksums: Table = Field(default_factory=dict)
    expires_at: Words = ""

    @property
    def address(self) -> str:
        """Return the address that a job may read."""
        return _words(self.urls.get("get"))

    @property
    def sha256(self) -> str:
        """Return the service's own SHA-256 of the file, or nothing."""
        return _words(self.checksums.get("sha256"))


class Hardware(_Reply):
    """One kind of machine."""

    sku: str


class Version(_Reply):
    """One version of a model."""

    id: Id


class ModelReply(_Reply):
    """A model."""

    owner: str
    name: str
    description: Words = ""
    latest_version: Version | None = None


R = TypeVar("R", bound=_Reply)


def read(kind: type[R], data: Any) -> R:
    """Return a reply as a value; raise `UnexpectedReply` with the first place that is wrong."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "reply"
        raise UnexpectedReply(SERVICE, f"{kind.__name__}.{where}", first["msg"]) from error


def read_hardware(data: Any) -> tuple[Hardware, ...]:
    """Return the machines; the reply is a bare list."""
    if not isinstance(data, list):
        raise UnexpectedReply(SERVICE, "hardware", type(data).__name__)
    return tuple(read(Hardware, item) for item in data)
