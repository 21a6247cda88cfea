"""fal's verbs and paths: the queue, the storage, and the account's history.

fal-client is not used for these calls: it repeats a POST up to ten times, also one whose answer
was lost (1.0.3, `_maybe_retry_request`), and sends it to a second domain when the first does not
answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from fluxlora_desktop.backends.fal.wire import (
    SERVICE,
    Addresses,
    HistoryPage,
    ModelPage,
    PastRequest,
    Status,
    Submitted,
    Ticket,
    read,
    read_paid,
)
from fluxlora_desktop.backends.http.client import Blob, Params, ServiceClient
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.uploads import Bare
from fluxlora_desktop.domain.errors import (
    NotFoundAtService,
    PaymentRequired,
    ReplyTooLong,
    ServiceRefused,
)
from fluxlora_desktop.domain.ports import Account, JobContext
from fluxlora_desktop.domain.secrets import Secret

QUEUE = "https://queue.fal.run"
_STORAGE, _PLATFORM = "https://rest.fal.ai", "https://api.fal.ai"
_BUCKET = "storage.googleapis.com/fal-flux-lora/"  # where FLUX.1 trainers left weights, as others
_DELIVERY_HOSTS = frozenset({"fal.media", ".fal.media", _BUCKET})
_UPLOAD_HOSTS = _DELIVERY_HOSTS | {"storage.googleapis.com"}  # fal-client asks for type "gcs"
_LIFETIME = "x-fal-object-lifecycle-preference"
_PHOTOS_LIVE_S = 24 * 3600
_WEIGHTS_LIMIT = 4_000_000_000
_STATUS_LIMIT = 20_000_000  # the whole log of a long training comes with it
_PICTURE_LIMIT = 40_000_000
_HISTORY_LIMIT = 20_000_000
_PAGE_LENGTHS = (100, 10, 1)  # what others sent with their requests may be large
_NO_CREDIT = re.compile(r"balance|locked|billing|credit", re.IGNORECASE)


class FalClient:
    """fal over HTTP; at any other `address` than fal's own, all of its parts live there."""

    def __init__(self, *, address: str, token: Callable[[], Secret | None]) -> None:
        root = address.rstrip("/")
        at_fal = root == QUEUE

        def part(url: str, hosts: frozenset[str]) -> ServiceClient:
            base = url if at_fal else root
            return ServiceClient(endpoint=Endpoint(SERVICE, base, token, hosts, scheme="Key"))

        self._queue = part(QUEUE, _DELIVERY_HOSTS)
        self._storage = part(_STORAGE, _UPLOAD_HOSTS)
        self._platform = part(_PLATFORM, frozenset())

    @property
    def server_date(self) -> datetime | None:
        """fal's own time of its latest reply."""
        parts = (self._queue, self._storage, self._platform)
        return max((part.server_date for part in parts if part.server_date), default=None)

    def submit(self, model: str, inputs: dict[str, Any]) -> Submitted:
        """Put a request into the queue: one request that costs money."""
        with _credit_trouble():
            return read_paid(Submitted, self._queue.post_paid(model, inputs))

    def addresses(self, told: Addresses | None, model: str, request_id: str) -> Addresses:
        """Return the addresses told for a request, or, where fal told none, the usual ones.

        Addresses of other hosts are never followed. The usual ones name owner and app only, as
        fal-client builds them for a bare id.
        """
        owner, app = model.split("/")[:2]
        usual = self._queue.endpoint.url(f"{owner}/{app}/requests/{request_id}")
        own = self._queue.endpoint.owns
        told = told or Addresses("", "", "")
        return Addresses(
            told.status if own(told.status) else f"{usual}/status",
            told.response if own(told.response) else usual,
            told.cancel if own(told.cancel) else f"{usual}/cancel",
        )

    def status(self, where: Addresses, ctx: JobContext | None = None) -> Status:
        """Return how a request stands, with its whole log."""
        with _credit_trouble():
            reply = self._queue.get_json(
                where.status, params={"logs": 1}, attempts=2, limit=_STATUS_LIMIT, ctx=ctx
            )
        return read(Status, reply)

    def result(self, where: Addresses, ctx: JobContext | None = None) -> Any:
        """Return what a request made; raises what the model answered when it made nothing."""
        with _credit_trouble():
            return self._queue.get_json(where.response, attempts=2, ctx=ctx)

    def cancel(self, where: Addresses) -> None:
        """Ask for the end of a request; raises `ServiceRefused` when it has ended."""
        self._queue.post_json(where.cancel, None, method="PUT")

    def upload(self, file: Path, name: str, ctx: JobContext) -> Ticket:
        """Send an archive, which fal deletes by itself a day later."""
        ticket = read(
            Ticket,
            self._storage.post_json(
                "storage/upload/initiate?storage_type=gcs",
                {"file_name": name, "content_type": "application/zip"},
                headers={_LIFETIME: json.dumps({"expiration_duration_seconds": _PHOTOS_LIVE_S})},
            ),
        )
        self._storage.put_file(ticket.upload_url, Bare(file, "application/zip"), ctx=ctx)
        return ticket

    def check(self, model: str) -> Account:
        """Ask for one line of the account's history, which needs a good key; it names nobody."""
        self._history({"endpoint_id": model, "limit": 1})
        return Account(SERVICE, "")

    def listed(self, models: Iterable[str], ctx: JobContext | None = None) -> frozenset[str]:
        """Return which of the models the catalogue lists (GET /v1/models, platform API v1)."""
        asked = {"endpoint_id": ",".join(models)}
        try:
            reply = self._platform.get_json("v1/models", params=asked, ctx=ctx)
        except NotFoundAtService:  # none of them is there
            return frozenset()
        return frozenset(model.endpoint_id for model in read(ModelPage, reply).models)

    def history(
        self, models: Iterable[str], *, since: datetime, cursor: str = "", ctx: JobContext
    ) -> HistoryPage:
        """Return a page of the account's requests that have begun, with what they were given.

        Raises `ReplyTooLong` when not even one line of it can be taken in.
        """
        asked: dict[str, str | int] = {
            "endpoint_id": ",".join(models),
            "start": since.isoformat(),
            "expand": "payloads",
        }
        asked |= {"cursor": cursor} if cursor else {}
        *longer, shortest = _PAGE_LENGTHS
        for length in longer:
            with suppress(ReplyTooLong):
                return self._history({**asked, "limit": length}, ctx)
        return self._history({**asked, "limit": shortest}, ctx)

    def past(self, model: str, request_id: str, *, since: datetime) -> PastRequest | None:
        """Return what the account's history tells of one request, or None."""
        page = self._history(
            {
                "endpoint_id": model,
                "start": since.isoformat(),
                "expand": "payloads",
                "request_id": request_id,
                "limit": 1,
            }
        )
        return next((item for item in page.items if item.request_id == request_id), None)

    def _history(self, asked: Params, ctx: JobContext | None = None) -> HistoryPage:
        with _credit_trouble():
            reply = self._platform.get_json(
                "v1/models/requests/by-endpoint", params=asked, limit=_HISTORY_LIMIT, ctx=ctx
            )
        return read(HistoryPage, reply)

    def picture(self, url: str, ctx: JobContext) -> Blob:
        """Return a finished picture."""
        return self._queue.read(url, limit=_PICTURE_LIMIT, ctx=ctx)

    def weights(self, url: str, part: Path, ctx: JobContext) -> Path:
        """Bring the weights to `part`, resuming."""
        return self._queue.download(url, part, what="weights", limit=_WEIGHTS_LIMIT, ctx=ctx).path


@contextmanager
def _credit_trouble() -> Iterator[None]:
    """Tell an account without credit, which fal refuses with 403, from other refusals."""
    try:
        yield
    except ServiceRefused as error:
        if error.status == 403 and _NO_CREDIT.search(error.detail):
            raise PaymentRequired(SERVICE, error.detail, status=403) from error
        raise
