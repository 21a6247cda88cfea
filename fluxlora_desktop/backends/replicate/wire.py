"""Replicate's JSON, parsed at the border: the only place that knows its keys.

Everything except `id` and `status` may be missing: the published description lists success replies
only, and recordings differ from it.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from fluxlora_desktop.backends.http.replies import (
    Id,
    Moment,
    Reply,
    Seconds,
    Table,
    Words,
    read_paid_reply,
    read_reply,
    table,
    words,
)
from fluxlora_desktop.domain.errors import UnexpectedReply

SERVICE = "replicate"
_FILE = re.compile(r"/v1/files/([A-Za-z0-9_-][A-Za-z0-9._-]{0,127})(?=[/?#]|$)")


class AccountReply(Reply):
    """Whose token it is."""

    username: Id
    name: Words = ""


class Metrics(Reply):
    """What a job took, in seconds."""

    predict_time: Seconds = None


class JobReply(Reply):
    """A training or a prediction."""

    id: Id
    status: str
    model: Words = ""
    version: Words = ""
    input: Table = Field(default_factory=dict)
    logs: Words = ""
    error: Words = ""
    output: Any = None
    metrics: Annotated[Metrics, BeforeValidator(table)] = Metrics()
    created_at: Moment = None
    completed_at: Moment = None

    @property
    def weights(self) -> str:
        """Return the address of the trained weights, or nothing."""
        return words(table(self.output).get("weights"))

    @property
    def trained_version(self) -> str:
        """Return owner/name:hash of the trained model, or nothing."""
        return words(table(self.output).get("version"))

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return the addresses of the pictures made."""
        items = self.output if isinstance(self.output, list) else [self.output]
        return tuple(item for item in items if isinstance(item, str) and item)

    @property
    def file_id(self) -> str:
        """Return the id of the uploaded file that it was given, or nothing."""
        found = _FILE.search(words(self.input.get("input_images")))
        return found[1] if found else ""

    def bears(self, nonce: str, file_id: str) -> bool:
        """Tell whether this is the launch with that nonce or that file.

        Replicate rewrites the file's address, so its id is looked for inside it.
        """
        return bool(
            (nonce and nonce in words(self.input.get("wandb_run")))
            or (file_id and file_id in str(self.input.get("input_images", "")))
        )


class JobPage(Reply):
    """One page of trainings, newest first; `next` is a full address or nothing."""

    results: tuple[JobReply, ...]
    next: Words = ""


class FileReply(Reply):
    """An uploaded file."""

    id: Id
    urls: Table = Field(default_factory=dict)
    checksums: Table = Field(default_factory=dict)
    metadata: Table = Field(default_factory=dict)
    expires_at: Words = ""

    @property
    def attempt(self) -> str:
        """Return the mark of the launch for which it was uploaded, or nothing."""
        return words(self.metadata.get("attempt"))

    @property
    def address(self) -> str:
        """Return the address that a job may read."""
        return words(self.urls.get("get"))

    @property
    def sha256(self) -> str:
        """Return the service's own SHA-256 of the file, or nothing."""
        return words(self.checksums.get("sha256"))


class FilePage(Reply):
    """The newest uploaded files."""

    results: tuple[FileReply, ...]


class Hardware(Reply):
    """One kind of machine."""

    sku: str


class Version(Reply):
    """One version of a model."""

    id: Id


class ModelReply(Reply):
    """A model."""

    owner: str
    name: str
    description: Words = ""
    latest_version: Version | None = None


read = partial(read_reply, SERVICE)
read_paid = partial(read_paid_reply, SERVICE)


def read_hardware(data: Any) -> tuple[Hardware, ...]:
    """Return the machines; the reply is a bare list."""
    if not isinstance(data, list):
        raise UnexpectedReply(SERVICE, "hardware", type(data).__name__)
    return tuple(read(Hardware, item) for item in data)
