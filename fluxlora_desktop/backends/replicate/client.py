"""Replicate's verbs and paths.

The `replicate` package (2.0.0b4) is not used for these calls: it returns a web page with status 200
as a plain string, a reply without an id as an object whose id is None, and repeats POSTs unless
told otherwise at each call. Here every reply passes one error table and `wire.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fluxlora_desktop.backends.http.client import Blob, ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.uploads import Field, Form
from fluxlora_desktop.backends.replicate.wire import (
    SERVICE,
    AccountReply,
    FilePage,
    FileReply,
    Hardware,
    JobPage,
    JobReply,
    ModelReply,
    read,
    read_hardware,
    read_paid,
)
from fluxlora_desktop.domain.datasets import Archive
from fluxlora_desktop.domain.errors import NotFoundAtService, UnexpectedReply
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.training import ParameterValue

DELIVERY_HOSTS = frozenset({"replicate.delivery", ".replicate.delivery"})
_WEIGHTS_LIMIT = 4_000_000_000
_PAGE_LIMIT = 50_000_000  # a hundred trainings, each perhaps with its whole log
_PICTURE_LIMIT = 40_000_000


class ReplicateClient:
    """Replicate over HTTP; `address` is its root, with or without /v1."""

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        root = address.rstrip("/").removesuffix("/v1")
        self._http = ServiceClient(endpoint=Endpoint(SERVICE, f"{root}/v1", token, DELIVERY_HOSTS))

    @property
    def server_date(self) -> datetime | None:
        """Replicate's own time of its latest reply."""
        return self._http.server_date

    def account(self) -> AccountReply:
        """Return whose token it is."""
        return read(AccountReply, self._http.get_json("account"))

    def hardware(self) -> tuple[Hardware, ...]:
        """Return the machines that a model may name."""
        return read_hardware(self._http.get_json("hardware"))

    def model(self, name: str, ctx: JobContext | None = None) -> ModelReply:
        """Return the model owner/name; raises `NotFoundAtService`."""
        return read(ModelReply, self._http.get_json(f"models/{name}", ctx=ctx))

    def version(self, name: str, version: str, ctx: JobContext) -> None:
        """See that a version of the model owner/name is there; raises `NotFoundAtService`."""
        self._http.get_json(f"models/{name}/versions/{version}", ctx=ctx)

    def create_model(self, *, owner: str, name: str, sku: str, description: str) -> ModelReply:
        """Make a private model; a taken name is `ServiceRefused` with status 409."""
        body = {
            "owner": owner,
            "name": name,
            "visibility": "private",
            "hardware": sku,
            "description": description,
        }
        return read(ModelReply, self._http.post_json("models", body))

    def upload(self, archive: Archive, nonce: str, ctx: JobContext) -> FileReply:
        """Send an archive; the name must end in .zip, or the trainer refuses it."""
        form = Form(
            file=archive.path,
            name=f"photos-{nonce}.zip",
            media_type="application/zip",
            fields=(Field("metadata", json.dumps({"attempt": nonce}), "application/json"),),
        )
        return read(FileReply, self._http.upload("files", form, ctx=ctx))

    def file_of(self, nonce: str, sha256: str, ctx: JobContext) -> FileReply | None:
        """Return the file that one attempt uploaded whole, though its answer may have been lost."""
        page = read(FilePage, self._http.get_json("files", ctx=ctx))
        for file in page.results:
            if file.attempt == nonce and file.sha256 == sha256:
                return file
        return None

    def file(self, file_id: str, ctx: JobContext) -> FileReply:
        """Return what is kept of an uploaded file; raises `NotFoundAtService`."""
        return read(FileReply, self._http.get_json(f"files/{file_id}", ctx=ctx))

    def delete_file(self, file_id: str) -> None:
        """Delete an uploaded file; silent when it is gone."""
        try:
            self._http.delete(f"files/{file_id}")
        except NotFoundAtService:
            return

    def create_training(
        self, trainer: str, version: str, destination: str, inputs: dict[str, ParameterValue]
    ) -> JobReply:
        """Launch a training: one request that costs money."""
        path = f"models/{trainer}/versions/{version}/trainings"
        return read_paid(
            JobReply, self._http.post_paid(path, {"destination": destination, "input": inputs})
        )

    def training(self, training_id: str) -> JobReply:
        """Return a training with its whole log; asked once, since who follows it asks again."""
        reply = self._http.get_json(f"trainings/{training_id}", attempts=1, limit=_PAGE_LIMIT)
        return read(JobReply, reply)

    def trainings(self, page: str, ctx: JobContext) -> JobPage:
        """Return the page of trainings at an address, or the first one for an empty address."""
        if page and not self._http.endpoint.owns(page):
            raise UnexpectedReply(SERVICE, "next", "an address of another host")
        return read(JobPage, self._http.get_json(page or "trainings", ctx=ctx, limit=_PAGE_LIMIT))

    def cancel(self, kind: str, job_id: str) -> JobReply:
        """Ask for the end of one of the `trainings` or `predictions`."""
        return read(JobReply, self._http.post_json(f"{kind}/{job_id}/cancel", None))

    def create_prediction(
        self, *, model: str, version: str, inputs: dict[str, ParameterValue]
    ) -> JobReply:
        """Make pictures with a version, or with an official model: one request that costs money."""
        path = "predictions" if version else f"models/{model}/predictions"
        body: dict[str, object] = {"input": inputs}
        if version:
            body["version"] = version
        return read_paid(JobReply, self._http.post_paid(path, body, headers={"prefer": "wait=30"}))

    def prediction(self, prediction_id: str, ctx: JobContext) -> JobReply:
        """Return a prediction."""
        return read(JobReply, self._http.get_json(f"predictions/{prediction_id}", ctx=ctx))

    def picture(self, url: str, ctx: JobContext) -> Blob:
        """Return a finished picture; Replicate deletes it after an hour."""
        return self._http.read(url, limit=_PICTURE_LIMIT, ctx=ctx)

    def weights(self, url: str, part: Path, ctx: JobContext) -> Path:
        """Bring the archive with the weights to `part`, resuming."""
        return self._http.download(url, part, what="weights", limit=_WEIGHTS_LIMIT, ctx=ctx).path
