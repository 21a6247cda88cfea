"""A real HTTP server on loopback whose answers a test scripts, faults included."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What goes back; `drop` breaks the line instead, `cut_after` after so many bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut_after: int | None = None


def as_json(data: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(data).encode(), {"content-type": "application/json", **named})


Route = Callable[[Request], Answer]


class Loopback:
    """Serves routes in the order given; `next` puts a fault in front for one request."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.routes: list[tuple[str, re.Pattern[str], Route]] = []
        self._faults: list[tuple[str, re.Pattern[str], Answer, bool]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def _serve(self) -> None:
                owner.serve(self)

            do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names that http.server asks for

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def route(self, method: str, pattern: str, answer: Route | Answer) -> None:
        call = (lambda request: answer) if isinstance(answer, Answer) else answer
        self.routes.append((method, re.compile(pattern), call))

    def next(self, method: str, pattern: str, answer: Answer, *, after: bool = False) -> None:
        """Answer the next such request so; `after` lets its effect happen first."""
        self._faults.append((method, re.compile(pattern), answer, after))

    def count(self, method: str, pattern: str) -> int:
        found = re.compile(pattern)
        return sum(one.method == method and bool(found.search(one.path)) for one in self.seen)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, handler.rfile.read(length))
        self.seen.append(request)
        self._send(handler, self._answer(request))

    def _answer(self, request: Request) -> Answer:
        for fault in self._faults:
            method, pattern, answer, after = fault
            if method == request.method and pattern.search(request.path):
                self._faults.remove(fault)
                if after:
                    self._routed(request)
                return answer
        return self._routed(request)

    def _routed(self, request: Request) -> Answer:
        for method, pattern, call in self.routes:
            if method == request.method and pattern.search(request.path):
                return call(request)
        return as_json({"detail": "Not found"}, 404)

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.close_connection = True
        if answer.drop:
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(answer.body)))
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(answer.body[: answer.cut_after])
