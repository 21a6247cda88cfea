"""A server that speaks HTTP badly on purpose: it says what it is told and notes what it heard."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\n"
JSON = OK + b"Content-Type: application/json\r\n"
_HEAD_LIMIT = 1_000_000
_DRIP_S = 0.05


@dataclass
class Heard:
    """One request as it arrived: its first line, headers by lower-case name, and body length."""

    method: str
    target: str
    headers: dict[str, str]
    body: int = 0


@dataclass
class Line:
    """One connection: what was asked, and how to answer."""

    socket: socket.socket
    stop: threading.Event
    heard: Heard | None = None

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def forever(self, data: bytes, *, drip: bool = False) -> None:
        """Send the same again and again, until the other end has enough or the test ends."""
        while not self.stop.wait(_DRIP_S if drip else 0):
            self.send(data)

    def wait(self) -> None:
        """Say nothing more until the test ends or the other end leaves."""
        self.socket.settimeout(0.1)
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.socket.recv(65536):
                    return

    def reset(self) -> None:
        """Break the connection the hard way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hear(self) -> Heard | None:
        """Read a request's head, and its body as far as its length tells."""
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _HEAD_LIMIT:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, *_ = [*first.split(" "), "", ""]
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        heard = Heard(method, target, headers, len(rest))
        while heard.body < int(headers.get("content-length", "0")):
            piece = self.socket.recv(65536)
            if not piece:
                break
            heard.body += len(piece)
        return heard


Behaviour = Callable[[Line], None]


@dataclass
class HostileServer:
    """Answers every connection in a thread of its own with one behaviour."""

    behave: Behaviour
    tls: ssl.SSLContext | None = None
    hears_first: bool = True
    heard: list[Heard] = field(default_factory=list)
    port: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def posts(self) -> int:
        return sum(heard.method == "POST" for heard in self.heard)

    @contextlib.contextmanager
    def running(self) -> Iterator[HostileServer]:
        with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
            listener.settimeout(0.05)
            self.port = listener.getsockname()[1]
            self._start(self._accept, listener)
            try:
                yield self
            finally:
                self._stop.set()
                for thread in self._threads:
                    thread.join(10)

    def _start(self, work: Callable[[socket.socket], None], line: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(line,))
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                line, _ = listener.accept()
                self._start(self._answer, line)

    def _answer(self, line: socket.socket) -> None:
        line.settimeout(10)
        with contextlib.suppress(OSError, ValueError):
            if self.tls is not None:
                line = self.tls.wrap_socket(line, server_side=True)
            served = Line(line, self._stop)
            if self.hears_first:
                served.heard = served.hear()
                if served.heard is None:
                    return
                self.heard.append(served.heard)
            self.behave(served)
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()


def says(data: bytes) -> Behaviour:
    """Return the behaviour that sends these bytes and closes."""
    return lambda line: line.send(data)


def sized(body: bytes, head: bytes = JSON) -> bytes:
    """Return a whole reply with its true length."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def then_waits(data: bytes) -> Behaviour:
    """Return the behaviour that sends these bytes and falls silent."""

    def behave(line: Line) -> None:
        line.send(data)
        line.wait()

    return behave


def then_repeats(start: bytes, again: bytes, *, drip: bool = False) -> Behaviour:
    """Return the behaviour that sends a start and then the same for ever."""

    def behave(line: Line) -> None:
        line.send(start)
        line.forever(again, drip=drip)

    return behave


def reset_after(data: bytes) -> Behaviour:
    """Return the behaviour that sends these bytes and breaks the connection."""

    def behave(line: Line) -> None:
        line.send(data)
        line.reset()

    return behave


def packed(body: bytes) -> bytes:
    """Return a reply whose body is packed by gzip."""
    return sized(gzip.compress(body), JSON + b"Content-Encoding: gzip\r\n")
