"""The hub client's HTTP, kept within the same bounds as the app's own.

huggingface_hub follows redirects anywhere, waits for ever, unpacks replies without a limit, and
sleeps as long as a 429 asks for (2.4.0). Here every request, also each step of a redirect, goes to
a host of the hub or of its storage, and ends at a deadline or moves on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2
from huggingface_hub.utils._http import hf_request_event_hook

from fluxlora_desktop.backends.http.bodies import UnknownPacking, unpacked
from fluxlora_desktop.backends.http.endpoint import Endpoint
from fluxlora_desktop.backends.http.errors import detail_of, scrub
from fluxlora_desktop.backends.http.transport import WatchedNetwork, exchange, proxy_for
from fluxlora_desktop.backends.http.waits import wait_of
from fluxlora_desktop.domain.errors import (
    ReplyTooLong,
    ServiceBusy,
    ServiceInterrupted,
    SignInRequired,
    UnexpectedReply,
)

SERVICE = "huggingface"
HUB = "https://huggingface.co"
DELIVERY_HOSTS = frozenset({"hf.co", ".hf.co", ".huggingface.co"})
_STORAGE = re.compile(r"hf-hub-lfs-[a-z0-9-]+\.s3[a-z0-9.-]*\.amazonaws\.com")
_REPLY_SECONDS = 90.0
_REPLY_LIMIT = 20_000_000
_LARGE_BODY = 1_000_000
_REDIRECTS = 3
_READS = frozenset({"GET", "HEAD"})
TIMEOUT = httpx2.Timeout(60.0, connect=10.0)


class HubSession(httpx2.Client):
    """Goes to hubs that were named, to their storage, and nowhere else.

    It also takes the file of an LFS upload, which hub client 2.4.0 hands over under its old name.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(
            event_hooks={"request": [hf_request_event_hook]},
            timeout=TIMEOUT,
            follow_redirects=True,
            headers={"accept-encoding": "identity"},
            **more,
        )

    def request(self, *args: Any, data: Any = None, **kwargs: Any) -> httpx2.Response:
        """Send a request; `data` that is no form is the body."""
        if data is not None:
            kwargs["data" if isinstance(data, dict) else "content"] = data  # a dict is a form
        return super().request(*args, **kwargs)

    def send(
        self, request: httpx2.Request, *, follow_redirects: Any = True, **more: Any
    ) -> httpx2.Response:
        """Send one request through at most three redirects of reads, each checked before it goes.

        Raises `UnexpectedReply` for an address that the hub has no business to name, `ServiceBusy`
        in place of a sleep that nobody could end.
        """
        follows = follow_redirects is True or not isinstance(follow_redirects, bool)
        for _ in range(_REDIRECTS + 1):
            check_address(str(request.url))
            with exchange(_seconds_for(request), late=partial(ServiceInterrupted, SERVICE)):
                response = super().send(request, follow_redirects=False, **more)
            _refuse_sleep(response)
            _refuse_page(response)
            step = response.next_request
            if step is None or not follows:
                return response
            response.close()
            if request.method not in _READS:
                raise UnexpectedReply(SERVICE, "redirect", f"of a {request.method}")
            request = step  # httpx2 has taken the token off where the origin changed
        raise UnexpectedReply(SERVICE, "redirects", f"more than {_REDIRECTS}")


class HubTransport(httpx2.HTTPTransport):
    """httpx2's transport over watched streams, with replies unpacked up to a limit."""

    def __init__(self, proxy: str | None = None) -> None:
        super().__init__(proxy=proxy)
        # httpx2 has no public way to hand its pool a network backend; both pools keep it here.
        network: Any = WatchedNetwork(self._pool._network_backend)
        self._pool._network_backend = network

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, once."""
        response = super().handle_request(request)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        packing = response.headers.pop("content-encoding", "")
        response.stream = _Bounded(response.stream, packing)
        return response


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, packing: str) -> None:
        self._inner, self._packing = inner, packing

    def __iter__(self) -> Iterator[bytes]:
        length = 0
        try:
            for piece in unpacked(self._inner, self._packing):
                length += len(piece)
                if length > _REPLY_LIMIT:
                    raise ReplyTooLong(SERVICE, "reply", f"over {_REPLY_LIMIT} bytes")
                yield piece
        except UnknownPacking as error:
            raise UnexpectedReply(SERVICE, "reply", f"packed oddly: {error}") from error

    def close(self) -> None:
        self._inner.close()


_hubs: dict[str, Endpoint] = {}


def name_hub(address: str) -> None:
    """Let the session go to a hub at this address, its delivery hosts and its storage."""
    _hubs[address] = Endpoint(SERVICE, address, lambda: None, DELIVERY_HOSTS)


def check_address(url: str) -> None:
    """Raise `UnexpectedReply` for an address of no named hub and no storage of one."""
    refusal: UnexpectedReply | None = None
    for hub in _hubs.values():
        try:
            hub.check_readable(url)
        except UnexpectedReply as error:
            refusal = error
        else:
            return
    parts = urlsplit(url)
    if parts.scheme == "https" and _STORAGE.fullmatch(parts.netloc):
        return
    raise refusal or UnexpectedReply(SERVICE, "address", "no hub was named")


def new_session() -> httpx2.Client:
    """Return a session for huggingface_hub, which asks for one when it needs it."""
    here = {f"all://{name}": HubTransport() for name in ("127.0.0.1", "localhost", "[::1]")}
    return HubSession(transport=HubTransport(proxy_for(HUB)), mounts=here)


def _seconds_for(request: httpx2.Request) -> float | None:
    """Return the deadline of a request, None for one that carries a large file."""
    length = request.headers.get("content-length", "")
    large = not length.isdecimal() or int(length) > _LARGE_BODY
    carries = request.method in {"POST", "PUT", "PATCH"}
    return None if carries and large else _REPLY_SECONDS


def _refuse_sleep(response: httpx2.Response) -> None:
    """Raise `ServiceBusy` where huggingface_hub would sleep as long as the reply says."""
    asks = response.status_code == 429 or "retry-after" in response.headers
    if response.status_code < 408 or not asks:
        return
    body = response.read()
    words = scrub(detail_of(body, "no words"))
    wait = wait_of(response.headers, body)
    raise ServiceBusy(SERVICE, words, retry_after=wait, status=response.status_code)


def _refuse_page(response: httpx2.Response) -> None:
    """Raise `SignInRequired` for a web page where the hub's own answers are JSON."""
    page = "html" in response.headers.get("content-type", "").lower()
    if page and response.is_success and response.request.url.path.startswith("/api/"):
        raise SignInRequired(SERVICE, "a web page instead of an answer")
