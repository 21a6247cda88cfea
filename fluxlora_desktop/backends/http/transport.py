"""A transport that bounds a whole exchange and knows whether anything of it was sent.

httpx's timeouts hold for one read each, so a server that drips a byte now and then keeps a call
for as long as it likes (measured with httpx 0.28.1). Here every socket operation also ends at the
exchange's deadline, headers included.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx


@dataclass(slots=True)
class Exchange:
    """One request under way: `deadline` on the monotonic clock, `sent` once a byte left."""

    deadline: float | None = None
    sent: bool = False

    def left(self, timeout: float | None) -> float | None:
        """Return the seconds that one socket operation may take; raises at the deadline."""
        if self.deadline is None:
            return timeout
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole request took too long")
        return left if timeout is None else min(timeout, left)


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(total_seconds: float | None) -> Iterator[Exchange]:
    """Watch the requests made inside; None sets no deadline, as for transfers."""
    deadline = None if total_seconds is None else time.monotonic() + total_seconds
    watched = Exchange(deadline)
    mark = _current.set(watched)
    try:
        yield watched
    finally:
        _current.reset(mark)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watched = _current.get()
        return self._inner.read(max_bytes, watched.left(timeout) if watched else timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        watched = _current.get()
        if watched:
            timeout = watched.left(timeout)
            if buffer and not buffer.startswith(b"CONNECT "):  # that one is for the proxy
                watched.sent = True
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))


class WatchedTransport(httpx.HTTPTransport):
    """httpx's transport over streams that obey the current `exchange`."""

    def __init__(self, base_url: str) -> None:
        super().__init__(verify=_certificates(), proxy=_proxy_for(base_url))
        # httpx has no public way to hand httpcore a network backend; both pools keep it here.
        self._pool._network_backend = _Network(self._pool._network_backend)


@cache
def _certificates() -> ssl.SSLContext:
    """Load the certificates once: it takes about 50 ms, and every call has its own connection."""
    return httpx.create_ssl_context()


def _proxy_for(base_url: str) -> str | None:
    """Return the system's HTTP proxy for an address; a client with its own transport has none."""
    parts = urlsplit(base_url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    proxy = getproxies().get(parts.scheme, "")
    return proxy if proxy.startswith(("http://", "https://")) else None
