"""A service over HTTP: free reads, free writes, and the one paid request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from fluxlora_desktop import __version__
from fluxlora_desktop.backends.http.bodies import ACCEPTED, UnknownPacking, read_up_to, unpacked
from fluxlora_desktop.backends.http.downloads import Saved, Wanted, bring_checked, save_stream
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.errors import (
    date_of,
    error_for_break,
    error_for_no_json,
    error_for_redirect,
    error_for_reply,
    parse_json,
)
from fluxlora_desktop.backends.http.retries import NEVER_TAKEN, repeat_free
from fluxlora_desktop.backends.http.transport import Exchange, Pace, WatchedTransport, exchange
from fluxlora_desktop.backends.http.uploads import Bare, Form, Upload
from fluxlora_desktop.domain.errors import (
    AppError,
    GarbledReply,
    OutcomeUnknown,
    ReplyTooLong,
    UnexpectedReply,
)
from fluxlora_desktop.domain.ports import JobContext
from fluxlora_desktop.domain.secrets import Secret

Params = Mapping[str, str | int]

_JSON_LIMIT = 5_000_000
_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a service may take, in seconds, and how slowly a transfer may go.

    A transfer has no end, and moves at least `slowest` bytes a second over each `window`.
    """

    connect: float = 10.0
    idle: float = 60.0
    reply: float = 90.0
    paid: float = 120.0
    slowest: float = 1000.0
    window: float = 120.0


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes and what the service calls them."""

    data: bytes
    media_type: str


class ServiceClient:
    """The verbs of one service.

    A connection is made for each call, so calls may come from any thread and none meets a
    connection that went stale between two polls. The token goes to the service's own host alone.
    """

    def __init__(self, *, endpoint: Endpoint, limits: Limits = Limits()) -> None:
        self.endpoint = endpoint
        self.server_date: datetime | None = None
        """The service's own time of its latest reply, from the header `date`."""
        self._limits = limits

    def get_json(
        self,
        path: str,
        *,
        params: Params | None = None,
        ctx: JobContext | None = None,
        attempts: int = 4,
        limit: int = _JSON_LIMIT,
    ) -> Any:
        """Read JSON of at most `limit` bytes; repeated while nothing answers, through `ctx`."""
        return repeat_free(
            lambda: self._json("GET", path, params=params, limit=limit), ctx, attempts=attempts
        )

    def post_json(
        self,
        path: str,
        body: object,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send JSON with an effect that costs nothing; sent once."""
        return self._json(method, path, body=body, headers=headers)

    def delete(self, path: str) -> None:
        """Delete something; raises `NotFoundAtService` when it is gone."""
        self._json("DELETE", path)

    def post_paid(
        self,
        path: str,
        body: object,
        *,
        headers: Mapping[str, str] | None = None,
        total_seconds: float | None = None,
        limit: int = _JSON_LIMIT,
    ) -> Any:
        """Send the one request that costs money: a fresh connection, no repeat, no redirect.

        Raises `ServiceUnreachable` when no byte of it left, `ServiceRefused` and its kin for a
        clear no, `OutcomeUnknown` for everything else, a success that is not JSON included.
        """
        service, secret = self.endpoint.service, self.endpoint.secret()
        url = self.endpoint.url(path)
        if not self.endpoint.owns(url):
            raise UnexpectedReply(service, "address", "not the service's own")
        with self._sent(
            "POST",
            url,
            body=body,
            headers=headers,
            total_seconds=total_seconds or self._limits.paid,
            paid=True,
        ) as response:
            try:
                data = _read(response, limit)
            except UnknownPacking as error:
                raise OutcomeUnknown(service, f"the reply is packed oddly: {error}") from error
            if data is None:
                raise OutcomeUnknown(service, "the reply is too long", status=response.status_code)
            if not response.is_success:
                raise error_for_reply(
                    service, response.status_code, response.headers, data, secret=secret, paid=True
                )
            try:
                return parse_json(data)
            except ValueError as error:
                raise OutcomeUnknown(
                    service, "the reply is not JSON", status=response.status_code
                ) from error

    def upload(self, path: str, form: Form, *, ctx: JobContext) -> Any:
        """Send a file as a form, reporting bytes; repeated only when nothing of it was taken."""

        def send() -> Any:
            return self._json("POST", path, upload=form, ctx=ctx)

        return repeat_free(send, ctx, on=NEVER_TAKEN)

    def put_file(self, url: str, body: Bare, *, ctx: JobContext) -> None:
        """Put a file at a signed address, reporting bytes; putting it twice changes nothing."""

        def send() -> None:
            self.endpoint.check_readable(url)
            with self._sent("PUT", url, upload=body, ctx=ctx, total_seconds=None) as response:
                self._check(response, self._read(response, _JSON_LIMIT, "file") or b"")

        repeat_free(send, ctx)

    def read(
        self, url: str, *, limit: int, total_seconds: float | None = None, ctx: JobContext
    ) -> Blob:
        """Read a small file, such as a picture, from the service or a delivery host."""

        def get() -> Blob:
            with self._followed(url, {}, total_seconds or self._limits.reply, ctx) as response:
                data = self._read(response, limit, "file")
                if data is None:
                    raise UnexpectedReply(self.endpoint.service, "file", f"over {limit} bytes")
                self._check(response, data)
                media_type = response.headers.get("content-type", "").split(";")[0].strip()
                return Blob(data, media_type)

        return repeat_free(get, ctx)

    def download(
        self, url: str, part: Path, *, what: str, limit: int, ctx: JobContext, sha256: str = ""
    ) -> Saved:
        """Bring a large file to `part`, going on where an earlier try ended, hashed on the way.

        Raises `UnexpectedReply` over `limit` bytes, `DiskFull` when there is no room,
        `DamagedDownload` when it came twice with another SHA-256 than the one given.
        """

        def get() -> Saved:
            return save_stream(
                lambda headers: self._followed(url, headers, None, ctx),
                part,
                Wanted(self.endpoint.service, what, limit),
                check=self._check,
                ctx=ctx,
            )

        return bring_checked(
            lambda: repeat_free(get, ctx, attempts=6), self.endpoint.service, sha256
        )

    def _json(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        upload: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        ctx: JobContext | None = None,
        limit: int = _JSON_LIMIT,
    ) -> Any:
        url = self.endpoint.url(path)
        self.endpoint.check_readable(url)
        with self._sent(
            method,
            url,
            params=params,
            body=body,
            upload=upload,
            headers=headers,
            ctx=ctx,
            total_seconds=self._limits.reply if upload is None else None,
        ) as response:
            data = self._read(response, limit, path)
            if data is None:
                raise ReplyTooLong(self.endpoint.service, path, f"over {limit} bytes")
            self._check(response, data)
            if response.status_code == 204 or (method == "DELETE" and not data):
                return None
            try:
                return parse_json(data)
            except ValueError as error:
                raise error_for_no_json(
                    self.endpoint.service, path, response.status_code, response.headers, data
                ) from error

    def _read(self, response: httpx.Response, limit: int, where: str) -> bytes | None:
        try:
            return _read(response, limit)
        except UnknownPacking as error:
            got = f"packed oddly: {error}"
            raise GarbledReply(self.endpoint.service, where, got) from error

    def _check(self, response: httpx.Response, data: bytes) -> None:
        if response.has_redirect_location:
            location = response.headers["location"]
            raise error_for_redirect(
                self.endpoint.service, str(response.url), location, response.status_code
            )
        if not response.is_success:
            raise error_for_reply(
                self.endpoint.service,
                response.status_code,
                response.headers,
                data,
                secret=self.endpoint.token(),
            )

    @contextmanager
    def _followed(
        self, url: str, headers: Mapping[str, str], total_seconds: float | None, ctx: JobContext
    ) -> Iterator[httpx.Response]:
        """Open a file for reading, through at most three redirects to hosts that are listed."""
        for _ in range(_REDIRECTS + 1):
            self.endpoint.check_readable(url)
            with self._sent(
                "GET", url, headers=headers, total_seconds=total_seconds, ctx=ctx
            ) as response:
                if response.next_request is None:
                    yield response
                    return
                url = str(response.next_request.url)
        raise UnexpectedReply(self.endpoint.service, "redirects", f"more than {_REDIRECTS}")

    @contextmanager
    def _sent(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        body: object = None,
        upload: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        ctx: JobContext | None = None,
        total_seconds: float | None = None,
        paid: bool = False,
    ) -> Iterator[httpx.Response]:
        """Send one request on a connection of its own and translate what breaks on the way.

        None as `total_seconds` is a transfer, which has no deadline and must move on.
        """
        secret = self._secret_for(url)
        agent = f"fluxlora-desktop/{__version__}"
        sending = {"user-agent": agent, "accept-encoding": ACCEPTED, **(headers or {})}
        if secret is not None:
            sending["authorization"] = f"{self.endpoint.scheme} {secret.reveal()}"
        if upload is not None:
            sending |= upload.headers
        limits, check = self._limits, ctx.check if ctx and not paid else None
        idle = httpx.Timeout(limits.idle, connect=limits.connect)
        pace = Pace(limits.slowest, limits.window)
        with exchange(total_seconds, pace=pace, head=limits.reply, check=check) as watched:
            try:
                with (
                    httpx.Client(transport=WatchedTransport(url), timeout=idle) as client,
                    client.stream(
                        method,
                        # Without parameters as it is: signed queries must not be spelled anew.
                        httpx.URL(url).copy_merge_params(params) if params else url,
                        json=body,
                        content=upload.chunks(ctx) if upload and ctx else None,
                        headers=sending,
                    ) as response,
                ):
                    self.server_date = date_of(response.headers)
                    watched.begins(None if upload is None else limits.reply)
                    yield response
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._broken(error, watched, secret, paid) from error

    def _secret_for(self, url: str) -> Secret | None:
        return self.endpoint.secret() if self.endpoint.owns(url) else None

    def _broken(
        self,
        error: httpx.HTTPError | httpx.InvalidURL,
        watched: Exchange,
        secret: Secret | None,
        paid: bool,
    ) -> AppError:
        return error_for_break(
            self.endpoint.service, error, sent=watched.sent, paid=paid, secret=secret
        )


def _read(response: httpx.Response, limit: int) -> bytes | None:
    """Return the decoded body, or None when it is longer than the limit."""
    packing = response.headers.get("content-encoding", "")
    return read_up_to(limit, unpacked(response.iter_raw(), packing))
