"""A transport that bounds a whole exchange and knows whether anything of it was sent.

httpx's timeouts hold for one read each, so a server that drips a byte now and then keeps a call
for as long as it likes (measured with httpx 0.28.1). Here every socket operation also ends at the
exchange's deadline, headers included, and a transfer without one must move on.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from fluxlora_desktop.domain.addresses import is_own_network

_PIECE = 256 * 1024
_LARGE_READ = 512 * 1024
_GLANCE_S = 0.1
_Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a transfer may be: so many bytes a second over each window, in seconds."""

    slowest: float = 1000.0
    window: float = 120.0


@dataclass(slots=True)
class Exchange:
    """One request under way: `deadline` on the monotonic clock, `sent` once a byte left.

    Without a deadline the bytes must keep up with `pace`. Only the time spent waiting for the other
    end counts, and of each wait no more than it was allowed to take: a computer that slept in the
    middle was not served slowly. Its reply must begin within `head` seconds after the last byte of
    the request, and has begun when `begins` says so. `late` makes what is raised.
    `check` is asked ten times a second while nothing comes, and raises when the wait shall end.
    """

    deadline: float | None = None
    sent: bool = False
    pace: Pace = Pace()
    head: float = 90.0
    late: Callable[[str], Exception] = httpx.ReadTimeout
    clock: Callable[[], float] = time.monotonic
    check: Callable[[], None] | None = None
    _head_by: float | None = None
    _waited: float = 0.0
    _moved: int = 0

    def wrote(self) -> None:
        """Note that a byte left: from the last one on the reply is waited for."""
        self.sent = True
        self._head_by = self.clock() + self.head

    def begins(self, body_seconds: float | None = None) -> None:
        """Note that the reply has begun; its body may have a deadline of its own."""
        self._head_by = None
        if self.deadline is None and body_seconds is not None:
            self.deadline = self.clock() + body_seconds

    def left(self, timeout: float | None) -> float | None:
        """Return the seconds that one socket operation may take; raises at the deadline."""
        until = self._head_by if self.deadline is None else self.deadline
        if until is None:
            return timeout
        left = until - self.clock()
        if left <= 0:
            raise self.late("the whole request took too long")
        return left if timeout is None else min(timeout, left)

    def moved(self, count: int, began: float, timeout: float | None) -> None:
        """Count bytes that took from `began` until now; raises when too few come."""
        if self.deadline is not None:
            return
        took = self.clock() - began
        self._waited += max(took if timeout is None else min(took, timeout), 0.0)
        self._moved += count
        if self._waited < self.pace.window:
            return
        if self._moved < self._waited * self.pace.slowest:
            raise self.late(f"{self._moved} bytes in {self._waited:.0f} seconds are too few")
        self._waited, self._moved = 0.0, 0


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange(
    total_seconds: float | None,
    *,
    pace: Pace = Pace(),
    head: float = 90.0,
    late: Callable[[str], Exception] = httpx.ReadTimeout,
    clock: Callable[[], float] = time.monotonic,
    check: Callable[[], None] | None = None,
) -> Iterator[Exchange]:
    """Watch the requests made inside; None sets no deadline, as for transfers."""
    deadline = None if total_seconds is None else clock() + total_seconds
    watched = Exchange(deadline, pace=pace, head=head, late=late, clock=clock, check=check)
    mark = _current.set(watched)
    try:
        yield watched
    finally:
        _current.reset(mark)


class WatchedStream(httpcore.NetworkStream):
    """A connection of httpcore, or of its successor, that obeys the current `exchange`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._glance: selectors.BaseSelector | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came, at most `max_bytes`, and in transfers at most half a megabyte.

        httpcore asks for 64 KB at a time, which takes half as much of the processor again.
        """
        watched = _current.get()
        if watched is None:
            return bytes(self._inner.read(max_bytes, timeout))
        if watched.deadline is None:
            max_bytes = max(max_bytes, _LARGE_READ)
        allowed, began = watched.left(timeout), watched.clock()
        if watched.check is not None:
            self._await_bytes(watched, began, allowed)
        data: bytes = self._inner.read(max_bytes, allowed)
        watched.moved(len(data), began, allowed)
        return data

    def _await_bytes(self, watched: Exchange, began: float, allowed: float | None) -> None:
        """Wait until something can be read, or a time-out is due, asking whether to go on."""
        assert watched.check is not None
        pending = getattr(self.get_extra_info("ssl_object"), "pending", None)
        while not (pending and pending()):
            watched.check()
            if self._readable(_GLANCE_S):
                return
            if allowed is not None and watched.clock() - began >= allowed:
                return

    def _readable(self, seconds: float) -> bool:
        """Tell within so many seconds whether something came; always where nobody can tell."""
        if hasattr(self._inner, "ssl_obj"):  # encrypted twice, it keeps bytes of its own
            return True
        if self._glance is None:
            line = self.get_extra_info("socket")
            assert isinstance(line, socket.socket)
            self._glance = _Selector()
            self._glance.register(line, selectors.EVENT_READ)
        return bool(self._glance.select(seconds))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it, in pieces, so that one who takes it slowly is noticed."""
        watched = _current.get()
        if watched is None:
            self._inner.write(buffer, timeout)
            return
        for start in range(0, len(buffer), _PIECE):
            piece = buffer if len(buffer) <= _PIECE else memoryview(buffer)[start : start + _PIECE]
            if not buffer.startswith(b"CONNECT "):  # that is for the proxy
                watched.wrote()
            allowed, began = watched.left(timeout), watched.clock()
            self._inner.write(piece, allowed)
            watched.moved(len(piece), began, allowed)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the same connection, encrypted."""
        watched = _current.get()
        allowed = watched.left(timeout) if watched else timeout
        return WatchedStream(self._inner.start_tls(ssl_context, server_hostname, allowed))

    def get_extra_info(self, info: str) -> object:
        """Return what the connection knows of itself."""
        return self._inner.get_extra_info(info)


class WatchedNetwork(httpcore.NetworkBackend):
    """Connects as `inner` does, and watches what is connected."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host."""
        watched = _current.get()
        allowed = watched.left(timeout) if watched else timeout
        return WatchedStream(
            self._inner.connect_tcp(host, port, allowed, local_address, socket_options)
        )


class WatchedTransport(httpx.HTTPTransport):
    """httpx's transport over streams that obey the current `exchange`."""

    def __init__(self, base_url: str) -> None:
        super().__init__(verify=certificates(), proxy=proxy_for(base_url))
        # httpx has no public way to hand httpcore a network backend; both pools keep it here.
        self._pool._network_backend = WatchedNetwork(self._pool._network_backend)


@cache
def certificates() -> ssl.SSLContext:
    """Load the certificates once: it takes about 50 ms, and every call has its own connection."""
    return httpx.create_ssl_context()


def proxy_for(base_url: str) -> str | None:
    """Return the system's HTTP proxy for an address; a client with its own transport has none.

    What goes to this computer or the person's own network without protection takes none either.
    """
    parts = urlsplit(base_url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    if parts.scheme == "http" and is_own_network(parts.hostname):
        return None  # a proxy could read what goes there unprotected, and could not find the way
    proxy = getproxies().get(parts.scheme, "")
    return proxy if proxy.startswith(("http://", "https://")) else None
